// Answers: how many answers does a round of EPaxos and its kin wait for?
//
// Found by asking the product: votes are given to the fast path rule itself
// (replica/epaxos/fast_path.h) one peer after another, nearest first, until it
// decides. All peers being alike to the rule, only their number matters, and
// not how far they are. Pure.
#pragma once

#include "replica/base/settings.h"

namespace quorate::plan {

// Peers counted without the command leader.
struct Rounds {
  // Whose votes end the first round, and decide, if nobody knows a conflict.
  int fast = 0;
  // Whose votes end the first round if every peer knows a conflicting command
  // that nobody else knows.
  int contended = 0;
  // Whose accepts then decide; 0: the first round has decided all the same.
  int accepts = 0;
};

// For valid settings of the protocol that has fast path rules.
Rounds RoundsOf(const Settings& settings);

}  // namespace quorate::plan
