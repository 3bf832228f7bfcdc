// Answers: what is known about one column's slots above the executed prefix?
//
// A ring indexed by slot: no hashing, and a prefix is forgotten by moving the
// start. It spans from the first slot that has not executed to the highest slot
// that was committed or is waited for, so a caller must not pass slots that
// nobody has allocated. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "graph/component_graph.h"
#include "wire/check.h"

namespace quorate {

// Of one instance.
struct SlotState {
  enum class Kind : std::uint8_t { kUncommitted, kWaiting, kExecuted };
  Kind kind = Kind::kUncommitted;
  // First of the instances that wait until the column is committed up to here.
  Vertex first_waiter = kNoVertex;
};

class SlotRing {
 public:
  // Slots up to here are forgotten: committed and executed.
  std::uint64_t forgotten() const { return forgotten_; }
  // Slots there is memory for.
  std::size_t capacity() const { return slots_.size(); }

  // The slot's state; `slot` > forgotten(). Makes room; invalidates references.
  SlotState& At(std::uint64_t slot) {
    if (slot > end_) Extend(slot);
    return slots_[Place(slot)];
  }
  // As At, for reading; a slot never mentioned is uncommitted.
  SlotState::Kind KindOf(std::uint64_t slot) const {
    if (slot <= forgotten_) return SlotState::Kind::kExecuted;
    if (slot > end_) return SlotState::Kind::kUncommitted;
    return slots_[Place(slot)].kind;
  }
  // The highest slot ever mentioned.
  std::uint64_t end() const { return end_; }

  // Everything up to here has been executed in an earlier life. Of a ring that
  // nothing was mentioned to.
  void ForgetThrough(std::uint64_t slot) {
    QUORATE_CHECK(end_ == forgotten_, "EX5: only a new executor is restored");
    forgotten_ = end_ = slot;
  }

  // Forgets executed slots at the start, as many as there are in a row.
  void ForgetExecuted() {
    while (forgotten_ < end_) {
      SlotState& first = slots_[Place(forgotten_ + 1)];
      if (first.kind != SlotState::Kind::kExecuted) return;
      first = SlotState{};
      ++forgotten_;
    }
  }

 private:
  std::size_t Place(std::uint64_t slot) const {
    return static_cast<std::size_t>(slot) & (slots_.size() - 1);
  }
  void Extend(std::uint64_t slot) {
    const std::uint64_t span = slot - forgotten_;
    if (span > slots_.size()) {
      std::vector<SlotState> larger(
          std::bit_ceil(static_cast<std::size_t>(span < 64 ? 64 : span)));
      for (std::uint64_t s = forgotten_ + 1; s <= end_; ++s) {
        larger[static_cast<std::size_t>(s) & (larger.size() - 1)] =
            slots_[Place(s)];
      }
      slots_ = std::move(larger);
    }
    end_ = slot;
  }

  // A power of two. Slots in (forgotten_, end_] are in use, others are blank.
  std::vector<SlotState> slots_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace quorate
