// Answers: which keys does a batch touch, how, and do two batches conflict?
//
// One entry a distinct key of the batch, with the set of access classes in
// which it is touched: a thousand operations on one hot key are one entry. Keys
// are compared by hash; a collision orders two batches that need not be, which
// is safe. A scan conflicts with every conflicting operation whatever its key:
// coarse, but symmetric and a pure function of the two batches. Built only for
// batches that could not execute at once. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wire/command.h"
#include "wire/commutation.h"

namespace quorate {

// A set of access classes, one bit each.
using AccessMask = std::uint8_t;

constexpr AccessMask MaskOf(AccessClass access) {
  return static_cast<AccessMask>(1u << static_cast<unsigned>(access));
}
// Does some class of `a` conflict with some class of `b`?
bool Conflict(AccessMask a, AccessMask b);

class Footprint {
 public:
  struct Entry {
    std::uint64_t key_hash = 0;
    AccessMask classes = 0;
  };

  Footprint() = default;

  // Forgets what it held and takes in a batch. Keeps its memory.
  void Assign(const CommandBatch& batch, ConflictMode mode);
  void Clear();
  bool empty() const { return entries_.empty() && scans_ == 0; }

  // In order of first appearance. Scans are not among them.
  std::span<const Entry> entries() const { return entries_; }
  // Classes in which the batch scans, and in which it touches single keys.
  AccessMask scans() const { return scans_; }
  AccessMask keyed() const { return keyed_; }

  // Must the two batches be ordered?
  bool ConflictsWith(const Footprint& other) const;
  // The part of it that is due to scans.
  bool ScanConflict(const Footprint& other) const;

 private:
  AccessMask Classes(std::uint64_t key_hash) const;
  void Add(std::uint64_t key_hash, AccessMask mask);

  std::vector<Entry> entries_;
  // Open addressing by the hash's low bits: index into entries_ plus one. A
  // power of two at least twice the entries.
  std::vector<std::uint32_t> table_;
  AccessMask scans_ = 0;
  AccessMask keyed_ = 0;
  // The entry that decided the last comparison. A hot key that makes a batch
  // conflict with one other makes it conflict with the next one too. A guess
  // that only decides how fast the answer comes.
  mutable std::uint32_t likely_ = 0;
};

}  // namespace quorate
