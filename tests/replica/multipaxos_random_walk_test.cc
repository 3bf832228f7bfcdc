// Random walks of whole machines through a hostile network: any message may be
// delivered late, twice, in any order or never; replicas crash and lose what
// they have not synced; anybody may suspect anybody and want to lead. Safety is
// checked after every step against everything ever decided; then the network
// heals and a leader must decide everything and everybody must learn it.
#include <cstdlib>
#include <map>
#include <random>

#include "tests/replica/multipaxos_harness.h"

namespace quorate::multipaxos {
namespace {

struct Walk {
  int replicas;
  int proposals;
  int steps;
};

class Walker {
 public:
  Walker(const Walk& walk, unsigned seed)
      : walk_(walk),
        random_(seed),
        cluster_(walk.replicas, MakeSettings(walk, seed)) {
    lost_of_16_ = Pick(6);
    tick_weight_ = 1 + Pick(8);
    sync_weight_ = 2 + Pick(6);
    crash_of_8_ = Pick(4);
  }

  void Run() {
    for (int step = 0; step < walk_.steps && !testing::Test::HasFailure();
         ++step) {
      Step();
      CheckDecisions();
    }
    Heal();
  }

  std::uint64_t elections_won() {
    std::uint64_t total = 0;
    for (int i = 0; i < walk_.replicas; ++i) {
      total += cluster_.at(i).stats().elections_won;
    }
    return total;
  }

 private:
  static Settings MakeSettings(const Walk& walk, unsigned seed) {
    Settings settings;
    settings.retransmit_ticks = 3;
    settings.election_ticks = 4;
    settings.thrifty = seed % 3 == 0;
    settings.retained_bytes = 0;
    if (walk.replicas == 5 && seed % 2 == 0) {
      settings.phase1 = {.kind = QuorumSpec::Kind::kSize, .size = 4};
      settings.phase2 = {.kind = QuorumSpec::Kind::kSize, .size = 2};
    }
    return settings;
  }

  int Pick(int n) {
    return static_cast<int>(random_() % static_cast<unsigned>(n));
  }

  void Step() {
    const int replica = Pick(walk_.replicas);
    const int choice = Pick(14 + tick_weight_ + sync_weight_);
    if (choice == 0 && cluster_.at(replica).leads()) {
      Propose(replica);
    } else if (choice == 1) {
      if (Pick(8) < crash_of_8_) Crash(replica);
    } else if (choice == 2) {
      const int peer = Pick(walk_.replicas);
      if (peer != replica) cluster_.Suspect(replica, peer, Pick(3) != 0);
    } else if (choice < 12) {
      DeliverOne();
    } else if (choice < 12 + tick_weight_) {
      cluster_.Tick(replica, random_());
    } else {
      cluster_.Sync(replica);
    }
  }

  void Propose(int replica) {
    if (proposed_ == walk_.proposals) return;
    ++proposed_;
    cluster_.Propose(replica,
                     Put("k", "v", static_cast<std::uint64_t>(proposed_)));
  }

  // What is on the way may still arrive, however late.
  void Crash(int replica) {
    const std::vector<InFlight> on_the_way = cluster_.network();
    cluster_.CrashAndRestart(replica);
    cluster_.network() = on_the_way;
  }

  void DeliverOne() {
    auto& network = cluster_.network();
    if (network.empty()) return;
    const auto at =
        static_cast<std::size_t>(Pick(static_cast<int>(network.size())));
    const InFlight message = network[at];
    // One in eight stays and comes again.
    if (Pick(8) != 0) {
      network.erase(network.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (Pick(16) < lost_of_16_) return;
    cluster_.Deliver(Index(message.to), message.from, message.message);
  }

  // G1, and the order of the log, over all lives.
  void CheckDecisions() {
    for (int i = 0; i < walk_.replicas; ++i) {
      std::uint64_t expected = 0;
      for (const CommittedInstance& decision : cluster_.committed(i)) {
        ASSERT_EQ(decision.instance.slot, ++expected);
        const auto [known, is_new] =
            decided_.try_emplace(decision.instance.slot, decision.value);
        ASSERT_TRUE(known->second == decision.value)
            << "slot " << decision.instance.slot << " is decided twice";
        ASSERT_FALSE(decision.value.payload_missing());
      }
    }
  }

  void Heal() {
    for (int i = 0; i < walk_.replicas; ++i) {
      for (int peer = 0; peer < walk_.replicas; ++peer) {
        if (peer != i) cluster_.Suspect(i, peer, false);
      }
    }
    for (int round = 0; round < 400 && !Even(); ++round) {
      cluster_.Run(1, {}, random_());
    }
    CheckDecisions();
    EXPECT_TRUE(Even()) << "a healed cluster decides everything";
  }

  // One leads, nothing is in flight, and everybody has as much.
  bool Even() {
    int leaders = 0;
    for (int i = 0; i < walk_.replicas; ++i) {
      if (cluster_.at(i).leads()) ++leaders;
      if (cluster_.at(i).in_flight() > 0 ||
          cluster_.at(i).committed() != cluster_.at(0).committed()) {
        return false;
      }
    }
    return leaders == 1 && cluster_.at(0).committed() >= decided_.size();
  }

  Walk walk_;
  std::mt19937_64 random_;
  TestCluster cluster_;
  int lost_of_16_ = 0;
  int tick_weight_ = 1;
  int sync_weight_ = 1;
  int crash_of_8_ = 0;
  int proposed_ = 0;
  std::map<std::uint64_t, Value> decided_;
};

class MultipaxosRandomWalk : public testing::TestWithParam<Walk> {};

// QUORATE_WALK_SEEDS asks for more of them.
TEST_P(MultipaxosRandomWalk, KeepsAgreementAndThenDecides) {
  const char* wished = std::getenv("QUORATE_WALK_SEEDS");
  const unsigned seeds =
      wished != nullptr ? static_cast<unsigned>(std::atoi(wished)) : 150;
  std::uint64_t elections = 0;
  for (unsigned seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Walker walker(GetParam(), seed);
    walker.Run();
    elections += walker.elections_won();
  }
  // The walks are of use only when leaders change.
  EXPECT_GT(elections, 2 * seeds);
}

INSTANTIATE_TEST_SUITE_P(Clusters, MultipaxosRandomWalk,
                         testing::Values(Walk{3, 40, 3000}, Walk{5, 40, 4000}),
                         [](const auto& walk) {
                           return "of" + std::to_string(walk.param.replicas);
                         });

}  // namespace
}  // namespace quorate::multipaxos
