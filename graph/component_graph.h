// Answers: which vertices may run now, and in which order?
//
// A vertex may run when everything it reaches is resolved, that is, has told
// its edges. Vertices that reach each other run together, as one component; a
// component runs after every component it points to. Vertices arrive and are
// resolved in any order; each call does exactly the work it enables.
//
// The depth-first search for components is never thrown away. A vertex keeps
// its place in its edge list and waits on the one target there that has not
// run:
//
//     d ──▶ c ──▶ b ──▶ a        a is unresolved: all wait, in a tree
//           ▲           │        rooted at a
//           └───────────┘        a is resolved with an edge to c: the path
//                                c b a is a cycle and becomes one vertex
//
// A cycle is contracted where it closes, so no edge is looked at twice and
// nothing is ever walked again: near O(vertices + edges) in all, whatever the
// order of arrival. No recursion; components of millions are fine. Pure,
// copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "graph/edge_runs.h"
#include "graph/plain_array.h"

namespace quorate {

// Index of a vertex that has not run yet. Indices of vertices that have run are
// given out again.
using Vertex = std::uint32_t;
inline constexpr Vertex kNoVertex = std::numeric_limits<Vertex>::max();

// Components that may run, one after another, in this order. Inside a component
// the vertices are in no meaningful order: the caller sorts them.
struct Components {
  std::vector<Vertex> vertices;
  // Component i is vertices[ends[i-1] .. ends[i]).
  std::vector<std::uint32_t> ends;

  void Clear() {
    vertices.clear();
    ends.clear();
  }
};

class ComponentGraph {
 public:
  // A new, unresolved vertex.
  Vertex Add();

  // The edges of `vertex` are known: it must run with or after `targets`, which
  // have not run yet. Called once a vertex. Appends what may now run to
  // `ready`; those vertices are gone, and Add may give their indices out again.
  void Resolve(Vertex vertex, std::span<const Vertex> targets,
               Components& ready);

  // An unresolved vertex that `vertex` reaches, or itself: the first that a
  // search in the order of the edges as given meets. A function of the graph
  // alone, not of the order in which it came to be.
  Vertex FirstUnresolved(Vertex vertex) const;

  // Vertices that have not run.
  std::size_t size() const { return nodes_.size() - free_count_; }
  // Vertices there is memory for: the largest size() so far.
  std::size_t capacity() const { return nodes_.size(); }

 private:
  // A vertex: one line of the cache, and plain bytes, so that more room for
  // more of them is a copy of memory. Contracted vertices are led by one of
  // them (union-find); fields below the line mean something at a leader only.
  struct Node {
    // A run of edges_, when there are any.
    std::uint32_t edges = 0;
    std::uint32_t edge_count = 0;
    std::uint32_t next_edge = 0;
    std::uint32_t generation = 0;
    Vertex leader = kNoVertex;
    Vertex next_member = kNoVertex;
    bool resolved = false;
    // ------------------------------------------------------------------
    std::uint32_t member_count = 1;
    // Last of the circular list of members with edges left to look at, and of
    // those without.
    Vertex open_tail = kNoVertex;
    Vertex done_tail = kNoVertex;
    // The vertex at whose run this one goes on; none at a root.
    Vertex waits_on = kNoVertex;
    // Some vertex further down the same path, to find its root sooner. Out of
    // date exactly when that vertex has run.
    Edge shortcut{kNoVertex, 0};
    // Those who wait on this one, oldest first; the first one's `previous` is
    // the last one.
    Vertex first_waiter = kNoVertex;
    Vertex next_waiter = kNoVertex;
    Vertex previous_waiter = kNoVertex;
  };

  static_assert(sizeof(Node) == 64);

  bool HasRun(Edge edge) const {
    return nodes_[edge.target].generation != edge.generation;
  }
  Vertex Leader(Vertex vertex);
  Vertex Root(Vertex leader);
  Vertex Towards(const Node& node);

  void Advance(Vertex leader, Components& ready);
  Vertex NextTarget(Vertex leader);
  Vertex Contract(Vertex from, Vertex root);
  Vertex Merge(Vertex a, Vertex b);
  void Wait(Vertex leader, Vertex target, Vertex root);
  void StopWaiting(Vertex leader);
  void Run(Vertex leader, Components& ready);
  void Release(Vertex vertex);

  void AppendCircular(Vertex& tail, Vertex other_tail);
  void AppendWaiters(Vertex& first, Vertex other_first);

  PlainArray<Node> nodes_;
  EdgeRuns edges_;
  // Those who have run, linked like waiters.
  Vertex free_ = kNoVertex;
  std::size_t free_count_ = 0;
  // Roots to advance, linked like waiters.
  Vertex queue_ = kNoVertex;
};

}  // namespace quorate
