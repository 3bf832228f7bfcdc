// Answers: what does one replica know about one slot of the log?
//
// One deque, indexed by slot; slots at or below the floor are forgotten.
// References stay valid until their slot is dropped. Pure, copyable.
#pragma once

#include <cstdint>
#include <deque>

#include "replica/base/snapshot_facts.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate::multipaxos {

struct Slot {
  // The last vote; value.kind is kNone when there is none. Durable.
  Ballot accepted_ballot;
  Value value;
  // `value` is the decision. Durable for the decided prefix, by its record, and
  // where a record of its own says so.
  bool decided = false;
  bool decision_recorded = false;
  // Newest record about this slot.
  RecordSequence last_record = 0;

  // ---- of the leader that proposes in it ----
  // Our own client commands, whose clients wait here.
  bool own = false;
  ReplicaSet asked;
  // Voted at the leader's ballot; the own vote is in it once it is durable.
  ReplicaSet voters;
  std::uint64_t repeat_at_tick = 0;
  int repeat_ticks = 0;
};

class Log {
 public:
  // Null when the slot was dropped or never touched.
  Slot* Find(std::uint64_t slot) {
    if (slot <= dropped_ || slot > newest()) return nullptr;
    return &slots_[slot - dropped_ - 1];
  }
  const Slot* Find(std::uint64_t slot) const {
    if (slot <= dropped_ || slot > newest()) return nullptr;
    return &slots_[slot - dropped_ - 1];
  }
  // Null when the slot was dropped or is too far above the newest one.
  Slot* FindOrCreate(std::uint64_t slot) {
    if (slot <= dropped_ || slot > newest() + kMaxSlotGap) return nullptr;
    if (slot > newest()) slots_.resize(slot - dropped_);
    return &slots_[slot - dropped_ - 1];
  }

  // Slots 1 .. dropped() are gone.
  std::uint64_t dropped() const { return dropped_; }
  // The highest slot ever touched.
  std::uint64_t newest() const { return dropped_ + slots_.size(); }
  std::size_t size() const { return slots_.size(); }

  void DropThrough(std::uint64_t slot) {
    while (dropped_ < slot && !slots_.empty()) {
      slots_.pop_front();
      ++dropped_;
    }
    if (dropped_ < slot) dropped_ = slot;
  }

 private:
  std::uint64_t dropped_ = 0;
  std::deque<Slot> slots_;
};

// Slots as instances, for all that is shared with other protocols.
inline InstanceId InstanceOf(std::uint64_t slot) { return {kLogColumn, slot}; }

}  // namespace quorate::multipaxos
