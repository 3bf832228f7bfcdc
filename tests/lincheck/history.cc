#include "tests/lincheck/history.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "nlohmann/json.hpp"

namespace quorate::lincheck {
namespace {

using Json = nlohmann::json;

bool ParseInteger(const std::string& text, std::int64_t& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

std::optional<std::string> ParseHex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (; !digits.empty(); digits.remove_prefix(2)) {
    unsigned byte = 0;
    const char* end = digits.data() + 2;
    const auto [stop, error] = std::from_chars(digits.data(), end, byte, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// Reads the fields of one line; the first fault stays in `error`.
class LineReader {
 public:
  explicit LineReader(std::size_t line) { operation_.line = line; }

  absl::StatusOr<Operation> Read(std::string_view text) {
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
      Fail("the line", "is not a JSON object");
    } else {
      ReadTimes(json);
      ReadActions(json);
    }
    if (!error_.empty()) return absl::InvalidArgumentError(error_);
    return std::move(operation_);
  }

 private:
  void Fail(const std::string& where, const std::string& what) {
    if (!error_.empty()) return;
    error_ =
        "line " + std::to_string(operation_.line) + ": " + where + " " + what;
  }
  void FailField(const char* field, const std::string& what) {
    Fail(std::string("field \"") + field + "\"", what);
  }

  static const Json* Find(const Json& json, const char* field) {
    const auto found = json.find(field);
    return found == json.end() || found->is_null() ? nullptr : &*found;
  }

  std::int64_t Integer(const Json& json, const char* field) {
    const Json* found = Find(json, field);
    if (found == nullptr) {
      FailField(field, "is missing");
    } else if (!found->is_number_integer()) {
      FailField(field, "is not an integer");
    } else if (found->is_number_unsigned() &&
               found->get<std::uint64_t>() > std::uint64_t{kNever} - 1) {
      FailField(field, "is too large");
    } else {
      return found->get<std::int64_t>();
    }
    return 0;
  }

  // A string; an integer is taken as its decimal digits, {"hex":"00ff"} as
  // bytes that are no text.
  std::optional<std::string> TextOf(const Json& json) {
    if (json.is_string()) return json.get<std::string>();
    if (json.is_number_integer()) return json.dump();
    const auto hex = json.is_object() ? json.find("hex") : json.end();
    if (!json.is_object() || hex == json.end() || !hex->is_string()) {
      return std::nullopt;
    }
    return ParseHex(hex->get_ref<const std::string&>());
  }

  std::string Text(const Json& json, const char* field) {
    const Json* found = Find(json, field);
    if (found == nullptr) {
      FailField(field, "is missing");
      return {};
    }
    std::optional<std::string> text = TextOf(*found);
    if (!text) FailField(field, "is neither a string nor an integer");
    return std::move(text).value_or("");
  }

  bool Flag(const Json& json, const char* field) {
    const Json* found = Find(json, field);
    if (found == nullptr) return false;
    if (!found->is_boolean()) {
      FailField(field, "is not true or false");
      return false;
    }
    return found->get<bool>();
  }

  void ReadTimes(const Json& json) {
    operation_.client = Integer(json, "c");
    operation_.call = Integer(json, "call");
    if (Flag(json, "unknown") || Find(json, "ret") == nullptr) return;
    operation_.ret = Integer(json, "ret");
    if (operation_.ret < operation_.call) {
      FailField("ret", "is earlier than \"call\"");
    }
  }

  void ReadActions(const Json& json) {
    const Json* list = Find(json, "ops");
    if (list == nullptr) {
      ReadAction(json);
      return;
    }
    if (!list->is_array() || list->empty()) {
      FailField("ops", "is not a list with at least one operation");
      return;
    }
    for (const Json& item : *list) {
      if (!item.is_object()) {
        FailField("ops", "holds something that is not an object");
        return;
      }
      ReadAction(item);
    }
  }

  void ReadAction(const Json& json) {
    const std::string name = Text(json, "f");
    const std::optional<Function> function = FindOperation(name);
    if (!function.has_value()) {
      FailField("f", "is \"" + name + "\", expected " + OperationWords(" or ") +
                         ", or a list \"ops\" of these");
      return;
    }
    Action action;
    action.function = *function;
    for (const Argument& argument : RowOf(*function).arguments) {
      ReadArgument(json, argument, action);
    }
    if (!operation_.unknown()) ReadResult(json, action);
    operation_.actions.push_back(std::move(action));
  }

  void ReadArgument(const Json& json, const Argument& argument,
                    Action& action) {
    // A string literal, and so terminated.
    const char* name = argument.history.data();
    if (argument.may_be_left_out && Find(json, name) == nullptr) return;
    switch (argument.member) {
      case Argument::Member::kKey: action.key = Text(json, name); return;
      case Argument::Member::kValue: action.value = Text(json, name); return;
      case Argument::Member::kExpected: action.old = Text(json, name); return;
      case Argument::Member::kNumber: break;
    }
    if (argument.form == Argument::Form::kRows) {
      action.number = Integer(json, name);
    } else if (!ParseInteger(Text(json, name), action.number)) {
      FailField(name, "is not a 64-bit integer");
    }
  }

  void ReadResult(const Json& json, Action& action) {
    switch (RowOf(action.function).gives) {
      case Gives::kValue:
        action.out = Text(json, "out");
        action.has_out = true;
        // A value that is not "" was there.
        if (!action.out.empty()) {
          action.found = true;
        } else if (Find(json, "found") != nullptr) {
          action.found = Flag(json, "found");
        }
        break;
      case Gives::kWhetherOrValue:
        if (Find(json, "ok") == nullptr) FailField("ok", "is missing");
        ReadOk(json, action);
        if (!action.ok && Find(json, "out") != nullptr) {
          action.out = Text(json, "out");
          action.has_out = true;
        }
        break;
      case Gives::kRows:
        // Writers may leave the rows out; then the scan says nothing.
        if (Find(json, "out") != nullptr) ReadRows(json["out"], action);
        break;
      // Writers may leave it out; then it says nothing.
      case Gives::kWhether: ReadOk(json, action); break;
      case Gives::kNothing: break;
    }
  }

  void ReadOk(const Json& json, Action& action) {
    action.has_ok = Find(json, "ok") != nullptr;
    action.ok = Flag(json, "ok");
  }

  void ReadRows(const Json& rows, Action& action) {
    action.has_out = true;
    bool fine = rows.is_array();
    for (std::size_t i = 0; fine && i < rows.size(); ++i) {
      const Json& row = rows[i];
      fine = row.is_array() && row.size() == 2;
      if (!fine) break;
      std::optional<std::string> key = TextOf(row[0]);
      std::optional<std::string> value = TextOf(row[1]);
      fine = key && value;
      if (fine) action.rows.emplace_back(*std::move(key), *std::move(value));
    }
    if (!fine) FailField("out", "is not a list of [key, value]");
  }

  Operation operation_;
  std::string error_;
};

// Bytes that a terminal would take for something else, as \xHH.
std::string Printable(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string printable;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      printable += c;
    } else {
      printable += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return printable;
}

std::string Quote(std::string_view text) {
  constexpr std::size_t kShown = 24;
  if (text.size() <= kShown) return "\"" + Printable(text) + "\"";
  return "\"" + Printable(text.substr(0, kShown / 2)) + "…" +
         Printable(text.substr(text.size() - kShown / 2)) + "\" (" +
         std::to_string(text.size()) + " bytes)";
}

std::string Failure(const Action& action) {
  return action.has_ok && !action.ok ? " -> did nothing" : "";
}

std::string Heard(const Action& get) {
  return get.found == false ? "nothing" : Quote(get.out);
}

std::string DescribeScan(const Action& scan, bool unknown) {
  std::string text = " to " + Quote(scan.value);
  if (unknown || !scan.has_out) return text;
  text += " ->";
  for (const auto& [key, value] : scan.rows) {
    text += " " + Printable(key) + "=" + Quote(value);
  }
  return text;
}

// Gives the lines of an input without what ends them, none longer than
// kMaxLineBytes + 1. Reads pieces: a fault of the stream then leaves its mark
// on it and throws nothing.
class LineSource {
 public:
  explicit LineSource(std::istream& input)
      : input_(input), room_(std::size_t{64} << 10) {}

  bool Next(std::string& text) {
    text.clear();
    while (text.size() <= kMaxLineBytes) {
      if (piece_.empty() && !Fill()) return !text.empty();
      const std::size_t end = piece_.find('\n');
      text.append(piece_.substr(0, end));
      if (end != std::string_view::npos) {
        piece_.remove_prefix(end + 1);
        return true;
      }
      piece_ = {};
    }
    return true;
  }

 private:
  bool Fill() {
    input_.read(room_.data(), static_cast<std::streamsize>(room_.size()));
    piece_ = {room_.data(), static_cast<std::size_t>(input_.gcount())};
    return !piece_.empty();
  }

  std::istream& input_;
  std::vector<char> room_;
  std::string_view piece_;
};

}  // namespace

absl::StatusOr<History> ParseHistory(std::istream& input) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  History history;
  std::string text;
  std::size_t line = 1;
  for (LineSource lines(input); lines.Next(text); ++line) {
    if (text.size() > kMaxLineBytes) {
      return absl::InvalidArgumentError(
          "line " + std::to_string(line) + " is longer than " +
          std::to_string(kMaxLineBytes) + " bytes; no operation is so long");
    }
    std::string_view rest = text;
    if (line == 1 && rest.starts_with(kByteOrderMark)) {
      rest.remove_prefix(kByteOrderMark.size());
    }
    if (rest.empty() || rest == "\r") continue;
    absl::StatusOr<Operation> operation = LineReader(line).Read(rest);
    if (!operation.ok()) return operation.status();
    history.push_back(std::move(*operation));
  }
  if (input.bad()) {
    return absl::InvalidArgumentError("line " + std::to_string(line) +
                                      ": the input cannot be read");
  }
  return history;
}

std::string Describe(const Action& action, bool unknown) {
  const OperationRow& row = RowOf(action.function);
  std::string text(row.word);
  if (row.gives == Gives::kRows) return text + DescribeScan(action, unknown);
  for (const Argument& argument : row.arguments) {
    switch (argument.member) {
      case Argument::Member::kKey: break;
      case Argument::Member::kValue: text += " " + Quote(action.value); break;
      case Argument::Member::kExpected: text += " " + Quote(action.old); break;
      case Argument::Member::kNumber:
        text += " " + std::to_string(action.number);
        break;
    }
  }
  if (row.gives == Gives::kWhether) return text + Failure(action);
  if (unknown || row.gives == Gives::kNothing) return text;
  if (row.gives == Gives::kValue) return text + " -> " + Heard(action);
  if (action.ok) return text + " -> ok";
  return text + " -> failed" +
         (action.has_out ? ", found " + Quote(action.out) : "");
}

}  // namespace quorate::lincheck
