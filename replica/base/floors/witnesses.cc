#include "replica/base/floors/witnesses.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include "replica/base/rules.h"
#include "wire/fingerprint.h"

namespace quorate {
namespace {

std::uint64_t InstancesIn(const DependencySet& set) {
  const auto watermarks = set.watermarks();
  return std::accumulate(watermarks.begin(), watermarks.end(),
                         std::uint64_t{0});
}

}  // namespace

Witnesses::Witnesses(int columns, ReplicaSet members, ReplicaId self,
                     int enough)
    : executed_(columns, members),
      self_(self),
      enough_(rules::EnoughWitnesses(enough)),
      reports_(static_cast<std::size_t>(std::bit_width(members.bits())),
               {.matched = DependencySet(columns),
                .to_match = DependencySet(columns)}) {}

DependencySet Witnesses::HeldByEnough() {
  const ReplicaSet members = executed_.members();
  if (!members.Contains(self_)) return DependencySet(executed_.columns());
  const DependencySet& own = executed_.Of(self_);
  DependencySet held = own;
  std::vector<DependencySet> matched;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const ReplicaId member = ReplicaAt(static_cast<int>(i));
    if (member == self_ || !members.Contains(member)) continue;
    Report& report = reports_[i];
    if (own.Covers(report.to_match)) {
      report.matched = report.to_match;
      report.to_match = executed_.Of(member);
    }
    matched.push_back(report.matched);
  }
  // Those that are furthest.
  std::ranges::stable_sort(matched, std::ranges::greater(), InstancesIn);
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(enough_); ++i) {
    held.IntersectWith(matched[i]);
  }
  return held;
}

std::uint64_t Witnesses::Fingerprint() const {
  quorate::Fingerprint print;
  const auto mix = [&](const DependencySet& set) {
    for (const std::uint64_t watermark : set.watermarks()) print.Mix(watermark);
  };
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    mix(executed_.Of(ReplicaAt(static_cast<int>(i))));
    mix(reports_[i].matched);
    mix(reports_[i].to_match);
  }
  return print.value();
}

}  // namespace quorate
