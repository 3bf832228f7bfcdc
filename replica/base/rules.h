// Answers: which arithmetic do all protocols rest on?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/replica/base/rules.h. Sources include this, headers do not.
// Pure.
#pragma once

#include "replica/base/quorum.h"

namespace quorate {
namespace kept_rules {

// EPaxos*: e <= f and n >= 2e+f-1, or two fast quorums are told apart by nobody
// in a classic one (fq_seven).
constexpr bool AreFastFaults(int replicas, int faults, int fast_faults) {
  return fast_faults >= 0 && fast_faults <= faults &&
         replicas >= 2 * fast_faults + faults - 1;
}
constexpr int MostFastFaults(int replicas, int faults) {
  return LargestFastFaults(replicas, faults);
}

// What some member lacks is forgotten only where so many have it
// (passed_with_f).
constexpr int EnoughWitnesses(int enough) { return enough; }

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
