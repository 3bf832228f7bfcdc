// Answers: where is what is known about instance (replica, slot)?
//
// One deque a column, indexed by slot; slots at or below the floor are
// forgotten. References stay valid until their slot is dropped. A slot far
// above the newest known one is not believed: one message must not make the
// log grow without bound. Pure, copyable; used by the roles of BPaxos.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

template <typename T>
class SlotLog {
 public:
  static constexpr std::uint64_t kMaxGap = 1 << 20;

  explicit SlotLog(int columns) : columns_(static_cast<std::size_t>(columns)) {}

  // Null when the slot was dropped or never touched.
  const T* Find(InstanceId id) const {
    const Column& column = ColumnOf(id.replica);
    if (id.slot <= column.dropped) return nullptr;
    const std::uint64_t at = id.slot - column.dropped - 1;
    return at < column.entries.size() ? &column.entries[at] : nullptr;
  }
  T* Find(InstanceId id) {
    return const_cast<T*>(std::as_const(*this).Find(id));
  }
  // Null when the slot was dropped or is not believed.
  T* FindOrCreate(InstanceId id) {
    Column& column = ColumnOf(id.replica);
    if (id.slot <= column.dropped) return nullptr;
    const std::uint64_t at = id.slot - column.dropped - 1;
    if (at >= column.entries.size()) {
      if (at - column.entries.size() > kMaxGap) return nullptr;
      column.entries.resize(at + 1);
    }
    return &column.entries[at];
  }

  bool IsDropped(InstanceId id) const { return id.slot <= Dropped(id.replica); }
  std::uint64_t Dropped(ReplicaId column) const {
    return ColumnOf(column).dropped;
  }
  // The highest slot ever touched in the column.
  std::uint64_t Newest(ReplicaId column) const {
    return ColumnOf(column).dropped + ColumnOf(column).entries.size();
  }
  // No watermark is beyond belief: whoever waits for one makes room up to it.
  bool Believes(const DependencySet& deps) const {
    for (int i = 0; i < deps.columns(); ++i) {
      if (deps[ReplicaAt(i)] > Newest(ReplicaAt(i)) + kMaxGap) return false;
    }
    return true;
  }

  void DropThrough(ReplicaId replica, std::uint64_t slot) {
    Column& column = ColumnOf(replica);
    while (column.dropped < slot && !column.entries.empty()) {
      column.entries.pop_front();
      ++column.dropped;
    }
    if (column.dropped < slot) column.dropped = slot;
  }
  void DropThrough(const DependencySet& floor) {
    for (int i = 0; i < floor.columns(); ++i) {
      DropThrough(ReplicaAt(i), floor[ReplicaAt(i)]);
    }
  }

  // Calls visit(id, entry) by column and slot.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::uint64_t slot = columns_[i].dropped;
      for (const T& entry : columns_[i].entries) {
        visit(InstanceId{ReplicaAt(static_cast<int>(i)), ++slot}, entry);
      }
    }
  }

  std::size_t size() const {
    std::size_t total = 0;
    for (const Column& column : columns_) total += column.entries.size();
    return total;
  }

 private:
  struct Column {
    std::uint64_t dropped = 0;  // slots 1..dropped are gone
    std::deque<T> entries;
  };
  Column& ColumnOf(ReplicaId replica) {
    return columns_[static_cast<std::size_t>(Index(replica))];
  }
  const Column& ColumnOf(ReplicaId replica) const {
    return columns_[static_cast<std::size_t>(Index(replica))];
  }

  std::vector<Column> columns_;
};

}  // namespace quorate
