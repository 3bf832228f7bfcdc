// Answers: how far has each member come, by what it says of itself?
//
// One watermark a column from each member; what it says of itself only grows.
// Used of what members have executed for good, and of their base floors. Pure,
// copyable.
#pragma once

#include <vector>

#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

class Reports {
 public:
  Reports(int columns, ReplicaSet members);

  // Of nobody but a member.
  void Hear(ReplicaId from, const DependencySet& reached);
  // Nothing yet: the empty set.
  const DependencySet& Of(ReplicaId member) const {
    return reached_[static_cast<std::size_t>(Index(member))];
  }
  // The watermarks that all but `skipped` of the members have reached, each
  // column by itself: a different member may lag in each.
  DependencySet ReachedByAllBut(int skipped) const;

  ReplicaSet members() const { return members_; }
  int columns() const { return columns_; }

 private:
  int columns_;
  ReplicaSet members_;
  std::vector<DependencySet> reached_;  // by index, up to the last member
};

}  // namespace quorate
