// Answers: which few operations show that this component is not linearizable?
//
// Four steps, each of which keeps a proof and not just an appearance:
//  1. the shortest beginning of the history that is not linearizable; replies
//     that come later count as not known;
//  2. operations that only read are left out as long as the rest stays wrong;
//  3. writes that nobody left has seen (seen.h) are left out in the same way;
//  4. of the few that are left, writes are made "loose" (at any time or never)
//     as long as the rest stays wrong. A write that is loose in the end does
//     not matter wherever it stands, so it need not be shown.
// When the time is up, what has been reached is given back.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "tests/lincheck/component.h"
#include "tests/lincheck/history.h"

namespace quorate::lincheck {

// Indexes into the history, sorted by call. `group` is a violation.
std::vector<std::size_t> ShrinkViolation(
    const History& history, const Group& group,
    std::chrono::steady_clock::time_point deadline);

}  // namespace quorate::lincheck
