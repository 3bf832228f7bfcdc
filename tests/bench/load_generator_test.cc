#include "experiments/bench/load_generator.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/bench/lone_node.h"

namespace quorate::bench {
namespace {

LoadOptions OptionsFor(const LoneNode& node) {
  return {.nodes = {node.endpoint()},
          .site_of_node = {0},
          .clients = 4,
          .connections = 2,
          .warmup_s = 0,
          .operations = 2000,
          .progress = false};
}

std::vector<nlohmann::json> ReadLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(nlohmann::json::parse(line, nullptr, false));
  }
  return lines;
}

TEST(LoadGeneratorTest, AClosedLoopEndsAfterItsOperations) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.pipeline = 8;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->submitted, 2000u);
  EXPECT_EQ(outcome->answered, 2000u);
  EXPECT_EQ(node.executed(), 2000u);
  EXPECT_EQ(outcome->recorder.AllSites().execute.count(), 2000u);
  EXPECT_EQ(outcome->recorder.AllSites().commit.max(), 7000u);
  EXPECT_TRUE(outcome->errors.empty());
  EXPECT_EQ(outcome->agreement, Agreement::kEqual);
}

TEST(LoadGeneratorTest, AnOpenLoopSubmitsWhatIsDue) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.rate = 2000;
  options.arrivals = ArrivalKind::kUniform;
  options.duration_s = 0.5;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  // The last one may be due at the very end of the window.
  EXPECT_GE(outcome->offered, 999u);
  EXPECT_LE(outcome->offered, 1000u);
  EXPECT_EQ(outcome->unsent, 0u);
  EXPECT_EQ(outcome->recorder.AllSites().execute.count(), outcome->offered);
}

TEST(LoadGeneratorTest, TheBoundOfAnOpenLoopHoldsDueCommandsBack) {
  LoneNode node;
  node.set_silent(true);
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.rate = 1000;
  options.arrivals = ArrivalKind::kUniform;
  options.duration_s = 0.2;
  options.max_outstanding = 10;
  options.drain_s = 0;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->submitted, 10u);
  EXPECT_EQ(outcome->unsent, outcome->offered - 10);
}

TEST(LoadGeneratorTest, WhatIsNeverAnsweredIsUnknown) {
  LoneNode node;
  node.set_silent(true);
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.duration_s = 0.1;
  options.drain_s = 0;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->answered, 0u);
  EXPECT_EQ(outcome->errors,
            (std::map<std::string, std::uint64_t>{{"unknown", 4}}));
  EXPECT_EQ(
      outcome->recorder.longest_silence_ns(),
      outcome->recorder.window().end_ns - outcome->recorder.window().start_ns);
}

TEST(LoadGeneratorTest, RefusalsAreCountedByReason) {
  LoneNode node;
  node.set_refuse_every(100);
  const auto outcome = RunLoad(OptionsFor(node));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->errors,
            (std::map<std::string, std::uint64_t>{{"key_too_large", 20}}));
  EXPECT_EQ(outcome->answered, 1980u);
}

TEST(LoadGeneratorTest, WithoutANodeItSaysWhichAndWhy) {
  Endpoint gone;
  { gone = LoneNode().endpoint(); }
  const auto outcome =
      RunLoad({.nodes = {gone}, .site_of_node = {0}, .progress = false});
  ASSERT_TRUE(absl::IsUnavailable(outcome.status()));
  const std::string message(outcome.status().message());
  EXPECT_NE(message.find(ToString(gone)), std::string::npos) << message;
}

TEST(LoadGeneratorTest, ThePreloadLeavesEveryKey) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.workload = *FindPreset("c");
  options.workload.keys = 1000;
  const std::string path = testing::TempDir() + "/preload_history.jsonl";
  options.history_path = path;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const auto lines = ReadLines(path);
  EXPECT_EQ(lines.size(), 2000u);
  for (const auto& line : lines) EXPECT_FALSE(line["out"].empty());
  std::remove(path.c_str());
}

// Two checks of a history that need no checker: what was read had been written,
// and a client's operations do not overlap.
TEST(LoadGeneratorTest, AHistoryHasEveryOperationWithItsTimes) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.pipeline = 3;
  options.workload = {.distribution = KeyChoice::kUniform,
                      .reads = 40,
                      .adds = 10,
                      .cas = 20,
                      .appends = 10,
                      .keys = 5};
  const std::string path = testing::TempDir() + "/load_history.jsonl";
  options.history_path = path;
  ASSERT_TRUE(RunLoad(options).ok());
  const auto lines = ReadLines(path);
  std::remove(path.c_str());
  ASSERT_EQ(lines.size(), 2000u);
  std::set<std::string> written = {""};
  std::map<int, std::int64_t> last_return;
  int matches = 0;
  for (const auto& line : lines) {
    ASSERT_TRUE(line.is_object());
    EXPECT_LE(line["call"], line["ret"]);
    EXPECT_GE(line["call"], last_return[line["c"]]);
    last_return[line["c"]] = line["ret"];
    if (line["f"] == "put" || line["f"] == "cas") written.insert(line["v"]);
    if (line["f"] == "cas" && line["ok"] == true) ++matches;
  }
  for (const auto& line : lines) {
    const std::string key = line["k"];
    if (line["f"] == "get" && key[0] == 'k') {
      EXPECT_TRUE(written.contains(line["out"])) << line;
    }
  }
  EXPECT_GT(matches, 0);
}

TEST(LoadGeneratorTest, UnknownOutcomesAreInTheHistory) {
  LoneNode node;
  node.set_silent(true);
  LoadOptions options = OptionsFor(node);
  options.operations = 4;
  options.duration_s = 0.1;
  options.drain_s = 0;
  const std::string path = testing::TempDir() + "/unknown_history.jsonl";
  options.history_path = path;
  ASSERT_TRUE(RunLoad(options).ok());
  const auto lines = ReadLines(path);
  std::remove(path.c_str());
  ASSERT_EQ(lines.size(), 4u);
  for (const auto& line : lines) {
    EXPECT_EQ(line["unknown"], true);
    EXPECT_FALSE(line.contains("ret"));
  }
}

TEST(LoadGeneratorTest, AHistoryThatCannotBeWrittenStopsTheRun) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.history_path = "/nonexistent/history";
  EXPECT_FALSE(RunLoad(options).ok());
  EXPECT_EQ(node.executed(), 0u);
}

TEST(LoadGeneratorTest, AStatusTellsWhatTheNodeDidMeanwhile) {
  LoneNode node;
  const auto outcome = RunLoad(OptionsFor(node));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_TRUE(outcome->before[0].has_value());
  ASSERT_TRUE(outcome->after[0].has_value());
  EXPECT_EQ(*outcome->after[0]->fast_commits, 2000u);
  EXPECT_TRUE(outcome->up[0]);
}

}  // namespace
}  // namespace quorate::bench
