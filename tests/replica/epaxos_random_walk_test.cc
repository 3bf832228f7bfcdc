// Random walks of whole machines through a hostile network: any message may be
// delivered late, twice, in any order or never; replicas crash and lose what
// they have not synced; anybody may suspect anybody. Safety is checked after
// every step against everything ever committed; then the network heals and
// everything known must be decided.
#include <cstdlib>
#include <map>
#include <random>

#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

struct Walk {
  int replicas;
  int instances;
  int steps;
  FastPathRule rule = FastPathRule::kEpaxos;
};

class Walker {
 public:
  Walker(const Walk& walk, unsigned seed)
      : walk_(walk),
        random_(seed),
        cluster_(walk.replicas, MakeSettings(walk, seed)) {
    // Every seed draws its own weather.
    lost_of_16_ = Pick(6);
    tick_weight_ = 1 + Pick(8);
    sync_weight_ = 2 + Pick(6);
    crash_of_8_ = Pick(4);
    for (int i = 0; i < walk_.replicas; ++i) {
      if (Pick(3) == 0) unheard_.Insert(ReplicaAt(i));
    }
    if (Pick(2) == 0) {
      for (int i = 0; i < walk_.replicas; ++i) {
        for (int peer = 0; peer < walk_.replicas; ++peer) {
          if (peer != i) Suspect(i, peer, true);
        }
      }
    }
  }

  void Run() {
    for (int step = 0; step < walk_.steps && !testing::Test::HasFailure();
         ++step) {
      Step();
      CheckDecisions();
    }
    Heal();
  }

  int recovered() {
    std::uint64_t total = 0;
    for (int i = 0; i < walk_.replicas; ++i) {
      total += cluster_.at(i).stats().recovered_payloads +
               cluster_.at(i).stats().recovered_noops;
    }
    return static_cast<int>(total);
  }

 private:
  static Settings MakeSettings(const Walk& walk, unsigned seed) {
    Settings settings;
    settings.fast_path = walk.rule;
    settings.overlap_sync = seed % 2 == 0;
    settings.lazy_fast_commit =
        seed / 2 % 2 == 0 && walk.rule != FastPathRule::kAtlas;
    if (walk.rule != FastPathRule::kEpaxos && seed / 4 % 2 == 0) {
      settings.faults = 1;  // Smaller fast quorums, larger classic ones.
    }
    settings.retransmit_ticks = 3;
    settings.recovery_ticks = 1;
    return settings;
  }

  int Pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  void Suspect(int replica, int peer, bool suspected) {
    Actions actions;
    cluster_.at(replica).HandleSuspicion(ReplicaAt(peer), suspected, actions);
    cluster_.TakeActions(replica, actions);
  }

  void Step() {
    const int replica = Pick(walk_.replicas);
    int choice = Pick(14 + tick_weight_ + sync_weight_);
    if (choice == 0 && proposed_ < walk_.instances) {
      ++proposed_;
      cluster_.Propose(replica, Put("hot", "v",
                                    static_cast<std::uint64_t>(proposed_)));
      if (Pick(2) == 0) cluster_.Sync(replica);
      return;
    }
    if (choice == 1) {
      if (Pick(8) < crash_of_8_) Crash(replica);
      return;
    }
    if (choice == 2) {
      const int peer = Pick(walk_.replicas);
      if (peer != replica) Suspect(replica, peer, Pick(3) != 0);
      return;
    }
    if (choice < 12) {
      DeliverOne();
    } else if (choice < 12 + tick_weight_) {
      cluster_.Tick(replica);
    } else {
      cluster_.Sync(replica);
    }
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
    const auto at = static_cast<std::size_t>(
        Pick(static_cast<int>(network.size())));
    const InFlight message = network[at];
    const bool keep = Pick(12) == 0;
    if (!keep) {
      network[at] = network.back();
      network.pop_back();
    }
    if (Pick(16) < lost_of_16_) return;  // Lost (or, if kept, merely late).
    // Some replicas are heard of little: what they send mostly gets lost.
    if (unheard_.Contains(message.from) && Pick(4) != 0) return;
    cluster_.Deliver(Index(message.to), message.from, message.message);
  }

