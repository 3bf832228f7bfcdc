// Answers: how does a cluster of machines walk at random through bad weather?
//
// Any message may be delivered late, twice, in any order or never; replicas
// crash and lose what they have not synced; anybody may suspect anybody. Each
// seed draws its own weather. What is asked for, what is checked after a step
// and what must hold in the end is the walk of each protocol (Walk).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <utility>

#include "wire/ids.h"

namespace quorate {

// QUORATE_WALK_SEEDS asks for a longer run.
inline unsigned WalkSeeds(unsigned by_default) {
  const char* asked = std::getenv("QUORATE_WALK_SEEDS");
  return asked == nullptr ? by_default
                          : static_cast<unsigned>(std::atoi(asked));
}

// Cluster: size, network, Tick, Sync, Suspect and Deliver by hand.
template <typename Cluster>
class RandomWalk {
 public:
  template <typename... Arguments>
  explicit RandomWalk(unsigned seed, Arguments&&... cluster)
      : random_(seed), cluster_(std::forward<Arguments>(cluster)...) {
    lost_of_16_ = Pick(6);
    tick_weight_ = 1 + Pick(8);
    sync_weight_ = 3 + Pick(8);
    crash_of_8_ = Pick(4);
  }
  virtual ~RandomWalk() = default;

  void Run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      Step();
      CheckStep();
    }
    if (!testing::Test::HasFailure()) Heal();
  }

 protected:
  Cluster& cluster() { return cluster_; }
  int Pick(int n) {
    return static_cast<int>(random_() % static_cast<unsigned>(n));
  }
  std::uint64_t Draw() { return random_(); }
  // What this replica sends mostly gets lost.
  void Unhear(int replica) { unheard_.Insert(ReplicaAt(replica)); }
  void SuspectAll(bool suspected) {
    for (int i = 0; i < cluster_.size(); ++i) {
      for (int peer = 0; peer < cluster_.size(); ++peer) {
        if (peer != i) cluster_.Suspect(i, peer, suspected);
      }
    }
  }

  // A client asks this replica, or another one.
  virtual void Ask(int replica) = 0;
  virtual void Crash(int replica) = 0;
  virtual void Tick(int replica) { cluster_.Tick(replica); }
  virtual void CheckStep() {}
  // Everybody up and nothing lost: everything must come to its end.
  virtual void Heal() = 0;

 private:
  static constexpr int kDeliveries = 11;  // to one question, crash, suspicion
  static constexpr int kRepetition = 12;  // one in so many messages comes again

  void Step() {
    const int replica = Pick(cluster_.size());
    const int choice = Pick(3 + kDeliveries + tick_weight_ + sync_weight_);
    if (choice == 0) {
      Ask(replica);
    } else if (choice == 1) {
      if (Pick(8) < crash_of_8_) Crash(replica);
    } else if (choice == 2) {
      const int peer = Pick(cluster_.size());
      if (peer != replica) cluster_.Suspect(replica, peer, Pick(3) != 0);
    } else if (choice < 3 + kDeliveries) {
      DeliverOne();
    } else if (choice < 3 + kDeliveries + tick_weight_) {
      Tick(replica);
    } else {
      cluster_.Sync(replica);
    }
  }

  void DeliverOne() {
    auto& network = cluster_.network();
    if (network.empty()) return;
    const auto at =
        static_cast<std::size_t>(Pick(static_cast<int>(network.size())));
    const auto message = network[at];
    if (Pick(kRepetition) != 0) {  // Else it stays, and comes again.
      network[at] = network.back();
      network.pop_back();
    }
    if (Pick(16) < lost_of_16_) return;
    if (unheard_.Contains(message.from) && Pick(4) != 0) return;
    cluster_.Deliver(Index(message.to), message.from, message.message);
  }

  std::mt19937_64 random_;
  Cluster cluster_;
  int lost_of_16_ = 0;
  int tick_weight_ = 1;
  int sync_weight_ = 1;
  int crash_of_8_ = 0;
  ReplicaSet unheard_;
};

}  // namespace quorate
