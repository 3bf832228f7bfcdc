// Answers: is there an order of these operations that explains every reply?
//
// Depth-first search for a linearization (Wing and Gong, 1993; with Lowe's
// cache of visited configurations, 2017): take an operation that no other one
// precedes, apply it to the state, go on; at a dead end go back. A
// configuration is the set of operations taken and the state, remembered as a
// 128-bit hash. Five prunings, none of which can lose an order:
//  - an operation that never changes the state is taken as soon as its reply
//    fits: an order in which it comes later stays valid with it moved here;
//  - of twins (twins.h) that could both come next, the one that returns first
//    does: in every order in which it does not, the two can change places;
//  - operations without a reply are tried last, and only where somebody may
//    see what they change;
//  - no step is taken after which a value that is still needed cannot come
//    about any more (demand.h);
//  - when a get must come before any write that replaces the value, what the
//    appends have built so far must be a prefix of what that get read.
//
// A hint, where the history has one, only says what to try first: an honest
// history of which somebody knows the order is then walked straight through,
// however many answers are missing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "tests/lincheck/component.h"

namespace quorate::lincheck {

enum class Verdict : std::uint8_t { kLinearizable, kViolation, kUndecided };

struct SearchLimits {
  // Configurations to look at; 0: no limit.
  std::uint64_t configurations = 0;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  // Called about every 100,000 configurations with the most operations that
  // could be put in order so far.
  std::function<void(std::size_t in_order, std::uint64_t configurations)>
      progress;
};

struct SearchResult {
  Verdict verdict = Verdict::kLinearizable;
  std::uint64_t configurations = 0;
};

SearchResult SearchOrder(const Component& component,
                         const SearchLimits& limits = {});

}  // namespace quorate::lincheck
