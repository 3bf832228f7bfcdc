// Answers: how far is each peer, by what was measured?
//
// Round trips come in as data (PeerMeasured); from them a smoothed one and its
// mean deviation (Jacobson, SIGCOMM'88), for timers, and an order of peers, for
// whom to ask where not all are asked. The order follows a distance that moves
// only when it is wrong by much, so that quorums do not change with every
// breath of the network, and peers about as far as each other keep the order of
// the ring: on one LAN everybody's next ones, as if nothing were measured.
// Nothing here decides what is true. Pure, copyable.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "wire/fingerprint.h"
#include "wire/ids.h"

namespace quorate {

class Distances {
 public:
  // Of nodes numbered below `nodes`.
  Distances(ReplicaId self, int nodes, int tick_ms);

  void Note(ReplicaId peer, std::uint64_t round_trip_us);

  bool IsMeasured(ReplicaId peer) const { return At(peer).samples > 0; }
  bool any_is_measured() const { return any_is_measured_; }
  // Smoothed; 0 where nothing is measured.
  std::int64_t RoundTripUs(ReplicaId peer) const {
    return At(peer).smoothed_us;
  }
  // Whole ticks that an answer takes, but for one in a thousand: four mean
  // deviations are in it, disks are not. 0 where nothing is measured.
  int Ticks(ReplicaId peer) const;
  // Of the farthest of them.
  int MostTicks(ReplicaSet peers) const;

  // All other nodes, the nearest first; those that are not measured last, in
  // ring order.
  std::span<const ReplicaId> nearest_first() const {
    return {order_.data(), static_cast<std::size_t>(peers_)};
  }
  std::int64_t tick_us() const { return tick_us_; }
  // Adds nothing where nothing is measured.
  void MixInto(Fingerprint& print) const;

 private:
  struct Peer {
    std::int64_t smoothed_us = 0;
    std::int64_t deviation_us = 0;
    std::int64_t ranked_us = 0;  // by which it is ordered
    std::int64_t first_us = 0;   // sum of the first samples
    int samples = 0;             // of these, at most kFirst
  };

  const Peer& At(ReplicaId peer) const {
    return all_[static_cast<std::size_t>(Index(peer))];
  }
  void Order();

  ReplicaId self_;
  int nodes_;
  std::int64_t tick_us_;
  std::array<Peer, kMaxNodes> all_{};
  std::array<ReplicaId, kMaxNodes> order_{};
  int peers_ = 0;
  bool any_is_measured_ = false;
};

}  // namespace quorate
