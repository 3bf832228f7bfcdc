// Answers: which instances must be ordered with this one?
//
// One watermark a column. A watermark means *every* slot up to it: membership
// can be decided from the set alone, so nothing rests on the order being
// transitive through an instance that later becomes a noop. "The latest
// conflicting id only" is unsafe (protocol.md 5.3). A larger set is always
// safe; it costs waiting, not correctness. Pure, no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "wire/check.h"
#include "wire/ids.h"

namespace quorate {

class DependencySet {
 public:
  DependencySet() = default;
  explicit DependencySet(int columns) : columns_(columns) {
    QUORATE_CHECK(columns >= 0 && columns <= kMaxReplicas,
                  "a dependency set has at most kMaxReplicas columns");
  }

  int columns() const { return columns_; }

  // The watermark of a column; 0 when no instance of it is in the set.
  std::uint64_t operator[](ReplicaId column) const {
    return watermarks_[static_cast<std::size_t>(Index(column))];
  }
  void Set(ReplicaId column, std::uint64_t watermark) {
    watermarks_[static_cast<std::size_t>(Index(column))] = watermark;
  }

  bool Contains(InstanceId id) const { return id.slot <= (*this)[id.replica]; }
  // Adds `id` and with it every earlier instance of its column.
  void Add(InstanceId id) { Raise(id.replica, id.slot); }
  void Raise(ReplicaId column, std::uint64_t watermark) {
    auto& mine = watermarks_[static_cast<std::size_t>(Index(column))];
    mine = std::max(mine, watermark);
  }

  // Union: the larger watermark of each column.
  void UnionWith(const DependencySet& other) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns_); ++i) {
      watermarks_[i] = std::max(watermarks_[i], other.watermarks_[i]);
    }
  }
  // Keeps the smaller watermark of each column.
  void IntersectWith(const DependencySet& other) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns_); ++i) {
      watermarks_[i] = std::min(watermarks_[i], other.watermarks_[i]);
    }
  }
  // Is every member of `other` a member of this set?
  bool Covers(const DependencySet& other) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns_); ++i) {
      if (watermarks_[i] < other.watermarks_[i]) return false;
    }
    return true;
  }
  // An instance never depends on itself or on later ones of its own column.
  // EPaxos only: not in BPaxos and not under the Atlas rule (protocol.md 2.2).
  void ClampOwnColumn(InstanceId id) {
    auto& mine = watermarks_[static_cast<std::size_t>(Index(id.replica))];
    mine = std::min(mine, id.slot - 1);
  }

  std::span<const std::uint64_t> watermarks() const {
    return {watermarks_.data(), static_cast<std::size_t>(columns_)};
  }
  friend bool operator==(const DependencySet&, const DependencySet&) = default;

 private:
  // Columns past columns_ stay 0, so that equality needs no special case.
  std::array<std::uint64_t, kMaxReplicas> watermarks_{};
  int columns_ = 0;
};

// "{r1:4 r3:17}"; "{}" when empty.
inline std::string ToString(const DependencySet& deps) {
  std::string text = "{";
  for (int i = 0; i < deps.columns(); ++i) {
    if (deps[ReplicaAt(i)] == 0) continue;
    if (text.size() > 1) text += ' ';
    text +=
        "r" + std::to_string(i + 1) + ":" + std::to_string(deps[ReplicaAt(i)]);
  }
  return text + "}";
}

}  // namespace quorate
