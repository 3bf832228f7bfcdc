// Answers: which decisions does this executor know, and how does it come by
// those that it misses?
//
// The executor's side of the protocol; the order of execution is executor/'s.
// Learns decisions, keeps each until it is below the drop floor (floors.h),
// resends them to executors that miss some, tells everybody how far it is
// (which is what all roles forget by) and what it has forgotten (for those that
// need it: they fetch a snapshot), and asks a leader for an instance that
// holds up a column: first the column's own, then the next in ring order.
// A decision's record is lazy: the votes it rests on are durable. Pure,
// copyable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "depsvc/slot_log.h"
#include "replica/base/floors/repair.h"
#include "replica/base/floors/stable_execution.h"
#include "replica/base/roles.h"
#include "replica/base/settings.h"
#include "replica/bpaxos/effects.h"
#include "wire/message.h"

namespace quorate::bpaxos {

struct KnownDecision {
  Value value;  // kNone: not known
  DependencySet deps;
  RecordSequence record = 0;
};

class ExecutorRole {
 public:
  ExecutorRole(const Settings& settings, const Cluster& cluster);

  // `m` with its payload. `payload_recorded`: some record of this node has it.
  // True when it is new, and to be given to the executor.
  bool Learn(const Commit& m, bool payload_recorded, Effects& effects);
  // Of an executor; its own as well. `reads_here`: it fetches this executor's
  // snapshot, and gets what follows from here.
  void HandleFrontier(ReplicaId from, const Frontier& m, bool reads_here,
                      Effects& effects);
  // Everything up to `through` is durable.
  void HandleDurable(RecordSequence through) { stable_.HandleDurable(through); }
  // `committed`, `executed`: the executor's frontiers; `era`: of sessions.
  void HandleTick(const DependencySet& committed, const DependencySet& executed,
                  std::uint64_t era, Effects& effects);

  // Is it this executor's part to answer the clients of the instance, whose
  // leader does not execute? Each answers for some slots, and for those of
  // executors that it suspects.
  bool AnswersFor(InstanceId id, ReplicaSet suspected) const;

  // Everything up to there is executed here, or by a state taken over.
  void RaiseFloor(const DependencySet& floor) { decisions_.DropThrough(floor); }
  // Do the decisions above `from`, up to `to`, take more memory than that?
  bool RetainsMoreThan(std::size_t bytes, const DependencySet& from,
                       const DependencySet& to) const;

  // Of a record that is durable. `value` with its payload. True when it is new.
  bool Restore(InstanceId id, Value value, const DependencySet& deps,
               RecordSequence sequence);
  const KnownDecision* Find(InstanceId id) const;
  // Could it wait for these?
  bool Believes(const DependencySet& deps) const {
    return decisions_.Believes(deps);
  }
  // Calls visit(id, decision), kNone included, by column and slot.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    decisions_.ForEach(visit);
  }

  std::size_t size() const { return decisions_.size(); }
  const Repair& repair() const { return repair_; }
  std::uint64_t Fingerprint() const;

 private:
  bool IsSelf(ReplicaId node) const { return node == settings_.self; }
  void Note(InstanceId id, const DependencySet& deps);
  DependencySet Forgotten() const;
  void SendFrontier(const DependencySet& committed, std::uint64_t era,
                    Effects& effects);
  void AskForMissing(ReplicaId column, std::uint64_t frontier,
                     Effects& effects);
  void Ask(ReplicaId column, std::uint64_t frontier, std::uint64_t known,
           int attempt, Effects& effects);
  void Resend(ReplicaId to, ReplicaId column, Effects& effects);
  DependencySet Newest() const;

  Settings settings_;
  Cluster cluster_;
  SlotLog<KnownDecision> decisions_;
  // Highest slot of each column that any decision here depends on.
  DependencySet needed_;
  // Per column: the frontier when it last moved, and ticks since.
  DependencySet stuck_at_;
  std::array<int, kMaxReplicas> stuck_ticks_{};
  StableExecution stable_;
  DependencySet announced_committed_;
  DependencySet announced_executed_;
  Repair repair_;
  std::uint64_t ticks_ = 0;
};

}  // namespace quorate::bpaxos
