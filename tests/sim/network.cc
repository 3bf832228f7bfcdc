#include "tests/sim/network.h"

#include <algorithm>
#include <cstdlib>

namespace quorate::sim {

Micros Network::DrawDelay(int from, int to, Micros now) {
  Link& used = link(from, to);
  // A late message holds up all behind it on a link that keeps its order: with
  // a long tail and many messages such a link would always be late.
  constexpr int kMostDoublingsInOrder = 3;
  constexpr int kMostDoublings = 10;
  Micros arrival = now + 1 +
                   random_.HeavyTailed(
                       plan_.delay, plan_.tail_permille,
                       plan_.in_order ? kMostDoublingsInOrder : kMostDoublings);
  if (plan_.in_order) arrival = std::max(arrival, used.last_arrival);
  used.last_arrival = std::max(arrival, used.last_arrival);
  return arrival - now;
}

Network::Delays Network::Send(int from, int to, Micros now) {
  Delays delays;
  ++statistics_.sent;
  if (random_.Chance(plan_.loss_permille)) {
    ++statistics_.lost;
    return delays;
  }
  delays.push_back(DrawDelay(from, to, now));
  if (random_.Chance(plan_.duplicate_permille)) {
    ++statistics_.duplicated;
    delays.push_back(DrawDelay(from, to, now));
  }
  return delays;
}

void Network::Reset(int a, int b) {
  ++link(a, b).connection;
  ++link(b, a).connection;
}

template <typename Predicate>
void Network::Block(Predicate apart) {
  for (int from = 0; from < nodes_; ++from) {
    for (int to = 0; to < nodes_; ++to) {
      if (from != to && apart(from, to)) link(from, to).blocked = true;
    }
  }
}

const char* Network::Partition() {
  HealPartition();
  const int chosen = random_.Pick(nodes_);
  // A random rotation of the nodes, cut after the chosen one.
  const int shift = random_.Pick(nodes_);
  const auto place = [&](int node) { return (node + shift) % nodes_; };
  switch (random_.Pick(5)) {
    case 0:
      Block([&](int from, int to) {
        return (place(from) <= chosen) != (place(to) <= chosen);
      });
      return "halves";
    case 1:
      Block([&](int from, int to) { return from == chosen || to == chosen; });
      return "lone";
    case 2:
      Block([&](int from, int) { return from == chosen; });
      return "one-way";
    case 3:
      // The node in the middle sees both sides, which do not see each other.
      Block([&](int from, int to) {
        const int middle = nodes_ / 2;
        return (place(from) < middle && place(to) > middle) ||
               (place(from) > middle && place(to) < middle);
      });
      return "bridge";
    default:
      Block([&](int from, int to) {
        const int distance = std::abs(place(from) - place(to));
        return distance != 1 && distance != nodes_ - 1;
      });
      return "ring";
  }
}

void Network::HealPartition() {
  for (Link& each : links_) each.blocked = false;
}

void Network::Calm() {
  HealPartition();
  plan_.loss_permille = 0;
  plan_.duplicate_permille = 0;
  plan_.tail_permille = 0;
}

}  // namespace quorate::sim
