// Answers: what is a history, and is this file one?
//
// One JSON object a line (README.md has the format); the order of the lines
// does not matter. Operations that definitely did nothing leave no line. A line
// without "ret", or with "unknown": true, may have taken effect at any time
// after its call, or never. Every error names line and field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/operations.h"

namespace quorate::lincheck {

// Later than every return.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Of a row of wire/operations.h that clients ask for.
using Function = OperationKind;

// One step of an operation; its fields as in the line.
struct Action {
  Function function{};
  std::string key;    // scan: the first key
  std::string value;  // argument; scan: the end, exclusive, "" for none
  std::string old;    // cas
  bool has_out = false;
  std::string out;  // get; cas that failed
  // get: was the key there? Where nobody says so, "" may stand for a missing
  // key or for the value "".
  std::optional<bool> found;
  bool has_ok = false;
  bool ok = false;          // cas, add, append, delete: it did something
  std::int64_t number = 0;  // add: the step; scan: most rows, 0 for no limit
  std::vector<std::pair<std::string, std::string>> rows;  // scan
};

struct Operation {
  std::int64_t client = 0;
  std::int64_t call = 0;
  std::int64_t ret = kNever;  // kNever: no reply came
  std::vector<Action> actions;
  std::size_t line = 0;
  // Its place in an order that somebody takes for the right one, who saw the
  // store at work; kNever: in none. Tried first, and believed by nobody.
  std::int64_t hint = kNever;

  bool unknown() const { return ret == kNever; }
};

using History = std::vector<Operation>;

// Of one line; much more than the longest command and its rows, so that what is
// no history is found out before memory runs out.
inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

// InvalidArgument: "line 7: field \"v\": ...".
absl::StatusOr<History> ParseHistory(std::istream& input);

// "cas \"a\" \"b\" -> ok": the action as people read it, without its key;
// long values are cut.
std::string Describe(const Action& action, bool unknown);

}  // namespace quorate::lincheck
