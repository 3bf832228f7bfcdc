// Answers: which committed instances may execute now, and in which order?
//
// An instance is resolved when every slot of its dependency prefix is committed
// here: only then are its edges known, the conflicting instances of the prefix
// that have not executed. Components of that graph execute in topological
// order, inside one by instance id (protocol.md 4). The order of any two
// conflicting instances is a pure function of what was committed, whatever the
// order of arrival.
//
// Most instances never touch the graph: one that is resolved and meets no
// conflicting instance waiting in its prefix executes at once, without an index
// entry or an allocation. Executed prefixes are forgotten. Pure, copyable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "executor/footprint.h"
#include "executor/order/slot_ring.h"
#include "executor/order/waiting_index.h"
#include "graph/component_graph.h"
#include "wire/command.h"
#include "wire/commutation.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/record.h"

namespace quorate {

// Instances that may execute, in order, noops left out.
struct ExecutionOrder {
  struct Item {
    InstanceId instance;
    CommandBatchPtr batch;
  };
  std::vector<Item> items;
  // Component i is items[ends[i-1] .. ends[i]).
  std::vector<std::uint32_t> ends;

  void Clear() {
    items.clear();
    ends.clear();
  }
};

class GraphExecutor {
 public:
  // Up to `pairwise_limit` instances that wait in a prefix are compared one by
  // one; beyond it an index is asked. Decides about speed only.
  GraphExecutor(int columns, ConflictMode mode,
                std::size_t pairwise_limit = kPairwiseLimit);

  // `batch` is null for a noop. Appends what this enables to `order`. False,
  // and no effect, when the instance was committed before. The instance and
  // the members of `deps` must be slots that somebody has allocated: memory is
  // kept for every slot from the executed frontier up to the highest of them.
  bool Commit(InstanceId instance, CommandBatchPtr batch,
              const DependencySet& deps, ExecutionOrder& order);

  bool IsExecuted(InstanceId id) const {
    return columns_[static_cast<std::size_t>(Index(id.replica))].slots.KindOf(
               id.slot) == SlotState::Kind::kExecuted;
  }

  // What has been executed, and the way back for an executor that is new
  // (`record.requests_hash` is not of this class). What waits is not in it: it
  // is committed again.
  void Save(ExecutedRecord& record) const;
  void Restore(const ExecutedRecord& record);

  // Every instance up to here is committed (executed; noops execute when they
  // are committed).
  const DependencySet& committed_frontier() const { return committed_; }
  const DependencySet& executed_frontier() const { return executed_; }

  // The smallest waiting instance by id, and an uncommitted instance that it
  // waits for: the first missing one of its prefix or, if that is complete, of
  // the first incomplete prefix it depends on. A function of what was
  // committed, not of its order.
  struct Blocked {
    InstanceId waiting;
    InstanceId on;
    friend bool operator==(const Blocked&, const Blocked&) = default;
  };
  std::optional<Blocked> OldestBlocked() const;

  // Instances committed but not executed.
  std::size_t waiting() const { return graph_.size(); }
  // What memory is kept for: slots above the executed frontiers, instances that
  // waited at once, keys indexed now.
  std::size_t slots_in_memory() const;
  std::size_t waiting_capacity() const { return graph_.capacity(); }
  std::size_t indexed_keys() const { return index_.keys(); }

  // Covers what has been committed and executed here, not the order in which
  // it came.
  std::uint64_t Fingerprint() const;

 private:
  static constexpr std::size_t kPairwiseLimit = 64;

  // An instance that could not execute when it was committed, indexed by its
  // vertex. A column's waiting instances are linked in the order of slots.
  struct WaitingInstance {
    InstanceId id;
    CommandBatchPtr batch;
    DependencySet deps;
    Footprint footprint;  // Empty until somebody must compare.
    bool indexed = false;
    Vertex next = kNoVertex;
    Vertex previous = kNoVertex;
    // In the list of those who wait for the same slot.
    Vertex next_waiter = kNoVertex;
  };
  struct Column {
    SlotRing slots;
    Vertex first_waiting = kNoVertex;
    Vertex last_waiting = kNoVertex;
  };

  Column& ColumnOf(InstanceId id) {
    return columns_[static_cast<std::size_t>(Index(id.replica))];
  }
  bool AdvanceCommitted(ReplicaId column);
  void AdvanceExecuted(ReplicaId column);
  std::optional<InstanceId> FirstMissing(const DependencySet& deps) const;

  Vertex AddWaiting(InstanceId id, CommandBatchPtr batch,
                    const DependencySet& deps);
  void RemoveWaiting(Vertex vertex);
  void WaitForSlot(Vertex vertex, InstanceId missing);
  void WakeWaiters(ExecutionOrder& order);
  void Resolve(Vertex vertex, ExecutionOrder& order);
  void Execute(ExecutionOrder& order);

  void FindCandidates(const DependencySet& deps, Vertex self);
  void KeepConflicting(const Footprint& footprint);
  const Footprint& FootprintOf(Vertex vertex);

  int replicas_;
  ConflictMode mode_;
  std::size_t pairwise_limit_;
  DependencySet committed_;
  DependencySet executed_;
  std::array<Column, kMaxReplicas> columns_;
  ComponentGraph graph_;
  WaitingIndex index_;
  std::vector<WaitingInstance> waiting_;

  // Scratch of one Commit, kept for its memory.
  std::vector<Vertex> woken_;
  std::vector<Vertex> candidates_;
  Components ready_;
  Footprint footprint_;
};

}  // namespace quorate
