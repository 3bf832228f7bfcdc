// The protocol's part of a checkpoint: floors and every instance above them,
// each as it is. restore.cc takes it back.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"

namespace quorate::epaxos {
namespace {

// Nothing on disk tells of it: it was only asked about or waited for.
bool IsBlank(const Instance& instance) {
  return instance.status == InstanceStatus::kUnknown &&
         instance.promised_ballot.is_initial() &&
         instance.initial_batch == nullptr && !instance.initial_known;
}

// Left out is only what restore.cc fills in again: the instance's one payload.
Value SavedValue(const Instance& instance) {
  const bool known = instance.initial_batch != nullptr &&
                     instance.initial_batch->digest() == instance.value.digest;
  return known ? instance.value.WithoutPayload() : instance.value;
}

}  // namespace

// Floors first: what lies below them is not made again. The newest ones count,
// durable or not, because their record is among those that this stands for.
void Epaxos::Save(std::vector<Record>& records) const {
  records.emplace_back(repairer_.newest_floors());
  records.emplace_back(ReservedRecord{
      .through =
          std::max(core_.forgotten[core_.self], proposer_.reserved().through()),
      .lazy_fast_commit =
          core_.lazy_before || (core_.settings.lazy_fast_commit &&
                                proposer_.reserved().has_record())});
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    const std::uint64_t below = std::max(core_.log.Dropped(column),
                                         repairer_.newest_drop_floor()[column]);
    for (std::uint64_t slot = below + 1; slot <= core_.log.Newest(column);
         ++slot) {
      const InstanceId id{column, slot};
      const Instance& instance = *core_.log.Find(id);
      if (IsBlank(instance)) continue;
      records.emplace_back(
          InstanceRecord{.instance = id,
                         .status = instance.status,
                         .promised_ballot = instance.promised_ballot,
                         .accepted_ballot = instance.accepted_ballot,
                         .value = SavedValue(instance),
                         .deps = instance.deps,
                         .initial_batch = instance.initial_batch,
                         .initial_known = instance.initial_known,
                         .collected = instance.collected,
                         .fast_quorum = instance.fast_quorum,
                         .initial_deps = instance.initial_deps});
    }
  }
}

}  // namespace quorate::epaxos
