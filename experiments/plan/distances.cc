#include "experiments/plan/distances.h"

#include <algorithm>

namespace quorate::plan {

Distances::Distances(const wan::RegionMatrix& matrix) : sites_(matrix.size()) {
  one_way_ns_.reserve(sites_ * sites_);
  for (std::size_t from = 0; from < sites_; ++from) {
    for (std::size_t to = 0; to < sites_; ++to) {
      one_way_ns_.push_back(matrix.DistanceNs(from, to));
    }
  }
}

// Floyd and Warshall.
Distances Distances::Relayed(std::span<const std::size_t> relays) const {
  Distances relayed = *this;
  for (const std::size_t by : relays) {
    for (std::size_t from = 0; from < sites_; ++from) {
      for (std::size_t to = 0; to < sites_; ++to) {
        std::int64_t& way = relayed.one_way_ns_[from * sites_ + to];
        way = std::min(way,
                       relayed.OneWayNs(from, by) + relayed.OneWayNs(by, to));
      }
    }
  }
  return relayed;
}

std::vector<Detour> FindDetours(const Distances& distances,
                                std::span<const std::size_t> sites) {
  std::vector<Detour> detours;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    for (std::size_t j = i + 1; j < sites.size(); ++j) {
      Detour best{.a = sites[i],
                  .b = sites[j],
                  .direct_ns = distances.RoundTripNs(sites[i], sites[j])};
      best.detour_ns = best.direct_ns;
      for (const std::size_t by : sites) {
        if (by == best.a || by == best.b) continue;
        const std::int64_t way = distances.RoundTripNs(best.a, by) +
                                 distances.RoundTripNs(by, best.b);
        if (way >= best.detour_ns) continue;
        best.by = by;
        best.detour_ns = way;
      }
      if (best.detour_ns < best.direct_ns) detours.push_back(best);
    }
  }
  std::ranges::stable_sort(detours, [](const Detour& a, const Detour& b) {
    return a.direct_ns - a.detour_ns > b.direct_ns - b.detour_ns;
  });
  return detours;
}

}  // namespace quorate::plan
