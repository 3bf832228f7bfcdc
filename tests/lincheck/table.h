// Answers: how are a few operations drawn so that their order can be seen?
//
// One row an operation, sorted by call, with a bar from its call to its return.
// The bars are drawn by rank, not to scale: only before, after and at the same
// time matter.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/lincheck/history.h"

namespace quorate::lincheck {

std::string DrawTable(const History& history,
                      const std::vector<std::size_t>& operations);

}  // namespace quorate::lincheck
