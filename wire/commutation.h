// Answers: must two operations be ordered?
//
// The commutation table is data: each row of wire/operations.h names an access
// class, and operations of one key commute only within a class. Operations on
// different keys always commute; a scan touches every key of its range. How
// much of the table is used is a setting, so that commutativity is an
// experiment. The relation is symmetric and a pure function of the two
// operations; a superset is always safe (protocol.md 5.1, 5.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/command.h"
#include "wire/operations.h"

namespace quorate {

// `--conflicts=op|rw|key`.
enum class ConflictMode : std::uint8_t {
  kOperation,  // the full table
  kReadWrite,  // adds count as writes
  kKey,        // any two operations on one key conflict, reads included
};

// Row and column in the order of AccessClass.
inline constexpr auto kClassesConflict = [] {
  std::array<std::array<bool, kAccessClasses>, kAccessClasses> conflict{};
  for (std::size_t a = 0; a < kAccessClasses; ++a) {
    for (std::size_t b = 0; b < kAccessClasses; ++b) {
      conflict[a][b] = a != b || !kAccessClassRows[a].commutes_with_itself;
    }
  }
  return conflict;
}();

constexpr bool Conflict(AccessClass a, AccessClass b) {
  return kClassesConflict[static_cast<std::size_t>(a)]
                         [static_cast<std::size_t>(b)];
}

// By number of the operation, one row a mode in the order of ConflictMode.
inline constexpr auto kClassOfOperation = [] {
  std::array<std::array<AccessClass, kAllOperationKinds>, 3> classes{};
  for (std::size_t kind = 0; kind < kAllOperationKinds; ++kind) {
    const AccessClass access = kOperations[kind].access;
    classes[0][kind] = access;
    classes[1][kind] =
        access == AccessClass::kRead ? access : AccessClass::kWrite;
    classes[2][kind] = AccessClass::kWrite;
  }
  return classes;
}();

constexpr AccessClass ClassOf(OperationKind kind, ConflictMode mode) {
  return kClassOfOperation[static_cast<std::size_t>(mode)]
                          [static_cast<std::size_t>(kind)];
}

// Do the two operations touch a common key in conflicting classes?
bool Conflict(const Operation& a, const Operation& b, ConflictMode mode);
// Does some operation of `a` conflict with some operation of `b`? Quadratic;
// for recovery, tests and small batches.
bool Conflict(const CommandBatch& a, const CommandBatch& b, ConflictMode mode);

// Is `key` inside the range? The end of an era has the range of all keys.
inline bool ScanCovers(const Operation& scan, std::string_view key) {
  return key >= scan.key && (scan.value.empty() || key < scan.value);
}

// "op", "rw", "key".
std::string_view Name(ConflictMode mode);
std::optional<ConflictMode> ParseConflictMode(std::string_view text);
// "read", "write", "add".
std::string_view Name(AccessClass access);

}  // namespace quorate
