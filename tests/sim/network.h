// Answers: which messages arrive, when, and how often?
//
// Directed links between nodes. Each message draws its fate when it is sent:
// lost, delivered once or twice, after a delay of its own. Without the reorder
// fault a link is first in, first out, like the TCP connection it stands for. A
// reset forgets what is in flight between two nodes; a partition blocks some
// links until it is healed. Decides only; the simulation delivers.
#pragma once

#include <array>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/plan.h"
#include "tests/sim/random.h"
#include "wire/ids.h"

namespace quorate::sim {

struct NetworkStatistics {
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
};

class Network {
 public:
  Network(const NetworkPlan& plan, int nodes, Random random)
      : plan_(plan), nodes_(nodes), random_(random) {}

  // The delays after which copies of a message sent now arrive: none, one or
  // two of them.
  using Delays = absl::InlinedVector<Micros, 2>;
  Delays Send(int from, int to, Micros now);

  // Carries the connection's number, which a reset changes: a message sent
  // under another number is lost.
  std::uint64_t connection(int from, int to) const {
    return link(from, to).connection;
  }
  bool blocked(int from, int to) const { return link(from, to).blocked; }

  void Reset(int a, int b);
  // Draws a partition: two halves, a lone node, one-way, a bridge or a ring.
  // Returns its name.
  const char* Partition();
  void HealPartition();
  // No chance loss, duplicate or tail from here on.
  void Calm();

  const NetworkStatistics& statistics() const { return statistics_; }

 private:
  struct Link {
    std::uint64_t connection = 0;
    Micros last_arrival = 0;
    bool blocked = false;
  };
  Link& link(int from, int to) {
    return links_[static_cast<std::size_t>(from * kMaxNodes + to)];
  }
  const Link& link(int from, int to) const {
    return links_[static_cast<std::size_t>(from * kMaxNodes + to)];
  }
  Micros DrawDelay(int from, int to, Micros now);
  // Blocks every link for which `apart(from, to)` holds.
  template <typename Predicate>
  void Block(Predicate apart);

  NetworkPlan plan_;
  int nodes_;
  Random random_;
  std::array<Link, kMaxNodes * kMaxNodes> links_{};
  NetworkStatistics statistics_;
};

}  // namespace quorate::sim
