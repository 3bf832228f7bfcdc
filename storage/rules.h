// Answers: on what does it rest that what was synced comes back?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/storage/rules.h. Sources include this, headers do not. Pure.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "storage/sqlite_connection.h"

namespace quorate {
namespace kept_rules {

// What SQLite syncs (no_sync): as it is asked for, and as it answers.
struct Synchronous {
  const char* pragma;
  const char* answer;
};
constexpr Synchronous SyncedHow() { return {"PRAGMA synchronous = FULL", "2"}; }

// What follows a damaged frame of the log would be lost without a word
// (no_wal_check).
inline bool IsWhole(const absl::Status& wal_check) { return wal_check.ok(); }

// ST2: a row has the checksum that was written with it (no_checksum).
constexpr bool IsIntact(std::int64_t found, std::int64_t recorded) {
  return found == recorded;
}

// No row goes before the checkpoint that stands for it, and what stands for
// which rows is said in one row: both or neither (rows_before_facts).
inline absl::Status BeforeCheckpointStands(std::int64_t, SqliteConnection&) {
  return absl::OkStatus();
}

// ST8: what was synced and told is there, or the store does not open (no_mark).
// A mark counts up in each of its parts.
template <typename Mark>
constexpr bool HasReached(const Mark& mark, const Mark& reached) {
  return mark.row <= reached.row && mark.last <= reached.last &&
         mark.chunk <= reached.chunk && mark.life <= reached.life;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
