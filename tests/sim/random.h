// Answers: where does a simulation's chance come from?
//
// One seed decides everything. The generator is xoshiro256** filled by
// splitmix64, and every draw is made of integers alone: the distributions of
// the standard library differ between implementations, and floating point
// differs between compilers, so neither could replay a seed elsewhere. Parts of
// a simulation draw from streams of their own (Fork), so that a new draw in one
// part does not shift the others.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "wire/check.h"

namespace quorate::sim {

constexpr std::uint64_t SplitMix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = SplitMix64(seed);
  }

  // An independent stream; equal parents and names give equal streams.
  Random Fork(std::uint64_t name) const {
    std::uint64_t mixed = state_[0] ^ (name * 0x9e3779b97f4a7c15u);
    return Random(SplitMix64(mixed));
  }

  std::uint64_t Next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound). The bias of the multiplication is below 2^-32 for
  // every bound used here.
  std::uint64_t Below(std::uint64_t bound) {
    QUORATE_CHECK(bound > 0 && bound <= (std::uint64_t{1} << 32),
                  "a draw has at least one and at most 2^32 outcomes");
    return ((Next() >> 32) * bound) >> 32;
  }
  // Uniform in [low, high].
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) {
    return low + Below(high - low + 1);
  }
  int Pick(int bound) {
    return static_cast<int>(Below(static_cast<std::uint64_t>(bound)));
  }
  bool Chance(int permille) { return Pick(1000) < permille; }

  // One of the given values.
  template <typename T, std::size_t N>
  T OneOf(const std::array<T, N>& values) {
    return values[static_cast<std::size_t>(Below(N))];
  }

  // Around `base` most of the time, doubled again and again with the given
  // chance: the tail of a real network or disk, without a logarithm.
  std::uint64_t HeavyTailed(std::uint64_t base, int tail_permille,
                            int most_doublings = 10) {
    std::uint64_t value = base / 2 + Below(base + 1);
    for (int i = 0; i < most_doublings && Chance(tail_permille); ++i) {
      value *= 2;
    }
    return value;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace quorate::sim
