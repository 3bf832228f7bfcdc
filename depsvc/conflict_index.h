// Answers: which earlier instances conflict with this command?
//
// Per key and access class the index keeps one watermark a column: the highest
// slot of that column that touched the key in that class. Because a dependency
// set is prefix-closed, reporting slot m reports every lower slot too, so one
// number is enough and nothing breaks when an instance in the prefix becomes a
// noop (protocol.md 5.3). An instance never leaves the index for being a noop
// (D4), only by falling below the floor that every replica has executed.
//
// Keys are told apart by their 64-bit hash alone: two keys with one hash share
// an entry, which can only enlarge an answer. A scan counts as touching every
// key. O(1) a key; the size is bounded by the keys touched above the floor.
// Pure, copyable; used by the EPaxos replica and the dependency service.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

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

 private:
  // Open addressing with linear probing, in shards so that one rehash is
  // short. An entry is 1 + classes * columns words: the hash (0 = free), then
  // the watermarks by class.
  struct Shard {
    std::vector<std::uint64_t> words;
    std::size_t capacity = 0;  // entries, a power of two
    std::size_t used = 0;
  };
  static constexpr std::size_t kShards = 64;
  using Watermarks = std::array<std::uint64_t, kMaxReplicas>;
  using ByClass = std::array<Watermarks, kAccessClasses>;

  // Hash 0 marks a free entry.
  static std::uint64_t Tag(std::uint64_t hash) { return hash == 0 ? 1 : hash; }
  Shard& ShardOf(std::uint64_t tag) { return shards_[tag >> 58]; }
  const Shard& ShardOf(std::uint64_t tag) const { return shards_[tag >> 58]; }
  // The entry's words, null if the key is not indexed.
  const std::uint64_t* Find(std::uint64_t tag) const;
  std::uint64_t* FindOrInsert(std::uint64_t tag);
  void MakeRoom(Shard& shard);
  bool IsBelowFloor(const std::uint64_t* entry) const;

  // Adds the conflicting watermarks of one key entry, or of a class table.
  void CollectEntry(const std::uint64_t* entry, AccessClass access,
                    DependencySet& deps) const;
  void CollectTable(const ByClass& table, AccessClass access,
                    DependencySet& deps) const;
  void CollectOperation(const Operation& operation, const std::uint64_t* entry,
                        DependencySet& deps) const;
  void MarkOperation(InstanceId instance, const Operation& operation);

  int columns_;
  std::size_t stride_;
  ConflictMode mode_;
  DependencySet floor_;
  std::array<Shard, kShards> shards_;
  std::size_t entries_ = 0;
  // Watermarks over scans, and over every operation that is not a scan.
  ByClass scans_{};
  ByClass points_{};
};

}  // namespace quorate
