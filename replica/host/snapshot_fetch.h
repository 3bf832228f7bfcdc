// Answers: how does a replica that was left out get the state it lacks?
//
// It asks one peer for the chunks of that peer's checkpoint, a window at a
// time, and goes on where it was when messages are lost; one that overtakes
// others waits for them here. Keys, values and
// sessions go into an executor that is made aside and, the same records, to the
// disk as this replica's next checkpoint; decisions and floors are kept for the
// protocol; what else the server is, a voter or a leader, stays its own.
// Nothing of it is used before all of it is here, has the hash that the peer
// says, and is durable. What comes from outside is refused, not trusted: a part
// that makes no sense ends the attempt. Pure, copyable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "executor/executor.h"
#include "replica/base/settings.h"
#include "replica/base/snapshot_facts.h"
#include "wire/machine.h"

namespace quorate {

class SnapshotFetch {
 public:
  enum class Outcome : std::uint8_t {
    kIgnored,  // late, repeated, of somebody else
    kKept,     // until those before it are here
    kTaken,
    kWhole,   // and everything is here
    kBroken,  // it makes no sense: give up
  };

  // `forgotten`: what the asker cannot commit again, its own floor. A server
  // that has not executed as much is of no use.
  SnapshotFetch(const Settings& settings, ReplicaId server,
                const DependencySet& forgotten);

  ReplicaId server() const { return server_; }
  SnapshotRequest Request() const;
  // Is it time for the next request, after a part was taken?
  bool WindowEnds() const { return next_ % kSnapshotWindow == 0; }
  // What is to be written of it, and of those that waited for it, is appended
  // to `write`.
  Outcome Take(const SnapshotPart& part, SnapshotWrite& write);

  // Ticks since the last part; counted by whoever drives this.
  int silent_ticks = 0;
  // All of it is being written.
  bool is_writing = false;

  std::uint64_t received() const { return next_; }
  std::uint64_t chunks() const { return chunks_; }
  std::uint64_t state_hash() const { return state_hash_; }
  const SnapshotFacts& facts() const { return facts_; }
  Executor& executor() { return executor_; }
  bool HasExecuted(InstanceId id) const;

 private:
  void Begin(std::uint64_t through);
  // Of the checkpoint that is being fetched.
  bool IsOfThis(const SnapshotPart& part) const {
    return part.through == through_ && part.chunks == chunks_;
  }
  bool MayKeep(const SnapshotPart& part) const;
  Outcome TakeNext(const SnapshotPart& part, SnapshotWrite& write);
  bool TakeRecord(const Record& record, SnapshotWrite& write);
  bool TakeExecuted(const ExecutedRecord& record);
  bool TakeAnswer(const DependencyRecord& record);
  bool TakeInstance(const InstanceRecord& record);
  // Every instance above the floor that was executed is decided here.
  bool DecidesWhatItExecuted() const;

  Settings settings_;
  ReplicaId server_;
  DependencySet forgotten_;
  std::uint64_t through_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t chunks_ = 0;
  // Of the window that was asked for, those that came too early.
  std::vector<SnapshotPart> kept_;
  bool ended_ = false;
  std::uint64_t state_hash_ = 0;
  Executor executor_;
  std::optional<ExecutedRecord> executed_;
  // BPaxos: payloads that the server's dependency service has recorded, and
  // that decisions therefore leave out.
  std::map<InstanceId, CommandBatchPtr> payloads_;
  SnapshotFacts facts_;
};

}  // namespace quorate
