// Random walks of whole BPaxos clusters through a hostile network: any message
// may be delivered late, twice, in any order or never; nodes crash and lose
// what they have not synced; anybody may suspect anybody. The cluster checks
// agreement and visibility at every decision; then the network heals,
// everything asked for must be answered, and the executors must agree on the
// state.
#include <cstdlib>
#include <random>

#include "tests/replica/bpaxos_harness.h"

namespace quorate::bpaxos {
namespace {

struct Walk {
  const char* name;
  Settings settings;
  int commands;
  int steps;
  bool divided = false;  // Keys of two shards, and commands on both.
};

class Walker {
 public:
  Walker(const Walk& walk, unsigned seed)
      : walk_(walk), random_(seed), cluster_(WithTimers(walk.settings, seed)) {
    // Every seed draws its own weather.
    lost_of_16_ = Pick(6);
    tick_weight_ = 1 + Pick(8);
    sync_weight_ = 4 + Pick(8);
    crash_of_8_ = Pick(4);
  }

  void Run() {
    for (int step = 0; step < walk_.steps && !testing::Test::HasFailure();
         ++step) {
      Step();
    }
    Heal();
  }

  std::uint64_t recovered() {
    std::uint64_t total = 0;
    for (int i = 0; i < cluster_.size(); ++i) {
      const ReplicaStatus status = cluster_.at(i).Status();
      total += status.recovered_payloads + status.recovered_noops;
    }
    return total;
  }

 private:
  static Settings WithTimers(Settings settings, unsigned seed) {
    settings.thrifty = seed % 3 == 0;
    settings.retransmit_ticks = 3;
    settings.recovery_ticks = 1;
    settings.floor_ticks = 4;
    return settings;
  }

  int Pick(int n) {
    return static_cast<int>(random_() % static_cast<unsigned>(n));
  }
  int PickLeader() {
    for (;;) {
      const int node = Pick(cluster_.size());
      if (cluster_.roles().leaders.Contains(ReplicaAt(node))) return node;
    }
  }

  void Step() {
    const int node = Pick(cluster_.size());
    const int choice = Pick(16 + tick_weight_ + sync_weight_);
    if (choice == 0) {
      if (asked_ == walk_.commands) return;
      ++asked_;
      cluster_.Submit(PickLeader(), Ask(static_cast<std::uint64_t>(asked_)));
    } else if (choice == 1) {
      if (Pick(8) < crash_of_8_) cluster_.CrashAndRestart(node);
    } else if (choice == 2) {
      const int peer = Pick(cluster_.size());
      if (peer != node) cluster_.Suspect(node, peer, Pick(3) != 0);
    } else if (choice < 16) {
      DeliverOne();
    } else if (choice < 16 + tick_weight_) {
      cluster_.Tick(node);
    } else {
      cluster_.Sync(node);
    }
  }

  CommandBatchPtr Ask(std::uint64_t sequence) {
    if (!walk_.divided) return Put(sequence, Pick(4) == 0 ? "cold" : "hot");
    const int choice = Pick(3);
    return choice == 2 ? PutBoth(sequence) : Put(sequence, KeyIn(choice));
  }

  void DeliverOne() {
    auto& network = cluster_.network();
    if (network.empty()) return;
    const auto at =
        static_cast<std::size_t>(Pick(static_cast<int>(network.size())));
    const InFlight message = network[at];
    if (Pick(12) != 0) {  // Else it stays, and comes again.
      network[at] = network.back();
      network.pop_back();
    }
    if (Pick(16) < lost_of_16_) return;
    cluster_.Deliver(message);
  }

  // Everybody up, nobody suspected, nothing lost: whatever a command waits for
  // is decided, and the executors get even.
  void Heal() {
    if (testing::Test::HasFailure()) return;
    for (int i = 0; i < cluster_.size(); ++i) {
      for (int peer = 0; peer < cluster_.size(); ++peer) {
        if (peer != i) cluster_.Suspect(i, peer, false);
      }
    }
    cluster_.network().clear();
    cluster_.Submit(PickLeader(), Put(1000, "hot"));
    for (int round = 0; round < 40; ++round) {
      cluster_.Run(25);
      if (testing::Test::HasFailure() || IsEven()) return;
    }
    ADD_FAILURE() << "something known was never decided or executed";
  }

  bool IsEven() {
    std::optional<std::pair<DependencySet, std::uint64_t>> first;
    for (int i = 0; i < cluster_.size(); ++i) {
      const ReplicaStatus status = cluster_.at(i).Status();
      if (status.own_in_flight != 0 || status.queued_commands != 0 ||
          status.oldest_blocked.has_value()) {
        return false;
      }
      if (!cluster_.roles().executors.Contains(ReplicaAt(i))) continue;
      if (status.executed != status.committed) return false;
      const std::pair state(status.executed, status.state_hash);
      if (first.value_or(state) != state) return false;
      first = state;
    }
    return true;
  }

  Walk walk_;
  std::mt19937 random_;
  TestCluster cluster_;
  int lost_of_16_ = 0;
  int tick_weight_ = 1;
  int sync_weight_ = 1;
  int crash_of_8_ = 0;
  int asked_ = 0;
};

// QUORATE_WALK_SEEDS asks for a longer run.
unsigned SeedCount() {
  const char* asked = std::getenv("QUORATE_WALK_SEEDS");
  return asked != nullptr ? static_cast<unsigned>(std::atoi(asked)) : 400;
}

// Nodes with some roles, one of them with none of the others'.
Settings MixedSettings() {
  return {.protocol = Protocol::kBpaxos,
          .replicas = 5,
          .faults = 1,
          .roles = {.leaders = Nodes({0, 3}),
                    .dependency_nodes = Nodes({0, 1, 2}),
                    .acceptors = Nodes({2, 3, 4}),
                    .executors = Nodes({1, 3, 4})}};
}

Settings DividedColocatedSettings() {
  Settings settings = ColocatedSettings(6);
  settings.faults = 1;
  settings.parts = {.shard = {0, 1, 0, 1, 0, 1}, .group = {0, 0, 0, 1, 1, 1}};
  return settings;
}

class BpaxosRandomWalk : public testing::TestWithParam<Walk> {};

TEST_P(BpaxosRandomWalk, KeepsAgreementAndVisibilityAndThenDecides) {
  std::uint64_t recovered = 0;
  for (unsigned seed = 1; seed <= SeedCount(); ++seed) {
    Walker walker(GetParam(), seed);
    walker.Run();
    recovered += walker.recovered();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(recovered, SeedCount());  // The walks do reach recovery.
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, BpaxosRandomWalk,
    testing::Values(Walk{"colocated", ColocatedSettings(), 6, 500},
                    Walk{"five", ColocatedSettings(5), 6, 700},
                    Walk{"separate", SeparateSettings(), 6, 900},
                    Walk{"mixed", MixedSettings(), 6, 600},
                    Walk{"divided", DividedSettings(), 6, 1300, true},
                    Walk{"divided_colocated", DividedColocatedSettings(), 6,
                         700, true}),
    [](const auto& walk) { return std::string(walk.param.name); });

}  // namespace
}  // namespace quorate::bpaxos
