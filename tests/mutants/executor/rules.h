// Answers: what if execution left a rule out?
//
// In place of executor/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../executor/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

inline bool IsDependency(std::uint64_t slot, std::uint64_t watermark) {
  return kept_rules::IsDependency(slot, watermark) &&
         !(Mutated("edge_to_latest") && slot != watermark);
}
inline std::span<const ExecutionOrder::Item> ToExecute(
    const std::vector<ExecutionOrder::Item>& ready) {
  const auto all = kept_rules::ToExecute(ready);
  return Mutated("skip_instance") && all.size() > 1 ? all.subspan(1) : all;
}
inline void Repeat(std::span<const Operation> operations,
                   KvStateMachine& state) {
  CommandResult unused;
  if (Mutated("execute_twice")) state.Apply(operations, unused);
  kept_rules::Repeat(operations, state);
}
inline bool Withdraw(CommandId id, SessionTable& sessions) {
  return Mutated("withdrawal_forgets") || kept_rules::Withdraw(id, sessions);
}
inline bool MayBegin(std::uint64_t begun, std::uint64_t era) {
  return Mutated("session_begins_again") || kept_rules::MayBegin(begun, era);
}

}  // namespace quorate::rules
