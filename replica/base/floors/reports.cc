#include "replica/base/floors/reports.h"

#include <algorithm>
#include <array>
#include <bit>

#include "wire/check.h"

namespace quorate {

Reports::Reports(int columns, ReplicaSet members)
    : columns_(columns),
      members_(members),
      reached_(static_cast<std::size_t>(std::bit_width(members.bits())),
               DependencySet(columns)) {}

void Reports::Hear(ReplicaId from, const DependencySet& reached) {
  if (!members_.Contains(from)) return;
  reached_[static_cast<std::size_t>(Index(from))].UnionWith(reached);
}

DependencySet Reports::ReachedByAllBut(int skipped) const {
  QUORATE_CHECK(skipped >= 0 && skipped < members_.size(),
                "somebody must have reached it");
  DependencySet reached(columns_);
  for (int i = 0; i < columns_; ++i) {
    std::array<std::uint64_t, kMaxNodes> watermarks{};
    std::size_t count = 0;
    for (std::size_t j = 0; j < reached_.size(); ++j) {
      if (!members_.Contains(ReplicaAt(static_cast<int>(j)))) continue;
      watermarks[count++] = reached_[j][ReplicaAt(i)];
    }
    std::sort(watermarks.begin(),
              watermarks.begin() + static_cast<std::ptrdiff_t>(count));
    reached.Set(ReplicaAt(i), watermarks[static_cast<std::size_t>(skipped)]);
  }
  return reached;
}

}  // namespace quorate
