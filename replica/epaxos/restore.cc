// A second life: the records of the journal, applied in order.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::epaxos {

void Epaxos::RestorePayload(Instance& instance, InstanceId id,
                            const CommandBatchPtr& batch) {
  if (batch == nullptr) return;
  core_.LearnPayload(id, instance, batch);
  instance.payload_recorded = true;
}

// Null when it was dropped in the earlier life.
Instance* Epaxos::Touch(InstanceId id) {
  Instance* instance = core_.log.FindOrCreate(id);
  if (instance == nullptr) return nullptr;
  instance->last_record = core_.last_record;
  if (core_.IsSelf(id.replica)) {
    core_.next_slot = std::max(core_.next_slot, id.slot + 1);
    proposer_.NoteEarlierLife();
  }
  return instance;
}

void Epaxos::RestoreInstance(const InstanceRecord& record,
                             std::vector<CommittedInstance>& committed) {
  Instance* instance = Touch(record.instance);
  if (instance == nullptr) return;
  RestorePayload(*instance, record.instance, record.initial_batch);
  // A snapshot has a second record for some: the decision.
  if (instance->status == InstanceStatus::kCommitted) return;
  instance->promised_ballot =
      std::max(instance->promised_ballot, record.promised_ballot);
  instance->accepted_ballot =
      std::max(instance->accepted_ballot, record.accepted_ballot);
  if (record.initial_known) {
    instance->initial_known = true;
    instance->initial_deps = record.initial_deps;
  }
  if (!record.fast_quorum.empty()) instance->fast_quorum = record.fast_quorum;
  if (record.collected) {
    instance->collected = true;
    instance->deps = record.deps;
  }
  if (record.status == InstanceStatus::kUnknown) return;
  Value value = record.value;
  QUORATE_CHECK(core_.FillPayload(*instance, value),
                "a checkpoint has the payloads of its instances");
  if (record.status == InstanceStatus::kCommitted) {
    core_.MarkCommitted(record.instance, *instance, std::move(value),
                        record.deps);
    instance->released = true;
    committed.push_back({.instance = record.instance,
                         .value = instance->value,
                         .deps = instance->deps});
    return;
  }
  instance->status = record.status;
  instance->value = std::move(value);
  instance->deps = record.deps;
  instance->restored_pre_accept = record.status == InstanceStatus::kPreAccepted;
}

void Epaxos::Restore(const Record& record,
                     std::vector<CommittedInstance>& committed) {
  if (!restoring_checkpoint_) ++core_.last_record;
  std::visit(
      Overloaded{
          [&](const PreAcceptedRecord& r) {
            Instance* instance = Touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.batch);
            instance->status = InstanceStatus::kPreAccepted;
            instance->value = Value::Commands(r.batch);
            instance->deps = r.deps;
            instance->initial_deps = r.initial_deps;
            instance->initial_known = true;
            instance->fast_quorum = r.fast_quorum;
            instance->restored_pre_accept = true;
          },
          [&](const AcceptedRecord& r) {
            Instance* instance = Touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.value.batch);
            if (!rules::IsTakenBack(r)) return;
            instance->status = InstanceStatus::kAccepted;
            instance->promised_ballot =
                std::max(instance->promised_ballot, r.ballot);
            instance->accepted_ballot = r.ballot;
            instance->value = r.value;
            QUORATE_CHECK(core_.FillPayload(*instance, instance->value),
                          "an accepted payload is in the journal");
            instance->deps = r.deps;
          },
          [&](const PromisedRecord& r) {
            Instance* instance = Touch(r.instance);
            if (instance == nullptr || !rules::IsTakenBack(r)) return;
            instance->promised_ballot =
                std::max(instance->promised_ballot, r.ballot);
            if (r.batch == nullptr) return;
            RestorePayload(*instance, r.instance, r.batch);
            instance->collected = true;
            instance->deps = r.deps;
          },
          [&](const ValidatedRecord& r) {
            Instance* instance = Touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.batch);
            instance->initial_deps = r.initial_deps;
            instance->initial_known = true;
          },
          [&](const CommittedRecord& r) {
            Instance* instance = Touch(r.instance);
            if (instance == nullptr ||
                instance->status == InstanceStatus::kCommitted) {
              return;
            }
            RestorePayload(*instance, r.instance, r.value.batch);
            Value value = r.value;
            QUORATE_CHECK(core_.FillPayload(*instance, value),
                          "a committed payload is in the journal");
            core_.MarkCommitted(r.instance, *instance, std::move(value),
                                r.deps);
            instance->released = true;
            committed.push_back({.instance = r.instance,
                                 .value = instance->value,
                                 .deps = rules::ReplayedDeps(*instance)});
          },
          [&](const FloorRecord& r) { repairer_.RestoreFloors(core_, r); },
          [&](const ReservedRecord& r) {
            core_.lazy_before = core_.lazy_before || r.lazy_fast_commit;
            core_.forgotten.Raise(core_.self, r.through);
            core_.next_slot = std::max(core_.next_slot, r.through + 1);
            proposer_.NoteEarlierLife();
          },
          [&](const InstanceRecord& r) { RestoreInstance(r, committed); },
          [&](const CheckpointBegunRecord& r) {
            restoring_checkpoint_ = true;
            core_.last_record = r.through;
          },
          [&](const CheckpointEndedRecord& r) {
            restoring_checkpoint_ = false;
            core_.last_record = r.through;
          },
          // The executor's.
          [](const ExecutedRecord&) {}, [](const EntriesRecord&) {},
          [](const SessionsRecord&) {},
          // Of other protocols.
          [](const DependencyRecord&) {}, [](const DecidedRecord&) {}},
      record);
  core_.outbox.Restored(core_.last_record);
}

}  // namespace quorate::epaxos
