#include "experiments/bench/load_generator.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "experiments/bench/descriptors.h"
#include "experiments/bench/result.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/bench/lone_node.h"

namespace quorate::bench {
namespace {

LoadOptions OptionsFor(const LoneNode& node) {
  return {.client = {.nodes = {node.endpoint()}},
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
  EXPECT_EQ(outcome->agreement, Agreement::kAlone);
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
  const auto outcome = RunLoad(
      {.client = {.nodes = {gone}}, .site_of_node = {0}, .progress = false});
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
                      .mix = {{OperationKind::kGet, 40},
                              {OperationKind::kAdd, 10},
                              {OperationKind::kCompareAndSet, 20},
                              {OperationKind::kAppend, 10}},
                      .keys = 5,
                      .preload = false};
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
  options.history_path = "/proc/none/history";
  EXPECT_FALSE(RunLoad(options).ok());
  EXPECT_EQ(node.executed(), 0u);
}

const OperationCount& GetsOf(const LoadOutcome& outcome) {
  return outcome.recorder.operations(OperationKind::kGet);
}

TEST(LoadGeneratorTest, WorkloadDReadsOnlyWhatIsThere) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.workload = *FindPreset("d");
  options.workload.keys = 100;
  options.clients = 32;
  options.pipeline = 4;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_GT(GetsOf(*outcome).done, 1000u);
  EXPECT_EQ(GetsOf(*outcome).missed, 0u);
  EXPECT_GT(outcome->recorder.operations(OperationKind::kPut).done, 0u);
}

// Every workload that reads, as it is by default.
TEST(LoadGeneratorTest, NoPresetMisses) {
  for (const char* name : {"a", "b", "c", "e", "f"}) {
    LoneNode node;
    LoadOptions options = OptionsFor(node);
    options.operations = 500;
    options.workload = *FindPreset(name);
    options.workload.keys = 200;
    const auto outcome = RunLoad(options);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    for (const OperationKind kind : kClientOperations) {
      EXPECT_EQ(outcome->recorder.operations(kind).missed, 0u)
          << name << ", " << Name(kind);
    }
  }
}

TEST(LoadGeneratorTest, WhatIsNotThereIsCounted) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.workload.mix[OperationKind::kGet] = 100;
  options.workload.preload = false;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(GetsOf(*outcome).done, 2000u);
  EXPECT_EQ(GetsOf(*outcome).missed, 2000u);
  EXPECT_EQ(MakeResult({.sites = {"x"}}, outcome->recorder)["miss_share"], 1);
}

TEST(LoadGeneratorTest, ThePreloadTakesValuesOfEverySize) {
  // 64 of the second are more than a request may have.
  for (const std::uint64_t size : {0, 16'400, 100'000, 512 * 1024}) {
    LoneNode node;
    LoadOptions options = OptionsFor(node);
    options.operations = 100;
    options.workload = *FindPreset("c");
    options.workload.keys = 100;
    options.workload.value_size = size;
    const auto outcome = RunLoad(options);
    ASSERT_TRUE(outcome.ok()) << size << ": " << outcome.status();
    EXPECT_EQ(GetsOf(*outcome).done, 100u) << size;
    EXPECT_EQ(GetsOf(*outcome).missed, 0u) << size;
  }
}

TEST(LoadGeneratorTest, APreloadThatIsRefusedEndsTheRun) {
  LoneNode node;
  node.set_refuse_every(1);
  LoadOptions options = OptionsFor(node);
  options.workload = *FindPreset("c");
  options.workload.keys = 1000;
  const std::string path = testing::TempDir() + "/refused_history.jsonl";
  options.history_path = path;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(absl::IsFailedPrecondition(outcome.status())) << outcome.status();
  const std::string message(outcome.status().message());
  EXPECT_NE(message.find("puts 1 to 64 of 1,000"), message.npos) << message;
  EXPECT_NE(message.find("4096"), message.npos) << message;  // the limit
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(LoadGeneratorTest, MissingConnectionsEndTheRun) {
  LoneNode node;
  node.set_most_connections(3);  // one of them asks for the status
  LoadOptions options = OptionsFor(node);
  options.connections = 4;
  options.connect_s = 0.2;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(absl::IsUnavailable(outcome.status())) << outcome.status();
  const std::string message(outcome.status().message());
  EXPECT_NE(message.find("only 2 of 4 connections"), message.npos) << message;
  EXPECT_NE(message.find(ToString(node.endpoint())), message.npos) << message;
}

TEST(DescriptorsTest, TheSoftLimitIsRaised) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 50;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_TRUE(EnsureDescriptors(60).ok());
  rlimit raised{};
  getrlimit(RLIMIT_NOFILE, &raised);
  EXPECT_GE(raised.rlim_cur, 60u);
  setrlimit(RLIMIT_NOFILE, &before);
}

[[noreturn]] void AskForMoreThanTheHardLimit() {
  const rlimit low{.rlim_cur = 64, .rlim_max = 64};
  setrlimit(RLIMIT_NOFILE, &low);
  const absl::Status status = EnsureDescriptors(1000);
  std::fprintf(stderr, "%s", std::string(status.message()).c_str());
  std::exit(absl::IsResourceExhausted(status) ? 0 : 1);
}

TEST(DescriptorsTest, AHardLimitThatIsTooLowIsAnErrorWithBothNumbers) {
  EXPECT_EXIT(AskForMoreThanTheHardLimit(), testing::ExitedWithCode(0),
              "1040 open files, but the limit is 64");
}

