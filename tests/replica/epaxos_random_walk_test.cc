// Random walks of EPaxos machines (random_walk.h). Safety is checked after
// every step against everything ever committed; then the network heals and
// everything known must be decided.
#include <map>

#include "tests/replica/epaxos_harness.h"
#include "tests/replica/random_walk.h"

namespace quorate::epaxos {
namespace {

struct Walk {
  int replicas;
  int instances;
  int steps;
  FastPathRule rule = FastPathRule::kEpaxos;
};

class Walker final : public RandomWalk<TestCluster> {
 public:
  Walker(const Walk& walk, unsigned seed)
      : RandomWalk(seed, walk.replicas, MakeSettings(walk, seed)),
        instances_(walk.instances) {
    for (int i = 0; i < walk.replicas; ++i) {
      if (Pick(3) == 0) Unhear(i);
    }
    if (Pick(2) == 0) SuspectAll(true);
  }

  int recovered() {
    std::uint64_t total = 0;
    for (int i = 0; i < cluster().size(); ++i) {
      total += cluster().at(i).stats().recovered_payloads +
               cluster().at(i).stats().recovered_noops;
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

  void Ask(int replica) override {
    if (proposed_ == instances_) return;
    ++proposed_;
    cluster().Propose(replica,
                      Put("hot", "v", static_cast<std::uint64_t>(proposed_)));
    if (Pick(2) == 0) cluster().Sync(replica);
  }
  void Crash(int replica) override { cluster().CrashAlone(replica); }
  void CheckStep() override { CheckDecisions(); }

  void CheckDecisions() {
    for (int i = 0; i < cluster().size(); ++i) {
      for (const CommittedInstance& c : cluster().committed(i)) {
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

  // Nobody is suspected: all must be decided.
  void Heal() override {
    SuspectAll(false);
    for (int round = 0; round < 40; ++round) {
      cluster().Run(25);
      CheckDecisions();
      if (testing::Test::HasFailure()) return;
      bool done = true;
      for (int i = 0; i < cluster().size(); ++i) {
        for (int column = 0; column < cluster().size(); ++column) {
          done =
              done && cluster().at(i).committed_frontier()[ReplicaAt(column)] ==
                          cluster().at(column).log().Newest(ReplicaAt(column));
        }
      }
      if (done) return;
    }
    ADD_FAILURE() << "something known was never decided";
  }

  int instances_;
  int proposed_ = 0;
  std::map<InstanceId, CommittedInstance> decided_;
};

class EpaxosRandomWalk : public testing::TestWithParam<Walk> {};

TEST_P(EpaxosRandomWalk, KeepsAgreementAndVisibilityAndThenDecides) {
  int recovered = 0;
  // The rule with the hardest recovery gets the most.
  const unsigned all = WalkSeeds(4000);
  const unsigned seeds =
      GetParam().rule == FastPathRule::kEpaxos ? all : all * 2 / 5;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    Walker walker(GetParam(), seed);
    walker.Run(GetParam().steps);
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
