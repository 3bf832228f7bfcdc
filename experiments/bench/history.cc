#include "experiments/bench/history.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace quorate::bench {
namespace {

void AppendInteger(std::int64_t number, std::string& to) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append(digits, end);
}

// "f", "k" and the arguments, without braces.
void AppendOperation(const Operation& operation, std::string& to) {
  const OperationRow& row = RowOf(operation.kind);
  to += "\"f\":\"";
  to += row.word;
  to += '"';
  for (const Argument& argument : row.arguments) {
    to += ",\"";
    to += argument.history;
    to += "\":";
    if (argument.member == Argument::Member::kNumber) {
      AppendInteger(operation.number, to);
    } else {
      AppendJsonString(TextOf(operation, argument.member), to);
    }
  }
}

void AppendRows(const OperationResult& result, std::string& to) {
  to += ",\"out\":[";
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    if (i > 0) to += ',';
    to += '[';
    AppendJsonString(result.rows[i].first, to);
    to += ',';
    AppendJsonString(result.rows[i].second, to);
    to += ']';
  }
  to += ']';
}

void AppendResult(OperationKind kind, const OperationResult& result,
                  std::string& to) {
  const bool ok = result.status == OperationStatus::kOk;
  switch (RowOf(kind).gives) {
    case Gives::kNothing: return;
    case Gives::kRows: AppendRows(result, to); return;
    case Gives::kValue:
      to += ",\"out\":";
      AppendJsonString(result.value, to);
      if (!result.value.empty()) return;
      to += ok ? ",\"found\":true" : ",\"found\":false";
      return;
    case Gives::kWhether:
    case Gives::kWhetherOrValue: break;
  }
  to += ok ? ",\"ok\":true" : ",\"ok\":false";
  if (ok || RowOf(kind).gives == Gives::kWhether) return;
  // What stood there instead: one more thing that must be explained.
  to += ",\"out\":";
  AppendJsonString(result.value, to);
}

void AppendOpening(const HistoryCall& call, std::string& to) {
  to += "{\"c\":";
  AppendInteger(static_cast<std::int64_t>(call.client), to);
  to += call.several ? ",\"ops\":[" : ",";
}

// The operations of a multi-operation call are kept apart by this byte, which
// JSON escapes everywhere else, so that results can be put in between.
constexpr char kSeparator = '\n';

void AppendSeveral(const HistoryCall& call, const CommandResult* results,
                   std::string& to) {
  std::string_view rest = call.operations;
  for (std::size_t i = 0; !rest.empty(); ++i) {
    const std::size_t length = rest.find(kSeparator);
    if (i > 0) to += ',';
    to += '{';
    to.append(rest.substr(1, length - 1));
    if (results != nullptr && i < results->size()) {
      AppendResult(static_cast<OperationKind>(rest[0] - 'A'), (*results)[i],
                   to);
    }
    to += '}';
    rest.remove_prefix(length + 1);
  }
  to += ']';
}

}  // namespace

void BeginCall(std::uint64_t client, std::int64_t call_ns,
               std::span<const Operation> operations, HistoryCall& call) {
  call.client = client;
  call.call_ns = call_ns;
  call.operations.clear();
  call.several = operations.size() > 1;
  call.kind = operations[0].kind;
  if (!call.several) {
    AppendOperation(operations[0], call.operations);
    return;
  }
  for (const Operation& operation : operations) {
    call.operations +=
        static_cast<char>('A' + static_cast<int>(operation.kind));
    AppendOperation(operation, call.operations);
    call.operations += kSeparator;
  }
}

void AppendLine(const HistoryCall& call, std::int64_t return_ns,
                const CommandResult& results, std::string& to) {
  AppendOpening(call, to);
  if (call.several) {
    AppendSeveral(call, &results, to);
  } else {
    to += call.operations;
  }
  to += ",\"call\":";
  AppendInteger(call.call_ns, to);
  to += ",\"ret\":";
  AppendInteger(return_ns, to);
  if (!call.several && !results.empty()) {
    AppendResult(call.kind, results[0], to);
  }
  to += "}\n";
}

void AppendUnknownLine(const HistoryCall& call, std::string& to) {
  AppendOpening(call, to);
  if (call.several) {
    AppendSeveral(call, nullptr, to);
  } else {
    to += call.operations;
  }
  to += ",\"call\":";
  AppendInteger(call.call_ns, to);
  to += ",\"unknown\":true}\n";
}

namespace {

void AppendHexByte(char c, std::string& to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  to += kDigits[static_cast<unsigned char>(c) >> 4];
  to += kDigits[static_cast<unsigned char>(c) & 15];
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& to) {
  const auto is_ascii = [](char c) { return (c & 0x80) == 0; };
  if (!std::ranges::all_of(text, is_ascii)) {
    // Not every byte string is UTF-8, and JSON knows nothing else.
    to += "{\"hex\":\"";
    for (const char c : text) AppendHexByte(c, to);
    to += "\"}";
    return;
  }
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      to += "\\u00";
      AppendHexByte(c, to);
    } else {
      to += c;
    }
  }
  to += '"';
}

absl::Status HistoryFile::Open(const std::string& path, bool force) {
  auto opened = OutputFile::Open("history", path, force);
  if (!opened.ok()) return opened.status();
  file_ = *std::move(opened);
  return absl::OkStatus();
}

void HistoryFile::Flush() {
  file_.Write(buffer_);
  buffer_.clear();
}

absl::Status HistoryFile::Close() {
  Flush();
  return file_.Commit();
}

}  // namespace quorate::bench
