#include "graph/component_graph.h"

#include <utility>

#include "wire/check.h"

namespace quorate {

Vertex ComponentGraph::Add() {
  Vertex vertex = free_;
  if (vertex == kNoVertex) {
    vertex = static_cast<Vertex>(nodes_.size());
    QUORATE_CHECK(vertex != kNoVertex, "a graph has at most 2^32 - 1 vertices");
    nodes_.Append(1, Node{.leader = vertex});
  } else {
    Node& node = nodes_[vertex];
    free_ = node.next_waiter;
    --free_count_;
    node = Node{.generation = node.generation, .leader = vertex};
  }
  return vertex;
}

void ComponentGraph::Resolve(Vertex vertex, std::span<const Vertex> targets,
                             Components& ready) {
  Node& node = nodes_[vertex];
  QUORATE_CHECK(node.leader == vertex && !node.resolved,
                "GR1: a vertex is resolved once");
  node.resolved = true;
  if (!targets.empty()) {
    node.edges = edges_.Take(targets.size());
    node.edge_count = static_cast<std::uint32_t>(targets.size());
    Edge* edge = edges_.At(node.edges);
    for (const Vertex target : targets) {
      *edge++ = {target, nodes_[target].generation};
    }
  }
  node.next_member = vertex;
  node.open_tail = vertex;

  Advance(vertex, ready);
  while (queue_ != kNoVertex) {
    const Vertex next = queue_;
    Node& first = nodes_[next];
    queue_ = first.next_waiter;
    if (queue_ != kNoVertex) {
      nodes_[queue_].previous_waiter = first.previous_waiter;
    }
    first.next_waiter = kNoVertex;
    Advance(next, ready);
  }
}

// Takes a root on from its place: past targets that have run or are part of it,
// into cycles, to the next target that it must wait for, or to its run.
void ComponentGraph::Advance(Vertex leader, Components& ready) {
  for (;;) {
    const Vertex target = NextTarget(leader);
    if (target == kNoVertex) {
      Run(leader, ready);
      return;
    }
    const Vertex root = Root(target);
    if (root != leader) {
      Wait(leader, target, root);
      return;
    }
    leader = Contract(target, leader);
  }
}

// The leader of the first target that has not run, other than `leader` itself.
// Moves the place in the edges up to there for good.
Vertex ComponentGraph::NextTarget(Vertex leader) {
  Node& head = nodes_[leader];
  while (head.open_tail != kNoVertex) {
    const Vertex first = nodes_[head.open_tail].next_member;
    Node& member = nodes_[first];
    for (; member.next_edge < member.edge_count; ++member.next_edge) {
      const Edge edge = edges_.At(member.edges)[member.next_edge];
      if (HasRun(edge)) continue;
      const Vertex target = Leader(edge.target);
      if (target != leader) return target;
    }
    // Moves from the open members to those that are done.
    if (first == head.open_tail) {
      head.open_tail = kNoVertex;
    } else {
      nodes_[head.open_tail].next_member = member.next_member;
    }
    member.next_member = first;
    AppendCircular(head.done_tail, first);
  }
  return kNoVertex;
}

// Union-find with path halving.
Vertex ComponentGraph::Leader(Vertex vertex) {
  while (nodes_[vertex].leader != vertex) {
    Vertex& leader = nodes_[vertex].leader;
    leader = nodes_[leader].leader;
    vertex = leader;
  }
  return vertex;
}

// One step, or many at once, towards the root.
Vertex ComponentGraph::Towards(const Node& node) {
  if (node.shortcut.target != kNoVertex && !HasRun(node.shortcut)) {
    return Leader(node.shortcut.target);
  }
  return Leader(node.waits_on);
}

// The end of the path that `leader` waits along. Only roots run, so a shortcut
// to a vertex that has not run still leads along the same path.
Vertex ComponentGraph::Root(Vertex leader) {
  Vertex root = leader;
  while (nodes_[root].waits_on != kNoVertex) root = Towards(nodes_[root]);
  const Edge shortcut{root, nodes_[root].generation};
  while (leader != root) {
    Node& node = nodes_[leader];
    leader = Towards(node);
    node.shortcut = shortcut;
  }
  return root;
}

// The root has an edge to `from`, which waits along a path to the root: all on
// the path are one component. Gives its leader.
Vertex ComponentGraph::Contract(Vertex from, Vertex root) {
  Vertex leader = from;
  Vertex next = Leader(nodes_[from].waits_on);
  StopWaiting(from);
  for (;;) {
    const Vertex after =
        next == root ? kNoVertex : Leader(nodes_[next].waits_on);
    if (next != root) StopWaiting(next);
    leader = Merge(leader, next);
    if (after == kNoVertex) return leader;
    next = after;
  }
}

Vertex ComponentGraph::Merge(Vertex a, Vertex b) {
  if (nodes_[a].member_count < nodes_[b].member_count) std::swap(a, b);
  Node& into = nodes_[a];
  Node& from = nodes_[b];
  from.leader = a;
  into.member_count += from.member_count;
  AppendCircular(into.open_tail, from.open_tail);
  AppendCircular(into.done_tail, from.done_tail);
  AppendWaiters(into.first_waiter, from.first_waiter);
  from.first_waiter = kNoVertex;
  return a;
}

void ComponentGraph::Wait(Vertex leader, Vertex target, Vertex root) {
  Node& node = nodes_[leader];
  node.waits_on = target;
  node.shortcut = {root, nodes_[root].generation};
  node.previous_waiter = leader;
  AppendWaiters(nodes_[target].first_waiter, leader);
}

// Takes a vertex out of the list of those who wait on the same one.
void ComponentGraph::StopWaiting(Vertex leader) {
  Node& node = nodes_[leader];
  Vertex& first = nodes_[Leader(node.waits_on)].first_waiter;
  const Vertex next = node.next_waiter;
  const Vertex previous = node.previous_waiter;
  if (first == leader) {
    first = next;
  } else {
    nodes_[previous].next_waiter = next;
  }
  if (next != kNoVertex) {
    nodes_[next].previous_waiter = previous;
  } else if (first != kNoVertex) {
    nodes_[first].previous_waiter = previous;
  }
  node.waits_on = kNoVertex;
  node.next_waiter = kNoVertex;
}

// No edge leads out of the component to a vertex that has not run.
void ComponentGraph::Run(Vertex leader, Components& ready) {
  Node& head = nodes_[leader];
  for (Vertex w = head.first_waiter; w != kNoVertex;
       w = nodes_[w].next_waiter) {
    nodes_[w].waits_on = kNoVertex;
  }
  AppendWaiters(queue_, head.first_waiter);

  const Vertex tail = head.done_tail;
  Vertex member = tail;
  do {
    const Vertex next = nodes_[member].next_member;
    ready.vertices.push_back(member);
    Release(member);
    member = next;
  } while (member != tail);
  ready.ends.push_back(static_cast<std::uint32_t>(ready.vertices.size()));
}

void ComponentGraph::Release(Vertex vertex) {
  Node& node = nodes_[vertex];
  if (node.edge_count > 0) edges_.Give(node.edges, node.edge_count);
  ++node.generation;
  node.next_waiter = free_;
  free_ = vertex;
  ++free_count_;
}

void ComponentGraph::AppendCircular(Vertex& tail, Vertex other_tail) {
  if (other_tail == kNoVertex) return;
  if (tail != kNoVertex) {
    std::swap(nodes_[tail].next_member, nodes_[other_tail].next_member);
  }
  tail = other_tail;
}

void ComponentGraph::AppendWaiters(Vertex& first, Vertex other_first) {
  if (other_first == kNoVertex) return;
  if (first == kNoVertex) {
    first = other_first;
    return;
  }
  const Vertex last = nodes_[first].previous_waiter;
  const Vertex other_last = nodes_[other_first].previous_waiter;
  nodes_[last].next_waiter = other_first;
  nodes_[other_first].previous_waiter = last;
  nodes_[first].previous_waiter = other_last;
}

Vertex ComponentGraph::FirstUnresolved(Vertex vertex) const {
  if (!nodes_[vertex].resolved) return vertex;
  struct Frame {
    Vertex vertex;
    std::uint32_t next_edge;
  };
  std::vector<bool> seen(nodes_.size());
  std::vector<Frame> path{{vertex, 0}};
  seen[vertex] = true;
  while (!path.empty()) {
    Frame& frame = path.back();
    const Node& node = nodes_[frame.vertex];
    if (frame.next_edge == node.edge_count) {
      path.pop_back();
      continue;
    }
    const Edge edge = edges_.At(node.edges)[frame.next_edge++];
    if (HasRun(edge) || seen[edge.target]) continue;
    if (!nodes_[edge.target].resolved) return edge.target;
    seen[edge.target] = true;
    path.push_back({edge.target, 0});
  }
  QUORATE_CHECK(false,
                "GR2: a vertex that has not run reaches an unresolved one");
  return kNoVertex;
}

}  // namespace quorate
