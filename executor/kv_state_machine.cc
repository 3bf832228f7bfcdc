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
  const Gives gives = RowOf(kind).gives;
  return gives != Gives::kNothing && gives != Gives::kWhether;
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
  const Meaning meaning = MeaningOf(
      kind, Asked<std::string_view>{.found = found == nullptr ? nullptr : &text,
                                    .value = operation.value,
                                    .expected = operation.expected,
                                    .number = operation.number});
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
    EntryTable& part = PartOf(operation.key_hash);
    EntryTable::Slot* found = part.FindSlot(operation.key, operation.key_hash);
    if (found != nullptr) Remove(operation, *found);
  }
}

void KvStateMachine::ApplyOne(const Operation& operation,
                              OperationResult& result) {
#define QUORATE_CASE(name, ...)                        \
  case OperationKind::name:                            \
    ApplyKind<OperationKind::name>(operation, result); \
    break;
  switch (operation.kind) { QUORATE_OPERATIONS(QUORATE_CASE) }
#undef QUORATE_CASE
}

template <OperationKind kKind>
void KvStateMachine::ApplyKind(const Operation& operation,
                               OperationResult& result) {
  constexpr const OperationRow& kRow = RowOf(kKind);
  if constexpr (kRow.gives == Gives::kRows) {
    Scan(operation, result);
  } else if constexpr (!IsOfOneKey(kKind)) {
    // The sessions' affair.
  } else {
    EntryTable::Slot* found = nullptr;
    // What is always done does not look first.
    if constexpr (kRow.gives != Gives::kNothing) {
      found = PartOf(operation.key_hash)
                  .FindSlot(operation.key, operation.key_hash);
    }
    const EntryTable::Entry* entry =
        found == nullptr ? nullptr : found->entry.get();
    const Meaning meaning = Ask(kKind, operation, entry, result);
    Change(operation, meaning, found);
  }
}

// `found`: the key's slot, or null if it is missing or nobody has looked.
void KvStateMachine::Change(const Operation& operation, const Meaning& meaning,
                            EntryTable::Slot* found) {
  if (meaning.effect == Effect::kNothing) return;
  if (meaning.effect == Effect::kRemove) return Remove(operation, *found);
  if (found != nullptr && saver_.has_value()) saver_->BeforeChange(*found);
  EntryTable::Slot& slot = found != nullptr ? *found : FindOrInsert(operation);
  switch (meaning.effect) {
    case Effect::kSet: EntryTable::SetValue(slot, operation.value); break;
    case Effect::kSetNumber:
      EntryTable::SetValue(slot, std::to_string(meaning.number));
      break;
    case Effect::kExtend: EntryTable::AppendValue(slot, operation.value); break;
    case Effect::kNothing:
    case Effect::kRemove: break;  // Done above.
  }
  Rehash(slot);
}

void KvStateMachine::Remove(const Operation& operation,
                            EntryTable::Slot& slot) {
  EntryTable& part = PartOf(operation.key_hash);
  if (saver_.has_value()) saver_->BeforeErase(part, slot);
  hash_ -= slot.entry->entry_hash;
  --size_;
  part.Erase(slot);
  if (ordered_.has_value()) ordered_->erase(operation.key);
}

std::optional<std::string_view> KvStateMachine::Find(
    std::string_view key) const {
  const std::uint64_t hash = HashKey(key);
  const EntryTable::Entry* found = PartOf(hash).Find(key, hash);
  if (found == nullptr) return std::nullopt;
  return found->value();
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
