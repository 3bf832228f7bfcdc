// Answers: are two states the same?
//
// A running 64-bit hash of the numbers mixed into it, in order. The same in
// every process. Pure.
#pragma once

#include <cstdint>

namespace quorate {

class Fingerprint {
 public:
  void Mix(std::uint64_t value) {
    value_ ^= value;
    value_ *= 0xff51afd7ed558ccdull;
    value_ ^= value_ >> 32;
    value_ *= 0xc4ceb9fe1a85ec53ull;
    value_ ^= value_ >> 29;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0x9e3779b97f4a7c15ull;
};

}  // namespace quorate
