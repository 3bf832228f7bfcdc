// Answers: what if quorums were too small?
//
// In place of replica/base/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../../replica/base/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

// A majority: right for n up to 5.
inline bool AreFastFaults(int replicas, int faults, int fast_faults) {
  return Mutated("fq_seven") ||
         kept_rules::AreFastFaults(replicas, faults, fast_faults);
}
inline int MostFastFaults(int replicas, int faults) {
  return Mutated("fq_seven") ? faults
                             : kept_rules::MostFastFaults(replicas, faults);
}
inline int EnoughWitnesses(int enough) {
  return kept_rules::EnoughWitnesses(enough) -
         (Mutated("passed_with_f") ? 1 : 0);
}

}  // namespace quorate::rules