// Sends `number` to the thread that made it, once the node has answered some.
class SignalUnderLoad {
 public:
  SignalUnderLoad(const LoneNode& node, int number)
      : thread_([this, &node, number] {
          while (node.executed() < 100 && !stop_) std::this_thread::yield();
          if (!stop_) pthread_kill(target_, number);
        }) {}
  ~SignalUnderLoad() {
    stop_ = true;
    thread_.join();
  }

 private:
  const pthread_t target_ = pthread_self();
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST(LoadGeneratorTest, ASignalEndsTheRunAndKeepsWhatWasMeasured) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.duration_s = 600;
  const std::string path = testing::TempDir() + "/interrupted_history.jsonl";
  options.history_path = path;
  std::optional<LoadOutcome> outcome;
  {
    const SignalUnderLoad signal(node, SIGTERM);
    auto run = RunLoad(options);
    ASSERT_TRUE(run.ok()) << run.status();
    outcome = *std::move(run);
  }
  EXPECT_EQ(outcome->interrupted_by, SIGTERM);
  EXPECT_GE(outcome->recorder.answers(), 90u);
  EXPECT_GT(outcome->recorder.window_s(), 0);
  EXPECT_LT(outcome->recorder.window_s(), 500);
  EXPECT_TRUE(outcome->history.ok());
  const auto lines = ReadLines(path);
  EXPECT_EQ(lines.size(), outcome->submitted);
  for (const auto& line : lines) EXPECT_TRUE(line.is_object());
  std::remove(path.c_str());
}

// The commands of a warm-up measure nothing.
TEST(LoadGeneratorTest, ASignalInTheWarmUpLeavesNothing) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.warmup_s = 600;
  options.history_path = testing::TempDir() + "/warm_up_history.jsonl";
  const SignalUnderLoad signal(node, SIGINT);
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(absl::IsCancelled(outcome.status())) << outcome.status();
  EXPECT_EQ(std::string(*outcome.status().GetPayload(kSignalPayload)),
            std::to_string(SIGINT));
  const std::string message(outcome.status().message());
  EXPECT_NE(message.find("before anything was measured"), message.npos)
      << message;
  EXPECT_FALSE(std::filesystem::exists(options.history_path));
}

TEST(LoadGeneratorTest, OperationsThatEndInTheWarmUpMeasureNothing) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.warmup_s = 600;
  const auto outcome = RunLoad(options);
  ASSERT_TRUE(absl::IsFailedPrecondition(outcome.status())) << outcome.status();
  const std::string message(outcome.status().message());
  EXPECT_NE(message.find("shorter --warmup"), message.npos) << message;
}

TEST(LoadGeneratorTest, WhatWasUnderWayAtASignalIsUnknown) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  options.operations = 0;
  options.rate = 1000;
  options.duration_s = 600;
  options.drain_s = 0;
  const std::string path = testing::TempDir() + "/cut_history.jsonl";
  options.history_path = path;
  std::thread silence([&node] {
    while (node.executed() < 100) std::this_thread::yield();
    node.set_silent(true);
    // A command that is not answered is outstanding from here on.
    while (node.unanswered() == 0) std::this_thread::yield();
    kill(getpid(), SIGINT);
  });
  const auto outcome = RunLoad(options);
  silence.join();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->interrupted_by, SIGINT);
  const auto lines = ReadLines(path);
  std::remove(path.c_str());
  EXPECT_EQ(lines.size(), outcome->submitted);
  std::size_t unknown = 0;
  for (const auto& line : lines) unknown += line.contains("unknown");
  EXPECT_EQ(unknown, outcome->submitted - outcome->answered);
  EXPECT_GT(unknown, 0u);
}

TEST(LoadGeneratorTest, AHistoryThatIsThereIsNotReplaced) {
  LoneNode node;
  LoadOptions options = OptionsFor(node);
  const std::string path = testing::TempDir() + "/kept_history.jsonl";
  std::ofstream(path) << "kept";
  options.history_path = path;
  EXPECT_TRUE(absl::IsAlreadyExists(RunLoad(options).status()));
  EXPECT_EQ(node.executed(), 0u);
  options.force = true;
  ASSERT_TRUE(RunLoad(options).ok());
  EXPECT_EQ(ReadLines(path).size(), 2000u);
  std::remove(path.c_str());
}

// The thread of the generator stands still in a handler, as a stopped process
// would: the run says so, and names the client.
void StandStill(int) {
  const timespec pause{.tv_sec = 0, .tv_nsec = 400'000'000};
  nanosleep(&pause, nullptr);
}

TEST(LoadGeneratorTest, AGeneratorThatStoodStillNamesItself) {
  struct sigaction action {};
  action.sa_handler = StandStill;
  sigaction(SIGUSR1, &action, nullptr);
  for (const bool open_loop : {false, true}) {
    LoneNode node;
    LoadOptions options = OptionsFor(node);
    options.operations = 0;
    options.duration_s = 1;
    if (open_loop) options.rate = 1000;
    std::optional<LoadOutcome> outcome;
    {
      const SignalUnderLoad signal(node, SIGUSR1);
      auto run = RunLoad(options);
      ASSERT_TRUE(run.ok()) << run.status();
      outcome = *std::move(run);
    }
    EXPECT_GE(outcome->punctuality.pause_count(), 1u);
    EXPECT_GE(outcome->punctuality.paused_ns(), 300'000'000);
    RunFacts facts{.sites = {"x"}, .punctuality = outcome->punctuality};
    if (open_loop) facts.rate = options.rate;
    const Json result = MakeResult(facts, outcome->recorder);
    EXPECT_EQ(result["bottleneck"], "client");
    EXPECT_EQ(result["generator"]["late"], true);
    EXPECT_GE(result["generator"]["longest_silence_paused_ms"], 300);
    if (open_loop) {
      EXPECT_GE(result["generator"]["lateness_ms"]["max"], 300);
    }
  }
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
