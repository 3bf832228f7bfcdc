// Answers: which earlier instances conflict with this command?
//
// Per key the index keeps a few watermarks a column: the highest slot of that
// column that read the key, that wrote it, and that changed it by a step which
// commutes with its own kind (an add, say). Because a dependency
// set is prefix-closed, reporting slot m reports every lower slot too, so one
// number is enough and nothing breaks when an instance in the prefix becomes a
// noop (protocol.md 5.3). An instance never leaves the index for being a noop
// (D4), only by falling below the floor that every replica has executed.
//
// Keys are told apart by their 64-bit hash alone: two keys with one hash share
// an entry, which can only enlarge an answer. Ranges are looked up by order
// (interval_marks.h) from the first one on that is indexed; what came before
// it counts as touching every range. O(1) a key, with ranges O(log n); the size
// is bounded by the keys touched above the floor.
// Pure, copyable; used by the EPaxos replica and the dependency service.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "depsvc/class_marks.h"
#include "depsvc/interval_marks.h"
#include "wire/command.h"
#include "wire/commutation.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

class ConflictIndex {
 public:
  ConflictIndex(int columns, ConflictMode mode);

  // Adds to `deps` every indexed instance that conflicts with `batch`, then
  // indexes `batch` as `instance`. The instance itself is not reported, unless
  // it was indexed before.
  void CollectAndAdd(InstanceId instance, const CommandBatch& batch,
                     DependencySet& deps);
  // Only indexes. Idempotent.
  void Add(InstanceId instance, const CommandBatch& batch);
  // Only asks.
  void Collect(const CommandBatch& batch, DependencySet& deps) const {
    Collect(batch.operations(), deps);
  }
  void Collect(std::span<const Operation> operations,
               DependencySet& deps) const;

  // From now on every answer covers `floor`, and entries that lie below it in
  // every column are forgotten, at the latest when the table would grow.
  void RaiseFloor(const DependencySet& floor);

  std::size_t entries() const { return entries_; }
  ConflictMode mode() const { return mode_; }

 private:
  // Open addressing with linear probing, in shards so that one rehash is
  // short. An entry is 1 + 3 * columns words: the hash (0 = free), then the
  // watermarks of reads, of writes, and of steps. A step's has its class in the
  // bits above the slot; the one before it, if it was of another class, counts
  // as a write from then on, which can only enlarge an answer. So an entry does
  // not grow with the number of classes.
  struct Shard {
    std::vector<std::uint64_t> words;
    std::size_t capacity = 0;  // entries, a power of two
    std::size_t used = 0;
  };
  static constexpr std::size_t kShards = 64;

  // Hash 0 marks a free entry.
  static std::uint64_t Tag(std::uint64_t hash) { return hash == 0 ? 1 : hash; }
  Shard& ShardOf(std::uint64_t tag) { return shards_[tag >> 58]; }
  const Shard& ShardOf(std::uint64_t tag) const { return shards_[tag >> 58]; }
  // The entry's words, null if the key is not indexed.
  const std::uint64_t* Find(std::uint64_t tag) const;
  std::uint64_t* FindOrInsert(std::uint64_t tag);
  void MakeRoom(Shard& shard);
  bool IsBelowFloor(const std::uint64_t* entry) const;

  // The watermarks of an entry, of all columns.
  enum Group : std::size_t { kReads, kWrites, kSteps, kGroups };
  std::uint64_t* MarksOf(std::uint64_t* entry, Group group) const {
    return entry + 1 + group * static_cast<std::size_t>(columns_);
  }
  const std::uint64_t* MarksOf(const std::uint64_t* entry, Group group) const {
    return entry + 1 + group * static_cast<std::size_t>(columns_);
  }
  // Adds the conflicting watermarks of one key entry.
  void CollectEntry(const std::uint64_t* entry, AccessClass access,
                    DependencySet& deps) const;
  void CollectRange(const Operation& operation, AccessClass access,
                    DependencySet& deps) const;
  void CollectOperation(const Operation& operation, const std::uint64_t* entry,
                        DependencySet& deps) const;
  void MarkEntry(std::uint64_t* entry, InstanceId instance, AccessClass access);
  void MarkOperation(InstanceId instance, const Operation& operation);
  void MarkRange(InstanceId instance, const Operation& operation,
                 AccessClass access);
  // Do ranges, as they are accessed in this mode, conflict with the class?
  bool MeetsRanges(AccessClass access) const {
    return meets_ranges_[static_cast<std::size_t>(access)];
  }

  int columns_;
  std::size_t stride_;
  ConflictMode mode_;
  DependencySet floor_;
  std::array<Shard, kShards> shards_;
  std::size_t entries_ = 0;
  std::array<bool, kAccessClasses> meets_ranges_{};
  // Of what touches every key: it conflicts with everything.
  DependencySet every_key_;
  // Over all that touched one key; over ranges.
  ClassMarks points_;
  ClassMarks ranges_;
  // Since the first range: keys and ranges by order, and what was there before.
  std::optional<IntervalMarks> intervals_;
  ClassMarks before_intervals_;
};

}  // namespace quorate
