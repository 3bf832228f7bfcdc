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

struct Form {
  std::string_view name;
  OperationKind kind;
  std::size_t least_words;
  std::size_t most_words;
  std::string_view usage;
};
constexpr Form kForms[] = {
    {"get", OperationKind::kGet, 2, 2, "get KEY"},
    {"put", OperationKind::kPut, 3, 3, "put KEY VALUE"},
    {"del", OperationKind::kDelete, 2, 2, "del KEY"},
    {"cas", OperationKind::kCompareAndSet, 4, 4, "cas KEY OLD NEW"},
    {"add", OperationKind::kAdd, 3, 3, "add KEY NUMBER"},
    {"append", OperationKind::kAppend, 3, 3, "append KEY VALUE"},
    {"scan", OperationKind::kScan, 2, 4, "scan FIRST [END [LIMIT]]"},
};

}  // namespace

absl::StatusOr<Operation> ParseOperation(
    const std::vector<std::string_view>& words) {
  const Form* form = nullptr;
  for (const Form& candidate : kForms) {
    if (!words.empty() && words[0] == candidate.name) form = &candidate;
  }
  if (form == nullptr) {
    return Bad(
        fmt::format("\"{}\" is no operation; there are get, put, del, "
                    "cas, add, append and scan",
                    words.empty() ? "" : words[0]));
  }
  if (words.size() < form->least_words || words.size() > form->most_words) {
    return Bad(fmt::format("write it as: {}", form->usage));
  }
  Operation operation{.kind = form->kind, .key = words[1]};
  if (form->kind == OperationKind::kCompareAndSet) {
    operation.expected = words[2];
    operation.value = words[3];
    return operation;
  }
  const bool adds = form->kind == OperationKind::kAdd;
  if (!adds && words.size() > 2) operation.value = words[2];
  if (form->kind == OperationKind::kScan) operation.number = kMaxScanRows;
  if (!adds && words.size() < 4) return operation;
  const std::optional<std::int64_t> number = ParseNumber(words.back());
  if (!number || (!adds && *number < 1)) {
    return Bad(fmt::format(
        "\"{}\" is not {}; write it as: {}", words.back(),
        adds ? "a 64-bit decimal number" : "a number of rows", form->usage));
  }
  operation.number = *number;
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
  if (batch.operations.empty()) return Bad("there is no operation in it");
  return batch;
}

}  // namespace quorate::cli
