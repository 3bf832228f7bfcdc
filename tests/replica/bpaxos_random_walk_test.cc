// Random walks of whole BPaxos clusters (random_walk.h). The cluster checks
// agreement and visibility at every decision; then the network heals,
// everything asked for must be answered, and the executors must agree on the
// state.
#include "replica/bpaxos/floors.h"
#include "tests/replica/bpaxos_harness.h"
#include "tests/replica/random_walk.h"

namespace quorate::bpaxos {
namespace {

struct Walk {
  const char* name;
  Settings settings;
  int commands;
  int steps;
  bool divided = false;  // Keys of two shards, and commands on both.
};

class Walker final : public RandomWalk<TestCluster> {
 public:
  Walker(const Walk& walk, unsigned seed)
      : RandomWalk(seed, WithTimers(walk.settings, seed)),
        commands_(walk.commands),
        divided_(walk.divided) {}

  std::uint64_t recovered() {
    return Total([](const ReplicaStatus& status) {
      return status.recovered_payloads + status.recovered_noops;
    });
  }
  std::uint64_t snapshots() {
    return Total(
        [](const ReplicaStatus& status) { return status.snapshots_installed; });
  }

 private:
  static Settings WithTimers(Settings settings, unsigned seed) {
    settings.thrifty = seed % 3 == 0;
    settings.retransmit_ticks = 3;
    settings.recovery_ticks = 1;
    settings.floor_ticks = 4;
    if (seed % 2 == 0) settings.retained_bytes = 1;
    return settings;
  }

  template <typename Figure>
  std::uint64_t Total(const Figure& of) {
    std::uint64_t total = 0;
    for (int i = 0; i < cluster().size(); ++i) {
      total += of(cluster().at(i).Status());
    }
    return total;
  }

  int PickLeader() {
    for (;;) {
      const int node = Pick(cluster().size());
      if (cluster().roles().leaders.Contains(ReplicaAt(node))) return node;
    }
  }

  void Ask(int) override {
    if (asked_ == commands_) return;
    ++asked_;
    cluster().Submit(PickLeader(), Draw(static_cast<std::uint64_t>(asked_)));
  }
  void Crash(int node) override { cluster().CrashAndRestart(node); }

  CommandBatchPtr Draw(std::uint64_t sequence) {
    if (!divided_) return Put(sequence, Pick(4) == 0 ? "cold" : "hot");
    const int choice = Pick(3);
    return choice == 2 ? PutBoth(sequence) : Put(sequence, KeyIn(choice));
  }

  // Whatever a command waits for is decided, and the executors get even.
  void Heal() override {
    SuspectAll(false);
    cluster().network().clear();
    cluster().Submit(PickLeader(), Put(1000, "hot"));
    for (int round = 0; round < 40; ++round) {
      cluster().Run(25);
      if (testing::Test::HasFailure() || IsEven()) return;
    }
    ADD_FAILURE() << "something known was never decided or executed";
  }

  bool IsEven() {
    std::optional<std::pair<DependencySet, std::uint64_t>> first;
    for (int i = 0; i < cluster().size(); ++i) {
      const ReplicaStatus status = cluster().at(i).Status();
      if (status.own_in_flight != 0 || status.queued_commands != 0 ||
          status.oldest_blocked.has_value()) {
        return false;
      }
      if (!cluster().roles().executors.Contains(ReplicaAt(i))) continue;
      if (status.executed != status.committed) return false;
      const std::pair state(status.executed, status.state_hash);
      if (first.value_or(state) != state) return false;
      first = state;
    }
    return true;
  }

  int commands_;
  bool divided_;
  int asked_ = 0;
};

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
  std::uint64_t snapshots = 0;
  const unsigned seeds = WalkSeeds(400);
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    Walker walker(GetParam(), seed);
    walker.Run(GetParam().steps);
    recovered += walker.recovered();
    snapshots += walker.snapshots();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(recovered, seeds);  // The walks do reach recovery.
  if (Floors(Cluster(GetParam().settings), ReplicaAt(0)).MayPass()) {
    EXPECT_GT(snapshots, seeds / 20);  // And snapshots.
  }
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
