#include "tests/lincheck/map_state.h"

#include "wire/limits.h"

namespace quorate::lincheck {
namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t Scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
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
  switch (step.function) {
    case Function::kGet: return unknown || value(step.key) == step.out;
    case Function::kPut: return Set(step.key, step.value);
    case Function::kDelete: return Set(step.key, Value());
    case Function::kCas: return CompareAndSet(step, unknown);
    case Function::kAppend: return Append(step);
    case Function::kScan: return unknown || ScanFits(step);
    case Function::kAdd: {
      Value sum = value(step.key);
      return !sum.Add(step.number) || Set(step.key, sum);
    }
  }
  return false;
}

bool MapState::CompareAndSet(const Step& step, bool unknown) {
  const bool equal = value(step.key) == step.old;
  if (!unknown && equal != step.ok) return false;
  if (equal) return Set(step.key, step.value);
  return unknown || !step.has_out || value(step.key) == step.out;
}

bool MapState::Append(const Step& step) {
  Value longer = value(step.key);
  longer.Append(step.value);
  return longer.length() > kMaxValueBytes || Set(step.key, longer);
}

// Walks the range as the store does, but passes over missing keys: a history
// cannot tell them from keys with the value "".
bool MapState::ScanFits(const Step& step) const {
  const std::uint64_t limit = static_cast<std::uint64_t>(step.number);
  std::uint64_t rows = step.missing_rows;
  std::uint64_t bytes = 0;
  std::size_t next = 0;
  for (int key = step.key; key < step.end_key && rows < limit; ++key) {
    const Value& found = value(key);
    if (found.empty()) continue;
    bytes += found.length();
    if (next == step.rows.size()) {
      // The store stops early only when the rows would be too many bytes; the
      // keys' own bytes, which are not counted here, are granted.
      return rows > 0 && bytes + rows * kMaxKeyBytes > kMaxScanBytes;
    }
    if (step.rows[next].key != key || step.rows[next].value != found) {
      return false;
    }
    ++next;
    ++rows;
  }
  return next == step.rows.size();
}

bool MapState::Set(int key, const Value& value) {
  log_.emplace_back(key, values_[static_cast<std::size_t>(key)]);
  Count(key, /*add=*/false);
  values_[static_cast<std::size_t>(key)] = value;
  Count(key, /*add=*/true);
  return true;
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
  const Hash128 mix = Mix(found.hash() ^ (found.length() << 1),
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
