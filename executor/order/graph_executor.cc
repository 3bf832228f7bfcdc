#include "executor/order/graph_executor.h"

#include <algorithm>
#include <utility>

#include "executor/mix.h"
#include "executor/rules.h"
#include "wire/check.h"

namespace quorate {

using Kind = SlotState::Kind;

GraphExecutor::GraphExecutor(int columns, ConflictMode mode,
                             std::size_t pairwise_limit)
    : replicas_(columns),
      mode_(mode),
      pairwise_limit_(pairwise_limit),
      committed_(columns),
      executed_(columns) {}

bool GraphExecutor::Commit(InstanceId instance, CommandBatchPtr batch,
                           const DependencySet& deps, ExecutionOrder& order) {
  QUORATE_CHECK(Index(instance.replica) < replicas_ && instance.slot > 0,
                "EX1: an instance belongs to a column of the cluster");
  SlotRing& slots = ColumnOf(instance).slots;
  if (slots.KindOf(instance.slot) != Kind::kUncommitted) return false;

  // A noop is done; so is, below, what meets nobody it must wait for.
  slots.At(instance.slot).kind = Kind::kExecuted;
  const bool advanced = AdvanceCommitted(instance.replica);
  if (batch != nullptr) {
    const std::optional<InstanceId> missing = FirstMissing(deps);
    if (!missing.has_value()) {
      FindCandidates(deps, kNoVertex);
      if (!candidates_.empty()) {
        footprint_.Assign(*batch, mode_);
        KeepConflicting(footprint_);
      }
    }
    if (!missing.has_value() && candidates_.empty()) {
      order.items.push_back({instance, std::move(batch)});
      order.ends.push_back(static_cast<std::uint32_t>(order.items.size()));
    } else {
      slots.At(instance.slot).kind = Kind::kWaiting;
      const Vertex vertex = AddWaiting(instance, std::move(batch), deps);
      if (missing.has_value()) {
        WaitForSlot(vertex, *missing);
      } else {
        std::swap(waiting_[vertex].footprint, footprint_);
        graph_.Resolve(vertex, candidates_, ready_);
        Execute(order);
      }
    }
  }
  AdvanceExecuted(instance.replica);
  if (advanced) WakeWaiters(order);
  return true;
}

// Moves the committed frontier on and gathers, in woken_, those who waited for
// the slots it passes. False when it stays.
bool GraphExecutor::AdvanceCommitted(ReplicaId column) {
  SlotRing& slots = columns_[static_cast<std::size_t>(Index(column))].slots;
  const std::uint64_t before = committed_[column];
  std::uint64_t frontier = before;
  woken_.clear();
  while (frontier < slots.end() &&
         slots.KindOf(frontier + 1) != Kind::kUncommitted) {
    Vertex& first = slots.At(++frontier).first_waiter;
    for (Vertex w = std::exchange(first, kNoVertex); w != kNoVertex;
         w = std::exchange(waiting_[w].next_waiter, kNoVertex)) {
      woken_.push_back(w);
    }
  }
  committed_.Set(column, frontier);
  return frontier > before;
}

void GraphExecutor::AdvanceExecuted(ReplicaId column) {
  SlotRing& slots = columns_[static_cast<std::size_t>(Index(column))].slots;
  slots.ForgetExecuted();
  executed_.Set(column, slots.forgotten());
}

void GraphExecutor::Save(ExecutedRecord& record) const {
  record.executed = executed_;
  for (int i = 0; i < replicas_; ++i) {
    const SlotRing& slots = columns_[static_cast<std::size_t>(i)].slots;
    for (std::uint64_t slot = slots.forgotten() + 1; slot <= slots.end();
         ++slot) {
      if (slots.KindOf(slot) != Kind::kExecuted) continue;
      record.above.push_back({ReplicaAt(i), slot});
    }
  }
}

void GraphExecutor::Restore(const ExecutedRecord& record) {
  for (int i = 0; i < replicas_; ++i) {
    const ReplicaId column = ReplicaAt(i);
    // Already so where this record goes on with the one before.
    if (executed_[column] == record.executed[column]) continue;
    columns_[static_cast<std::size_t>(i)].slots.ForgetThrough(
        record.executed[column]);
    committed_.Set(column, record.executed[column]);
    executed_.Set(column, record.executed[column]);
  }
  for (const InstanceId id : record.above) {
    ColumnOf(id).slots.At(id.slot).kind = Kind::kExecuted;
  }
  for (int i = 0; i < replicas_; ++i) {
    AdvanceCommitted(ReplicaAt(i));
    AdvanceExecuted(ReplicaAt(i));
  }
}

// The slot whose commit would complete the first incomplete column of `deps`:
// the lowest uncommitted one. The instance itself is committed by now, so its
// own slot is never missing, wherever its own column's watermark lies.
std::optional<InstanceId> GraphExecutor::FirstMissing(
    const DependencySet& deps) const {
  for (int i = 0; i < replicas_; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (deps[column] > committed_[column]) {
      return InstanceId{column, committed_[column] + 1};
    }
  }
  return std::nullopt;
}

Vertex GraphExecutor::AddWaiting(InstanceId id, CommandBatchPtr batch,
                                 const DependencySet& deps) {
  const Vertex vertex = graph_.Add();
  if (vertex == waiting_.size()) waiting_.emplace_back();
  WaitingInstance& added = waiting_[vertex];
  added.id = id;
  added.batch = std::move(batch);
  added.deps = deps;

  // Instances are committed nearly in the order of slots: search from both
  // ends for the one it goes before.
  Column& column = ColumnOf(id);
  Vertex before = kNoVertex;
  Vertex forward = column.first_waiting;
  Vertex back = column.last_waiting;
  while (back != kNoVertex && waiting_[back].id.slot > id.slot) {
    before = back;
    back = waiting_[back].previous;
    if (waiting_[forward].id.slot > id.slot) {
      before = forward;
      back = waiting_[forward].previous;
      break;
    }
    forward = waiting_[forward].next;
  }
  added.next = before;
  added.previous = back;
  (back == kNoVertex ? column.first_waiting : waiting_[back].next) = vertex;
  (before == kNoVertex ? column.last_waiting : waiting_[before].previous) =
      vertex;
  return vertex;
}

void GraphExecutor::RemoveWaiting(Vertex vertex) {
  WaitingInstance& removed = waiting_[vertex];
  if (removed.indexed) index_.Erase(vertex, removed.footprint);
  Column& column = ColumnOf(removed.id);
  (removed.previous == kNoVertex ? column.first_waiting
                                 : waiting_[removed.previous].next) =
      removed.next;
  (removed.next == kNoVertex ? column.last_waiting
                             : waiting_[removed.next].previous) =
      removed.previous;
  removed.batch = nullptr;
  removed.indexed = false;
  removed.footprint.Clear();  // Keeps its memory for the next of this vertex.
}

// Waits until the column of `missing` is committed as far as the vertex needs.
void GraphExecutor::WaitForSlot(Vertex vertex, InstanceId missing) {
  WaitingInstance& waits = waiting_[vertex];
  const std::uint64_t needed = waits.deps[missing.replica];
  Vertex& first = ColumnOf(missing).slots.At(needed).first_waiter;
  waits.next_waiter = std::exchange(first, vertex);
}

void GraphExecutor::WakeWaiters(ExecutionOrder& order) {
  // Lower ids first: they are what higher ones wait for, so that these find
  // less that still waits in their prefix.
  std::ranges::sort(woken_, {}, [this](Vertex v) { return waiting_[v].id; });
  for (const Vertex vertex : woken_) {
    const std::optional<InstanceId> missing =
        FirstMissing(waiting_[vertex].deps);
    if (missing.has_value()) {
      WaitForSlot(vertex, *missing);
    } else {
      Resolve(vertex, order);
    }
  }
}

// The vertex's prefix is complete: it learns its edges.
void GraphExecutor::Resolve(Vertex vertex, ExecutionOrder& order) {
  FindCandidates(waiting_[vertex].deps, vertex);
  if (!candidates_.empty()) KeepConflicting(FootprintOf(vertex));
  graph_.Resolve(vertex, candidates_, ready_);
  Execute(order);
}

// Moves what the graph gave out to the order, each component by instance id.
void GraphExecutor::Execute(ExecutionOrder& order) {
  std::size_t begin = 0;
  for (const std::uint32_t end : ready_.ends) {
    const auto component =
        std::span(ready_.vertices).subspan(begin, end - begin);
    begin = end;
    if (component.size() > 1) {
      std::ranges::sort(component, {},
                        [this](Vertex v) { return waiting_[v].id; });
    }
    for (const Vertex vertex : component) {
      const InstanceId id = waiting_[vertex].id;
      order.items.push_back({id, std::move(waiting_[vertex].batch)});
      RemoveWaiting(vertex);
      ColumnOf(id).slots.At(id.slot).kind = Kind::kExecuted;
      if (id.slot == executed_[id.replica] + 1) AdvanceExecuted(id.replica);
    }
    order.ends.push_back(static_cast<std::uint32_t>(order.items.size()));
  }
  ready_.Clear();
}

// The instances that wait in the prefix, `self` left out: by column, then slot.
void GraphExecutor::FindCandidates(const DependencySet& deps, Vertex self) {
  candidates_.clear();
  for (int i = 0; i < replicas_; ++i) {
    const std::uint64_t watermark = deps[ReplicaAt(i)];
    Vertex v = columns_[static_cast<std::size_t>(i)].first_waiting;
    for (; v != kNoVertex && waiting_[v].id.slot <= watermark;
         v = waiting_[v].next) {
      if (!rules::IsDependency(waiting_[v].id.slot, watermark)) continue;
      if (v != self) candidates_.push_back(v);
    }
  }
}

// Drops the candidates that commute with `footprint`. Keeps their order, so
// that a vertex's edges do not depend on how they were found.
void GraphExecutor::KeepConflicting(const Footprint& footprint) {
  const bool use_index = candidates_.size() > pairwise_limit_;
  if (use_index) {
    for (const Vertex candidate : candidates_) {
      if (waiting_[candidate].indexed) continue;
      waiting_[candidate].indexed = true;
      index_.Insert(candidate, FootprintOf(candidate));
    }
    index_.Mark(footprint);
  }
  std::erase_if(candidates_, [&](Vertex candidate) {
    const Footprint& other = FootprintOf(candidate);
    return use_index
               ? !index_.Marked(candidate) && !footprint.ScanConflict(other)
               : !footprint.ConflictsWith(other);
  });
}

const Footprint& GraphExecutor::FootprintOf(Vertex vertex) {
  WaitingInstance& waits = waiting_[vertex];
  if (waits.footprint.empty()) waits.footprint.Assign(*waits.batch, mode_);
  return waits.footprint;
}

std::optional<GraphExecutor::Blocked> GraphExecutor::OldestBlocked() const {
  Vertex oldest = kNoVertex;
  for (int i = 0; i < replicas_; ++i) {
    const Vertex first = columns_[static_cast<std::size_t>(i)].first_waiting;
    if (first == kNoVertex) continue;
    if (oldest == kNoVertex || waiting_[first].id < waiting_[oldest].id) {
      oldest = first;
    }
  }
  if (oldest == kNoVertex) return std::nullopt;
  const Vertex unresolved = graph_.FirstUnresolved(oldest);
  const std::optional<InstanceId> missing =
      FirstMissing(waiting_[unresolved].deps);
  QUORATE_CHECK(missing.has_value(),
                "EX3: an unresolved instance misses part of its prefix");
  return Blocked{waiting_[oldest].id, *missing};
}

std::size_t GraphExecutor::slots_in_memory() const {
  std::size_t slots = 0;
  for (const Column& column : columns_) {
    slots +=
        static_cast<std::size_t>(column.slots.end() - column.slots.forgotten());
  }
  return slots;
}

std::uint64_t GraphExecutor::Fingerprint() const {
  std::uint64_t hash = 0;
  for (int i = 0; i < replicas_; ++i) {
    const Column& column = columns_[static_cast<std::size_t>(i)];
    hash = Chain(hash, column.slots.forgotten());
    // A slot that is only waited for is as good as one never mentioned.
    for (std::uint64_t slot = column.slots.forgotten() + 1;
         slot <= column.slots.end(); ++slot) {
      const Kind kind = column.slots.KindOf(slot);
      if (kind == Kind::kUncommitted) continue;
      hash = Chain(Chain(hash, slot), static_cast<std::uint64_t>(kind));
    }
    for (Vertex v = column.first_waiting; v != kNoVertex;
         v = waiting_[v].next) {
      hash =
          Chain(Chain(hash, waiting_[v].id.slot), waiting_[v].batch->digest());
      for (const std::uint64_t watermark : waiting_[v].deps.watermarks()) {
        hash = Chain(hash, watermark);
      }
    }
  }
  return hash;
}

}  // namespace quorate
