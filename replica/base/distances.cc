#include "replica/base/distances.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "wire/timers.h"

namespace quorate {
namespace {

// Samples whose mean is a peer's first distance.
constexpr int kFirst = 16;
// Jacobson's gains: one eighth of what is new, a quarter of how far off it is.
constexpr std::int64_t kSmoothing = 8;
constexpr std::int64_t kDeviationSmoothing = 4;
constexpr std::int64_t kDeviations = 4;
// A distance that peers are ordered by stands until it is wrong by a tenth, so
// many microseconds and the deviation.
constexpr std::int64_t kSharesOfChange = 10;
constexpr std::int64_t kLeastChange = 1000;
// Peers that are as far as each other but for these are equally far.
constexpr std::int64_t kEqual = 500;
constexpr int kMostTicks = TicksOf<"distance.most">;

}  // namespace

Distances::Distances(ReplicaId self, int nodes, int tick_ms)
    : self_(self), nodes_(nodes), tick_us_(std::int64_t{tick_ms} * 1000) {
  Order();
}

void Distances::Note(ReplicaId peer, std::uint64_t round_trip_us) {
  if (Index(peer) >= nodes_ || peer == self_) return;
  const auto sample = static_cast<std::int64_t>(std::min<std::uint64_t>(
      round_trip_us, static_cast<std::uint64_t>(kMostTicks * tick_us_)));
  Peer& at = all_[static_cast<std::size_t>(Index(peer))];
  any_is_measured_ = true;
  if (at.samples == 0) {
    at.smoothed_us = sample;
    at.deviation_us = sample / kDeviationSmoothing;
  } else {
    const std::int64_t off = sample - at.smoothed_us;
    at.smoothed_us += off / kSmoothing;
    at.deviation_us += (std::abs(off) - at.deviation_us) / kDeviationSmoothing;
  }
  if (at.samples < kFirst) {
    at.first_us += sample;
    ++at.samples;
    at.ranked_us = at.first_us / at.samples;
    return Order();
  }
  const std::int64_t wrong = std::abs(at.smoothed_us - at.ranked_us);
  if (wrong <= std::max({at.ranked_us / kSharesOfChange, kLeastChange,
                         at.deviation_us})) {
    return;
  }
  at.ranked_us = at.smoothed_us;
  Order();
}

// The next is always the first in ring order of those that are about as far as
// the nearest that is left.
void Distances::Order() {
  const auto farness = [this](ReplicaId peer) {
    return IsMeasured(peer) ? At(peer).ranked_us
                            : std::numeric_limits<std::int64_t>::max() / 2;
  };
  peers_ = 0;
  for (int step = 1; step < nodes_; ++step) {
    order_[static_cast<std::size_t>(peers_++)] =
        ReplicaAt((Index(self_) + step) % nodes_);
  }
  const auto end = order_.begin() + peers_;
  for (auto next = order_.begin(); next != end; ++next) {
    const std::int64_t nearest =
        farness(*std::min_element(next, end, [&](ReplicaId a, ReplicaId b) {
          return farness(a) < farness(b);
        }));
    const auto chosen = std::find_if(next, end, [&](ReplicaId peer) {
      return farness(peer) <= nearest + kEqual;
    });
    std::rotate(next, chosen, chosen + 1);
  }
}

int Distances::Ticks(ReplicaId peer) const {
  const Peer& at = At(peer);
  return static_cast<int>(std::min<std::int64_t>(
      kMostTicks, (at.smoothed_us + kDeviations * at.deviation_us) / tick_us_));
}

int Distances::MostTicks(ReplicaSet peers) const {
  int most = 0;
  for (int i = 0; i < nodes_; ++i) {
    if (peers.Contains(ReplicaAt(i)))
      most = std::max(most, Ticks(ReplicaAt(i)));
  }
  return most;
}

void Distances::MixInto(Fingerprint& print) const {
  if (!any_is_measured_) return;
  for (int i = 0; i < nodes_; ++i) {
    print.Mix(static_cast<std::uint64_t>(
        all_[static_cast<std::size_t>(i)].smoothed_us));
    print.Mix(static_cast<std::uint64_t>(
        all_[static_cast<std::size_t>(i)].ranked_us));
  }
}

}  // namespace quorate
