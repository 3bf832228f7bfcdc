// Answers: which operations must be looked at together, and what do they do?
//
// Keys that no operation joins can be checked apart (linearizability is local;
// Herlihy and Wing, 1990, section 3.3). Multi-key operations and scans join
// keys: one component is a map that is checked as one object, which is what
// strict serializability asks. A component holds its operations in a form that
// can be applied fast: keys as numbers in their order, values as hashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lincheck/history.h"
#include "tests/lincheck/value.h"
#include "wire/operations.h"

namespace quorate::lincheck {

// Hashes of the prefixes of some value that was read; [n] is of n bytes.
using PrefixHashes = std::vector<std::uint64_t>;

// A row of a scan; `text` points into the history.
struct Row {
  int key = 0;
  Value value;
  std::string_view text;
};

struct Step {
  Function function{};
  int key = 0;      // scan: first key of the range
  int end_key = 0;  // scan: past the last key of the range
  bool has_out = false;
  // `out` is "", or that of a missing key: nobody has said which.
  bool blank = false;
  bool has_ok = false;  // never of an operation without a reply
  bool ok = false;
  std::int64_t number = 0;
  Value value;
  Value old;
  Value out;
  std::vector<Row> rows;  // scan
  // Of `old` and `out`; point into the history.
  std::string_view old_text;
  std::string_view out_text;
};

// What the key of a step must hold.
inline Holds HoldsOf(const Step& step) { return RowOf(step.function).holds; }

struct ComponentOperation {
  std::size_t index = 0;  // in the history
  std::int64_t call = 0;
  std::int64_t ret = kNever;
  std::int64_t hint = kNever;  // as in Operation
  // Never changes the state, whatever the state is.
  bool observer = false;
  // May replace a value instead of making it longer.
  bool replaces = false;
  std::vector<Step> steps;
  // A lone get of a component with appends: index in `prefixes`; -1 otherwise.
  int prefixes = -1;

  bool unknown() const { return ret == kNever; }
};

struct Component {
  std::vector<std::string> keys;  // sorted
  // Sorted by call. Unknown operations that cannot matter are left out.
  std::vector<ComponentOperation> operations;
  std::vector<PrefixHashes> prefixes;
};

// An operation of a history as a component should see it. `loose`: it may have
// taken effect at any time or never, whatever the line says; used to find out
// whether a violation rests on it. `silent`: whether its deletes, adds and
// appends did anything is not asked, likewise.
struct Selected {
  std::size_t index = 0;
  bool loose = false;
  bool silent = false;
};

// The keys of each component, sorted, and the operations on them.
struct Group {
  std::vector<std::string> keys;
  std::vector<Selected> operations;
};
std::vector<Group> SplitIntoGroups(const History& history);

// `until`: operations called later are left out and those that return later
// count as unknown; kNever takes all as they are.
Component MakeComponent(const History& history, const Group& group,
                        std::int64_t until = kNever);

}  // namespace quorate::lincheck
