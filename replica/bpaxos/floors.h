// Answers: what has been executed for good, and may be forgotten?
//
// Gathers what executors say of how far they are (Frontier::executed, which
// counts durable decisions only). Two floors, a column at a time:
//   base: f+1 executors have executed it, so one that lives can always serve
//         it; leaders, dependency nodes and acceptors forget it.
//   drop: every executor has; or f+1 and a majority have, and to keep it for
//         the others would take too much. Executors forget its decision.
//         Whoever lacks some of it can take over the state of who dropped it.
// A node that executes keeps what its own executor has not learned yet, payload
// included. The floors are durable before anything is forgotten, so that a
// restart forgets the same. While f+1 executors are up, only executors keep
// anything for one that is down; with no more than f+1 in all, every role does.
// Pure, copyable.
#pragma once

#include <optional>

#include "replica/base/floors/witnesses.h"
#include "replica/base/roles.h"
#include "wire/dependency_set.h"
#include "wire/record.h"

namespace quorate::bpaxos {

class Floors {
 public:
  Floors(const Cluster& cluster, ReplicaId self);

  void HandleFrontier(ReplicaId from, const DependencySet& executed);

  // Every executor has executed it for good.
  DependencySet HeldByAll() const {
    return witnesses_.executed().ReachedByAllBut(0);
  }
  // This node's executor has, and enough others that the rest may be passed.
  DependencySet HeldByEnough() { return witnesses_.HeldByEnough(); }
  // Are there more executors than that takes?
  bool MayPass() const { return witnesses_.MayPass(); }
  const Reports& executed_reports() const { return witnesses_.executed(); }

  // The next floors, if they are higher than the last ones and these are
  // durable; the caller makes them so. `committed`: the own executor's
  // frontier, if there is one. `drop`: held by all, or by enough.
  std::optional<FloorRecord> Raise(const DependencySet* committed,
                                   const DependencySet& drop);
  void NoteRecord(RecordSequence sequence) { record_ = sequence; }
  // True when new floors are durable, and to be applied.
  bool HandleDurable(RecordSequence through);
  // Of an earlier life, or of a peer's snapshot that is durable here.
  void Restore(const FloorRecord& record);

  const DependencySet& base() const { return base_; }
  const DependencySet& drop() const { return drop_; }
  FloorRecord newest() const {
    return {.base_floor = next_base_, .drop_floor = next_drop_};
  }

 private:
  Cluster cluster_;
  bool executes_;
  Witnesses witnesses_;
  DependencySet base_;  // durable
  DependencySet drop_;
  DependencySet next_base_;  // persisted, not yet durable
  DependencySet next_drop_;
  RecordSequence record_ = 0;  // 0: none under way
};

}  // namespace quorate::bpaxos
