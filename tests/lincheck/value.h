// Answers: how does the checker hold a value of any length in one small struct?
//
// By length and a polynomial hash modulo the prime 2^61-1, which can be
// continued: the hash of "ab" + "cd" follows from the two hashes. So ten
// thousand appends cost ten thousand multiplications and not a copy each. Two
// different values of one history collide with a chance below 1e-12; then a
// history that is not linearizable could pass. What an add must know is kept
// beside it (wire/meaning.h). A key that is missing has a value here, too,
// which is not equal to "" but has its length and hash.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/meaning.h"

namespace quorate::lincheck {

// Hash arithmetic, public for tables of prefixes.
std::uint64_t HashByte(std::uint64_t prefix_hash, char next);

class Value {
 public:
  // Of a missing key.
  Value() = default;
  explicit Value(std::string_view text);

  std::uint64_t length() const { return length_; }
  std::uint64_t hash() const { return hash_; }
  bool missing() const { return missing_; }
  // "" or missing.
  bool empty() const { return length_ == 0; }
  std::optional<std::int64_t> number() const { return decimal_.number(); }

  void Append(const Value& suffix);

  friend bool operator==(const Value& a, const Value& b) {
    return SameText(a, b) && a.missing_ == b.missing_;
  }
  // A missing key has the text "".
  friend bool SameText(const Value& a, const Value& b) {
    return a.hash_ == b.hash_ && a.length_ == b.length_;
  }
  // What the meaning of an operation rests on.
  friend std::uint64_t Length(const Value& value) { return value.length_; }
  friend std::optional<std::int64_t> NumberIn(const Value& value) {
    return value.number();
  }

 private:
  bool missing_ = true;
  std::uint64_t hash_ = 0;
  std::uint64_t power_ = 1;  // base^length
  std::uint64_t length_ = 0;
  Decimal decimal_;
};

}  // namespace quorate::lincheck
