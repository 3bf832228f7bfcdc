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
// Memory is bounded by forgetting sessions. Eras divide the order of execution:
// a command that conflicts with every other ends one, so every replica has
// executed the same commands in it, and drops the same sessions, those without
// a command for a whole era. What comes later for one of them must not pass for
// new: a session says by its sequences in which era it begins, and begins in
// that or the next one or not at all. No clock is asked here (protocol.md 2.8:
// sessions expire by a command); the era's length is the proposer's affair
// (replica/host/era_timer.h).
//
// What is remembered is bounded in bytes: of one session and in all. Beyond it
// the oldest results go; that their commands were executed stays, and so does
// what a retry is told, "executed, but the result is no longer kept". Nothing
// of it decides what executes.
//
// Read-only commands may run again without harm and are never refused, but
// their sequences enter the set too: otherwise every read would leave a gap,
// and a gap is an interval kept for good. The set is therefore a function of
// which instances have executed, not of their order. Pure, copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/limits.h"
#include "wire/record.h"
#include "wire/result.h"

namespace quorate {

class SessionTable {
 public:
  enum class Outcome {
    kNew,         // apply it, then Remember what it gave
    kRepeated,    // FindResult has its result
    kRefused,     // executed before, and refused for what it would have given
    kResultGone,  // executed before; its result was too much to keep
    kStale,       // executed before; its client has had the result
    kExpired,     // may have been executed: its session is forgotten
  };
  // Whole eras without a command that a session survives.
  static constexpr std::uint64_t kErasKept = 1;

  explicit SessionTable(const ResultLimits& limits = {}) : limits_(limits) {}

  // A command that changes the state executes: adds it to the set and raises
  // the client's mark.
  Outcome Begin(const Command& command);
  // A withdrawal executes: the command is not done any more, wherever it comes
  // from. False if it was done, or withdrawn, before. Its session must have
  // begun.
  bool Withdraw(CommandId id);
  // What the command of the last Begin, a kNew one, gave.
  void Remember(CommandId id, const CommandResult& result);
  // It gave more than a command may, and nothing of it took effect.
  void RememberRefusal(CommandId id);
  // A read-only command executes; leaves no trace in an expired session.
  void RecordRead(const Command& command);

  // The command that ends `era` executes. Ignored when that has ended already:
  // several replicas may have proposed it. Linear in sessions.
  void EndEra(std::uint64_t era);
  std::uint64_t era() const { return era_; }

  // Null when it is not executed or no longer cached. Valid until the next
  // Begin or Remember.
  const CommandResult* FindResult(CommandId id) const;
  bool WasExecuted(CommandId id) const;

  // A cut, as of KvStateMachine: NextSessions gives the sessions of this
  // moment, about `bytes` of them at a time, each once; a large one goes on in
  // the records that follow, so that a message can carry each.
  void BeginSave();
  bool NextSessions(std::size_t bytes, SessionsRecord& record);
  void EndSave() { saving_.reset(); }
  // Puts sessions of a cut back, and its era.
  void Restore(const SessionsRecord& record);
  void RestoreEra(std::uint64_t era) { era_ = era; }

  // Of the set of executed (client, sequence) pairs of the sessions that are
  // kept: equal when the sets are. Marks and cached results stay out: they
  // depend on when the marks were seen.
  std::uint64_t set_hash() const { return set_hash_; }
  // Covers marks and cached results as well.
  std::uint64_t Fingerprint() const;

  std::size_t sessions() const { return by_key_.size(); }
  std::uint64_t expired_sessions() const { return expired_sessions_; }
  // Sequences with a cached result, and intervals of executed ones.
  std::size_t cached_results() const;
  std::size_t intervals() const;
  // Of the results that are more than a status, and how many had to go early.
  std::size_t kept_bytes() const { return kept_bytes_; }
  std::uint64_t results_gone() const { return results_gone_; }

