// Answers: what does one operation do to its key, and what does it tell?
//
// The one definition of what each row of wire/operations.h does, for the store
// and for what checks the store: state and operation in, effect and status out.
// Whoever asks holds values in a form of its own (the store texts, the checker
// of histories lengths and hashes), so a value is anything that has a Length,
// is a number or not (NumberIn) and can be compared. A missing key is no value,
// which is not the same as "": it counts as "" for a cas and as 0 for an add,
// but "" is no number. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "wire/command.h"
#include "wire/limits.h"
#include "wire/operations.h"
#include "wire/result.h"

namespace quorate {

// ---- numbers ----------------------------------------------------------------

// What is left of a text for the question which number it is, so that the
// question can be answered for a text that is put together of parts.
class Decimal {
 public:
  constexpr Decimal() = default;
  explicit constexpr Decimal(std::string_view text) {
    for (const char c : text) Append(c);
  }

  constexpr void Append(const Decimal& suffix) {
    if (!minus_ && !digits_) {  // Only what is wrong could stand before it.
      wrong_ |= suffix.wrong_;
      minus_ = suffix.minus_;
      magnitude_ = suffix.magnitude_;
      power_ = suffix.power_;
    } else {
      wrong_ |= suffix.wrong_ || suffix.minus_;
      magnitude_ = Sum(Product(magnitude_, suffix.power_), suffix.magnitude_);
      power_ = Product(power_, suffix.power_);
    }
    digits_ |= suffix.digits_;
  }

  // An optional "-" and one or more digits, within 64 bits. Zeros in front
  // change nothing, however many there are.
  constexpr std::optional<std::int64_t> number() const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 63;  // behind "-"
    if (wrong_ || !digits_ || magnitude_ > kMost - (minus_ ? 0 : 1)) {
      return std::nullopt;
    }
    return static_cast<std::int64_t>(minus_ ? 0 - magnitude_ : magnitude_);
  }

 private:
  // Beyond every number; sums and products stay there.
  static constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  static constexpr std::uint64_t Product(std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? kHuge : product;
  }
  static constexpr std::uint64_t Sum(std::uint64_t a, std::uint64_t b) {
    std::uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? kHuge : sum;
  }
  constexpr void Append(char c) {
    if (c >= '0' && c <= '9') {
      magnitude_ =
          Sum(Product(magnitude_, 10), static_cast<std::uint64_t>(c - '0'));
      power_ = Product(power_, 10);
      digits_ = true;
    } else {
      wrong_ |= c != '-' || minus_ || digits_;
      minus_ = true;
    }
  }

  bool wrong_ = false;  // Holds what no number holds, or at a wrong place.
  bool minus_ = false;
  bool digits_ = false;
  std::uint64_t magnitude_ = 0;
  std::uint64_t power_ = 1;  // 10 to the number of digits
};

// ---- values as texts --------------------------------------------------------

inline std::size_t Length(std::string_view text) { return text.size(); }
inline std::optional<std::int64_t> NumberIn(std::string_view text) {
  return Decimal(text).number();
}

// ---- operations -------------------------------------------------------------

enum class Effect : std::uint8_t {
  kNothing,
  kSet,        // the operation's value becomes the key's
  kSetNumber,  // so does Meaning::number, in decimal digits
  kExtend,     // the operation's value is put behind the key's
  kRemove,
};

struct Meaning {
  OperationStatus status = OperationStatus::kOk;
  Effect effect = Effect::kNothing;
  // The result carries the value found, "" for a missing key.
  bool tells_found = false;
  std::int64_t number = 0;
};

// What is asked of a key. `found`: what it holds, null for a missing key.
template <typename Value>
struct Asked {
  const Value* found;
  const Value& value;
  const Value& expected;
  std::int64_t number;
};

