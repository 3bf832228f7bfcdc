// Answers: what if the store were careless?
//
// In place of storage/rules.h: see tests/mutants/planted.h.
#pragma once

#include "absl/strings/str_cat.h"

#include "../../../storage/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

inline Synchronous SyncedHow() {
  return Mutated("no_sync") ? Synchronous{"PRAGMA synchronous = NORMAL", "1"}
                            : kept_rules::SyncedHow();
}
inline bool IsWhole(const absl::Status& wal_check) {
  return Mutated("no_wal_check") || kept_rules::IsWhole(wal_check);
}
inline bool IsIntact(std::int64_t found, std::int64_t recorded) {
  return Mutated("no_checksum") || kept_rules::IsIntact(found, recorded);
}
inline absl::Status BeforeCheckpointStands(std::int64_t covered,
                                           SqliteConnection& connection) {
  if (Mutated("rows_before_facts")) {
    return connection.Execute(
        absl::StrCat("DELETE FROM journal WHERE row <= ", covered));
  }
  return kept_rules::BeforeCheckpointStands(covered, connection);
}
template <typename Mark>
bool HasReached(const Mark& mark, const Mark& reached) {
  return Mutated("no_mark") || kept_rules::HasReached(mark, reached);
}

}  // namespace quorate::rules
