#include "depsvc/conflict_index.h"

#include <algorithm>
#include <utility>

#include "depsvc/rules.h"
#include "wire/check.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr std::size_t kFirstCapacity = 64;
// Entries to fetch ahead while a batch is looked up: enough to hide a miss.
constexpr std::size_t kPrefetchDistance = 8;

static_assert(std::ranges::all_of(kOperations, [](const OperationRow& row) {
  return row.reach != Reach::kEveryKey || row.access == AccessClass::kWrite;
}));

// Entries know reads, writes and classes that commute with themselves alone.
static_assert(kAccessClassRows[0].access == AccessClass::kRead &&
              kAccessClassRows[1].access == AccessClass::kWrite &&
              !kAccessClassRows[1].commutes_with_itself);

constexpr int kSlotBits = 56;
static_assert(kMaxSlot < std::uint64_t{1} << kSlotBits);

std::uint64_t Step(AccessClass access, std::uint64_t slot) {
  return static_cast<std::uint64_t>(access) << kSlotBits | slot;
}
std::uint64_t SlotOf(std::uint64_t mark) {
  return mark & ((std::uint64_t{1} << kSlotBits) - 1);
}
// kRead, which is no step, where there is none.
AccessClass ClassOfStep(std::uint64_t mark) {
  return static_cast<AccessClass>(mark >> kSlotBits);
}

}  // namespace

ConflictIndex::ConflictIndex(int columns, ConflictMode mode)
    : columns_(columns),
      stride_(1 + kGroups * static_cast<std::size_t>(columns)),
      mode_(mode),
      floor_(columns),
      every_key_(columns) {
  for (const OperationRow& row : kOperations) {
    if (row.reach != Reach::kRange) continue;
    for (std::size_t other = 0; other < kAccessClasses; ++other) {
      meets_ranges_[other] |=
          Conflict(ClassOf(row.kind, mode), static_cast<AccessClass>(other));
    }
  }
}

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
  for (std::size_t group = 0; group < kGroups; ++group) {
    for (int column = 0; column < columns_; ++column) {
      if (SlotOf(*++entry) > floor_[ReplicaAt(column)]) return false;
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
  const std::uint64_t* reads = MarksOf(entry, kReads);
  const std::uint64_t* writes = MarksOf(entry, kWrites);
  const std::uint64_t* steps = MarksOf(entry, kSteps);
  for (int i = 0; i < columns_; ++i) {
    const auto column = static_cast<std::size_t>(i);
    std::uint64_t mark = writes[column];
    if (access != AccessClass::kRead) mark = std::max(mark, reads[column]);
    const std::uint64_t step = steps[column];
    if (access != ClassOfStep(step)) mark = std::max(mark, SlotOf(step));
    deps.Raise(ReplicaAt(i), mark);
  }
}

void ConflictIndex::CollectRange(const Operation& operation, AccessClass access,
                                 DependencySet& deps) const {
  const KeyRange range{operation.key, operation.value};
  if (range.empty()) return;
  if (!intervals_.has_value()) {
    return points_.CollectInto(access, deps, columns_);
  }
  before_intervals_.CollectInto(access, deps, columns_);
  intervals_->CollectRange(range, access, deps);
}

// `entry` is the key's, or null; unused for a range.
void ConflictIndex::CollectOperation(const Operation& operation,
                                     const std::uint64_t* entry,
                                     DependencySet& deps) const {
  if (!rules::TakesPart(operation.kind)) return;
  const AccessClass access = ClassOf(operation.kind, mode_);
  switch (rules::ReachOf(operation.kind)) {
    case Reach::kKey:
      if (rules::MayConflict(entry)) CollectEntry(entry, access, deps);
      if (intervals_.has_value() && rules::AsksRanges(MeetsRanges(access))) {
        intervals_->CollectKey(operation.key, access, deps);
      }
      return;
    case Reach::kRange: return CollectRange(operation, access, deps);
    case Reach::kEveryKey:
      points_.CollectInto(access, deps, columns_);
      ranges_.CollectInto(access, deps, columns_);
      return;
  }
}

void ConflictIndex::Collect(std::span<const Operation> operations,
                            DependencySet& deps) const {
  deps.UnionWith(floor_);
  if (!operations.empty()) deps.UnionWith(every_key_);
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

void ConflictIndex::MarkEntry(std::uint64_t* entry, InstanceId instance,
                              AccessClass access) {
  const auto column = static_cast<std::size_t>(Index(instance.replica));
  std::uint64_t& write = MarksOf(entry, kWrites)[column];
  if (access == AccessClass::kWrite) {
    write = std::max(write, instance.slot);
  } else if (access == AccessClass::kRead) {
    std::uint64_t& read = MarksOf(entry, kReads)[column];
    read = std::max(read, instance.slot);
  } else {
    std::uint64_t& step = MarksOf(entry, kSteps)[column];
    const std::uint64_t mark = Step(access, instance.slot);
    if (ClassOfStep(step) == access) {
      step = std::max(step, mark);
    } else {
      write = std::max(write, SlotOf(step));
      step = mark;
    }
  }
}

void ConflictIndex::MarkRange(InstanceId instance, const Operation& operation,
                              AccessClass access) {
  if (!intervals_.has_value()) {
    before_intervals_ = points_;
    intervals_.emplace(columns_);
  }
  ranges_.Raise(access, instance);
  const KeyRange range{operation.key, operation.value};
  if (range.empty()) return;
  intervals_->MarkRange(range, access, instance, floor_);
}

void ConflictIndex::MarkOperation(InstanceId instance,
                                  const Operation& operation) {
  if (!rules::TakesPart(operation.kind)) return;
  const AccessClass access = ClassOf(operation.kind, mode_);
  const Reach reach = rules::ReachOf(operation.kind);
  if (reach == Reach::kEveryKey) return every_key_.Add(instance);
  if (reach == Reach::kRange) return MarkRange(instance, operation, access);
  MarkEntry(FindOrInsert(Tag(operation.key_hash)), instance, access);
  points_.Raise(access, instance);
  if (intervals_.has_value() && MeetsRanges(access)) {
    intervals_->MarkKey(operation.key, access, instance, floor_);
  }
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
