// Answers: what if results were mistaken?
//
// In place of experiments/bench/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../../experiments/bench/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::bench::rules {

inline const Histogram& ExecutionOf(const SiteLatency& site) {
  return Mutated("commit_as_execution") ? site.commit
                                        : kept_rules::ExecutionOf(site);
}

}  // namespace quorate::bench::rules
