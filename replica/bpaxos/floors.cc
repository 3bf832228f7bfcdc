#include "replica/bpaxos/floors.h"

#include <algorithm>
#include <vector>

#include "wire/mutation.h"

namespace quorate::bpaxos {

Floors::Floors(const Cluster& cluster, ReplicaId self)
    : cluster_(cluster),
      executes_(cluster.roles.executors.Contains(self)),
      base_(cluster.columns),
      drop_(cluster.columns),
      next_base_(cluster.columns),
      next_drop_(cluster.columns) {
  reports_.fill(DependencySet(cluster.columns));
}

void Floors::HandleFrontier(ReplicaId from, const DependencySet& executed) {
  if (!cluster_.roles.executors.Contains(from)) return;
  reports_[static_cast<std::size_t>(Index(from))].UnionWith(executed);
}

DependencySet Floors::ReachedByAllBut(int skipped) const {
  DependencySet reached(cluster_.columns);
  for (int i = 0; i < cluster_.columns; ++i) {
    std::vector<std::uint64_t> watermarks;
    for (int j = 0; j < kMaxNodes; ++j) {
      if (!cluster_.roles.executors.Contains(ReplicaAt(j))) continue;
      watermarks.push_back(reports_[static_cast<std::size_t>(j)][ReplicaAt(i)]);
    }
    std::ranges::sort(watermarks);
    reached.Set(ReplicaAt(i), watermarks[static_cast<std::size_t>(skipped)]);
  }
  return reached;
}

std::optional<FloorRecord> Floors::Raise(const DependencySet* committed) {
  if (record_ != 0) return std::nullopt;
  const int executors = cluster_.roles.executors.size();
  DependencySet base = ReachedByAllBut(Mutated("floor_of_one")
                                           ? executors - 1
                                           : executors - 1 - cluster_.faults);
  if (executes_ && committed != nullptr) base.IntersectWith(*committed);
  const DependencySet drop = ReachedByAllBut(0);
  if (next_base_.Covers(base) && next_drop_.Covers(drop)) return std::nullopt;
  next_base_.UnionWith(base);
  next_drop_.UnionWith(drop);
  return newest();
}

bool Floors::HandleDurable(RecordSequence through) {
  if (record_ == 0 || record_ > through) return false;
  record_ = 0;
  base_ = next_base_;
  drop_ = next_drop_;
  return true;
}

void Floors::Restore(const FloorRecord& record) {
  for (DependencySet* floor : {&base_, &next_base_}) {
    floor->UnionWith(record.base_floor);
  }
  for (DependencySet* floor : {&drop_, &next_drop_}) {
    floor->UnionWith(record.drop_floor);
  }
}

}  // namespace quorate::bpaxos
