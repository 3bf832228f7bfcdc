// Answers: what may a result not be mistaken in?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/experiments/bench/rules.h. Sources include this, headers do
// not. Pure.
#pragma once

#include "experiments/bench/recorder.h"

namespace quorate::bench {
namespace kept_rules {

// Clients hear after execution: the latency of commits is another one (BM18;
// commit_as_execution).
inline const Histogram& ExecutionOf(const SiteLatency& site) {
  return site.execute;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate::bench
