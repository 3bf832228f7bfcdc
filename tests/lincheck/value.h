// Answers: how does the checker hold a value of any length in one small struct?
//
// By length and a polynomial hash modulo the prime 2^61-1, which can be
// continued: the hash of "ab" + "cd" follows from the two hashes. So ten
// thousand appends cost ten thousand multiplications and not a copy each. Two
// different values of one history collide with a chance below 1e-12; then a
// history that is not linearizable could pass. Short values keep their text,
// for add.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quorate::lincheck {

// Hash arithmetic, public for tables of prefixes.
std::uint64_t HashByte(std::uint64_t prefix_hash, char next);

class Value {
 public:
  Value() = default;
  explicit Value(std::string_view text);

  std::uint64_t length() const { return length_; }
  std::uint64_t hash() const { return hash_; }
  bool empty() const { return length_ == 0; }

  void Append(const Value& suffix);
  // Adds to a decimal 64-bit number, with wrap-around; "" counts as 0. False,
  // and nothing changed, when the value is no number.
  bool Add(std::int64_t step);

  friend bool operator==(const Value& a, const Value& b) {
    return a.hash_ == b.hash_ && a.length_ == b.length_;
  }

 private:
  // Enough for every 64-bit number.
  static constexpr std::size_t kShort = 20;

  std::uint64_t hash_ = 0;
  std::uint64_t power_ = 1;  // base^length
  std::uint64_t length_ = 0;
  std::array<char, kShort> text_{};  // valid while length_ <= kShort
};

}  // namespace quorate::lincheck
