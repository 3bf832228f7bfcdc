// Answers: what do the keys of a component hold, and how is a step undone?
//
// One value a key, a hash of all of them that is kept up to date, and a log of
// what was overwritten: going back is cheaper than copying. What an operation
// does is wire/meaning.h, as it is for the store; here is whether the reply
// fits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/lincheck/component.h"
#include "tests/lincheck/value.h"

namespace quorate::lincheck {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Hash128& hash) {
    // Well mixed already.
    return H::combine(std::move(h), hash.low);
  }
};

// A well-mixed number for every pair.
Hash128 Mix(std::uint64_t a, std::uint64_t b);

class MapState {
 public:
  // All keys are missing. `keys` is kept by reference.
  explicit MapState(const std::vector<std::string>& keys)
      : keys_(keys), values_(keys.size()) {}

  // Applies the steps in order. False when a reply does not fit; the state is
  // then as it was. Replies of unknown operations fit always.
  bool Apply(const ComponentOperation& operation);

  // A point to go back to.
  std::size_t mark() const { return log_.size(); }
  void UndoTo(std::size_t mark);
  // What has been overwritten since, as (key, value).
  std::span<const std::pair<int, Value>> OverwrittenSince(
      std::size_t mark) const {
    return std::span(log_).subspan(mark);
  }

  const Value& value(int key) const {
    return values_[static_cast<std::size_t>(key)];
  }
  Hash128 hash() const { return hash_; }

 private:
  bool ApplyStep(const Step& step, bool unknown);
  bool ScanFits(const Step& step) const;
  void Set(int key, const Value& value);
  void Count(int key, bool add);

  const std::vector<std::string>& keys_;
  std::vector<Value> values_;
  std::vector<std::pair<int, Value>> log_;
  Hash128 hash_;
};

}  // namespace quorate::lincheck
