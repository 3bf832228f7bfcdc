// Answers: what does a vertex cost in the component engine?
//
// Each benchmark resolves a whole graph of the given size; items are vertices.
// Linear growth shows as an equal rate for all sizes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "benchmark/benchmark.h"
#include "graph/component_graph.h"

namespace quorate {
namespace {

// A graph, and the order in which its vertices are resolved.
struct Workload {
  std::vector<Vertex> targets;
  std::vector<std::uint32_t> ends;  // of each vertex's targets
  std::vector<Vertex> order;

  // The same with the targets of order[0] first, then those of order[1], ...:
  // the benchmark reads them from one end to the other, so that it measures the
  // graph's misses of the cache and not its own.
  Workload InItsOrder() const {
    Workload laid_out(0);
    laid_out.order = order;
    for (const Vertex v : order) {
      const auto of_v = TargetsOf(v);
      laid_out.targets.insert(laid_out.targets.end(), of_v.begin(), of_v.end());
      laid_out.EndVertex();
    }
    return laid_out;
  }

  explicit Workload(std::size_t size) : order(size) {
    std::iota(order.begin(), order.end(), Vertex{0});
  }
  void EndVertex() {
    ends.push_back(static_cast<std::uint32_t>(targets.size()));
  }
  std::span<const Vertex> TargetsOf(Vertex v) const {
    const std::size_t begin = v == 0 ? 0 : ends[v - 1];
    return std::span(targets).subspan(begin, ends[v] - begin);
  }
};

// Adds all vertices of the workload, which lies in its order, then tells their
// edges.
void ResolveAll(ComponentGraph& graph, const Workload& workload) {
  const std::size_t size = workload.order.size();
  std::vector<Vertex> vertices(size);
  std::vector<Vertex> name(graph.capacity() + size);
  for (Vertex i = 0; i < size; ++i) {
    vertices[i] = graph.Add();
    name[vertices[i]] = i;
  }
  Components ready;
  std::vector<bool> run(size);
  for (Vertex i = 0; i < size; ++i) {
    const Vertex v = workload.order[i];
    ready.Clear();
    std::array<Vertex, 16> live;
    std::size_t count = 0;
    for (const Vertex target : workload.TargetsOf(i)) {
      if (!run[target]) live[count++] = vertices[target];
    }
    graph.Resolve(vertices[v], std::span(live).first(count), ready);
    for (const Vertex done : ready.vertices) run[name[done]] = true;
  }
}

// A new graph a round: the cost of memory never touched before is included.
void ResolveAll(benchmark::State& state, const Workload& graph_and_order) {
  const Workload workload = graph_and_order.InItsOrder();
  for (auto _ : state) {
    ComponentGraph graph;
    ResolveAll(graph, workload);
    if (graph.size() != 0) state.SkipWithError("some vertices did not run");
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(workload.order.size()));
}

Workload Chain(std::size_t size) {
  Workload chain(size);
  for (Vertex v = 0; v < size; ++v) {
    if (v > 0) chain.targets.push_back(v - 1);
    chain.EndVertex();
  }
  return chain;
}

void BM_ChainInOrder(benchmark::State& state) {
  ResolveAll(state, Chain(static_cast<std::size_t>(state.range(0))));
}
void BM_ChainFirstVertexLast(benchmark::State& state) {
  Workload chain = Chain(static_cast<std::size_t>(state.range(0)));
  std::rotate(chain.order.begin(), chain.order.begin() + 1, chain.order.end());
  ResolveAll(state, chain);
}
void BM_ChainBackwards(benchmark::State& state) {
  Workload chain = Chain(static_cast<std::size_t>(state.range(0)));
  std::ranges::reverse(chain.order);
  ResolveAll(state, chain);
}

// Up to three targets among the hundred vertices before; resolved out of order
// within windows of a hundred.
Workload RandomAcyclic(std::size_t size) {
  std::mt19937 random(1);
  Workload workload(size);
  for (Vertex v = 0; v < size; ++v) {
    for (int e = 0; e < 3 && v > 0; ++e) {
      workload.targets.push_back(
          v - 1 - static_cast<Vertex>(random() % std::min<Vertex>(v, 100)));
    }
    workload.EndVertex();
  }
  for (std::size_t i = 0; i < size; ++i) {
    std::swap(workload.order[i],
              workload.order[std::min(size - 1, i + random() % 100)]);
  }
  return workload;
}

void BM_RandomAcyclic(benchmark::State& state) {
  ResolveAll(state, RandomAcyclic(static_cast<std::size_t>(state.range(0))));
}

// The same number of vertices through one graph, a thousand in flight at once.
void BM_RandomAcyclicInFlight(benchmark::State& state) {
  constexpr std::int64_t kInFlight = 1000;
  const Workload workload = RandomAcyclic(kInFlight).InItsOrder();
  ComponentGraph graph;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); i += kInFlight) {
      ResolveAll(graph, workload);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// A chain with a second edge a vertex, closed by one edge that comes last.
void BM_OneComponent(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::mt19937 random(1);
  Workload workload(size);
  workload.targets.push_back(static_cast<Vertex>(size - 1));
  workload.EndVertex();
  for (Vertex v = 1; v < size; ++v) {
    workload.targets.push_back(v - 1);
    workload.targets.push_back(
        v - 1 - static_cast<Vertex>(random() % std::min<Vertex>(v, 100)));
    workload.EndVertex();
  }
  std::rotate(workload.order.begin(), workload.order.begin() + 1,
              workload.order.end());
  ResolveAll(state, workload);
}

// The same, resolved in random order with random targets anywhere.
void BM_OneComponentAtRandom(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::mt19937 random(1);
  Workload workload(size);
  for (Vertex v = 0; v < size; ++v) {
    workload.targets.push_back(static_cast<Vertex>((v + size - 1) % size));
    workload.targets.push_back(static_cast<Vertex>(random() % size));
    workload.EndVertex();
  }
  std::ranges::shuffle(workload.order, random);
  ResolveAll(state, workload);
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int size : {10'000, 100'000, 1'000'000}) benchmark->Arg(size);
  benchmark->Unit(benchmark::kMillisecond);
}

BENCHMARK(BM_ChainInOrder)->Apply(Sizes);
BENCHMARK(BM_ChainFirstVertexLast)->Apply(Sizes);
BENCHMARK(BM_ChainBackwards)->Apply(Sizes);
BENCHMARK(BM_RandomAcyclic)->Apply(Sizes);
BENCHMARK(BM_RandomAcyclicInFlight)->Apply(Sizes);
BENCHMARK(BM_OneComponent)->Apply(Sizes);
BENCHMARK(BM_OneComponentAtRandom)->Apply(Sizes);

}  // namespace
}  // namespace quorate

BENCHMARK_MAIN();
