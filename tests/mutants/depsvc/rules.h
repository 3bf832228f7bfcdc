// Answers: what if a conflict went unreported?
//
// In place of depsvc/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../depsvc/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

inline Reach ReachOf(OperationKind kind) {
  return Mutated("era_commutes") && kind == OperationKind::kEndEra
             ? Reach::kKey
             : kept_rules::ReachOf(kind);
}
inline bool TakesPart(OperationKind kind) {
  return !(Mutated("withdrawal_commutes") &&
           kind == OperationKind::kWithdraw) &&
         kept_rules::TakesPart(kind);
}
inline bool MayConflict(const std::uint64_t* entry) {
  return !Mutated("no_conflicts") && kept_rules::MayConflict(entry);
}
inline bool AsksRanges(bool meets_ranges) {
  return !Mutated("ranges_overlooked") && kept_rules::AsksRanges(meets_ranges);
}
inline void CollectAnswer(InstanceId id, const CommandBatch& batch,
                          ConflictIndex& index, DependencySet& deps) {
  kept_rules::CollectAnswer(id, batch, index, deps);
  if (Mutated("own_column_clamp")) deps.ClampOwnColumn(id);
}
inline bool IsAnswerTakenBack(const DependencyRecord& record) {
  return !Mutated("dep_changes_mind") && kept_rules::IsAnswerTakenBack(record);
}

}  // namespace quorate::rules