  void CheckDecisions() {
    for (int i = 0; i < walk_.replicas; ++i) {
      for (const CommittedInstance& c : cluster_.committed(i)) {
        auto [known, fresh] = decided_.try_emplace(c.instance, c);
        ASSERT_TRUE(known->second.value == c.value &&
                    known->second.deps == c.deps)
            << "agreement on " << ToString(c.instance);
        if (!fresh) continue;
        for (const auto& [id, other] : decided_) {
          if (id == c.instance || other.value.kind == ValueKind::kNoop ||
              c.value.kind == ValueKind::kNoop) {
            continue;
          }
          ASSERT_TRUE(other.deps.Contains(c.instance) || c.deps.Contains(id))
              << "visibility of " << ToString(id) << " and "
              << ToString(c.instance);
        }
      }
    }
  }

  // Everybody up, nobody suspected, nothing lost: all must be decided.
  void Heal() {
    if (testing::Test::HasFailure()) return;
    for (int i = 0; i < walk_.replicas; ++i) {
      for (int peer = 0; peer < walk_.replicas; ++peer) {
        if (peer != i) Suspect(i, peer, false);
      }
    }
    for (int round = 0; round < 40; ++round) {
      cluster_.Run(25);
      CheckDecisions();
      if (testing::Test::HasFailure()) return;
      bool done = true;
      for (int i = 0; i < walk_.replicas; ++i) {
        for (int column = 0; column < walk_.replicas; ++column) {
          done = done && cluster_.at(i).committed_frontier()[ReplicaAt(
                             column)] ==
                             cluster_.at(column).log().Newest(
                                 ReplicaAt(column));
        }
      }
      if (done) return;
    }
    ADD_FAILURE() << "something known was never decided";
  }

  Walk walk_;
  std::mt19937 random_;
  TestCluster cluster_;
  int lost_of_16_ = 0;
  int tick_weight_ = 1;
  int sync_weight_ = 1;
  int crash_of_8_ = 0;
  ReplicaSet unheard_;
  int proposed_ = 0;
  std::map<InstanceId, CommittedInstance> decided_;
};

// QUORATE_WALK_SEEDS asks for a longer run.
unsigned SeedCount() {
  const char* asked = std::getenv("QUORATE_WALK_SEEDS");
  return asked != nullptr ? static_cast<unsigned>(std::atoi(asked)) : 4000;
}

class EpaxosRandomWalk : public testing::TestWithParam<Walk> {};

TEST_P(EpaxosRandomWalk, KeepsAgreementAndVisibilityAndThenDecides) {
  int recovered = 0;
  // The rule with the hardest recovery gets the most.
  const unsigned seeds = GetParam().rule == FastPathRule::kEpaxos
                             ? SeedCount()
                             : SeedCount() * 2 / 5;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    Walker walker(GetParam(), seed);
    walker.Run();
    recovered += walker.recovered();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(recovered, 1000);  // The walks do reach recovery.
}

std::vector<Walk> Walks() {
  std::vector<Walk> walks;
  for (const FastPathRule rule : kFastPathRules) {
    walks.push_back(
        {.replicas = 3, .instances = 3, .steps = 250, .rule = rule});
    walks.push_back(
        {.replicas = 5, .instances = 3, .steps = 350, .rule = rule});
    walks.push_back(
        {.replicas = 7, .instances = 2, .steps = 400, .rule = rule});
  }
  return walks;
}

INSTANTIATE_TEST_SUITE_P(Clusters, EpaxosRandomWalk, testing::ValuesIn(Walks()),
                         [](const testing::TestParamInfo<Walk>& walk) {
                           return std::string(Name(walk.param.rule)) +
                                  std::to_string(walk.param.replicas);
                         });

}  // namespace
}  // namespace quorate::epaxos
