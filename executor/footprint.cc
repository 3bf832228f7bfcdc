#include "executor/footprint.h"

#include <algorithm>
#include <array>
#include <bit>

namespace quorate {
namespace {

// Row: a class set; bits: the classes that conflict with one of it.
using ByMask = std::array<AccessMask, std::size_t{1} << kAccessClasses>;
constexpr ByMask ConflictingClasses() {
  ByMask conflicting{};
  for (unsigned mask = 0; mask < conflicting.size(); ++mask) {
    for (unsigned a = 0; a < kAccessClasses; ++a) {
      if (((mask >> a) & 1u) == 0) continue;
      for (unsigned b = 0; b < kAccessClasses; ++b) {
        if (kClassesConflict[a][b]) {
          conflicting[mask] =
              static_cast<AccessMask>(conflicting[mask] | (1u << b));
        }
      }
    }
  }
  return conflicting;
}
constexpr ByMask kConflictingClasses = ConflictingClasses();

}  // namespace

bool Conflict(AccessMask a, AccessMask b) {
  return (kConflictingClasses[a] & b) != 0;
}

void Footprint::Clear() {
  entries_.clear();
  scans_ = 0;
  keyed_ = 0;
  likely_ = 0;
}

void Footprint::Assign(const CommandBatch& batch, ConflictMode mode) {
  Clear();
  const std::size_t operations = batch.operations().size();
  table_.assign(std::bit_ceil(std::max<std::size_t>(2 * operations, 2)), 0);
  for (const Operation& operation : batch.operations()) {
    const AccessMask mask = MaskOf(ClassOf(operation.kind, mode));
    if (IsRange(operation.kind)) {
      scans_ |= mask;
    } else {
      keyed_ |= mask;
      Add(operation.key_hash, mask);
    }
  }
}

void Footprint::Add(std::uint64_t key_hash, AccessMask mask) {
  const std::size_t wrap = table_.size() - 1;
  std::size_t at = static_cast<std::size_t>(key_hash) & wrap;
  for (; table_[at] != 0; at = (at + 1) & wrap) {
    Entry& entry = entries_[table_[at] - 1];
    if (entry.key_hash == key_hash) {
      entry.classes |= mask;
      return;
    }
  }
  entries_.push_back({key_hash, mask});
  table_[at] = static_cast<std::uint32_t>(entries_.size());
}

AccessMask Footprint::Classes(std::uint64_t key_hash) const {
  const std::size_t wrap = table_.size() - 1;
  for (std::size_t at = static_cast<std::size_t>(key_hash) & wrap;
       table_[at] != 0; at = (at + 1) & wrap) {
    const Entry& entry = entries_[table_[at] - 1];
    if (entry.key_hash == key_hash) return entry.classes;
  }
  return 0;
}

bool Footprint::ScanConflict(const Footprint& other) const {
  return Conflict(scans_, other.scans_ | other.keyed_) ||
         Conflict(other.scans_, keyed_);
}

bool Footprint::ConflictsWith(const Footprint& other) const {
  if (ScanConflict(other)) return true;
  if (!Conflict(keyed_, other.keyed_)) return false;
  // Fewer lookups this way round; the relation is symmetric.
  if (entries_.size() > other.entries_.size()) {
    return other.ConflictsWith(*this);
  }
  const auto decides = [&other](const Entry& entry) {
    return Conflict(entry.classes, other.Classes(entry.key_hash));
  };
  if (decides(entries_[likely_])) return true;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (decides(entries_[i])) {
      likely_ = i;
      return true;
    }
  }
  return false;
}

}  // namespace quorate