 private:
  // What one sequence gave. Nearly every command gives one status and nothing
  // else: only other results take a place in results_.
  struct Cached {
    // kNone, kGone, kRefused, kStatus + the status, or kStored + the place in
    // results_.
    std::uint32_t code = 0;
  };
  struct Kept {
    CommandResult result;
    std::size_t bytes = 0;
    // Counts up in the order of execution here: its key in by_age_.
    std::uint64_t age = 0;
    std::uint32_t session = 0;
    std::uint64_t sequence = 0;
  };
  struct Interval {
    std::uint64_t first;
    std::uint64_t last;
  };
  // The sequences of one client that begin in another era are another session:
  // so it does not matter whose command comes first.
  struct Key {
    ClientId client{};
    std::uint64_t begun = 0;  // an era

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.client, key.begun);
    }
  };
  static Key KeyOf(CommandId id) { return {id.client, EraOf(id.sequence)}; }
  struct Session {
    Key key;
    // Results up to here are dropped.
    std::uint64_t acknowledged = 0;
    // Disjoint, ascending, with gaps in between.
    absl::InlinedVector<Interval, 1> executed;
    // Results of the sequences above the mark, a ring indexed by sequence: its
    // size is a power of two, kMaxPipelinePerSession at most.
    absl::InlinedVector<Cached, 4> cached;
    // No sequence above this one is in the ring.
    std::uint64_t highest = 0;
    // Of its results in results_; those of sequences up to `results_cut` are
    // not kept there. The cut is the lowest that leaves no more than a session
    // may have, so it depends on what was executed, not on the order.
    std::size_t kept_bytes = 0;
    std::uint64_t results_cut = 0;
    // The era of the last command.
    std::uint64_t last_era = 0;
    // Of its executed sequences; a part of set_hash_.
    std::uint64_t hash = 0;
    // False: a place for the next session.
    bool used = false;
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

  static constexpr std::uint32_t kNobody =
      std::numeric_limits<std::uint32_t>::max();

  // A session that may be changed: it is saved before, if it has to be. Null if
  // there is none.
  Session* Find(Key key);
  Session& Add(Key key);
  // Begins the session if there is none. Null if it would begin too late, and
  // so may be one that is forgotten.
  Session* FindOrBegin(Key key);
  void Drop(std::uint32_t index);
  void SaveEarly(std::uint32_t index);
  void Save(std::size_t index, std::deque<SessionsRecord>& pieces) const;
  void RestoreSession(const SessionsRecord::Session& saved);
  void RestoreResult(const ClientReply& saved);
  const Session* Look(Key key) const;
  bool Insert(Session& session, std::uint64_t sequence);
  static bool InsertOutOfOrder(Session& session, std::uint64_t sequence);
  static bool Contains(const Session& session, std::uint64_t sequence);
  void RaiseMark(Session& session, const Command& command);
  void DropThrough(Session& session, std::uint64_t mark);
  static void MakeRoom(Session& session, std::uint64_t sequence);
  const CommandResult* ResultOf(Cached cached) const;
  static Cached& At(Session& session, std::uint64_t sequence) {
    return session.cached[static_cast<std::size_t>(sequence) &
                          (session.cached.size() - 1)];
  }
  static Cached At(const Session& session, std::uint64_t sequence) {
    return session.cached[static_cast<std::size_t>(sequence) &
                          (session.cached.size() - 1)];
  }
  void Keep(std::uint32_t index, std::uint64_t sequence,
            const CommandResult& result, std::uint64_t age);
  // Frees the result's place; its code is the caller's to set.
  void Release(Session& session, std::uint32_t place);
  void CutResults(Session& session);
  void ForgetOldest();

  std::vector<Session> sessions_;
  std::vector<std::uint32_t> free_sessions_;
  absl::flat_hash_map<Key, std::uint32_t> by_key_;
  // Consecutive commands are mostly of one client.
  std::uint32_t last_ = kNobody;
  ResultLimits limits_;
  std::vector<Kept> results_;
  std::vector<std::uint32_t> free_results_;
  absl::btree_map<std::uint64_t, std::uint32_t> by_age_;
  std::uint64_t next_age_ = 1;
  std::size_t kept_bytes_ = 0;
  std::uint64_t results_gone_ = 0;
  std::uint64_t set_hash_ = 0;
  std::uint64_t era_ = 0;
  std::uint64_t expired_sessions_ = 0;
  std::optional<Saving> saving_;
};

}  // namespace quorate
