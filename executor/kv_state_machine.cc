#include "executor/kv_state_machine.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "wire/meaning.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace {

// May its result be larger than a status?
bool MayGiveMuch(OperationKind kind) {
  return kind == OperationKind::kGet || kind == OperationKind::kScan ||
         kind == OperationKind::kCompareAndSet;
}

std::uint64_t EntryHash(std::uint64_t key_hash, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), key_hash);
}

// What the operation does to the entry found, if any, and the result's share
// of it. Inlined by force, so that nothing is left of it where the kind is
// known.
[[gnu::always_inline]] inline Meaning Ask(OperationKind kind,
                                          const Operation& operation,
                                          const EntryTable::Entry* found,
                                          OperationResult& result) {
  std::string_view text;
  if (found != nullptr) text = found->value();
  const Meaning meaning =
      MeaningOf(kind, found == nullptr ? nullptr : &text, operation.value,
                operation.expected, operation.number);
  result.status = meaning.status;
  if (meaning.tells_found) result.value = text;
  return meaning;
}

}  // namespace

// Operations that give something back change nothing when they do, so one alone
// leaves nothing to undo.
bool KvStateMachine::Apply(std::span<const Operation> operations,
                           CommandResult& results, std::size_t most_bytes) {
  if (operations.size() > 1) {
    return ApplySeveral(operations, results, most_bytes);
  }
  for (const Operation& operation : operations) {
    OperationResult& result = results.emplace_back();
    ApplyOne(operation, result);
    if (MayGiveMuch(operation.kind) && BytesOf(result) > most_bytes) {
      results.clear();
      return false;
    }
  }
  return true;
}

bool KvStateMachine::ApplySeveral(std::span<const Operation> operations,
                                  CommandResult& results,
                                  std::size_t most_bytes) {
  const bool may_be_undone =
      std::ranges::any_of(operations, MayGiveMuch, &Operation::kind);
  std::vector<Before> before;
  std::size_t bytes = 0;
  for (const Operation& operation : operations) {
    if (may_be_undone && !IsReadOnly(operation.kind)) {
      const EntryTable::Entry* found = FindEntry(operation);
      before.push_back({.operation = &operation});
      if (found != nullptr) before.back().value.emplace(found->value());
    }
    OperationResult& result = results.emplace_back();
    ApplyOne(operation, result);
    if (!may_be_undone) continue;
    bytes += BytesOf(result);
    if (bytes <= most_bytes) continue;
    while (!before.empty()) {
      Undo(before.back());
      before.pop_back();
    }
    results.clear();
    return false;
  }
  return true;
}

void KvStateMachine::Undo(const Before& before) {
  const Operation& operation = *before.operation;
  if (before.value.has_value()) {
    EntryTable::Slot& slot = FindOrInsert(operation);
    EntryTable::SetValue(slot, *before.value);
    Rehash(slot);
  } else {
    OperationResult unused;
    Delete(operation, unused);
  }
}

void KvStateMachine::ApplyOne(const Operation& operation,
                              OperationResult& result) {
  switch (operation.kind) {
    case OperationKind::kGet: Get(operation, result); break;
    case OperationKind::kPut: Put(operation); break;
    case OperationKind::kDelete: Delete(operation, result); break;
    case OperationKind::kCompareAndSet: CompareAndSet(operation, result); break;
    case OperationKind::kAdd: Add(operation, result); break;
    case OperationKind::kAppend: Append(operation, result); break;
    case OperationKind::kScan: Scan(operation, result); break;
    case OperationKind::kEndEra:
    case OperationKind::kWithdraw: break;  // The sessions' affair.
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
  Ask(OperationKind::kGet, operation, FindEntry(operation), result);
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
  const Meaning meaning =
      Ask(OperationKind::kDelete, operation,
          found == nullptr ? nullptr : found->entry.get(), result);
  if (meaning.effect == Effect::kNothing) return;
  if (saver_.has_value()) saver_->BeforeErase(part, *found);
  hash_ -= found->entry->entry_hash;
  --size_;
  part.Erase(*found);
  if (ordered_.has_value()) ordered_->erase(operation.key);
}

void KvStateMachine::CompareAndSet(const Operation& operation,
                                   OperationResult& result) {
  const Meaning meaning = Ask(OperationKind::kCompareAndSet, operation,
                              FindEntry(operation), result);
  if (meaning.effect == Effect::kSet) Put(operation);
}

void KvStateMachine::Add(const Operation& operation, OperationResult& result) {
  const Meaning meaning =
      Ask(OperationKind::kAdd, operation, FindEntry(operation), result);
  if (meaning.effect == Effect::kNothing) return;
  EntryTable::Slot& slot = FindOrInsert(operation);
  EntryTable::SetValue(slot, std::to_string(meaning.number));
  Rehash(slot);
}

void KvStateMachine::Append(const Operation& operation,
                            OperationResult& result) {
  const Meaning meaning =
      Ask(OperationKind::kAppend, operation, FindEntry(operation), result);
  if (meaning.effect == Effect::kNothing) return;
  EntryTable::Slot& slot = FindOrInsert(operation);
  EntryTable::AppendValue(slot, operation.value);
  Rehash(slot);
}

// Stops before the row that would pass a limit, and names it; the first row is
// given whatever its size, so that a client that goes on there always gets on.
void KvStateMachine::Scan(const Operation& operation, OperationResult& result) {
  if (!ordered_.has_value()) BuildOrderedIndex();
  ScanLimits limits(operation.number);
  for (auto at = ordered_->lower_bound(operation.key); at != ordered_->end();
       ++at) {
    const auto& [key, hash] = *at;
    if (!operation.value.empty() && key >= operation.value) return;
    const std::string_view value = PartOf(hash).Find(key, hash)->value();
    if (!limits.Take(key.size(), value.size())) {
      result.value = key;
      return;
    }
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
