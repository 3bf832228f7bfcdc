#include "experiments/bench/bench_options.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "replica/client/client.h"

namespace quorate::bench {
namespace {

BenchOptions Parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), {"bench", "--config", "c.toml"});
  const auto parsed =
      ParseCommandLine(static_cast<int>(flags.size()), flags.data());
  EXPECT_TRUE(parsed.options.has_value());
  return parsed.options.value_or(BenchOptions{});
}

int ExitCodeOf(std::vector<const char*> arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto parsed =
      ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  EXPECT_FALSE(parsed.options.has_value());
  return parsed.exit_code;
}

ClusterConfig ThreeNodes() {
  ClusterConfig config;
  for (const char* name : {"r1", "r2", "r3"}) {
    config.nodes.push_back({.name = name, .client = {"127.0.0.1", 1}});
  }
  return config;
}

LoadOptions LoadFor(std::vector<const char*> flags,
                    const ClusterConfig& config = ThreeNodes()) {
  const BenchOptions options = Parse(std::move(flags));
  const auto load = MakeLoadOptions(options, *ChooseWorkload(options), config);
  EXPECT_TRUE(load.ok()) << load.status();
  return *load;
}

TEST(BenchOptionsTest, FlagsOverrideThePreset) {
  const auto spec = ChooseWorkload(
      Parse({"--workload", "b", "--reads", "80", "--value-size", "32"}));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->mix[OperationKind::kGet], 80);
  EXPECT_EQ(spec->value_size, 32u);
  EXPECT_EQ(spec->distribution, KeyChoice::kZipf);
}

TEST(BenchOptionsTest, AConflictShareChoosesConflictKeys) {
  const auto spec = ChooseWorkload(Parse({"--conflict", "2"}));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->distribution, KeyChoice::kConflict);
  EXPECT_EQ(spec->conflict, 2);
}

TEST(BenchOptionsTest, AZipfExponentChoosesSharedKeys) {
  EXPECT_EQ(ChooseWorkload(Parse({"--zipf", "0.9"}))->distribution,
            KeyChoice::kZipf);
  EXPECT_EQ(
      ChooseWorkload(Parse({"--zipf", "0.9", "--workload", "d"}))->distribution,
      KeyChoice::kLatest);
}

TEST(BenchOptionsTest, RefusesTwoWaysToChooseKeys) {
  EXPECT_FALSE(ChooseWorkload(Parse({"--zipf", "1", "--conflict", "2"})).ok());
}

TEST(BenchOptionsTest, RefusesAWorkloadThatIsNeitherPresetNorFile) {
  const auto spec = ChooseWorkload(Parse({"--workload", "g"}));
  ASSERT_FALSE(spec.ok());
  EXPECT_NE(std::string(spec.status().message()).find("a..f"),
            std::string::npos);
}

// They would be read as no text, or never to their end.
TEST(BenchOptionsTest, RefusesAWorkloadThatIsNoText) {
  const std::string empty = testing::TempDir() + "/empty_workload.toml";
  std::ofstream(empty) << "# nothing\n";
  const std::map<std::string, std::string> whys = {
      {".", "it is a directory"},
      {"/dev/zero", "more than 1048576 bytes"},
      {"/dev/null", "says nothing"},
      {empty, "says nothing"}};
  for (const auto& [path, why] : whys) {
    const auto spec = ChooseWorkload(Parse({"--workload", path.c_str()}));
    ASSERT_FALSE(spec.ok()) << path;
    const std::string message(spec.status().message());
    EXPECT_NE(message.find(why), message.npos) << message;
    EXPECT_NE(message.find(path), message.npos) << message;
  }
  std::remove(empty.c_str());
}

TEST(BenchOptionsTest, AHistoryBeginsWithoutKeys) {
  EXPECT_TRUE(ChooseWorkload(Parse({"--workload", "a"}))->preloads());
  EXPECT_FALSE(
      ChooseWorkload(Parse({"--workload", "a", "--history", "h"}))->preloads());
  EXPECT_FALSE(
      ChooseWorkload(Parse({"--workload", "a", "--history", "h", "--preload"}))
          .ok());
}

TEST(BenchOptionsTest, ReadsArePreloadedUnlessTheyShouldNotBe) {
  EXPECT_TRUE(ChooseWorkload(Parse({"--reads", "50"}))->preloads());
  EXPECT_FALSE(ChooseWorkload(Parse({}))->preloads());
  EXPECT_FALSE(
      ChooseWorkload(Parse({"--reads", "50", "--no-preload"}))->preloads());
}

TEST(BenchOptionsTest, APreloadOfManyGigabytesMustBeAskedFor) {
  const auto spec =
      ChooseWorkload(Parse({"--reads", "50", "--value-size", "500000"}));
  ASSERT_FALSE(spec.ok());
  const std::string message(spec.status().message());
  EXPECT_NE(message.find("46.6 GiB"), std::string::npos) << message;
  EXPECT_NE(message.find("--keys"), std::string::npos) << message;
  EXPECT_TRUE(ChooseWorkload(Parse({"--reads", "50", "--value-size", "500000",
                                    "--preload"}))
                  .ok());
  EXPECT_TRUE(ChooseWorkload(Parse({"--reads", "50", "--value-size", "500000",
                                    "--keys", "100"}))
                  .ok());
}

