// Answers: what must a replica keep to, whatever its protocol?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/replica/host/rules.h. Sources include this, headers do not.
// Pure.
#pragma once

#include <cstddef>

#include "executor/executor.h"

namespace quorate {
namespace kept_rules {

// What was refused for certain is never done later (refused_and_kept; BS4).
constexpr bool IsKept(bool refused) { return !refused; }
// Nothing is proposed that joins a chain of so many that wait (no_admission).
constexpr bool TooManyWait(std::size_t waiting, std::size_t most) {
  return waiting >= most;
}
// What waits for execution keeps nobody from recovering what it waits for
// (executor_blocks; BM5).
constexpr bool TimeGoesOn(const Executor&) { return true; }

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
