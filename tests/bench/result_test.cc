#include "experiments/bench/result.h"

#include <string>

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

NodeStatus Status(double cpu_s, double fsync_s, std::uint64_t fast,
                  std::uint64_t slow) {
  return {.cpu_s = cpu_s,
          .fsync_s = fsync_s,
          .fast_commits = fast,
          .slow_commits = slow,
          .largest_component = slow + 1};
}

RunFacts SomeFacts() {
  RunFacts facts;
  facts.protocol = "epaxos";
  facts.durability = "memory";
  facts.sites = {"r1", "r2"};
  facts.nodes = {{.name = "r1",
                  .up = true,
                  .before = Status(1, 0, 100, 0),
                  .after = Status(3, 0.5, 190, 10)},
                 {.name = "r2", .up = false}};
  facts.clients = 8;
  facts.pipeline = 2;
  facts.seed = 42;
  facts.client_cpu_s = 1;
  facts.errors = {{"busy", 3}, {"unknown", 2}};
  facts.state_hash_equal = true;
  return facts;
}

// A second in which 1,000 commands took 2 ms each.
Recorder SomeRecords() {
  Recorder recorder({.start_ns = 0, .end_ns = kSecondNs}, 2);
  for (std::int64_t i = 3; i < 1003; ++i) {
    recorder.Advance(i * 900'000);
    recorder.Answer(static_cast<std::size_t>(i % 2), i * 900'000 - 2'000'000,
                    1'500);
  }
  recorder.Finish(kSecondNs);
  return recorder;
}

TEST(ResultTest, HasEveryFieldOfTheContract) {
  const Json result = MakeResult(SomeFacts(), SomeRecords());
  for (const char* field : {"schema",
                            "protocol",
                            "nodes",
                            "durability",
                            "clients",
                            "pipeline",
                            "rate",
                            "seed",
                            "workload",
                            "conflict",
                            "duration_s",
                            "throughput_ops_s",
                            "errors",
                            "latency_ms",
                            "sites",
                            "fast_path_share",
                            "largest_component",
                            "state_hash_equal",
                            "bottleneck",
                            "build",
                            "machine",
                            "configuration"}) {
    EXPECT_TRUE(result.contains(field)) << field;
  }
  EXPECT_EQ(result["schema"], 1);
  for (const char* kind : {"commit", "execute"}) {
    for (const char* name : {"p50", "p95", "p99", "p999", "max"}) {
      EXPECT_TRUE(result["latency_ms"][kind][name].is_number());
      EXPECT_TRUE(result["sites"]["r2"]["latency_ms"][kind][name].is_number());
    }
    EXPECT_FALSE(result["histogram_ns"][kind].empty());
  }
}

TEST(ResultTest, FiguresAreThoseOfTheRecords) {
  const Json result = MakeResult(SomeFacts(), SomeRecords());
  EXPECT_EQ(result["throughput_ops_s"], 1000);
  EXPECT_NEAR(result["latency_ms"]["execute"]["p50"].get<double>(), 2, 0.02);
  EXPECT_NEAR(result["latency_ms"]["commit"]["p99"].get<double>(), 1.5, 0.02);
  EXPECT_EQ(result["errors"], 5);
  EXPECT_EQ(result["errors_by_kind"]["busy"], 3);
}

TEST(ResultTest, NodeFiguresAreDifferencesOverTheWindow) {
  const Json result = MakeResult(SomeFacts(), SomeRecords());
  EXPECT_EQ(result["fast_path_share"], 0.9);  // 90 fast, 10 slow
  EXPECT_EQ(result["largest_component"], 11);
  EXPECT_EQ(result["cpu_us_per_command"]["r1"], 2000);
  EXPECT_EQ(result["cpu_us_per_command"]["client"], 1000);
}

TEST(ResultTest, SaysWhatOperationsFound) {
  Recorder records({.start_ns = 0, .end_ns = kSecondNs}, 2);
  records.Advance(1);
  for (int i = 0; i < 8; ++i) records.Operation(OperationKind::kGet, i < 2);
  records.Operation(OperationKind::kCompareAndSet, true);
  records.Finish(kSecondNs);
  const Json result = MakeResult(SomeFacts(), records);
  EXPECT_EQ(result["operations"]["get"], (Json{{"done", 8}, {"missed", 2}}));
  EXPECT_EQ(result["operations"]["cas"], (Json{{"done", 1}, {"missed", 1}}));
  EXPECT_FALSE(result["operations"].contains("put"));
  EXPECT_EQ(result["miss_share"], 0.25);  // a mismatch is no miss of a read
  EXPECT_TRUE(MakeResult(SomeFacts(), SomeRecords())["miss_share"].is_null());
}

TEST(ResultTest, AnEarlyEndIsMarkedWithItsRealLength) {
  RunFacts facts = SomeFacts();
  facts.planned_s = 10;
  EXPECT_TRUE(MakeResult(facts, SomeRecords())["interrupted_by"].is_null());
  facts.interrupted_by = "SIGINT";
  const Json result = MakeResult(facts, SomeRecords());
  EXPECT_EQ(result["interrupted_by"], "SIGINT");
  EXPECT_EQ(result["duration_s"], 1);
  EXPECT_EQ(result["planned_duration_s"], 10);
}

TEST(ResultTest, PausesOfTheGeneratorAreMarked) {
  RunFacts facts = SomeFacts();
  facts.punctuality.emplace(0);
  EXPECT_EQ(MakeResult(facts, SomeRecords())["generator"]["late"], false);
  facts.punctuality->Turn(kSecondNs / 4, kSecondNs / 2);
  const Json result = MakeResult(facts, SomeRecords());
  EXPECT_EQ(result["bottleneck"], "client");
  EXPECT_EQ(result["generator"]["pauses"][0]["at_s"], 0.25);
  EXPECT_EQ(result["generator"]["pauses"][0]["length_s"], 0.25);
  EXPECT_EQ(result["timeline"][0]["generator_paused_ms"], 250);
  EXPECT_TRUE(MakeResult(SomeFacts(), SomeRecords())["generator"].is_null());
}

TEST(ResultTest, WhatANodeDoesNotTellIsNull) {
  const Json result = MakeResult(SomeFacts(), SomeRecords());
  EXPECT_TRUE(result["cpu_us_per_command"]["r2"].is_null());
  EXPECT_TRUE(result["rate"].is_null());  // a closed loop has none
  RunFacts silent = SomeFacts();
  silent.nodes.clear();
  silent.state_hash_equal.reset();
  const Json unknown = MakeResult(silent, SomeRecords());
  EXPECT_TRUE(unknown["fast_path_share"].is_null());
  EXPECT_TRUE(unknown["state_hash_equal"].is_null());
}

TEST(ResultTest, ARestartedNodeCountsFromZeroAgain) {
  RunFacts facts = SomeFacts();
  facts.nodes[0].before = Status(100, 50, 1'000'000, 0);
  const Json result = MakeResult(facts, SomeRecords());
  EXPECT_EQ(result["cpu_us_per_command"]["r1"], 3000);
}

TEST(ResultTest, AnOpenLoopThatIsNotServedIsOverloaded) {
  RunFacts facts = SomeFacts();
  facts.rate = 5000;
  facts.offered = 5000;
  EXPECT_EQ(MakeResult(facts, SomeRecords())["overloaded"], true);
  facts.offered = 1010;
  EXPECT_EQ(MakeResult(facts, SomeRecords())["overloaded"], false);
}

TEST(ResultTest, HistogramsCountEveryCommandOfTheLatencies) {
  const Json result = MakeResult(SomeFacts(), SomeRecords());
  std::uint64_t count = 0;
  for (const Json& bucket : result["histogram_ns"]["execute"]) {
    count += bucket[2].get<std::uint64_t>();
  }
  EXPECT_EQ(count, result["latency_ms"]["execute"]["count"]);
}

// 0 would be the best latency there is.
TEST(ResultTest, OfNoAnswersThereAreNoLatencies) {
  Recorder recorder({.start_ns = 0, .end_ns = kSecondNs}, 2);
  recorder.Advance(kSecondNs);
  recorder.Finish(kSecondNs);
  RunFacts facts = SomeFacts();
  facts.no_quorum = "1 of 3 nodes up: no quorum (2 needed)";
  facts.machine_cpu = {.busy_s = 2, .total_s = 2};
  const Json result = MakeResult(facts, recorder);
  for (const char* name : {"p50", "p99", "p9999", "max", "mean"}) {
    EXPECT_TRUE(result["latency_ms"]["execute"][name].is_null()) << name;
  }
  EXPECT_EQ(result["latency_ms"]["execute"]["count"], 0);
  EXPECT_TRUE(result["timeline"][0]["p50_ms"].is_null());
  EXPECT_EQ(result["bottleneck"], "no answer");
  EXPECT_EQ(result["no_quorum"], facts.no_quorum);
  EXPECT_TRUE(MakeResult(SomeFacts(), SomeRecords())["no_quorum"].is_null());
}

TEST(BottleneckTest, WhereNobodyWasAnsweredNothingElseIsTheLimit) {
  EXPECT_EQ(DecideBottleneck({.answered = false,
                              .client_cores = 0.95,
                              .all_nodes_cores = 0.2,
                              .machine_busy = 1,
                              .machine_cores = 2,
                              .generator_late = true,
                              .longest_silence_s = 1.9}),
            "no answer");
}

TEST(BottleneckTest, ABusyClientExplainsEverything) {
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.95,
                              .busiest_node_cores = 0.99,
                              .busiest_fsync = 0.9}),
            "client");
}

