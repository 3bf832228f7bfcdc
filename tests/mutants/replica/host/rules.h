// Answers: what if a replica left a rule out?
//
// In place of replica/host/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../../replica/host/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

inline bool IsKept(bool refused) {
  return Mutated("refused_and_kept") || kept_rules::IsKept(refused);
}
inline bool TooManyWait(std::size_t waiting, std::size_t most) {
  return !Mutated("no_admission") && kept_rules::TooManyWait(waiting, most);
}
inline bool TimeGoesOn(const Executor& executor) {
  return !(Mutated("executor_blocks") &&
           executor.OldestBlocked().has_value()) &&
         kept_rules::TimeGoesOn(executor);
}

}  // namespace quorate::rules
