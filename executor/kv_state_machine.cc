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
    }
  }
}

const std::string* KvStateMachine::Find(std::string_view key) const {
  const KeyView view{key, HashKey(key)};
  const Part& part = PartOf(view.hash);
  const auto found = part.find(view);
  return found == part.end() ? nullptr : &found->second.text;
}

void KvStateMachine::Get(const Operation& operation,
                         OperationResult& result) const {
  const Part& part = PartOf(operation.key_hash);
  const auto found = part.find(KeyView{operation.key, operation.key_hash});
  if (found == part.end()) {
    result.status = OperationStatus::kNotFound;
  } else {
    result.value = found->second.text;
  }
}

void KvStateMachine::Put(const Operation& operation) {
  Value& value = FindOrInsert(operation);
  value.text.assign(operation.value);
  Rehash(operation, value);
}

void KvStateMachine::Delete(const Operation& operation,
                            OperationResult& result) {
  Part& part = PartOf(operation.key_hash);
  const auto found = part.find(KeyView{operation.key, operation.key_hash});
  if (found == part.end()) {
    result.status = OperationStatus::kNotFound;
    return;
  }
  hash_ -= found->second.entry_hash;
  --size_;
  if (ordered_.has_value()) ordered_->erase(found->first.text);
  part.erase(found);
}

void KvStateMachine::CompareAndSet(const Operation& operation,
                                   OperationResult& result) {
  const Value* found = FindValue(operation);
  const std::string_view current =
      found == nullptr ? std::string_view() : std::string_view(found->text);
  if (current != operation.expected) {
    result.status = OperationStatus::kMismatch;
    result.value = current;
    return;
  }
  Put(operation);
}

void KvStateMachine::Add(const Operation& operation, OperationResult& result) {
  const Value* found = FindValue(operation);
  const std::optional<std::int64_t> current =
      found == nullptr ? 0 : ParseNumber(found->text);
  if (!current.has_value()) {
    result.status = OperationStatus::kNotANumber;
    return;
  }
  Value& value = FindOrInsert(operation);
  value.text = std::to_string(WrappingSum(*current, operation.number));
  Rehash(operation, value);
}

void KvStateMachine::Append(const Operation& operation,
                            OperationResult& result) {
  const Value* found = FindValue(operation);
  const std::size_t length = found == nullptr ? 0 : found->text.size();
  if (length + operation.value.size() > kMaxValueBytes) {
    result.status = OperationStatus::kTooLarge;
    return;
  }
  Value& value = FindOrInsert(operation);
  value.text.append(operation.value);
  Rehash(operation, value);
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
    const std::string& value =
        PartOf(hash).find(KeyView{key, hash})->second.text;
    bytes += key.size() + value.size();
    if (bytes > kMaxScanBytes && !result.rows.empty()) return;
    result.rows.emplace_back(key, value);
  }
}

KvStateMachine::Value* KvStateMachine::FindValue(const Operation& operation) {
  Part& part = PartOf(operation.key_hash);
  const auto found = part.find(KeyView{operation.key, operation.key_hash});
  return found == part.end() ? nullptr : &found->second;
}

KvStateMachine::Value& KvStateMachine::FindOrInsert(
    const Operation& operation) {
  const KeyView view{operation.key, operation.key_hash};
  const auto [entry, inserted] = PartOf(view.hash).try_emplace(view);
  if (inserted) {
    ++size_;
    if (ordered_.has_value()) ordered_->emplace(view.text, view.hash);
  }
  return entry->second;
}

void KvStateMachine::Rehash(const Operation& operation, Value& value) {
  hash_ -= value.entry_hash;  // 0 for an entry that is new.
  value.entry_hash = EntryHash(operation.key_hash, value.text);
  hash_ += value.entry_hash;
}

void KvStateMachine::BuildOrderedIndex() {
  std::vector<std::pair<std::string, std::uint64_t>> keys;
  keys.reserve(static_cast<std::size_t>(size_));
  for (const Part& part : parts_) {
    // The order of iteration does not matter: the keys are sorted below.
    for (const auto& [key, value] : part) keys.emplace_back(key.text, key.hash);
  }
  std::ranges::sort(keys);
  ordered_.emplace(keys.begin(), keys.end());
}

}  // namespace quorate
