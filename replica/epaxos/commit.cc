// Decisions: marking, announcing and learning them.
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"

namespace quorate::epaxos {

// Hands the decision to the executor, once.
void Epaxos::Release(InstanceId id, Instance& instance, bool fast_path,
                     Actions& actions) {
  if (std::exchange(instance.released, true)) return;
  instance.StopLeading();
  if (std::exchange(instance.in_flight, false)) --core_.own_in_flight;
  actions.committed.push_back({.instance = id,
                               .value = instance.value,
                               .deps = instance.deps,
                               .fast_path = fast_path});
  recoverer_.EvaluateAllWaiting(core_, actions);
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
  core_.outbox.Send(asked, commit, rests_on, actions);
  commit.value = instance.value;
  core_.outbox.Send(core_.Others().Minus(asked), std::move(commit), rests_on,
                    actions);
}

// Valid at any ballot: the value is decided.
void Epaxos::HandleCommit(const Commit& m, Actions& actions) {
  Instance* instance = core_.log.FindOrCreate(m.instance);
  if (instance == nullptr) {
    ++core_.stats.stale_messages;  // Forgotten, or beyond any believable slot.
    return;
  }
  Value value = m.value;
  if (instance->status == InstanceStatus::kCommitted) {
    QUORATE_CHECK(instance->value == value && instance->deps == m.deps,
                  "G1: all commits of one instance carry the same decision");
    ++core_.stats.stale_messages;
    return;
  }
  if (!core_.FillPayload(*instance, value)) {
    ++core_.stats.missing_payloads;  // The frontier exchange brings it whole.
    return;
  }
  if (instance->recovering()) core_.Count(RecoveryRule::kR1);
  if (value.kind == ValueKind::kCommands) {
    core_.LearnPayload(m.instance, *instance, value.batch);
  }
  core_.MarkCommitted(m.instance, *instance, std::move(value), m.deps);
  instance->last_record =
      core_.Persist(CommittedRecord{.instance = m.instance,
                                    .value = core_.ValueForRecord(*instance),
                                    .deps = instance->deps},
                    actions);
  Release(m.instance, *instance, /*fast_path=*/false, actions);
}

}  // namespace quorate::epaxos
