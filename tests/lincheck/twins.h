// Answers: which operations can stand in for each other?
//
// Twins do the same to every state, and what they heard, if anybody asked, is
// the same. Of two twins that could both come next, the search need only try
// the one that must be done first (search.h). Where few values are written,
// most concurrent writes have a twin.
#pragma once

#include <vector>

#include "tests/lincheck/component.h"

namespace quorate::lincheck {

inline constexpr int kNoTwin = -1;

// By operation of the component: the number of its set of twins. An operation
// without a reply is a twin of those with one whose reply cannot be wrong.
std::vector<int> FindTwins(const Component& component);

}  // namespace quorate::lincheck
