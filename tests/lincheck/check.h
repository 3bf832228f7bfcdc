// Answers: is this history linearizable, and if not, what shows it?
//
// Splits the history into components, runs the search on each and, where it
// applies, the zone check as well; the two must agree. A violation is made
// small before it is reported (shrink.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/lincheck/history.h"

namespace quorate::lincheck {

enum class Outcome : std::uint8_t {
  kLinearizable,
  kViolation,
  kUndecided,     // the time was up, or too much had been looked at
  kDisagreement,  // the two algorithms differ: a bug of the checker
  kNoSuchKey,
};

struct CheckOptions {
  // Check only the component of this key.
  std::optional<std::string> key;
  // 0: no limit. Shrinking has a limit of its own, of `shrink_seconds`.
  double max_seconds = 0;
  // Of each component; 0: no limit.
  std::uint64_t max_configurations = 0;
  double shrink_seconds = 10;
  // One line of text, now and then.
  std::function<void(const std::string&)> progress;
};

struct CheckReport {
  Outcome outcome = Outcome::kLinearizable;
  std::size_t operations = 0;
  std::size_t components = 0;
  // Components that both algorithms have checked.
  std::size_t checked_twice = 0;
  std::uint64_t configurations = 0;
  // kViolation, kUndecided, kDisagreement: the keys concerned and, for a
  // violation, the lines of the history that show it, sorted by call.
  std::vector<std::string> keys;
  std::vector<std::size_t> smallest;
};

CheckReport CheckHistory(const History& history,
                         const CheckOptions& options = {});

}  // namespace quorate::lincheck
