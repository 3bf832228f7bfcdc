// Below which floors has everybody executed everything? (truncation.md B.)
#include "replica/epaxos/repairer.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

// B-R1: first every new proposal covers the candidate, then all older own
// instances commit stably, then the floor may rise to it. Where members may be
// left out, so must everything else that this replica has voted on (B-R1c').
void Repairer::RaiseBaseFloor(Core& core, Actions& actions) {
  if (candidate_mark_ == 0) {
    if (stable_.executed() == candidate_floor_) return;
    candidate_floor_.UnionWith(stable_.executed());
    candidate_mark_ = core.next_slot;
    for (int i = 0; i < core.quorums.replicas; ++i) {
      candidate_votes_.Set(ReplicaAt(i), core.log.Newest(ReplicaAt(i)));
    }
    return;
  }
  if (stable_.executed()[core.self] + 1 < candidate_mark_ ||
      floor_record_ != 0) {
    return;
  }
  if (Laggards(core.settings) > 0 && !VotesCover(core, candidate_floor_)) {
    return;
  }
  candidate_mark_ = 0;
  next_base_floor_ = candidate_floor_;
  floor_record_ = core.Persist(FloorRecord{.base_floor = next_base_floor_,
                                           .drop_floor = next_drop_floor_},
                               actions);
}

// B-R1c'. A vote cast after the candidate was taken has every conflicting
// instance that the candidate covers: those were committed, so the index had
// them. An earlier one may lack some, unless it covers the floor by itself. The
// commits that this relies on lie before the floor's record in the journal.
bool Repairer::VotesCover(const Core& core, const DependencySet& floor) const {
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = core.committed[column] + 1;
         slot <= candidate_votes_[column]; ++slot) {
      const Instance* instance = core.log.Find({column, slot});
      if (instance == nullptr) continue;
      const bool undecided = instance->status == InstanceStatus::kPreAccepted ||
                             instance->status == InstanceStatus::kAccepted;
      const DependencySet& voted = instance->status == InstanceStatus::kAccepted
                                       ? instance->initial_deps
                                       : instance->deps;
      if (undecided && instance->initial_known && !voted.Covers(floor)) {
        return false;
      }
    }
  }
  return true;
}

// B-R2: what every member no longer needs. When keeping it for those that are
// far behind takes too much memory, B-R2': what all but g of them no longer
// need, column by column, and we neither, as far as the witnesses go: two that
// leave out each other could not help each other any more.
DependencySet Repairer::DroppableFloor(Core& core) {
  base_floors_.Hear(core.self, base_floor_);
  witnesses_.Hear(core.self, stable_.executed());
  const int laggards = Laggards(core.settings);
  const DependencySet everybody = base_floors_.ReachedByAllBut(0);
  if (laggards == 0) return everybody;
  DependencySet most = base_floors_.ReachedByAllBut(laggards);
  most.IntersectWith(base_floor_);
  const DependencySet held = witnesses_.HeldByEnough();
  const auto retains = [&](std::size_t bytes, const DependencySet& from,
                           const DependencySet& to) {
    return RetainsMoreThan(core, bytes, from, to);
  };
  DependencySet floor =
      readers_.Limit(everybody, most, core.settings.retained_bytes, retains);
  if (held.Covers(floor) || everybody.Covers(floor)) return floor;
  ++core.stats.floors_held_back;
  rules::KeepToWitnessed(held, everybody, floor);
  return floor;
}

// Do the instances above `from`, up to `to`, take more memory than that?
bool Repairer::RetainsMoreThan(const Core& core, std::size_t bytes,
                               const DependencySet& from,
                               const DependencySet& to) {
  std::size_t total = 0;
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = from[column] + 1; slot <= to[column]; ++slot) {
      const Instance* instance = core.log.Find({column, slot});
      if (instance == nullptr) continue;  // Forgotten already.
      total += sizeof(Instance);
      if (instance->initial_batch != nullptr) {
        total += instance->initial_batch->memory_size();
      }
      if (total > bytes) return true;
    }
  }
  return false;
}

void Repairer::RaiseDropFloor(Core& core, Actions& actions) {
  if (floor_record_ != 0 || holds_drop_floor_) return;
  const DependencySet lowest = DroppableFloor(core);
  if (next_drop_floor_.Covers(lowest)) return;
  next_drop_floor_.UnionWith(lowest);
  floor_record_ = core.Persist(FloorRecord{.base_floor = next_base_floor_,
                                           .drop_floor = next_drop_floor_},
                               actions);
}

void Repairer::ForgetDropped(Core& core) {
  QUORATE_CHECK(base_floor_.Covers(core.drop_floor),
                "invariant 16: nothing is dropped above the own floor");
  for (int i = 0; i < core.quorums.replicas; ++i) {
    core.log.DropThrough(ReplicaAt(i), core.drop_floor[ReplicaAt(i)]);
  }
  core.index.RaiseFloor(core.drop_floor);
}

void Repairer::RestoreFloors(Core& core, const FloorRecord& record) {
  // Floors only rise; a record that was written while a snapshot was installed
  // does not know of its floors.
  base_floor_.UnionWith(record.base_floor);
  core.drop_floor.UnionWith(record.drop_floor);
  next_base_floor_ = base_floor_;
  next_drop_floor_ = core.drop_floor;
  candidate_floor_.UnionWith(record.base_floor);
  // Of a checkpoint, where nothing else tells of what was dropped.
  core.committed.UnionWith(core.drop_floor);
  core.next_slot = std::max(core.next_slot, core.drop_floor[core.self] + 1);
  ForgetDropped(core);
}

}  // namespace quorate::epaxos
