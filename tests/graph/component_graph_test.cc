// Tests of the component engine against definitions: reachability by closure,
// over every small graph and every order of arrival, and over random larger
// ones; and at sizes at which recursion or quadratic work would show.
#include "graph/component_graph.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace quorate {
namespace {

using Groups = std::vector<std::vector<Vertex>>;

Groups Split(const Components& components) {
  Groups groups;
  std::size_t begin = 0;
  for (const std::uint32_t end : components.ends) {
    groups.emplace_back(
        components.vertices.begin() + static_cast<std::ptrdiff_t>(begin),
        components.vertices.begin() + static_cast<std::ptrdiff_t>(end));
    std::ranges::sort(groups.back());
    begin = end;
  }
  return groups;
}

// A graph of up to 64 vertices and what follows from the definitions.
struct SmallGraph {
  explicit SmallGraph(int size) : n(size), edges(n), reach(n) {}
  void Close() {
    for (int v = 0; v < n; ++v) reach[At(v)] = edges[At(v)] | Bit(v);
    for (int k = 0; k < n; ++k) {
      for (int v = 0; v < n; ++v) {
        if ((reach[At(v)] & Bit(k)) != 0) reach[At(v)] |= reach[At(k)];
      }
    }
  }
  std::uint64_t Component(int v) const {
    std::uint64_t component = 0;
    for (int w = 0; w < n; ++w) {
      if ((reach[At(v)] & Bit(w)) != 0 && (reach[At(w)] & Bit(v)) != 0) {
        component |= Bit(w);
      }
    }
    return component;
  }
  static std::size_t At(int v) { return static_cast<std::size_t>(v); }
  static std::uint64_t Bit(int v) { return std::uint64_t{1} << v; }
  int n;
  std::vector<std::uint64_t> edges;
  std::vector<std::uint64_t> reach;
};

// Feeds a SmallGraph to the engine and holds every step against it.
class Feeder {
 public:
  explicit Feeder(const SmallGraph& oracle)
      : oracle_(oracle), handles_(SmallGraph::At(oracle.n), kNoVertex) {}

  void Add(int v) {
    const Vertex handle = graph_.Add();
    handles_[SmallGraph::At(v)] = handle;
    if (names_.size() <= handle) names_.resize(handle + std::size_t{1});
    names_[handle] = v;
    added_ |= SmallGraph::Bit(v);
  }
  // Every target must have been added; those that have run are left out, as the
  // contract of Resolve asks.
  void Resolve(int v) {
    std::vector<Vertex> targets;
    for (int w = 0; w < oracle_.n; ++w) {
      const std::uint64_t bit = SmallGraph::Bit(w);
      if ((oracle_.edges[SmallGraph::At(v)] & bit & ~run_) != 0) {
        targets.push_back(handles_[SmallGraph::At(w)]);
      }
    }
    ready_.Clear();
    graph_.Resolve(handles_[SmallGraph::At(v)], targets, ready_);
    resolved_ |= SmallGraph::Bit(v);
    for (const std::vector<Vertex>& group : Split(ready_)) TakeGroup(group);
    for (int w = 0; w < oracle_.n; ++w) Check(w);
  }

  // Adds v and resolves every vertex all of whose targets have been added.
  void Commit(int v) {
    Add(v);
    for (int w = 0; w < oracle_.n; ++w) {
      const std::uint64_t bit = SmallGraph::Bit(w);
      if ((added_ & bit) != 0 && (resolved_ & bit) == 0 &&
          (oracle_.edges[SmallGraph::At(w)] & ~added_) == 0) {
        Resolve(w);
      }
    }
  }

  bool ok() const { return ok_; }
  std::uint64_t run() const { return run_; }
  const ComponentGraph& graph() const { return graph_; }

 private:
  void TakeGroup(const std::vector<Vertex>& group) {
    std::uint64_t members = 0;
    for (const Vertex handle : group) {
      members |= SmallGraph::Bit(names_[handle]);
    }
    const int any = names_[group.front()];
    // A component as defined, once, after everything it reaches.
    ok_ = ok_ && members == oracle_.Component(any) && (run_ & members) == 0 &&
          (oracle_.reach[SmallGraph::At(any)] & ~members & ~run_) == 0;
    run_ |= members;
  }
  // Has run exactly when all it reaches is resolved; else names one that isn't.
  void Check(int v) {
    if ((added_ & SmallGraph::Bit(v)) == 0) return;
    const std::uint64_t reach = oracle_.reach[SmallGraph::At(v)];
    const bool may_run = (reach & ~resolved_) == 0;
    ok_ = ok_ && may_run == ((run_ & SmallGraph::Bit(v)) != 0);
    if (may_run || !ok_) return;
    const int blocker =
        names_[graph_.FirstUnresolved(handles_[SmallGraph::At(v)])];
    ok_ = (reach & ~resolved_ & SmallGraph::Bit(blocker)) != 0;
  }

