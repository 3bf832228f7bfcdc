// Decisions: marking, announcing and learning them.
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"

namespace quorate::epaxos {

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
  StepOf(actions).Release(m.instance, *instance, /*fast_path=*/false);
}

}  // namespace quorate::epaxos
