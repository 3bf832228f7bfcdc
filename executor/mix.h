// Answers: how do small numbers become one well-spread hash?
//
// The same in every process. Mix is a bijection of one number (the finalizer
// of splitmix64); Chain folds a sequence, so that order matters. Where order
// must not matter, sums of mixed numbers are used. Pure.
#pragma once

#include <cstdint>

namespace quorate {

constexpr std::uint64_t Mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

constexpr std::uint64_t Chain(std::uint64_t hash, std::uint64_t next) {
  return Mix(hash ^ Mix(next));
}

}  // namespace quorate
