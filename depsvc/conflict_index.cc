#include "depsvc/conflict_index.h"

#include <algorithm>
#include <utility>

#include "wire/check.h"
#include "wire/mutation.h"

namespace quorate {
namespace {

constexpr std::size_t kFirstCapacity = 64;
// Entries to fetch ahead while a batch is looked up: enough to hide a miss.
constexpr std::size_t kPrefetchDistance = 8;

// Is it entered under no key but among those that concern every key?
bool IsUnderEveryKey(OperationKind kind) {
  if (Mutated("era_commutes") && kind == OperationKind::kEndEra) return false;
  return IsRange(kind);
}

// No, they do not: a withdrawal is a write.
bool IsOverlooked(OperationKind kind) {
  return Mutated("withdrawal_commutes") && kind == OperationKind::kWithdraw;
}

}  // namespace

ConflictIndex::ConflictIndex(int columns, ConflictMode mode)
    : columns_(columns),
      stride_(1 + kAccessClasses * static_cast<std::size_t>(columns)),
      mode_(mode),
      floor_(columns) {}

const std::uint64_t* ConflictIndex::Find(std::uint64_t tag) const {
  const Shard& shard = ShardOf(tag);
  if (shard.capacity == 0) return nullptr;
  const std::size_t mask = shard.capacity - 1;
  for (std::size_t at = tag & mask;; at = (at + 1) & mask) {
    const std::uint64_t* entry = &shard.words[at * stride_];
    if (*entry == tag) return entry;
    if (*entry == 0) return nullptr;
  }
}

std::uint64_t* ConflictIndex::FindOrInsert(std::uint64_t tag) {
  Shard& shard = ShardOf(tag);
  if (shard.used * 4 >= shard.capacity * 3) MakeRoom(shard);
  const std::size_t mask = shard.capacity - 1;
  for (std::size_t at = tag & mask;; at = (at + 1) & mask) {
    std::uint64_t* entry = &shard.words[at * stride_];
    if (*entry == tag) return entry;
    if (*entry == 0) {
      *entry = tag;
      ++shard.used;
      ++entries_;
      return entry;
    }
  }
}

bool ConflictIndex::IsBelowFloor(const std::uint64_t* entry) const {
  for (std::size_t access = 0; access < kAccessClasses; ++access) {
    for (int column = 0; column < columns_; ++column) {
      if (*++entry > floor_[ReplicaAt(column)]) return false;
    }
  }
  return true;
}

// Rebuilds a shard without the entries below the floor, and larger only if
// what is left needs it.
void ConflictIndex::MakeRoom(Shard& shard) {
  std::vector<std::uint64_t> old = std::exchange(shard.words, {});
  std::size_t live = 0;
  for (std::size_t at = 0; at < old.size(); at += stride_) {
    if (old[at] == 0) continue;
    if (IsBelowFloor(&old[at])) {
      old[at] = 0;
    } else {
      ++live;
    }
  }
  std::size_t capacity = kFirstCapacity;
  while (live * 2 >= capacity) capacity *= 2;
  entries_ -= shard.used - live;
  shard.words.assign(capacity * stride_, 0);
  shard.capacity = capacity;
  shard.used = live;
  for (std::size_t from = 0; from < old.size(); from += stride_) {
    if (old[from] == 0) continue;
    std::size_t to = old[from] & (capacity - 1);
    while (shard.words[to * stride_] != 0) to = (to + 1) & (capacity - 1);
    std::copy_n(&old[from], stride_, &shard.words[to * stride_]);
  }
}

void ConflictIndex::CollectEntry(const std::uint64_t* entry, AccessClass access,
                                 DependencySet& deps) const {
  if (Mutated("no_conflicts")) return;
  const auto columns = static_cast<std::size_t>(columns_);
  for (std::size_t other = 0; other < kAccessClasses; ++other) {
    if (!Conflict(access, static_cast<AccessClass>(other))) continue;
    const std::uint64_t* watermarks = entry + 1 + other * columns;
    for (int column = 0; column < columns_; ++column) {
      deps.Raise(ReplicaAt(column), watermarks[column]);
    }
  }
}

void ConflictIndex::CollectTable(const ByClass& table, AccessClass access,
                                 DependencySet& deps) const {
  for (std::size_t other = 0; other < kAccessClasses; ++other) {
    if (!Conflict(access, static_cast<AccessClass>(other))) continue;
    for (int column = 0; column < columns_; ++column) {
      deps.Raise(ReplicaAt(column),
                 table[other][static_cast<std::size_t>(column)]);
    }
  }
}

// `entry` is the key's, or null; unused for a scan.
void ConflictIndex::CollectOperation(const Operation& operation,
                                     const std::uint64_t* entry,
                                     DependencySet& deps) const {
  if (IsOverlooked(operation.kind)) return;
  const AccessClass access = ClassOf(operation.kind, mode_);
  CollectTable(scans_, access, deps);
  if (IsUnderEveryKey(operation.kind)) {
    CollectTable(points_, access, deps);
  } else if (entry != nullptr) {
    CollectEntry(entry, access, deps);
  }
}

void ConflictIndex::Collect(std::span<const Operation> operations,
                            DependencySet& deps) const {
  deps.UnionWith(floor_);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (i + kPrefetchDistance < operations.size()) {
      const std::uint64_t ahead =
          Tag(operations[i + kPrefetchDistance].key_hash);
      const Shard& shard = ShardOf(ahead);
      if (shard.capacity != 0) {
        __builtin_prefetch(
            &shard.words[(ahead & (shard.capacity - 1)) * stride_]);
      }
    }
    CollectOperation(operations[i], Find(Tag(operations[i].key_hash)), deps);
  }
}

void ConflictIndex::MarkOperation(InstanceId instance,
                                  const Operation& operation) {
  if (IsOverlooked(operation.kind)) return;
  const auto column = static_cast<std::size_t>(Index(instance.replica));
  const auto access = static_cast<std::size_t>(ClassOf(operation.kind, mode_));
  if (IsUnderEveryKey(operation.kind)) {
    std::uint64_t& mark = scans_[access][column];
    mark = std::max(mark, instance.slot);
    return;
  }
  std::uint64_t* entry = FindOrInsert(Tag(operation.key_hash));
  std::uint64_t& mark =
      entry[1 + access * static_cast<std::size_t>(columns_) + column];
  mark = std::max(mark, instance.slot);
  std::uint64_t& overall = points_[access][column];
  overall = std::max(overall, instance.slot);
}

void ConflictIndex::Add(InstanceId instance, const CommandBatch& batch) {
  for (const Operation& operation : batch.operations()) {
    MarkOperation(instance, operation);
  }
}

// All questions before the first mark: an operation must not find the marks of
// another operation of its own batch in place of older ones.
void ConflictIndex::CollectAndAdd(InstanceId instance,
                                  const CommandBatch& batch,
                                  DependencySet& deps) {
  Collect(batch, deps);
  Add(instance, batch);
}

void ConflictIndex::RaiseFloor(const DependencySet& floor) {
  floor_.UnionWith(floor);
}

}  // namespace quorate
