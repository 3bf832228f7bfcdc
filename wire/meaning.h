// Answers: what does one operation do to its key, and what does it tell?
//
// The one definition of every operation, for the store and for what checks the
// store: state and operation in, effect and status out. Whoever asks holds
// values in a form of its own (the store texts, the checker of histories
// lengths and hashes), so a value is anything that has a Length, is a number or
// not (NumberIn) and can be compared. A missing key is no value, which is not
// the same as "": it counts as "" for a cas and as 0 for an add, but "" is no
// number. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/command.h"
#include "wire/limits.h"
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

// `found`: null for a missing key. Of an operation on one key; a scan tells
// rows (ScanLimits), and the end of an era and a withdrawal are not about keys.
template <typename Value>
[[gnu::always_inline]] inline Meaning MeaningOf(OperationKind kind,
                                                const Value* found,
                                                const Value& value,
                                                const Value& expected,
                                                std::int64_t number) {
  using enum OperationStatus;
  switch (kind) {
    case OperationKind::kGet:
      if (found == nullptr) return {.status = kNotFound};
      return {.tells_found = true};
    case OperationKind::kPut: return {.effect = Effect::kSet};
    case OperationKind::kDelete:
      if (found == nullptr) return {.status = kNotFound};
      return {.effect = Effect::kRemove};
    case OperationKind::kCompareAndSet:
      if (found == nullptr ? Length(expected) == 0 : *found == expected) {
        return {.effect = Effect::kSet};
      }
      return {.status = kMismatch, .tells_found = true};
    case OperationKind::kAdd: {
      const std::optional<std::int64_t> before =
          found == nullptr ? std::int64_t{0} : NumberIn(*found);
      if (!before.has_value()) return {.status = kNotANumber};
      // Wraps around, so that adds commute whatever the numbers.
      return {.effect = Effect::kSetNumber,
              .number = static_cast<std::int64_t>(
                  static_cast<std::uint64_t>(*before) +
                  static_cast<std::uint64_t>(number))};
    }
    case OperationKind::kAppend:
      if ((found == nullptr ? 0 : Length(*found)) + Length(value) >
          kMaxValueBytes) {
        return {.status = kTooLarge};
      }
      return {.effect = Effect::kExtend};
    case OperationKind::kScan:
    case OperationKind::kEndEra:
    case OperationKind::kWithdraw: break;
  }
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
