#include "replica/bpaxos/floors.h"

#include "replica/bpaxos/rules.h"

#include <algorithm>

namespace quorate::bpaxos {

Floors::Floors(const Cluster& cluster, ReplicaId self)
    : cluster_(cluster),
      executes_(cluster.roles.executors.Contains(self)),
      witnesses_(
          cluster.columns, cluster.roles.executors, self,
          std::max(cluster.faults, cluster.roles.executors.size() / 2) + 1),
      base_(cluster.columns),
      drop_(cluster.columns),
      next_base_(cluster.columns),
      next_drop_(cluster.columns) {}

void Floors::HandleFrontier(ReplicaId from, const DependencySet& executed) {
  witnesses_.Hear(from, executed);
}

std::optional<FloorRecord> Floors::Raise(const DependencySet* committed,
                                         const DependencySet& drop) {
  if (record_ != 0) return std::nullopt;
  DependencySet base = witnesses_.executed().ReachedByAllBut(
      rules::MayLack(cluster_.roles.executors.size(), cluster_.faults));
  if (executes_ && committed != nullptr) base.IntersectWith(*committed);
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
