// Answers: on what does it rest that conflicts are reported?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/depsvc/rules.h. Sources include this, headers do not. Pure.
#pragma once

#include <cstdint>

#include "depsvc/conflict_index.h"
#include "wire/operations.h"
#include "wire/record.h"

namespace quorate {
namespace kept_rules {

// The end of an era conflicts with every command (era_commutes).
constexpr Reach ReachOf(OperationKind kind) { return RowOf(kind).reach; }

// Every operation does: a withdrawal is a write of what it withdraws
// (withdrawal_commutes).
constexpr bool TakesPart(OperationKind) { return true; }

// Who accesses a key conflicts with what the index has of it (no_conflicts).
constexpr bool MayConflict(const std::uint64_t* entry) {
  return entry != nullptr;
}

// A write asks who has scanned its key (ranges_overlooked).
constexpr bool AsksRanges(bool meets_ranges) { return meets_ranges; }

// An answer has later instances of the same column, too: another leader may
// have proposed them (own_column_clamp).
inline void CollectAnswer(InstanceId id, const CommandBatch& batch,
                          ConflictIndex& index, DependencySet& deps) {
  index.CollectAndAdd(id, batch, deps);
}

// DS1: an instance is answered once, over all lives (dep_changes_mind).
constexpr bool IsAnswerTakenBack(const DependencyRecord&) { return true; }

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
