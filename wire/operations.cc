#include "wire/operations.h"

namespace quorate {

std::string_view Name(OperationKind kind) {
  const auto number = static_cast<std::size_t>(kind);
  return number < kOperations.size() ? kOperations[number].name : "unknown";
}

std::string_view Name(OperationStatus status) {
  switch (status) {
    case OperationStatus::kOk: return "ok";
    case OperationStatus::kNotFound: return "not found";
    case OperationStatus::kMismatch: return "mismatch";
    case OperationStatus::kNotANumber: return "not a number";
    case OperationStatus::kTooLarge: return "too large";
  }
  return "unknown";
}

std::optional<OperationKind> FindOperation(std::string_view word) {
  for (const OperationKind kind : kClientOperations) {
    if (RowOf(kind).word == word) return kind;
  }
  return std::nullopt;
}

std::string OperationWords(std::string_view last_but_one) {
  std::string words;
  for (std::size_t i = 0; i < kClientOperations.size(); ++i) {
    if (i > 0) {
      words += i + 1 == kClientOperations.size() ? last_but_one : ", ";
    }
    words += RowOf(kClientOperations[i]).word;
  }
  return words;
}

std::string Usage(const OperationRow& row) {
  std::string usage(row.word);
  std::size_t open = 0;
  for (const Argument& argument : row.arguments) {
    usage += ' ';
    if (argument.may_be_left_out) {
      usage += '[';
      ++open;
    }
    usage += argument.word;
  }
  return usage + std::string(open, ']');
}

}  // namespace quorate
