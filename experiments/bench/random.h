// Answers: which random numbers does a workload draw?
//
// SplitMix64: eight bytes of state, so that a million clients can each have a
// stream of their own, and the same numbers on every machine and compiler,
// which the distributions of <random> do not promise. A seed and a stream
// number give independent sequences. Not for secrets.
#pragma once

#include <cmath>
#include <cstdint>

namespace quorate::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : state_(Mix(seed + kStep) ^ Mix(stream * kStep + 1)) {}

  std::uint64_t Next() { return Mix(state_ += kStep); }

  // Uniform in [0, bound); bound > 0. The bias, bound / 2^64, is below what any
  // run could notice.
  std::uint64_t Below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{Next()} * bound) >> 64);
  }

  // Uniform in (0, 1].
  double Unit() {
    return (static_cast<double>(Next() >> 11) + 1.0) * 0x1.0p-53;
  }

  // Exponentially distributed with mean 1.
  double Exponential() { return -std::log(Unit()); }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ull;

  static std::uint64_t Mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace quorate::bench
