// Answers: how long ago was that?
//
// Times are unsigned and their difference would wrap where a clock goes back:
// the kernel promises that its monotonic clock does not, a machine that was
// moved or restored, or a library put in between, may not keep that. Then no
// time has passed.
#pragma once

#include <cstdint>

namespace quorate {

constexpr std::uint64_t Elapsed(std::uint64_t since, std::uint64_t now) {
  return now > since ? now - since : 0;
}

// Of two times in microseconds.
constexpr double SecondsBetween(std::uint64_t since_us, std::uint64_t now_us) {
  return static_cast<double>(Elapsed(since_us, now_us)) / 1e6;
}

}  // namespace quorate