  const SmallGraph& oracle_;
  ComponentGraph graph_;
  Components ready_;
  std::vector<Vertex> handles_;  // by name
  std::vector<int> names_;       // by handle
  std::uint64_t added_ = 0;
  std::uint64_t resolved_ = 0;
  std::uint64_t run_ = 0;
  bool ok_ = true;
};

SmallGraph Numbered(int n, std::uint32_t number) {
  SmallGraph graph(n);
  int bit = 0;
  for (int v = 0; v < n; ++v) {
    for (int w = 0; w < n; ++w) {
      if (v == w) continue;
      if (((number >> bit++) & 1u) != 0) {
        graph.edges[SmallGraph::At(v)] |= SmallGraph::Bit(w);
      }
    }
  }
  graph.Close();
  return graph;
}

// Calls `feed(feeder, order)` for every graph on n vertices and every order.
template <typename Feed>
int ForEveryGraphAndOrder(int n, const Feed& feed) {
  int cases = 0;
  for (std::uint32_t number = 0; number < (1u << (n * (n - 1))); ++number) {
    const SmallGraph graph = Numbered(n, number);
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    do {
      Feeder feeder(graph);
      feed(feeder, order);
      ++cases;
      EXPECT_TRUE(feeder.ok()) << "graph " << number << " of " << n;
      EXPECT_EQ(feeder.run(), (std::uint64_t{1} << n) - 1);
      EXPECT_EQ(feeder.graph().size(), 0u);
      if (::testing::Test::HasFailure()) return cases;
    } while (std::ranges::next_permutation(order).found);
  }
  return cases;
}

TEST(ComponentGraphTest, RunsEveryGraphOfFourInEveryCommitOrder) {
  int cases = 0;
  for (int n = 1; n <= 4; ++n) {
    cases = ForEveryGraphAndOrder(
        n, [](Feeder& feeder, const std::vector<int>& order) {
          for (const int v : order) feeder.Commit(v);
        });
  }
  EXPECT_EQ(cases, 98'304);  // 2^12 graphs, 4! orders.
}

TEST(ComponentGraphTest, RunsEveryGraphOfFourInEveryOrderOfResolution) {
  int cases = 0;
  for (int n = 1; n <= 4; ++n) {
    cases = ForEveryGraphAndOrder(
        n, [](Feeder& feeder, const std::vector<int>& order) {
          for (int v = 0; v < static_cast<int>(order.size()); ++v) {
            feeder.Add(v);
          }
          for (const int v : order) feeder.Resolve(v);
        });
  }
  EXPECT_EQ(cases, 98'304);
}

TEST(ComponentGraphTest, RunsRandomGraphsAsDefined) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 1500; ++round) {
    const int n = 5 + static_cast<int>(random() % 60);
    const std::uint64_t degree = 1 + random() % 4;
    SmallGraph graph(n);
    for (int v = 0; v < n; ++v) {
      for (std::uint64_t e = 0; e < degree; ++e) {
        // Far and near targets: small and large components.
        const int w = random() % 2 == 0
                          ? static_cast<int>(random() % std::uint64_t(n))
                          : std::max(0, v - 1 - static_cast<int>(random() % 3));
        if (w != v) graph.edges[SmallGraph::At(v)] |= SmallGraph::Bit(w);
      }
    }
    graph.Close();
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::ranges::shuffle(order, random);
    Feeder feeder(graph);
    for (const int v : order) feeder.Commit(v);
    ASSERT_TRUE(feeder.ok()) << "round " << round;
    ASSERT_EQ(feeder.graph().size(), 0u) << "round " << round;
  }
}

TEST(ComponentGraphTest, RunsAVertexWithoutEdgesAtOnce) {
  ComponentGraph graph;
  Components ready;
  const Vertex a = graph.Add();
  graph.Resolve(a, {}, ready);
  EXPECT_EQ(Split(ready), Groups{{a}});
}

TEST(ComponentGraphTest, IgnoresAnEdgeToItselfAndRepeatedEdges) {
  ComponentGraph graph;
  Components ready;
  const Vertex a = graph.Add();
  const Vertex b = graph.Add();
  graph.Resolve(a, std::array{a, b, a, b}, ready);
  EXPECT_TRUE(ready.vertices.empty());
  graph.Resolve(b, {}, ready);
  EXPECT_EQ(Split(ready), (Groups{{b}, {a}}));
}

// An index that is given out again must not be mistaken for the vertex that had
// it before, to which some old edge still points.
TEST(ComponentGraphTest, TellsALaterVertexFromTheOneThatHadItsIndex) {
  ComponentGraph graph;
  Components ready;
  const Vertex blocker = graph.Add();
  const Vertex runs = graph.Add();
  const Vertex waits = graph.Add();
  graph.Resolve(waits, std::array{blocker, runs}, ready);
  graph.Resolve(runs, {}, ready);
  const Vertex again = graph.Add();
  ASSERT_EQ(again, runs);
  ready.Clear();
  graph.Resolve(blocker, {}, ready);
  EXPECT_EQ(Split(ready), (Groups{{blocker}, {waits}}));
}

TEST(ComponentGraphTest, NamesTheFirstUnresolvedVertexInTheOrderOfTheEdges) {
  ComponentGraph graph;
  Components ready;
  const Vertex a = graph.Add();
  const Vertex b = graph.Add();
  const Vertex c = graph.Add();
  const Vertex d = graph.Add();
  graph.Resolve(b, std::array{d, c}, ready);
  graph.Resolve(a, std::array{b, c}, ready);
  EXPECT_EQ(graph.FirstUnresolved(a), d);
  graph.Resolve(d, {}, ready);
  EXPECT_EQ(graph.FirstUnresolved(a), c);
  EXPECT_EQ(graph.FirstUnresolved(c), c);
}

TEST(ComponentGraphTest, GoesOnAloneWhenCopied) {
  ComponentGraph graph;
  Components ready;
  const Vertex a = graph.Add();
  const Vertex b = graph.Add();
  graph.Resolve(a, std::array{b}, ready);
  ComponentGraph copy = graph;
  graph.Resolve(b, {}, ready);
  EXPECT_EQ(Split(ready), (Groups{{b}, {a}}));
  ready.Clear();
  copy.Resolve(b, std::array{a}, ready);
  EXPECT_EQ(Split(ready), (Groups{{a, b}}));
}

TEST(ComponentGraphTest, KeepsMemoryForWhatIsInFlightOnly) {
  ComponentGraph graph;
  Components ready;
  Vertex previous = graph.Add();
  for (int i = 0; i < 100'000; ++i) {
    const Vertex next = graph.Add();
    graph.Resolve(next, std::array{previous}, ready);
    graph.Resolve(previous, {}, ready);
    previous = graph.Add();
    ASSERT_EQ(graph.size(), 1u);
    ready.Clear();
  }
  EXPECT_LE(graph.capacity(), 3u);
}

constexpr Vertex kMillion = 1'000'000;

ComponentGraph MillionVertices() {
  ComponentGraph graph;
  for (Vertex v = 0; v < kMillion; ++v) {
    EXPECT_EQ(graph.Add(), v);
  }
  return graph;
}

// The last vertex of a chain is resolved first or last: all the others wait in
// a path, or in a star that has to be taken apart, of a million.
TEST(ComponentGraphTest, RunsAChainOfAMillionFromEitherEnd) {
  for (const bool upwards : {true, false}) {
    ComponentGraph graph = MillionVertices();
    Components ready;
    for (Vertex i = 1; i < kMillion; ++i) {
      const Vertex v = upwards ? i : kMillion - i;
      graph.Resolve(v, std::array{v - 1}, ready);
    }
    ASSERT_TRUE(ready.vertices.empty());
    EXPECT_EQ(graph.FirstUnresolved(kMillion - 1), 0u);
    graph.Resolve(0, {}, ready);
    ASSERT_EQ(ready.ends.size(), kMillion);
    EXPECT_TRUE(std::ranges::is_sorted(ready.vertices));
  }
}

TEST(ComponentGraphTest, RunsAComponentOfAMillionTogether) {
  ComponentGraph graph = MillionVertices();
  Components ready;
  std::mt19937 random(5);
  for (Vertex v = 1; v < kMillion; ++v) {
    graph.Resolve(v, std::array{v - 1, static_cast<Vertex>(random() % v)},
                  ready);
  }
  ASSERT_TRUE(ready.vertices.empty());
  graph.Resolve(0, std::array{kMillion - 1}, ready);
  ASSERT_EQ(ready.ends, std::vector<std::uint32_t>{kMillion});
  std::ranges::sort(ready.vertices);
  EXPECT_EQ(std::adjacent_find(ready.vertices.begin(), ready.vertices.end()),
            ready.vertices.end());
}

// A cycle that never closes for long: each newly resolved vertex points back
// into it and on to the next, unresolved one. What is known to be one component
// must not be walked again each time: that would be 10^10 steps.
TEST(ComponentGraphTest, DoesNotWalkAGrowingCycleAgain) {
  constexpr Vertex kSize = 100'000;
  ComponentGraph graph;
  Components ready;
  Vertex next = graph.Add();
  for (Vertex i = 0; i < kSize; ++i) {
    const Vertex v = next;
    next = graph.Add();
    graph.Resolve(v, std::array{i == 0 ? next : Vertex{0}, next}, ready);
  }
  ASSERT_TRUE(ready.vertices.empty());
  graph.Resolve(next, std::array{Vertex{0}}, ready);
  EXPECT_EQ(ready.ends, std::vector<std::uint32_t>{kSize + 1});
}

}  // namespace
}  // namespace quorate
