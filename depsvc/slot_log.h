// Answers: where is what is known about instance (replica, slot)?
//
// One deque a column, indexed by slot; slots at or below the floor are
// forgotten. References stay valid until their slot is dropped. A slot far
// above the newest known one is not believed (kMaxSlotGap): one message must
// not make the log grow without bound. Pure, copyable; of every protocol.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

// A slot further than this above the newest known one is not believed.
inline constexpr std::uint64_t kMaxSlotGap = 1 << 20;

// Of one column; a log that has no other.
template <typename T>
class SlotColumn {
 public:
  // Null when the slot was dropped or never touched.
  const T* Find(std::uint64_t slot) const {
    if (slot <= dropped_ || slot > newest()) return nullptr;
    return &entries_[slot - dropped_ - 1];
  }
  T* Find(std::uint64_t slot) {
    return const_cast<T*>(std::as_const(*this).Find(slot));
  }
  // Null when the slot was dropped or is not believed.
  T* FindOrCreate(std::uint64_t slot) {
    if (slot <= dropped_ || !Believes(slot)) return nullptr;
    if (slot > newest()) entries_.resize(slot - dropped_);
    return &entries_[slot - dropped_ - 1];
  }
  bool Believes(std::uint64_t slot) const {
    return slot <= newest() + kMaxSlotGap;
  }

  // Slots 1 .. dropped() are gone.
  std::uint64_t dropped() const { return dropped_; }
  // The highest slot ever touched.
  std::uint64_t newest() const { return dropped_ + entries_.size(); }
  std::size_t size() const { return entries_.size(); }
  const std::deque<T>& entries() const { return entries_; }

  void DropThrough(std::uint64_t slot) {
    while (dropped_ < slot && !entries_.empty()) {
      entries_.pop_front();
      ++dropped_;
    }
    if (dropped_ < slot) dropped_ = slot;
  }

 private:
  std::uint64_t dropped_ = 0;
  std::deque<T> entries_;
};

template <typename T>
class SlotLog {
 public:
  static constexpr std::uint64_t kMaxGap = kMaxSlotGap;

  explicit SlotLog(int columns) : columns_(static_cast<std::size_t>(columns)) {}

  // Null when the slot was dropped or never touched.
  const T* Find(InstanceId id) const {
    return ColumnOf(id.replica).Find(id.slot);
  }
  T* Find(InstanceId id) { return ColumnOf(id.replica).Find(id.slot); }
  // Null when the slot was dropped or is not believed.
  T* FindOrCreate(InstanceId id) {
    return ColumnOf(id.replica).FindOrCreate(id.slot);
  }

  bool IsDropped(InstanceId id) const { return id.slot <= Dropped(id.replica); }
  std::uint64_t Dropped(ReplicaId column) const {
    return ColumnOf(column).dropped();
  }
  // The highest slot ever touched in the column.
  std::uint64_t Newest(ReplicaId column) const {
    return ColumnOf(column).newest();
  }
  // No watermark is beyond belief: whoever waits for one makes room up to it.
  bool Believes(const DependencySet& deps) const {
    for (int i = 0; i < deps.columns(); ++i) {
      if (!ColumnOf(ReplicaAt(i)).Believes(deps[ReplicaAt(i)])) return false;
    }
    return true;
  }

  void DropThrough(ReplicaId column, std::uint64_t slot) {
    ColumnOf(column).DropThrough(slot);
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
      std::uint64_t slot = columns_[i].dropped();
      for (const T& entry : columns_[i].entries()) {
        visit(InstanceId{ReplicaAt(static_cast<int>(i)), ++slot}, entry);
      }
    }
  }

  std::size_t size() const {
    std::size_t total = 0;
    for (const SlotColumn<T>& column : columns_) total += column.size();
    return total;
  }

 private:
  SlotColumn<T>& ColumnOf(ReplicaId replica) {
    return columns_[static_cast<std::size_t>(Index(replica))];
  }
  const SlotColumn<T>& ColumnOf(ReplicaId replica) const {
    return columns_[static_cast<std::size_t>(Index(replica))];
  }

  std::vector<SlotColumn<T>> columns_;
};

}  // namespace quorate
