// Answers: what happens when this program finds itself in a state that must
// not exist?
//
// QUORATE_CHECK is always on. It names the invariant, prints where, and aborts:
// a replica that has broken an invariant must stop before it can tell anybody.
// Bad input from outside is never checked with it: that is refused and counted.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace quorate {

[[noreturn]] inline void CheckFailed(const char* condition,
                                     const char* invariant, const char* file,
                                     int line) {
  std::fprintf(stderr, "quorate: invariant broken: %s\n  %s\n  at %s:%d\n",
               invariant, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace quorate

// `invariant` is a sentence, opened by the invariant's name where it has one:
// QUORATE_CHECK(a == b, "G1: one decision an instance").
#define QUORATE_CHECK(condition, invariant)                                \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::quorate::CheckFailed(#condition, (invariant), __FILE__, __LINE__); \
  } while (false)