TEST(BottleneckTest, AClientThatWasNotThereExplainsEverythingToo) {
  EXPECT_EQ(DecideBottleneck({.busiest_node_cores = 0.99,
                              .open_loop = true,
                              .generator_late = true}),
            "client");
}

// The node at work on what stalls it may use a whole core.
TEST(BottleneckTest, AStallIsNotCalledCpu) {
  EXPECT_EQ(
      DecideBottleneck({.busiest_node_cores = 1.3, .longest_silence_s = 1.9}),
      "a stall");
  EXPECT_EQ(
      DecideBottleneck({.busiest_node_cores = 0.99, .longest_silence_s = 0.09}),
      "nodes' CPU");
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.95, .longest_silence_s = 1.9}),
            "client");
  EXPECT_EQ(DecideBottleneck({.all_nodes_cores = 0.2,
                              .machine_busy = 1,
                              .machine_cores = 2,
                              .longest_silence_s = 1.9}),
            "other load");
}

TEST(BottleneckTest, FindsTheDiskTheNodesAndTheFullMachine) {
  EXPECT_EQ(DecideBottleneck({.busiest_fsync = 0.8}), "fsync");
  EXPECT_EQ(DecideBottleneck({.busiest_node_cores = 0.9}), "nodes' CPU");
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.5,
                              .all_nodes_cores = 1.4,
                              .machine_busy = 0.98,
                              .machine_cores = 2}),
            "nodes' CPU");
}

TEST(BottleneckTest, SaysWhenOtherProgramsFillTheMachine) {
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.1,
                              .all_nodes_cores = 0.3,
                              .machine_busy = 0.98,
                              .machine_cores = 2}),
            "other load");
}

TEST(BottleneckTest, DoesNotBlameTheDiskOnAMachineThatOthersFill) {
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.02,
                              .all_nodes_cores = 0.34,
                              .machine_busy = 1,
                              .machine_cores = 2,
                              .busiest_fsync = 0.7}),
            "other load");
}

TEST(BottleneckTest, AnIdleSystemWaitsForRoundTrips) {
  EXPECT_EQ(DecideBottleneck({.client_cores = 0.1, .machine_busy = 0.3}),
            "round trips");
}

TEST(BottleneckTest, AServedOpenLoopIsBoundByItsRate) {
  EXPECT_EQ(DecideBottleneck({.busiest_fsync = 0.8, .open_loop = true}),
            "offered rate");
  EXPECT_EQ(DecideBottleneck(
                {.busiest_fsync = 0.8, .overloaded = true, .open_loop = true}),
            "fsync");
}

}  // namespace
}  // namespace quorate::bench
