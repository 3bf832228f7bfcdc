// Answers: how far is it, by the best way there is?
//
// Distances between all sites of a matrix, as they are or with machines at some
// sites that pass on what comes: real matrices have pairs for which a third
// site lies on a shorter way than the direct one. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wire/wan/matrix.h"

namespace quorate::plan {

class Distances {
 public:
  explicit Distances(const wan::RegionMatrix& matrix);

  std::int64_t OneWayNs(std::size_t from, std::size_t to) const {
    return one_way_ns_[from * sites_ + to];
  }
  std::int64_t RoundTripNs(std::size_t a, std::size_t b) const {
    return OneWayNs(a, b) + OneWayNs(b, a);
  }
  // A client in a node's site is beside the node.
  std::int64_t ClientRoundTripNs(std::size_t client, std::size_t node) const {
    return client == node ? 0 : RoundTripNs(client, node);
  }

  // Each way by as many of the relays as make it shorter.
  Distances Relayed(std::span<const std::size_t> relays) const;

 private:
  std::size_t sites_;
  std::vector<std::int64_t> one_way_ns_;
};

// There and back between `a` and `b`, it is shorter by `by`.
struct Detour {
  std::size_t a = 0;
  std::size_t b = 0;
  std::size_t by = 0;
  std::int64_t direct_ns = 0;
  std::int64_t detour_ns = 0;
};

// Of all pairs of `sites`, each by the one of them that makes it shortest; what
// saves most comes first.
std::vector<Detour> FindDetours(const Distances& distances,
                                std::span<const std::size_t> sites);

}  // namespace quorate::plan
