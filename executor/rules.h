// Answers: what must executing a decided command keep to?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/executor/rules.h. Sources include this, headers do not. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "executor/kv_state_machine.h"
#include "executor/order/graph_executor.h"
#include "executor/session_table.h"

namespace quorate {
namespace kept_rules {

// D3: a watermark stands for all of its column's prefix. The last of it may be
// a noop (edge_to_latest).
constexpr bool IsDependency(std::uint64_t slot, std::uint64_t watermark) {
  return slot <= watermark;
}

// All that is ready, in this order (skip_instance).
inline std::span<const ExecutionOrder::Item> ToExecute(
    const std::vector<ExecutionOrder::Item>& ready) {
  return ready;
}

// D9: at most once. A repeated command leaves the state as it is
// (execute_twice).
constexpr void Repeat(std::span<const Operation>, KvStateMachine&) {}

// What is withdrawn is not done when it comes late (withdrawal_forgets).
inline bool Withdraw(CommandId id, SessionTable& sessions) {
  return sessions.Withdraw(id);
}

// What is dropped by now was used after it began, and has been idle for more
// than kErasKept eras since; it never begins again (session_begins_again).
constexpr bool MayBegin(std::uint64_t begun, std::uint64_t era) {
  return begun <= era && era - begun <= SessionTable::kErasKept;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
