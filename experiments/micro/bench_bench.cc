// What the load generator itself costs a command: drawing, recording, writing.
#include <benchmark/benchmark.h>

#include "experiments/bench/histogram.h"
#include "experiments/bench/random.h"
#include "experiments/bench/recorder.h"
#include "experiments/bench/workload.h"

namespace quorate::bench {
namespace {

void BM_HistogramRecord(benchmark::State& state) {
  Histogram histogram;
  Random random(1);
  for (auto _ : state) histogram.Record(random.Below(50'000'000));
  benchmark::DoNotOptimize(histogram.count());
}
BENCHMARK(BM_HistogramRecord);

void BM_RecorderAnswer(benchmark::State& state) {
  Recorder recorder({.start_ns = 0, .end_ns = 1'000'000'000}, 3);
  Random random(1);
  recorder.Advance(500'000'000);
  for (auto _ : state) {
    const auto ago = static_cast<std::int64_t>(random.Below(50'000'000));
    recorder.Answer(static_cast<std::size_t>(ago % 3), 500'000'000 - ago,
                    static_cast<std::uint32_t>(ago / 2000));
  }
  benchmark::DoNotOptimize(recorder.answers());
}
BENCHMARK(BM_RecorderAnswer);

void BM_NextCommand(benchmark::State& state, WorkloadSpec spec,
                    std::size_t clients) {
  CommandSource source(spec, 1, clients, 1, true);
  std::size_t client = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(source.Next(client));
    if (++client == clients) client = 0;
  }
}
BENCHMARK_CAPTURE(BM_NextCommand, conflict_2_clients_12000,
                  WorkloadSpec{.conflict = 2}, 12000);
BENCHMARK_CAPTURE(BM_NextCommand, ycsb_a_clients_256, *FindPreset("a"), 256);

}  // namespace
}  // namespace quorate::bench
