// Random walks of Multi-Paxos machines (random_walk.h), any of which may want
// to lead. Safety is checked after every step against everything ever decided;
// then the network heals and a leader must decide everything and everybody
// learn it.
#include <map>

#include "tests/replica/multipaxos_harness.h"
#include "tests/replica/random_walk.h"

namespace quorate::multipaxos {
namespace {

struct Walk {
  int replicas;
  int proposals;
  int steps;
};

class Walker final : public RandomWalk<TestCluster> {
 public:
  Walker(const Walk& walk, unsigned seed)
      : RandomWalk(seed, walk.replicas, MakeSettings(walk, seed)),
        proposals_(walk.proposals) {}

  std::uint64_t elections_won() {
    std::uint64_t total = 0;
    for (int i = 0; i < cluster().size(); ++i) {
      total += cluster().at(i).stats().elections_won;
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

  void Ask(int replica) override {
    if (proposed_ == proposals_ || !cluster().at(replica).leads()) return;
    ++proposed_;
    cluster().Propose(replica,
                      Put("k", "v", static_cast<std::uint64_t>(proposed_)));
  }
  void Crash(int replica) override { cluster().CrashAlone(replica); }
  void Tick(int replica) override { cluster().Tick(replica, Draw()); }
  void CheckStep() override { CheckDecisions(); }

  // G1, and the order of the log, over all lives.
  void CheckDecisions() {
    for (int i = 0; i < cluster().size(); ++i) {
      std::uint64_t expected = 0;
      for (const CommittedInstance& decision : cluster().committed(i)) {
        ASSERT_EQ(decision.instance.slot, ++expected);
        const auto [known, is_new] =
            decided_.try_emplace(decision.instance.slot, decision.value);
        ASSERT_TRUE(known->second == decision.value)
            << "slot " << decision.instance.slot << " is decided twice";
        ASSERT_FALSE(decision.value.payload_missing());
      }
    }
  }

  void Heal() override {
    SuspectAll(false);
    for (int round = 0; round < 400 && !Even(); ++round) {
      cluster().Run(1, {}, Draw());
    }
    CheckDecisions();
    EXPECT_TRUE(Even()) << "a healed cluster decides everything";
  }

  // One leads, nothing is in flight, and everybody has as much.
  bool Even() {
    int leaders = 0;
    for (int i = 0; i < cluster().size(); ++i) {
      if (cluster().at(i).leads()) ++leaders;
      if (cluster().at(i).in_flight() > 0 ||
          cluster().at(i).committed() != cluster().at(0).committed()) {
        return false;
      }
    }
    return leaders == 1 && cluster().at(0).committed() >= decided_.size();
  }

  int proposals_;
  int proposed_ = 0;
  std::map<std::uint64_t, Value> decided_;
};

class MultipaxosRandomWalk : public testing::TestWithParam<Walk> {};

TEST_P(MultipaxosRandomWalk, KeepsAgreementAndThenDecides) {
  const unsigned seeds = WalkSeeds(150);
  std::uint64_t elections = 0;
  for (unsigned seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Walker walker(GetParam(), seed);
    walker.Run(GetParam().steps);
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
