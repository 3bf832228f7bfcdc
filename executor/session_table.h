// Answers: was this request executed before, and what did it give?
//
// At most once: a command that changes the state takes effect iff its (client,
// sequence) is not in the set of executed ones. The set is kept exactly, as
// intervals of sequences, and only execution adds to it: a client's
// acknowledged mark drops cached results, never membership. So sequences may
// execute in any order, differently at every replica, and the same ones take
// effect (protocol.md 2.8, interval form; it rests on a client never using one
// sequence for two different commands).
//
// Read-only commands may run again without harm and are never refused, but
// their sequences enter the set too: otherwise every read would leave a gap,
// and a gap is an interval kept for good. The set is therefore a function of
// which instances have executed, not of their order. Pure, copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/record.h"
#include "wire/result.h"

namespace quorate {

class SessionTable {
 public:
  enum class Outcome {
    kNew,       // apply it, then Remember what it gave
    kRepeated,  // FindResult has its result
    kStale,     // executed before; its result is gone
  };

  // A command that changes the state executes: adds it to the set and raises
  // the client's mark.
  Outcome Begin(const Command& command);
  // What the command of the last Begin, a kNew one, gave.
  void Remember(CommandId id, const CommandResult& result);
  // A read-only command executes.
  void RecordRead(const Command& command);

  // Null when it is not executed or no longer cached. Valid until the next
  // Begin or Remember.
  const CommandResult* FindResult(CommandId id) const;
  bool WasExecuted(CommandId id) const;

  // A cut, as of KvStateMachine: NextSessions gives the sessions of this
  // moment, about `bytes` of them at a time, each once and whole.
  void BeginSave();
  bool NextSessions(std::size_t bytes, SessionsRecord& record);
  void EndSave() { saving_.reset(); }
  // Puts sessions of a cut back. RestoreSetHash comes with them: the set's hash
  // is not computed from the intervals.
  void Restore(const SessionsRecord& record);
  void RestoreSetHash(std::uint64_t set_hash) { set_hash_ = set_hash; }

  // Of the set of executed (client, sequence) pairs: equal when the sets are.
  // Marks and cached results stay out: they depend on when the marks were seen.
  std::uint64_t set_hash() const { return set_hash_; }
  // Covers marks and cached results as well.
  std::uint64_t Fingerprint() const;

  std::size_t sessions() const { return sessions_.size(); }
  // Sequences with a cached result, and intervals of executed ones.
  std::size_t cached_results() const;
  std::size_t intervals() const;

 private:
  // What one sequence gave. Nearly every command gives one status and nothing
  // else: only other results take a place in results_.
  struct Cached {
    // kNone, kStatus + the status, or kStored + the place in results_.
    std::uint32_t code = 0;
  };
  struct Interval {
    std::uint64_t first;
    std::uint64_t last;
  };
  struct Session {
    ClientId client{};
    // Results up to here are dropped.
    std::uint64_t acknowledged = 0;
    // Disjoint, ascending, with gaps in between.
    absl::InlinedVector<Interval, 1> executed;
    // Results of the sequences above the mark, a ring indexed by sequence: its
    // size is a power of two, kMaxPipelinePerSession at most.
    absl::InlinedVector<Cached, 4> cached;
    // No sequence above this one is in the ring.
    std::uint64_t highest = 0;
  };

  // The sessions at the cut are those below `count`. What `next` has not
  // reached is copied to `early` before it changes.
  struct Saving {
    std::size_t next = 0;
    std::size_t count = 0;
    std::vector<bool> saved;
    // In pieces that a message can carry.
    std::deque<SessionsRecord> early;
  };

  // May be changed: it is saved, if it has to be.
  Session& SessionOf(ClientId client);
  void Save(std::size_t index, SessionsRecord& record) const;
  const Session* FindSession(ClientId client) const;
  bool Insert(Session& session, std::uint64_t sequence);
  static bool InsertOutOfOrder(Session& session, std::uint64_t sequence);
  static bool Contains(const Session& session, std::uint64_t sequence);
  void RaiseMark(Session& session, const Command& command);
  void DropThrough(Session& session, std::uint64_t mark);
  static void MakeRoom(Session& session, std::uint64_t sequence);
  const CommandResult* ResultOf(Cached cached) const;

  std::vector<Session> sessions_;
  absl::flat_hash_map<ClientId, std::uint32_t> by_client_;
  // Consecutive commands are mostly of one client.
  std::uint32_t last_ = 0;
  std::vector<CommandResult> results_;
  std::vector<std::uint32_t> free_results_;
  std::uint64_t set_hash_ = 0;
  std::optional<Saving> saving_;
};

}  // namespace quorate
