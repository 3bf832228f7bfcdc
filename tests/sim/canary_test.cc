// The simulator on its own test machine: it finds nothing where there is
// nothing, and finds every bug that can be planted.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/runner.h"
#include "tests/sim/toy_machine.h"

namespace quorate::sim {
namespace {

constexpr std::uint64_t kCleanSeeds = 20;
constexpr std::uint64_t kBugSeeds = 40;

RunOptions Toy(ToyBug bug) {
  FaultSet faults = FaultSet::All();
  faults.Erase(FaultKind::kDeath);  // Without r1 the toy does nothing.
  return {.protocol = "toy",
          .bug = std::string(Name(bug)),
          // With three, one vote of another is a majority, however often it
          // is counted.
          .replicas = 5,
          .faults = faults,
          .operations = 300};
}

TEST(Canary, AMachineWithoutABugPasses) {
  SimulationStatistics total;
  for (std::uint64_t seed = 1; seed <= kCleanSeeds; ++seed) {
    const SeedResult result = RunSeed(seed, Toy(ToyBug::kNone));
    ASSERT_TRUE(result.ok) << result.failure;
    total.Add(result.statistics);
  }
  EXPECT_GT(total.restarts, 0u);
  EXPECT_GT(total.TotalFaults(), kCleanSeeds);
}

class PlantedBug : public testing::TestWithParam<int> {};

TEST_P(PlantedBug, IsFound) {
  const auto bug = static_cast<ToyBug>(GetParam());
  for (std::uint64_t seed = 1; seed <= kBugSeeds; ++seed) {
    const SeedResult result = RunSeed(seed, Toy(bug));
    if (result.ok) continue;
    EXPECT_NE(result.failure.find("replay: " + ReplayLine(seed, Toy(bug))),
              std::string::npos);
    RecordProperty("seed", static_cast<int>(seed));
    RecordProperty("invariant", result.invariant);
    return;
  }
  FAIL() << Name(bug) << " passed " << kBugSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedBug, testing::Range(1, kToyBugs),
                         [](const testing::TestParamInfo<int>& bug) {
                           std::string name(
                               Name(static_cast<ToyBug>(bug.param)));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// However patient a healed world is with clients that want much.
TEST(Canary, ACommandThatIsLostForGoodIsFoundUnanswered) {
  const SeedResult result = RunSeed(1, Toy(ToyBug::kNeverRetransmits));
  EXPECT_EQ(result.invariant,
            "LV1: in a healed world every command is answered")
      << result.failure;
}

// The toy does nothing without r1.
TEST(Canary, AMachineThatNeedsWhoIsDeadIsFoundUnfinished) {
  RunOptions options = Toy(ToyBug::kNone);
  options.faults = *FaultSet::Parse("death");
  for (std::uint64_t seed = 1; seed <= kBugSeeds; ++seed) {
    const SeedResult result = RunSeed(seed, options);
    if (result.ok) continue;
    EXPECT_EQ(result.invariant,
              "LV5: a classic quorum that is up finishes everything")
        << result.failure;
    return;
  }
  FAIL() << "r1 never died in " << kBugSeeds << " seeds";
}

TEST(Runner, TheSameSeedLeavesTheSameTraceAndAnotherDoesNot) {
  const RunOptions options = Toy(ToyBug::kNone);
  const std::uint64_t first = RunSeed(3, options).trace_hash;
  EXPECT_EQ(first, RunSeed(3, options).trace_hash);
  EXPECT_NE(first, RunSeed(4, options).trace_hash);
}

TEST(Runner, NoFaultStrikesWhereNoneIsAllowed) {
  RunOptions options = Toy(ToyBug::kNone);
  options.faults = FaultSet::None();
  const SeedResult result = RunSeed(5, options);
  EXPECT_TRUE(result.ok) << result.failure;
  EXPECT_EQ(result.statistics.TotalFaults(), 0u);
  EXPECT_EQ(result.statistics.restarts, 0u);
}

TEST(Runner, NamesTheOptionThatMakesNoSense) {
  EXPECT_TRUE(CheckOptions({}).ok());
  EXPECT_FALSE(CheckOptions({.protocol = "raft"}).ok());
  EXPECT_FALSE(CheckOptions({.replicas = 2}).ok());
  EXPECT_FALSE(CheckOptions({.protocol = "toy", .bug = "moths"}).ok());
  EXPECT_FALSE(CheckOptions({.bug = "reads-locally"}).ok());
}

}  // namespace
}  // namespace quorate::sim
