// Answers: is a register whose written values all differ linearizable, without
// a search?
//
// Gibbons and Korach (1997, section 4): when every read names its write, the
// operations of one value form a cluster whose zone lies between its earliest
// return and its latest call. The history is linearizable if and only if no
// read returns before its write is called and no two zones force their clusters
// into both orders. O(n log n), and nothing in common with the search, so that
// each checks the other.
#pragma once

#include "tests/lincheck/component.h"

namespace quorate::lincheck {

// One key, only single gets and puts, every put of another value and none of
// "" (which is what a missing key reads as).
bool ZonesApply(const Component& component);

// Only where ZonesApply.
bool ZonesAreLinearizable(const Component& component);

}  // namespace quorate::lincheck
