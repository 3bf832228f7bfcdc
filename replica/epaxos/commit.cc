// Decisions: marking, announcing and learning them.
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"

namespace quorate::epaxos {

void Epaxos::MarkCommitted(InstanceId id, Instance& instance, Value value,
                           const DependencySet& deps) {
  instance.status = InstanceStatus::kCommitted;
  instance.value = std::move(value);
  instance.deps = deps;
  instance.StopRecovering();
  recoveries_.erase(id);
  needed_.UnionWith(deps);
  if (id.slot == committed_[id.replica] + 1) {
    AdvanceCommittedFrontier(id.replica);
  }
}

void Epaxos::AdvanceCommittedFrontier(ReplicaId column) {
  std::uint64_t slot = committed_[column];
  for (;;) {
    const Instance* next = log_.Find({column, slot + 1});
    if (next == nullptr || next->status != InstanceStatus::kCommitted) break;
    ++slot;
  }
  committed_.Set(column, slot);
}

// Hands the decision to the executor, once.
void Epaxos::Release(InstanceId id, Instance& instance, bool fast_path,
                     Actions& actions) {
  if (std::exchange(instance.released, true)) return;
  instance.StopLeading();
  if (std::exchange(instance.in_flight, false)) --own_in_flight_;
  actions.committed.push_back({.instance = id,
                               .value = instance.value,
                               .deps = instance.deps,
                               .fast_path = fast_path});
  EvaluateAllWaiting(actions);
}

// Those who were asked have the payload on the same connection; a lost one is
// repaired by the frontier exchange.
void Epaxos::AnnounceCommit(InstanceId id, const Instance& instance,
                            RecordSequence rests_on, Actions& actions) {
  const ReplicaSet asked =
      instance.leading() ? instance.leading()->asked : ReplicaSet();
  Commit commit{.instance = id,
                .value = instance.value.WithoutPayload(),
                .deps = instance.deps};
  outbox_.Send(asked, commit, rests_on, actions);
  commit.value = instance.value;
  outbox_.Send(Others().Minus(asked), std::move(commit), rests_on, actions);
}

// Valid at any ballot: the value is decided.
void Epaxos::HandleCommit(const Commit& m, Actions& actions) {
  Instance* instance = log_.FindOrCreate(m.instance);
  if (instance == nullptr) {
    ++stats_.stale_messages;  // Forgotten, or beyond any believable slot.
    return;
  }
  Value value = m.value;
  if (instance->status == InstanceStatus::kCommitted) {
    QUORATE_CHECK(instance->value == value && instance->deps == m.deps,
                  "G1: all commits of one instance carry the same decision");
    ++stats_.stale_messages;
    return;
  }
  if (!FillPayload(*instance, value)) {
    ++stats_.missing_payloads;  // The frontier exchange brings it whole.
    return;
  }
  if (instance->recovering()) Count(RecoveryRule::kR1);
  if (value.kind == ValueKind::kCommands) {
    LearnPayload(m.instance, *instance, value.batch);
  }
  MarkCommitted(m.instance, *instance, std::move(value), m.deps);
  instance->last_record =
      Persist(CommittedRecord{.instance = m.instance,
                              .value = ValueForRecord(*instance),
                              .deps = instance->deps},
              actions);
  Release(m.instance, *instance, /*fast_path=*/false, actions);
}

}  // namespace quorate::epaxos
