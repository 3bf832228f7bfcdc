#include "executor/kv_state_machine.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "wire/limits.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace {

// The whole text as a signed 64-bit decimal number.
std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// Wraps around, so that adds commute whatever the numbers.
std::int64_t WrappingSum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) +
                                   static_cast<std::uint64_t>(b));
}

std::uint64_t EntryHash(std::uint64_t key_hash, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), key_hash);
}

}  // namespace

void KvStateMachine::Apply(std::span<const Operation> operations,
                           CommandResult& results) {
  for (const Operation& operation : operations) {
    OperationResult& result = results.emplace_back();
    switch (operation.kind) {
      case OperationKind::kGet: Get(operation, result); break;
      case OperationKind::kPut: Put(operation); break;
      case OperationKind::kDelete: Delete(operation, result); break;
      case OperationKind::kCompareAndSet:
        CompareAndSet(operation, result);
        break;
      case OperationKind::kAdd: Add(operation, result); break;
      case OperationKind::kAppend: Append(operation, result); break;
      case OperationKind::kScan: Scan(operation, result); break;
      case OperationKind::kEndEra: break;  // The sessions' affair.
    }
  }
}

std::optional<std::string_view> KvStateMachine::Find(
    std::string_view key) const {
  const std::uint64_t hash = HashKey(key);
  const EntryTable::Entry* found = PartOf(hash).Find(key, hash);
  if (found == nullptr) return std::nullopt;
  return found->value();
}

void KvStateMachine::Get(const Operation& operation,
                         OperationResult& result) const {
  const EntryTable::Entry* found = FindEntry(operation);
  if (found == nullptr) {
    result.status = OperationStatus::kNotFound;
  } else {
    result.value = found->value();
  }
}

void KvStateMachine::Put(const Operation& operation) {
  EntryTable::Slot& slot = FindOrInsert(operation);
  EntryTable::SetValue(slot, operation.value);
  Rehash(slot);
}

void KvStateMachine::Delete(const Operation& operation,
                            OperationResult& result) {
  EntryTable& part = PartOf(operation.key_hash);
  EntryTable::Slot* found = part.FindSlot(operation.key, operation.key_hash);
  if (found == nullptr) {
    result.status = OperationStatus::kNotFound;
    return;
  }
  if (saver_.has_value()) saver_->BeforeErase(part, *found);
  hash_ -= found->entry->entry_hash;
  --size_;
  part.Erase(*found);
  if (ordered_.has_value()) ordered_->erase(operation.key);
}

void KvStateMachine::CompareAndSet(const Operation& operation,
                                   OperationResult& result) {
  const EntryTable::Entry* found = FindEntry(operation);
  const std::string_view current =
      found == nullptr ? std::string_view() : found->value();
  if (current != operation.expected) {
    result.status = OperationStatus::kMismatch;
    result.value = current;
    return;
  }
  Put(operation);
}

void KvStateMachine::Add(const Operation& operation, OperationResult& result) {
  const EntryTable::Entry* found = FindEntry(operation);
  const std::optional<std::int64_t> current =
      found == nullptr ? 0 : ParseNumber(found->value());
  if (!current.has_value()) {
    result.status = OperationStatus::kNotANumber;
    return;
  }
  EntryTable::Slot& slot = FindOrInsert(operation);
  EntryTable::SetValue(slot,
                       std::to_string(WrappingSum(*current, operation.number)));
  Rehash(slot);
}

void KvStateMachine::Append(const Operation& operation,
                            OperationResult& result) {
  const EntryTable::Entry* found = FindEntry(operation);
  const std::size_t length = found == nullptr ? 0 : found->value().size();
  if (length + operation.value.size() > kMaxValueBytes) {
    result.status = OperationStatus::kTooLarge;
    return;
  }
  EntryTable::Slot& slot = FindOrInsert(operation);
  EntryTable::AppendValue(slot, operation.value);
  Rehash(slot);
}

// Stops before the row that would pass a limit; the first row is given whatever
// its size, so that a client that goes on from the last key always gets on.
void KvStateMachine::Scan(const Operation& operation, OperationResult& result) {
  if (!ordered_.has_value()) BuildOrderedIndex();
  const std::size_t limit =
      operation.number <= 0
          ? kMaxScanRows
          : static_cast<std::size_t>(std::min<std::int64_t>(
                operation.number, std::int64_t{kMaxScanRows}));
  std::size_t bytes = 0;
  for (auto at = ordered_->lower_bound(operation.key);
       at != ordered_->end() && result.rows.size() < limit; ++at) {
    const auto& [key, hash] = *at;
    if (!operation.value.empty() && key >= operation.value) return;
    const std::string_view value = PartOf(hash).Find(key, hash)->value();
    bytes += key.size() + value.size();
    if (bytes > kMaxScanBytes && !result.rows.empty()) return;
    result.rows.emplace_back(key, std::string(value));
  }
}

const EntryTable::Entry* KvStateMachine::FindEntry(
    const Operation& operation) const {
  return PartOf(operation.key_hash).Find(operation.key, operation.key_hash);
}

EntryTable::Slot& KvStateMachine::FindOrInsert(const Operation& operation) {
  bool inserted = false;
  EntryTable::Slot& slot = Insert(operation.key, operation.key_hash,
                                  operation.value.size(), inserted);
  if (!inserted && saver_.has_value()) saver_->BeforeChange(slot);
  return slot;
}

EntryTable::Slot& KvStateMachine::Insert(std::string_view key,
                                         std::uint64_t hash,
                                         std::size_t value_size,
                                         bool& inserted) {
  EntryTable::Slot& slot =
      PartOf(hash).FindOrInsert(key, hash, value_size, inserted);
  if (!inserted) return slot;
  slot.entry->saved_in = cuts_;
  ++size_;
  if (ordered_.has_value()) ordered_->emplace(key, hash);
  return slot;
}

void KvStateMachine::BeginSave() { saver_.emplace(++cuts_); }

bool KvStateMachine::NextEntries(std::size_t bytes, EntriesRecord& record) {
  if (saver_.has_value() && saver_->Next(parts_, bytes, record)) return true;
  EndSave();
  return false;
}

void KvStateMachine::Restore(const EntriesRecord& record) {
  std::string_view rest = record.bytes;
  for (std::size_t i = 0; i < record.key_sizes.size(); ++i) {
    const std::string_view key = rest.substr(0, record.key_sizes[i]);
    rest.remove_prefix(key.size());
    const std::string_view value = rest.substr(0, record.value_sizes[i]);
    rest.remove_prefix(value.size());
    bool inserted = false;
    EntryTable::Slot& slot = Insert(key, HashKey(key), value.size(), inserted);
    EntryTable::SetValue(slot, value);
    Rehash(slot);
  }
}

void KvStateMachine::Rehash(EntryTable::Slot& slot) {
  std::uint64_t& entry_hash = slot.entry->entry_hash;
  hash_ -= entry_hash;  // 0 for an entry that is new.
  entry_hash = EntryHash(slot.hash, slot.entry->value());
  hash_ += entry_hash;
}

void KvStateMachine::BuildOrderedIndex() {
  std::vector<std::pair<std::string, std::uint64_t>> keys;
  keys.reserve(static_cast<std::size_t>(size_));
  for (const EntryTable& part : parts_) {
    // The order of iteration does not matter: the keys are sorted below.
    for (const EntryTable::Slot& slot : part.slots()) {
      if (slot.entry != nullptr)
        keys.emplace_back(slot.entry->key(), slot.hash);
    }
  }
  std::ranges::sort(keys);
  ordered_.emplace(keys.begin(), keys.end());
}

}  // namespace quorate
