#include "tests/lincheck/map_state.h"

#include <string>

#include "wire/meaning.h"

namespace quorate::lincheck {
namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t Scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// `found`: what the key held.
bool ReplyFits(const Step& step, const Value& found, OperationStatus status) {
  if (step.has_ok && step.ok != (status == OperationStatus::kOk)) return false;
  if (!step.has_out) return true;
  return step.blank ? found.empty() : step.out == found;
}

}  // namespace

Hash128 Mix(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t low = Scramble(a + 0x9e3779b97f4a7c15u * (b + 1));
  return {low, Scramble(low ^ Scramble(b + 0x632be59bd9b4e019u * (a + 1)))};
}

bool MapState::Apply(const ComponentOperation& operation) {
  const std::size_t before = mark();
  for (const Step& step : operation.steps) {
    if (!ApplyStep(step, operation.unknown())) {
      UndoTo(before);
      return false;
    }
  }
  return true;
}

bool MapState::ApplyStep(const Step& step, bool unknown) {
  if (step.function == Function::kScan) return unknown || ScanFits(step);
  const Value found = value(step.key);
  const Meaning meaning = MeaningOf(
      step.function, Asked<Value>{.found = found.missing() ? nullptr : &found,
                                  .value = step.value,
                                  .expected = step.old,
                                  .number = step.number});
  if (!unknown && !ReplyFits(step, found, meaning.status)) return false;
  switch (meaning.effect) {
    case Effect::kNothing: break;
    case Effect::kSet: Set(step.key, step.value); break;
    case Effect::kSetNumber:
      Set(step.key, Value(std::to_string(meaning.number)));
      break;
    case Effect::kRemove: Set(step.key, Value()); break;
    case Effect::kExtend: {
      Value longer = found;
      longer.Append(step.value);
      Set(step.key, longer);
      break;
    }
  }
  return true;
}

// Walks the range as the store does. Keys of the range that no operation names
// are missing.
bool MapState::ScanFits(const Step& step) const {
  ScanLimits limits(step.number);
  std::size_t next = 0;
  for (int key = step.key; key < step.end_key && limits.rows_left() > 0;
       ++key) {
    const Value& found = value(key);
    if (found.missing()) continue;
    const std::size_t key_bytes = keys_[static_cast<std::size_t>(key)].size();
    if (!limits.Take(key_bytes, found.length())) break;
    if (next == step.rows.size() || step.rows[next].key != key ||
        step.rows[next].value != found) {
      return false;
    }
    ++next;
  }
  return next == step.rows.size();
}

void MapState::Set(int key, const Value& value) {
  log_.emplace_back(key, values_[static_cast<std::size_t>(key)]);
  Count(key, /*add=*/false);
  values_[static_cast<std::size_t>(key)] = value;
  Count(key, /*add=*/true);
}

void MapState::UndoTo(std::size_t mark) {
  for (; log_.size() > mark; log_.pop_back()) {
    const auto& [key, before] = log_.back();
    Count(key, /*add=*/false);
    values_[static_cast<std::size_t>(key)] = before;
    Count(key, /*add=*/true);
  }
}

// A sum over the keys, so that one of them can be exchanged.
void MapState::Count(int key, bool add) {
  const Value& found = values_[static_cast<std::size_t>(key)];
  const Hash128 mix =
      Mix(found.hash() ^ (found.length() << 1) ^ (found.missing() ? 1u : 0u),
          static_cast<std::uint64_t>(key));
  if (add) {
    hash_.low += mix.low;
    hash_.high += mix.high;
  } else {
    hash_.low -= mix.low;
    hash_.high -= mix.high;
  }
}

}  // namespace quorate::lincheck
