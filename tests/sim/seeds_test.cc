// The real machine through fixed ranges of seeds, and determinism itself.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>

#include "replica/paxos/quorum.h"
#include "tests/sim/runner.h"

namespace quorate::sim {
namespace {

SimulationStatistics RunSeeds(std::uint64_t first, std::uint64_t last,
                              const RunOptions& options) {
  SimulationStatistics total;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const SeedResult result = RunSeed(seed, options);
    EXPECT_TRUE(result.ok) << result.failure;
    total.Add(result.statistics);
  }
  std::printf("%s\n", Describe(total).c_str());
  if (options.protocol == "epaxos") EXPECT_GT(total.fast_commits, 0u);
  EXPECT_GT(total.slow_commits, 0u);
  return total;
}

class Seeds : public testing::Test {
 protected:
  static void SetUpTestSuite() { ReportOnAbort(); }
};

TEST_F(Seeds, OfThreeReplicas) { RunSeeds(1, 60, {.replicas = 3}); }
TEST_F(Seeds, OfFiveReplicas) {
  const SimulationStatistics total = RunSeeds(1, 50, {.replicas = 5});
  // The range goes where it should: a run that no longer does tests little.
  EXPECT_GT(total.recovered, 0u);
  EXPECT_GT(total.noops, 0u);
  EXPECT_GT(total.restarts, 100u);
}
TEST_F(Seeds, OfSevenReplicas) { RunSeeds(1, 10, {.replicas = 7}); }
TEST_F(Seeds, OfDeadMinorities) {
  const SimulationStatistics total =
      RunSeeds(1, 30, {.replicas = 5, .faults = *FaultSet::Parse("death")});
  EXPECT_GT(total.faults[static_cast<std::size_t>(FaultKind::kDeath)], 0u);
  EXPECT_GT(total.recovered, 0u);
}
// Every node with every role, a node a role, or any mixture.
TEST_F(Seeds, OfBpaxos) {
  const SimulationStatistics total =
      RunSeeds(1, 30, {.protocol = "bpaxos", .replicas = 3});
  EXPECT_GT(total.recovered, 0u);
  EXPECT_GT(total.checkpoint_restarts, 0u);
}
TEST_F(Seeds, OfBpaxosWithDeadNodesOfEachRole) {
  const SimulationStatistics total =
      RunSeeds(1, 20, {.protocol = "bpaxos",
                       .replicas = 5,
                       .faults = *FaultSet::Parse("death,crash")});
  EXPECT_GT(total.faults[static_cast<std::size_t>(FaultKind::kDeath)], 0u);
}
TEST_F(Seeds, OfAWorldWithoutFaults) {
  RunSeeds(1, 10, {.replicas = 5, .faults = FaultSet::None()});
}
TEST_F(Seeds, OfCrashesAlone) {
  RunSeeds(1, 20, {.replicas = 3, .faults = *FaultSet::Parse("crash,power")});
}

// The same few worlds under each rule.
TEST_F(Seeds, OfEachFastPathRule) {
  for (const FastPathRule rule : kFastPathRules) {
    SimulationStatistics total;
    for (std::uint64_t seed = 101; seed <= 106; ++seed) {
      const SeedResult result =
          RunSeed(seed, {.replicas = 5, .fast_path = rule});
      EXPECT_TRUE(result.ok) << result.failure;
      total.Add(result.statistics);
    }
    EXPECT_GT(total.fast_commits, 0u) << Name(rule);
    EXPECT_GT(total.recovered, 0u) << Name(rule);
  }
}

// Each such restart is compared with a replay of the whole journal (M15).
TEST_F(Seeds, OfRestartsFromCheckpoints) {
  const SimulationStatistics total =
      RunSeeds(1, 40, {.replicas = 3,
                       .faults = *FaultSet::Parse(
                           "checkpoint,crash,power,pause,suspect,loss")});
  EXPECT_GT(total.checkpoint_restarts, 50u);
}

// Members that lag are left out and come back with a snapshot.
TEST_F(Seeds, OfSnapshots) {
  const SimulationStatistics total = RunSeeds(
      1, 16, {.replicas = 3,
              .faults = *FaultSet::Parse("checkpoint,death,crash")});
  EXPECT_GT(total.snapshots, 0u);
}

// stdout of the simulator's own program.
std::string Output(const std::string& arguments) {
  const std::string command =
      std::string(QUORATE_SIM_BINARY) + " " + arguments;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      popen(command.c_str(), "r"), &pclose);
  std::string output;
  for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe.get())) != EOF;) {
    output += static_cast<char>(c);
  }
  return output;
}

TEST(Determinism, TwoProcessesLeaveTheSameTraces) {
  const std::string arguments = "--seeds 1..20 --replicas 3 --operations 150";
  const std::string first = Output(arguments);
  EXPECT_NE(first.find("20 seeds, 0 failed"), std::string::npos) << first;
  EXPECT_NE(first.find("trace "), std::string::npos) << first;
  EXPECT_EQ(first, Output(arguments));
}

}  // namespace
}  // namespace quorate::sim
