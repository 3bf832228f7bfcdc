#include "replica/cli/batch_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "wire/limits.h"

namespace quorate::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";

absl::Status Bad(const std::string& problem) {
  return absl::InvalidArgumentError(problem);
}

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  // "+5", but not "+-5".
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

std::optional<char> ParseHexByte(std::string_view digits) {
  unsigned value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value, 16);
  if (error != std::errc() || at != end || digits.size() != 2) {
    return std::nullopt;
  }
  return static_cast<char>(value);
}

// Reads the word in quotes at the front of `line`, which is taken away.
absl::StatusOr<std::string> TakeQuoted(std::string_view& line) {
  std::string word;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') {
      line.remove_prefix(i + 1);
      return word;
    }
    if (line[i] != '\\') {
      word += line[i];
      continue;
    }
    const char escape = ++i < line.size() ? line[i] : '\0';
    switch (escape) {
      case '"':
      case '\\': word += escape; break;
      case 'n': word += '\n'; break;
      case 't': word += '\t'; break;
      case 'r': word += '\r'; break;
      case 'x': {
        const std::optional<char> byte = ParseHexByte(line.substr(i + 1, 2));
        if (!byte) return Bad("\\x takes two hexadecimal digits");
        word += *byte;
        i += 2;
        break;
      }
      default: return Bad("an escape is one of \\\" \\\\ \\n \\t \\r \\xHH");
    }
  }
  return Bad("the closing quote is missing");
}

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t start = line.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    if (line.front() == '"') {
      absl::StatusOr<std::string> word = TakeQuoted(line);
      if (!word.ok()) return word.status();
      if (!line.empty() && kBlanks.find(line.front()) == kBlanks.npos) {
        return Bad("a blank is missing behind the closing quote");
      }
      words.push_back(*std::move(word));
      continue;
    }
    const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// What was written for a number, or why it is none.
absl::StatusOr<std::int64_t> ArgumentNumber(const OperationRow& row,
                                            const Argument& argument,
                                            std::string_view text) {
  const bool rows = argument.form == Argument::Form::kRows;
  const std::optional<std::int64_t> number = ParseNumber(text);
  if (number && !(rows && *number < 1)) return *number;
  return Bad(fmt::format("\"{}\" is not {}; write it as: {}", text,
                         rows ? "a number of rows" : "a 64-bit decimal number",
                         Usage(row)));
}

bool Fits(const OperationRow& row, std::size_t words) {
  const auto needed =
      std::ranges::count(row.arguments, false, &Argument::may_be_left_out);
  return words >= static_cast<std::size_t>(needed) &&
         words <= row.arguments.size();
}

}  // namespace

absl::StatusOr<Operation> ParseOperation(
    const std::vector<std::string_view>& words) {
  const std::string_view word = words.empty() ? "" : words[0];
  const std::optional<OperationKind> kind = FindOperation(word);
  if (!kind) {
    return Bad(fmt::format("\"{}\" is no operation; there are {}", word,
                           OperationWords()));
  }
  const OperationRow& row = RowOf(*kind);
  if (!Fits(row, words.size() - 1)) {
    return Bad(fmt::format("write it as: {}", Usage(row)));
  }
  Operation operation{.kind = *kind};
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    const Argument& argument = row.arguments[i];
    const bool left_out = i + 1 >= words.size();
    if (argument.member == Argument::Member::kNumber) {
      const absl::StatusOr<std::int64_t> number =
          left_out ? std::int64_t{kMaxScanRows}
                   : ArgumentNumber(row, argument, words[i + 1]);
      if (!number.ok()) return number.status();
      operation.number = *number;
    } else if (!left_out) {
      TextOf(operation, argument.member) = words[i + 1];
    }
  }
  return operation;
}

namespace {

// `kept` receives what the operation's views are of.
absl::StatusOr<Operation> ParseLine(std::string_view line,
                                    std::deque<std::string>& kept) {
  absl::StatusOr<std::vector<std::string>> words = SplitWords(line);
  if (!words.ok()) return words.status();
  std::vector<std::string_view> views;
  for (std::string& word : *words) {
    views.push_back(kept.emplace_back(std::move(word)));
  }
  return ParseOperation(views);
}

}  // namespace

absl::StatusOr<BatchText> ParseBatchText(std::string_view text) {
  BatchText batch;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t start = line.find_first_not_of(kBlanks);
    if (start == std::string_view::npos || line[start] == '#') continue;
    const absl::StatusOr<Operation> operation = ParseLine(line, batch.words);
    if (!operation.ok()) {
      const absl::string_view why = operation.status().message();
      return Bad(fmt::format("line {}: {}", number,
                             std::string_view(why.data(), why.size())));
    }
    batch.operations.push_back(*operation);
  }
  if (batch.operations.empty()) {
    return Bad(
        "there is no operation in it; write one a line (quorate kv batch "
        "--help)");
  }
  return batch;
}

}  // namespace quorate::cli
