// Answers: where is the state of instance (replica, slot)?
//
// One deque a column, indexed by slot; slots at or below the floor are
// forgotten. References stay valid until their slot is dropped. Pure, copyable.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/instance.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate::epaxos {

class InstanceLog {
 public:
  static constexpr std::uint64_t kMaxGap = kMaxSlotGap;

  explicit InstanceLog(int columns)
      : columns_(static_cast<std::size_t>(columns)) {}

  // Null when the slot was dropped or never touched.
  Instance* Find(InstanceId id);
  const Instance* Find(InstanceId id) const;
  // Null when the slot was dropped or is beyond kMaxGap.
  Instance* FindOrCreate(InstanceId id);

  // No watermark is beyond kMaxGap: whoever waits for one makes room up to it.
  bool Believes(const DependencySet& deps) const;

  bool IsDropped(InstanceId id) const { return id.slot <= Dropped(id.replica); }
  std::uint64_t Dropped(ReplicaId column) const {
    return columns_[static_cast<std::size_t>(Index(column))].dropped;
  }
  // The highest slot ever touched in the column.
  std::uint64_t Newest(ReplicaId column) const;
  void DropThrough(ReplicaId column, std::uint64_t slot);

  std::size_t size() const;

 private:
  struct Column {
    std::uint64_t dropped = 0;  // slots 1..dropped are gone
    std::deque<Instance> instances;
  };
  std::vector<Column> columns_;
};

}  // namespace quorate::epaxos
