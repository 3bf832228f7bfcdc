// Answers: must two operations be ordered?
//
// The commutation table is data: each operation kind belongs to an access
// class, and a 3x3 table says which classes commute on one key. Operations on
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

namespace quorate {

enum class AccessClass : std::uint8_t {
  kRead,   // leaves the state alone, its result depends on it
  kWrite,  // order matters against everything
  kAdd,    // changes the state by a commuting step and returns nothing
};
inline constexpr std::size_t kAccessClasses = 3;

// `--conflicts=op|rw|key`.
enum class ConflictMode : std::uint8_t {
  kOperation,  // the full table
  kReadWrite,  // adds count as writes
  kKey,        // any two operations on one key conflict, reads included
};

// Row and column in the order of AccessClass.
inline constexpr std::array<std::array<bool, kAccessClasses>, kAccessClasses>
    kClassesConflict = {{
        /* kRead  */ {false, true, true},
        /* kWrite */ {true, true, true},
        /* kAdd   */ {true, true, false},
    }};

constexpr bool Conflict(AccessClass a, AccessClass b) {
  return kClassesConflict[static_cast<std::size_t>(a)]
                         [static_cast<std::size_t>(b)];
}

// In the order of OperationKind, one row a mode in the order of ConflictMode.
inline constexpr std::array<std::array<AccessClass, kAllOperationKinds>, 3>
    kClassOfOperation = {{
        {AccessClass::kRead, AccessClass::kWrite, AccessClass::kWrite,
         AccessClass::kWrite, AccessClass::kAdd, AccessClass::kWrite,
         AccessClass::kRead, AccessClass::kWrite, AccessClass::kWrite},
        {AccessClass::kRead, AccessClass::kWrite, AccessClass::kWrite,
         AccessClass::kWrite, AccessClass::kWrite, AccessClass::kWrite,
         AccessClass::kRead, AccessClass::kWrite, AccessClass::kWrite},
        {AccessClass::kWrite, AccessClass::kWrite, AccessClass::kWrite,
         AccessClass::kWrite, AccessClass::kWrite, AccessClass::kWrite,
         AccessClass::kWrite, AccessClass::kWrite, AccessClass::kWrite},
    }};

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
