// Answers: how is a command of several operations written down?
//
// One operation a line, in the words of `quorate kv`:
//
//   # moves 5 from alice to bob, at once or not at all
//   add alice -5
//   add bob 5
//   get "a key with spaces\n"
//   scan user: user; 10
//
// Words are separated by blanks; a word in double quotes may hold blanks and
// the escapes \" \\ \n \t \r and \xHH. Empty lines and lines that begin with
// "#" are skipped. Pure.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/command.h"

namespace quorate::cli {

struct BatchText {
  std::vector<Operation> operations;
  // What the operations' keys and values are views of.
  std::deque<std::string> words;
};

// InvalidArgument names the line and says what was expected.
absl::StatusOr<BatchText> ParseBatchText(std::string_view text);

// The operation that `words` name, as views of them: "put" "k" "v".
absl::StatusOr<Operation> ParseOperation(
    const std::vector<std::string_view>& words);

}  // namespace quorate::cli
