// Answers: what does a command cost in the executor?
//
// Three replicas' columns take turns; batches of 500 puts of 16-byte keys and
// values from one client. "share" is the percentage of operations on one hot
// key. `overlap` instances of each column are under way at once and depend on
// each other, as under load; with 0 every prefix has executed on arrival. With
// replies asked for (at the command leader) or not (elsewhere).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "executor/executor.h"

namespace quorate {
namespace {

constexpr std::uint64_t kBatchCommands = 500;
constexpr std::uint64_t kKeys = 100'000;
constexpr int kReplicas = 3;

struct Decision {
  InstanceId id;
  CommandBatchPtr batch;
  DependencySet deps;
};

CommandBatchPtr PutBatch(std::uint64_t commands, std::uint64_t& sequence,
                         unsigned hot_percent, std::uint32_t origin,
                         std::mt19937_64& random) {
  CommandBatchBuilder builder;
  for (std::uint64_t i = 0; i < commands; ++i) {
    char key[17];
    const bool hot = random() % 100 < hot_percent;
    const std::uint64_t number = hot ? kKeys : random() % kKeys;
    std::snprintf(key, sizeof key, "key%013llu",
                  static_cast<unsigned long long>(number));
    ++sequence;
    builder.AddCommand({ClientId{9}, sequence},
                       sequence > 5000 ? sequence - 5000 : 0, origin);
    builder.AddOperation(
        {.kind = OperationKind::kPut, .key = key, .value = "0123456789abcdef"});
  }
  return builder.Finish();
}

// Slots [first, first + count) of every column.
std::vector<Decision> Decisions(std::uint64_t first, std::uint64_t count,
                                std::uint64_t overlap, std::uint64_t commands,
                                unsigned hot_percent, std::uint32_t origin,
                                std::uint64_t& sequence) {
  std::mt19937_64 random(first + 1);
  std::vector<Decision> decisions;
  for (std::uint64_t slot = first; slot < first + count; ++slot) {
    for (int column = 0; column < kReplicas; ++column) {
      DependencySet deps(kReplicas);
      for (int other = 0; other < kReplicas; ++other) {
        // Up to the end of the group of slots that are under way together.
        const std::uint64_t group =
            overlap == 0 ? slot - 1 : ((slot - 1) / overlap + 1) * overlap;
        deps.Set(ReplicaAt(other), other == column ? slot - 1 : group);
      }
      decisions.push_back(
          {{ReplicaAt(column), slot},
           PutBatch(commands, sequence, hot_percent, origin, random),
           deps});
    }
  }
  return decisions;
}

void Execute(benchmark::State& state, std::uint64_t overlap,
             std::uint64_t commands, unsigned hot_percent,
             std::uint32_t origin) {
  const std::uint64_t slots = commands == 1 ? 4096 : 128;
  Executor executor(kReplicas, ConflictMode::kOperation);
  Executed executed;
  std::uint64_t next_slot = 1;
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<Decision> decisions = Decisions(
        next_slot, slots, overlap, commands, hot_percent, origin, sequence);
    next_slot += slots;
    state.ResumeTiming();
    for (const Decision& decision : decisions) {
      executed.Clear();
      executor.Commit(decision.id, decision.batch, decision.deps, executed);
    }
  }
  if (executor.stats().waiting_instances != 0) {
    state.SkipWithError("some instances did not execute");
  }
  const double commands_a_round =
      static_cast<double>(slots * commands * std::uint64_t{kReplicas});
  state.counters["commands_per_second"] = benchmark::Counter(
      commands_a_round * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
  state.counters["largest_component"] =
      static_cast<double>(executor.stats().largest_component);
}

void BM_Batches(benchmark::State& state) {
  Execute(state, static_cast<std::uint64_t>(state.range(1)), kBatchCommands,
          static_cast<unsigned>(state.range(0)),
          static_cast<std::uint32_t>(state.range(2)));
}
BENCHMARK(BM_Batches)
    ->ArgNames({"hot_percent", "overlap", "replies"})
    ->ArgsProduct({{0, 2, 100}, {0, 4, 32}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void BM_SingleCommands(benchmark::State& state) {
  Execute(state, static_cast<std::uint64_t>(state.range(1)), 1,
          static_cast<unsigned>(state.range(0)), 1);
}
BENCHMARK(BM_SingleCommands)
    ->ArgNames({"hot_percent", "overlap"})
    ->ArgsProduct({{0, 2, 100}, {0, 4, 64}})
    ->Unit(benchmark::kMillisecond);

// New keys only: the map grows all the time. The longest single batch shows
// what growing stalls for. CPU time: others may use the machine.
void BM_Growth(benchmark::State& state) {
  for (auto _ : state) {
    KvStateMachine machine;
    std::uint64_t key = 0;
    double longest = 0;
    double total = 0;
    for (int batch = 0; batch < 4000; ++batch) {
      CommandBatchBuilder builder;
      for (std::uint64_t i = 0; i < kBatchCommands; ++i) {
        builder.AddCommand({ClientId{1}, ++key}, 0);
        builder.AddOperation({.kind = OperationKind::kPut,
                              .key = "key" + std::to_string(key),
                              .value = "0123456789abcdef"});
      }
      const CommandBatchPtr built = builder.Finish();
      CommandResult results;
      const std::clock_t start = std::clock();
      for (const Operation& operation : built->operations()) {
        results.clear();
        machine.Apply(std::span(&operation, 1), results);
      }
      const double took =
          static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      longest = std::max(longest, took);
      total += took;
    }
    state.SetIterationTime(total);
    state.counters["keys"] = static_cast<double>(machine.size());
    state.counters["longest_batch_ms"] = longest * 1e3;
    state.counters["ns_per_put"] = total * 1e9 / static_cast<double>(key);
  }
}
BENCHMARK(BM_Growth)->UseManualTime()->Iterations(1)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace quorate

BENCHMARK_MAIN();
