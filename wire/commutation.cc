#include "wire/commutation.h"

namespace quorate {
namespace {

bool IsEmpty(const Operation& range) {
  return !range.value.empty() && range.value <= range.key;
}

bool ShareAKey(const Operation& a, const Operation& b) {
  const bool a_scans = IsRange(a.kind);
  const bool b_scans = IsRange(b.kind);
  if (a_scans && b_scans) {
    // Two ranges overlap when neither ends before the other begins.
    return !IsEmpty(a) && !IsEmpty(b) && (a.value.empty() || b.key < a.value) &&
           (b.value.empty() || a.key < b.value);
  }
  if (a_scans) return ScanCovers(a, b.key);
  if (b_scans) return ScanCovers(b, a.key);
  return a.key_hash == b.key_hash && a.key == b.key;
}

}  // namespace

bool Conflict(const Operation& a, const Operation& b, ConflictMode mode) {
  return Conflict(ClassOf(a.kind, mode), ClassOf(b.kind, mode)) &&
         ShareAKey(a, b);
}

bool Conflict(const CommandBatch& a, const CommandBatch& b, ConflictMode mode) {
  for (const Operation& x : a.operations()) {
    for (const Operation& y : b.operations()) {
      if (Conflict(x, y, mode)) return true;
    }
  }
  return false;
}

std::string_view Name(ConflictMode mode) {
  switch (mode) {
    case ConflictMode::kOperation: return "op";
    case ConflictMode::kReadWrite: return "rw";
    case ConflictMode::kKey: return "key";
  }
  return "unknown";
}

std::optional<ConflictMode> ParseConflictMode(std::string_view text) {
  for (const ConflictMode mode :
       {ConflictMode::kOperation, ConflictMode::kReadWrite,
        ConflictMode::kKey}) {
    if (text == Name(mode)) return mode;
  }
  return std::nullopt;
}

std::string_view Name(AccessClass access) {
  return kAccessClassRows[static_cast<std::size_t>(access)].name;
}

}  // namespace quorate
