#include "tests/lincheck/seen.h"

#include <algorithm>

#include "wire/meaning.h"

namespace quorate::lincheck {
namespace {

bool IsNumber(std::string_view text) { return NumberIn(text).has_value(); }

Holds HoldsOf(const Action& action) { return RowOf(action.function).holds; }

bool HasDigit(std::string_view text) {
  return text.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

void SeenValues::See(OfKey& of_key, std::string_view text) {
  of_key.texts.push_back(text);
  of_key.number |= IsNumber(text);
}

void SeenValues::AddWrites(const Operation& operation) {
  for (const Action& action : operation.actions) {
    OfKey& of_key = keys_[action.key];
    of_key.bytes += action.value.size();
    of_key.text |= HoldsOf(action) == Holds::kList ||
                   (CarriesValue(action.function) && !IsNumber(action.value));
  }
}

void SeenValues::Add(const Operation& operation, bool heard, bool silent) {
  AddWrites(operation);
  for (const Action& action : operation.actions) {
    OfKey& of_key = keys_[action.key];
    of_key.appended |= HoldsOf(action) == Holds::kList;
    of_key.added |= HoldsOf(action) == Holds::kNumber;
    if (action.function == Function::kCompareAndSet && (!heard || action.ok)) {
      See(of_key, action.old);
    }
    if (!heard) continue;
    if (action.has_out && action.function != Function::kScan) {
      See(of_key, action.out);
    }
    of_key.unclear |= action.function == Function::kCompareAndSet &&
                      !action.ok && !action.has_out;
    if (action.has_ok && !silent &&
        action.function != Function::kCompareAndSet) {
      of_key.add_done |= action.ok && HoldsOf(action) == Holds::kNumber;
      of_key.append_done |= action.ok && HoldsOf(action) == Holds::kList;
      // By whether it was there, was a number, was too long.
      of_key.unclear |= !action.ok || action.function == Function::kDelete;
    }
    scanned_ |= action.function == Function::kScan;
    for (const auto& [key, value] : action.rows) See(keys_[key], value);
  }
}

bool SeenValues::Saw(const Operation& writer) const {
  return std::ranges::any_of(
      writer.actions, [&](const Action& action) { return SawAction(action); });
}

bool SeenValues::SawAction(const Action& write) const {
  if (IsReadOnly(write.function)) return false;
  const auto found = keys_.find(write.key);
  if (found == keys_.end()) return false;
  const OfKey& of_key = found->second;
  if (of_key.unclear) return true;
  if (of_key.add_done && of_key.text) return true;
  if (of_key.append_done && of_key.bytes > kMaxValueBytes) return true;
  if (HoldsOf(write) == Holds::kNumber) {
    return of_key.number ||
           (of_key.appended && std::ranges::any_of(of_key.texts, HasDigit));
  }
  // A scan sees by what it leaves out.
  if (write.function == Function::kDelete && scanned_) return true;
  if (of_key.added && of_key.number && HasDigit(write.value)) return true;
  return std::ranges::any_of(of_key.texts, [&](std::string_view text) {
    return of_key.appended ? text.find(write.value) != std::string_view::npos
                           : text == write.value;
  });
}

}  // namespace quorate::lincheck
