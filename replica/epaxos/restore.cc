// A second life: the records of the journal, applied in order.
#include <algorithm>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"
#include "wire/mutation.h"
#include "wire/overloaded.h"

namespace quorate::epaxos {

void Epaxos::RestorePayload(Instance& instance, InstanceId id,
                            const CommandBatchPtr& batch) {
  if (batch == nullptr) return;
  LearnPayload(id, instance, batch);
  instance.payload_recorded = true;
}

void Epaxos::Restore(const Record& record,
                     std::vector<CommittedInstance>& committed) {
  ++last_record_;
  const auto touch = [this](InstanceId id) -> Instance* {
    Instance* instance = log_.FindOrCreate(id);
    if (instance == nullptr) return nullptr;  // Dropped in the earlier life.
    instance->last_record = last_record_;
    if (IsSelf(id.replica)) {
      next_slot_ = std::max(next_slot_, id.slot + 1);
      restored_unfinished_ = true;
    }
    return instance;
  };
  std::visit(
      Overloaded{
          [&](const PreAcceptedRecord& r) {
            Instance* instance = touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.batch);
            instance->status = InstanceStatus::kPreAccepted;
            instance->value = Value::Commands(r.batch);
            instance->deps = r.deps;
            instance->initial_deps = r.initial_deps;
            instance->initial_known = true;
          },
          [&](const AcceptedRecord& r) {
            Instance* instance = touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.value.batch);
            if (Mutated("d_resume0") && r.ballot.is_initial()) return;
            instance->status = InstanceStatus::kAccepted;
            instance->promised_ballot =
                std::max(instance->promised_ballot, r.ballot);
            instance->accepted_ballot = r.ballot;
            instance->value = r.value;
            QUORATE_CHECK(FillPayload(*instance, instance->value),
                          "an accepted payload is in the journal");
            instance->deps = r.deps;
          },
          [&](const PromisedRecord& r) {
            Instance* instance = touch(r.instance);
            if (instance == nullptr || Mutated("forget_promise")) return;
            instance->promised_ballot =
                std::max(instance->promised_ballot, r.ballot);
          },
          [&](const ValidatedRecord& r) {
            Instance* instance = touch(r.instance);
            if (instance == nullptr) return;
            RestorePayload(*instance, r.instance, r.batch);
            instance->initial_deps = r.initial_deps;
            instance->initial_known = true;
          },
          [&](const CommittedRecord& r) {
            Instance* instance = touch(r.instance);
            if (instance == nullptr ||
                instance->status == InstanceStatus::kCommitted) {
              return;
            }
            RestorePayload(*instance, r.instance, r.value.batch);
            Value value = r.value;
            QUORATE_CHECK(FillPayload(*instance, value),
                          "a committed payload is in the journal");
            MarkCommitted(r.instance, *instance, std::move(value), r.deps);
            instance->released = true;
            committed.push_back({.instance = r.instance,
                                 .value = instance->value,
                                 .deps = instance->deps});
          },
          [&](const FloorRecord& r) {
            base_floor_ = r.base_floor;
            drop_floor_ = r.drop_floor;
            next_base_floor_ = r.base_floor;
            next_drop_floor_ = r.drop_floor;
            candidate_floor_.UnionWith(r.base_floor);
            ForgetDropped();
          }},
      record);
  outbox_.Restored(last_record_);
}

}  // namespace quorate::epaxos
