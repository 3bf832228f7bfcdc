#include "replica/base/electorate.h"

#include <vector>

#include "wire/check.h"

namespace quorate {

Electorate::Electorate(ReplicaSet members, const QuorumSystem& system)
    : members_(members), system_(system) {
  QUORATE_CHECK(members.size() == system.replicas(),
                "a quorum system is of its members");
}

bool Electorate::IsQuorum(ReplicaSet answered) const {
  ReplicaSet counted;
  int number = 0;
  for (int node = 0; node < kMaxNodes; ++node) {
    if (!members_.Contains(ReplicaAt(node))) continue;
    if (answered.Contains(ReplicaAt(node))) counted.Insert(ReplicaAt(number));
    ++number;
  }
  return system_.IsQuorum(counted);
}

ReplicaSet Electorate::Choose(ReplicaId self, ReplicaSet suspected) const {
  std::vector<ReplicaId> ring;
  for (int step = 1; step < kMaxNodes; ++step) {
    ring.push_back(ReplicaAt((Index(self) + step) % kMaxNodes));
  }
  return Choose(self, suspected, ring);
}

ReplicaSet Electorate::Choose(ReplicaId self, ReplicaSet suspected,
                              std::span<const ReplicaId> others) const {
  std::vector<ReplicaId> order;
  for (const bool take_suspected : {false, true}) {
    const auto add = [&](ReplicaId node) {
      if (members_.Contains(node) &&
          suspected.Contains(node) == take_suspected) {
        order.push_back(node);
      }
    };
    add(self);
    for (const ReplicaId other : others) add(other);
  }
  return FillUp(ReplicaSet(), order,
                [this](ReplicaSet set) { return IsQuorum(set); });
}

}  // namespace quorate