// One function a row of wire/operations.h; without it MeaningOf does not
// compile.
template <OperationKind kKind>
using OneKind = std::integral_constant<OperationKind, kKind>;

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kGet>, const Asked<Value>& asked) {
  if (asked.found == nullptr) return {.status = OperationStatus::kNotFound};
  return {.tells_found = true};
}

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kPut>, const Asked<Value>&) {
  return {.effect = Effect::kSet};
}

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kDelete>,
                     const Asked<Value>& asked) {
  if (asked.found == nullptr) return {.status = OperationStatus::kNotFound};
  return {.effect = Effect::kRemove};
}

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kCompareAndSet>,
                     const Asked<Value>& asked) {
  const bool fits = asked.found == nullptr ? Length(asked.expected) == 0
                                           : *asked.found == asked.expected;
  if (fits) return {.effect = Effect::kSet};
  return {.status = OperationStatus::kMismatch, .tells_found = true};
}

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kAdd>, const Asked<Value>& asked) {
  const std::optional<std::int64_t> before =
      asked.found == nullptr ? std::int64_t{0} : NumberIn(*asked.found);
  if (!before.has_value()) return {.status = OperationStatus::kNotANumber};
  // Wraps around, so that adds commute whatever the numbers.
  return {.effect = Effect::kSetNumber,
          .number = static_cast<std::int64_t>(
              static_cast<std::uint64_t>(*before) +
              static_cast<std::uint64_t>(asked.number))};
}

template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kAppend>,
                     const Asked<Value>& asked) {
  const std::size_t before = asked.found == nullptr ? 0 : Length(*asked.found);
  if (before + Length(asked.value) > kMaxValueBytes) {
    return {.status = OperationStatus::kTooLarge};
  }
  return {.effect = Effect::kExtend};
}

// A number that is not less stays as it is written, so that the greatest one
// decides the text, whatever the order.
template <typename Value>
constexpr Meaning Do(OneKind<OperationKind::kMax>, const Asked<Value>& asked) {
  if (asked.found != nullptr) {
    const std::optional<std::int64_t> before = NumberIn(*asked.found);
    if (!before.has_value()) return {.status = OperationStatus::kNotANumber};
    if (*before >= asked.number) return {};
  }
  return {.effect = Effect::kSetNumber, .number = asked.number};
}

// A scan tells rows (ScanLimits), and what is about sessions is not about keys.
template <OperationKind kKind, typename Value>
requires(!IsOfOneKey(kKind)) constexpr Meaning
    Do(OneKind<kKind>, const Asked<Value>&) {
  return {};
}

template <typename Value>
[[gnu::always_inline]] inline Meaning MeaningOf(OperationKind kind,
                                                const Asked<Value>& asked) {
#define QUORATE_CASE(name, ...) \
  case OperationKind::name: return Do(OneKind<OperationKind::name>(), asked);
  switch (kind) { QUORATE_OPERATIONS(QUORATE_CASE) }
#undef QUORATE_CASE
  return {};
}

// How far a scan goes. Stops before the row that would pass a limit; the first
// row is given whatever its size, so that a client that goes on from the last
// key always gets on.
class ScanLimits {
 public:
  // `rows`: as asked for; 0 and less for as many as there may be.
  explicit constexpr ScanLimits(std::int64_t rows)
      : rows_left_(rows <= 0 || rows > std::int64_t{kMaxScanRows}
                       ? std::int64_t{kMaxScanRows}
                       : rows) {}
  constexpr std::int64_t rows_left() const { return rows_left_; }
  // Is the next row given? Then it counts.
  constexpr bool Take(std::size_t key_bytes, std::size_t value_bytes) {
    if (rows_left_ == 0) return false;
    const std::size_t bytes = bytes_ + key_bytes + value_bytes;
    if (bytes > kMaxScanBytes && !is_first_) return false;
    bytes_ = bytes;
    --rows_left_;
    is_first_ = false;
    return true;
  }

 private:
  std::int64_t rows_left_;
  std::size_t bytes_ = 0;
  bool is_first_ = true;
};

}  // namespace quorate
