#include "replica/bpaxos/floors.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "wire/mutation.h"

namespace quorate::bpaxos {

Floors::Floors(const Cluster& cluster, ReplicaId self)
    : cluster_(cluster),
      self_(self),
      executes_(cluster.roles.executors.Contains(self)),
      enough_(std::max(cluster.faults, cluster.roles.executors.size() / 2) +
              (Mutated("passed_with_f") ? 0 : 1)),
      base_(cluster.columns),
      drop_(cluster.columns),
      next_base_(cluster.columns),
      next_drop_(cluster.columns) {
  const DependencySet none(cluster.columns);
  reports_.fill({.executed = none, .matched = none, .to_match = none});
}

void Floors::HandleFrontier(ReplicaId from, const DependencySet& executed) {
  if (!cluster_.roles.executors.Contains(from)) return;
  reports_[static_cast<std::size_t>(Index(from))].executed.UnionWith(executed);
}

DependencySet Floors::ReachedByAllBut(int skipped) const {
  DependencySet reached(cluster_.columns);
  for (int i = 0; i < cluster_.columns; ++i) {
    std::vector<std::uint64_t> watermarks;
    for (int j = 0; j < kMaxNodes; ++j) {
      if (!cluster_.roles.executors.Contains(ReplicaAt(j))) continue;
      watermarks.push_back(ReportOf(j).executed[ReplicaAt(i)]);
    }
    std::ranges::sort(watermarks);
    reached.Set(ReplicaAt(i), watermarks[static_cast<std::size_t>(skipped)]);
  }
  return reached;
}

// Two executors that pass each other must not be left with halves of the
// state. So this was all executed, at one moment of theirs, by the same
// executors, none of which knew more at that moment than this one does now. Any
// two that drop something share such a witness, and who has matched its later
// moment has executed all that the other has dropped.
DependencySet Floors::HeldByEnough() {
  const DependencySet own = ReportOf(Index(self_)).executed;
  std::vector<DependencySet> matched;
  for (int i = 0; i < kMaxNodes; ++i) {
    if (ReplicaAt(i) == self_ ||
        !cluster_.roles.executors.Contains(ReplicaAt(i))) {
      continue;
    }
    Report& report = reports_[static_cast<std::size_t>(i)];
    if (own.Covers(report.to_match)) {
      report.matched = report.to_match;
      report.to_match = report.executed;
    }
    matched.push_back(report.matched);
  }
  // Those that are furthest.
  const auto instances = [](const DependencySet& of) {
    const auto watermarks = of.watermarks();
    return std::accumulate(watermarks.begin(), watermarks.end(),
                           std::uint64_t{0});
  };
  std::ranges::stable_sort(matched, std::ranges::greater(), instances);
  DependencySet held = own;
  for (int i = 0; i + 1 < enough_; ++i) {
    held.IntersectWith(matched[static_cast<std::size_t>(i)]);
  }
  return held;
}

std::optional<FloorRecord> Floors::Raise(const DependencySet* committed,
                                         const DependencySet& drop) {
  if (record_ != 0) return std::nullopt;
  const int executors = cluster_.roles.executors.size();
  DependencySet base = ReachedByAllBut(Mutated("floor_of_one")
                                           ? executors - 1
                                           : executors - 1 - cluster_.faults);
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