TEST(BenchOptionsTest, TheSeedIsTheOneGivenOrTheOneDrawn) {
  const BenchOptions drawn = Parse({});
  EXPECT_EQ(MakeLoadOptions(drawn, {}, ThreeNodes(), 77)->seed, 77u);
  const BenchOptions given = Parse({"--seed", "5"});
  EXPECT_EQ(MakeLoadOptions(given, {}, ThreeNodes(), 77)->seed, 5u);
}

TEST(BenchOptionsTest, ClientsArePatientUnlessTheyShouldNotBe) {
  EXPECT_EQ(LoadFor({}).client.give_up_timeout_ms,
            ClientOptions().give_up_timeout_ms);
  EXPECT_EQ(LoadFor({"--give-up-ms", "300"}).client.give_up_timeout_ms, 300);
}

TEST(BenchOptionsTest, WrongUsageIsExitCodeTwo) {
  EXPECT_EQ(ExitCodeOf({"bench"}), 2);
  EXPECT_EQ(ExitCodeOf({"bench", "--config", "c", "--clients", "0"}), 2);
  EXPECT_EQ(ExitCodeOf({"bench", "--config", "c", "--nonsense"}), 2);
}

// The ends of the range in words that a reader can count.
TEST(BenchOptionsTest, RefusesTimesAndRatesThatMeasureNothing) {
  for (const char* option : {"--duration", "--warmup", "--rate"}) {
    for (const char* number : {"-1", "1e-9", "1e8"}) {
      const bool fits =
          (option == std::string("--warmup") &&
           number == std::string("1e-9")) ||
          (option == std::string("--rate") && number == std::string("1e8"));
      testing::internal::CaptureStderr();
      const std::array arguments = {"bench", "--config", "c", option, number};
      const auto parsed = ParseCommandLine(static_cast<int>(arguments.size()),
                                           arguments.data());
      const std::string said = testing::internal::GetCapturedStderr();
      EXPECT_EQ(parsed.options.has_value(), fits) << option << " " << number;
      EXPECT_LT(said.size(), 200u) << said;
      if (fits) continue;
      EXPECT_EQ(parsed.exit_code, kWrongUsage);
      EXPECT_NE(said.find(" to 1000000"), said.npos) << said;
    }
  }
}

TEST(BenchOptionsTest, HelpIsExitCodeZero) {
  EXPECT_EQ(ExitCodeOf({"bench", "--help"}), 0);
}

TEST(BenchOptionsTest, ConnectionsAreAsManyToEveryNode) {
  EXPECT_EQ(LoadFor({"--clients", "100"}).connections, 6u);
  EXPECT_EQ(LoadFor({"--clients", "2"}).connections, 2u);
  EXPECT_EQ(LoadFor({"--clients", "100", "--node", "r2"}).connections, 8u);
  EXPECT_EQ(LoadFor({"--connections", "5"}).connections, 5u);
}

TEST(BenchOptionsTest, RefusesALoadThatWouldBeAnotherOne) {
  const auto refused = [](std::vector<const char*> flags) {
    const BenchOptions options = Parse(std::move(flags));
    const auto load = MakeLoadOptions(options, {}, ThreeNodes());
    return load.ok() ? "" : std::string(load.status().message());
  };
  EXPECT_NE(refused({"--connections", "65"}).find("64 clients"),
            std::string::npos);
  EXPECT_EQ(refused({"--connections", "64"}), "");
  // Own keys would come round and meet those of others.
  EXPECT_NE(
      refused({"--clients", "1000000", "--pipeline", "1000"}).find("2000 keys"),
      std::string::npos);
}

TEST(BenchOptionsTest, OperationsEndTheRunUnlessADurationDoes) {
  EXPECT_GT(LoadFor({"--operations", "10"}).duration_s, 1000);
  EXPECT_EQ(LoadFor({"--operations", "10"}).warmup_s, 0);
  EXPECT_EQ(LoadFor({"--operations", "10", "--duration", "3"}).duration_s, 3);
  EXPECT_EQ(LoadFor({}).duration_s, 10);
}

TEST(BenchOptionsTest, ARateIsAnOpenLoop) {
  const LoadOptions load = LoadFor({"--rate", "500", "--arrivals", "uniform"});
  EXPECT_EQ(load.rate, 500);
  EXPECT_EQ(load.arrivals, ArrivalKind::kUniform);
}

TEST(BenchOptionsTest, SitesAreTheNodesUnlessTheyAreNamed) {
  EXPECT_EQ(SiteNames(ThreeNodes()),
            (std::vector<std::string>{"r1", "r2", "r3"}));
  ClusterConfig config = ThreeNodes();
  config.nodes[0].site = config.nodes[2].site = "tokyo";
  config.nodes[1].site = "oregon";
  EXPECT_EQ(SiteNames(config), (std::vector<std::string>{"tokyo", "oregon"}));
  EXPECT_EQ(LoadFor({}, config).site_of_node,
            (std::vector<std::size_t>{0, 1, 0}));
}

TEST(BenchOptionsTest, RefusesANodeThatIsNotThere) {
  const BenchOptions options = Parse({"--node", "r9"});
  const auto load =
      MakeLoadOptions(options, *ChooseWorkload(options), ThreeNodes());
  ASSERT_FALSE(load.ok());
  EXPECT_NE(std::string(load.status().message()).find("r9"), std::string::npos);
}

}  // namespace
}  // namespace quorate::bench
