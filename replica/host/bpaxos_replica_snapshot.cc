// An executor that was left out when others forgot: what they keep for it, how
// it learns of that, and what it takes over.
#include <utility>

#include "replica/base/snapshot_facts.h"
#include "replica/bpaxos/rules.h"
#include "replica/host/bpaxos_replica.h"
#include "wire/check.h"

namespace quorate {

// ---- at the executor that has forgotten -------------------------------------

bool BpaxosReplica::MayLeaveOut() const {
  return executing_ && settings_.retained_bytes > 0 && floors_.MayPass();
}

// What every executor has executed. When keeping it for those that are far
// behind takes too much memory, what enough of them have, and this one.
DependencySet BpaxosReplica::DroppableFloor() {
  const DependencySet all = floors_.HeldByAll();
  if (!MayLeaveOut()) return all;
  // What is fetched must cover all that is forgotten here.
  if (transfer_.under_way()) return floors_.newest().drop_floor;
  const DependencySet enough = floors_.HeldByEnough();
  const auto retains = [this](std::size_t bytes, const DependencySet& from,
                              const DependencySet& to) {
    return executing_->RetainsMoreThan(bytes, from, to);
  };
  return readers_.Limit(all, enough, settings_.retained_bytes, retains);
}

void BpaxosReplica::HandleSnapshotRequest(ReplicaId from,
                                          const SnapshotRequest& m,
                                          Effects& effects) {
  if (!MayLeaveOut() || !cluster_.roles.executors.Contains(from) ||
      !executor_.executed_frontier().Covers(m.forgotten)) {
    return effects.Stale();
  }
  readers_.HandleRequest(from, m, floors_.newest().drop_floor,
                         effects.actions());
}

// ---- at the executor that was left out --------------------------------------

// Some instance up to there is not known here, and `by` cannot tell any more.
void BpaxosReplica::FetchIfPassed(ReplicaId by, const DependencySet& forgotten,
                                  Effects& effects) {
  if (!MayLeaveOut() || executor_.committed_frontier().Covers(forgotten)) {
    return;
  }
  transfer_.Begin({.by = by, .floor = forgotten}, Progress(),
                  effects.actions());
}

StateTransfer::Progress BpaxosReplica::Progress() const {
  return {.committed = executor_.committed_frontier(),
          .forgotten = floors_.newest().drop_floor,
          .executed = floors_.executed_reports(),
          .suspected = shared_.suspected};
}

// It is this node's checkpoint now. The roles beside the executor keep what is
// theirs, above the floors: votes, answers and slots are each node's own. The
// floors may follow the server's at once: what it has dropped, f+1 have.
void BpaxosReplica::Install(SnapshotFetch& fetched, Actions& actions) {
  Effects effects(shared_, actions);
  ++shared_.stats.snapshots_installed;
  if (leader_) ProposeAgainWhatIsExecuted(fetched);
  bpaxos::rules::KeepVotes(cluster_.columns, acceptor_);
  const DependencySet& floor = fetched.facts().drop_floor;
  floors_.Restore({.base_floor = floor, .drop_floor = floor});
  ApplyFloors();
  TakeDecisions(fetched, effects);
  executor_ = std::move(fetched.executor());
  executor_.ReportAll(cluster_.roles.leaders.Minus(cluster_.roles.executors));
  executing_->ForEach([&](InstanceId id, const bpaxos::KnownDecision& known) {
    if (known.value.kind == ValueKind::kNone) return;
    executor_.Commit(id, known.value.batch, known.deps, executed_);
  });
  Answer(effects);
}

// Own commands that wait here to be executed, and were at the server: nobody
// has answered their clients. Sessions have the results.
void BpaxosReplica::ProposeAgainWhatIsExecuted(const SnapshotFetch& fetched) {
  executing_->ForEach([&](InstanceId id, const bpaxos::KnownDecision& known) {
    if (id.replica != settings_.self || known.value.batch == nullptr) return;
    if (fetched.HasExecuted(id) && !executor_.IsExecuted(id)) {
      leader_->AskAgain(known.value.batch);
    }
  });
}

// They need no records: the snapshot is theirs. An own instance that is decided
// thereby ends here, like one that somebody else has finished.
void BpaxosReplica::TakeDecisions(const SnapshotFetch& fetched,
                                  Effects& effects) {
  for (const InstanceRecord& decision : fetched.facts().decisions) {
    const InstanceId id = decision.instance;
    Value value = decision.value;
    if (value.kind == ValueKind::kCommands) {
      value.batch = FindPayload(id, value.digest);  // Knows its clients.
      if (value.batch == nullptr) value.batch = decision.initial_batch;
    }
    if (const bpaxos::KnownDecision* known = executing_->Find(id)) {
      QUORATE_CHECK(known->value == value && known->deps == decision.deps,
                    "G1: all commits of one instance carry the same decision");
      continue;
    }
    if (!executing_->Restore(id, value, decision.deps, shared_.last_record)) {
      continue;  // Forgotten here as well.
    }
    if (!leader_) continue;
    leader_->HandleCommit(
        {.instance = id, .value = value, .deps = decision.deps}, effects);
    if (id.replica == settings_.self && value.batch != nullptr &&
        fetched.HasExecuted(id)) {
      leader_->AskAgain(value.batch);
    }
  }
}

}  // namespace quorate
