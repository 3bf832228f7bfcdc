#include "tests/lincheck/history.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "nlohmann/json.hpp"

namespace quorate::lincheck {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 7> kNames = {
    "get", "put", "append", "cas", "add", "del", "scan"};

std::optional<Function> ParseFunction(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Function>(i);
  }
  return std::nullopt;
}

bool ParseInteger(const std::string& text, std::int64_t& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

// Reads the fields of one line; the first fault stays in `error`.
class LineReader {
 public:
  explicit LineReader(std::size_t line) { operation_.line = line; }

  absl::StatusOr<Operation> Read(const std::string& text) {
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
    } else {
      return found->get<std::int64_t>();
    }
    return 0;
  }

  // A string; an integer is taken as its decimal digits.
  std::string Text(const Json& json, const char* field) {
    const Json* found = Find(json, field);
    if (found == nullptr) {
      FailField(field, "is missing");
    } else if (found->is_string()) {
      return found->get_ref<const std::string&>();
    } else if (found->is_number_integer()) {
      return found->dump();
    } else {
      FailField(field, "is neither a string nor an integer");
    }
    return {};
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
    const std::optional<Function> function = ParseFunction(name);
    if (!function.has_value()) {
      FailField("f", "is \"" + name +
                         "\", expected get, put, append, cas, add, del or "
                         "scan, or a list \"ops\" of these");
      return;
    }
    Action action;
    action.function = *function;
    action.key = Text(json, "k");
    ReadArguments(json, action);
    if (!operation_.unknown()) ReadResult(json, action);
    operation_.actions.push_back(std::move(action));
  }

  void ReadArguments(const Json& json, Action& action) {
    switch (action.function) {
      case Function::kCas: action.old = Text(json, "old"); [[fallthrough]];
      case Function::kPut:
      case Function::kAppend: action.value = Text(json, "v"); break;
      case Function::kAdd:
        if (!ParseInteger(Text(json, "v"), action.number)) {
          FailField("v", "is not a 64-bit integer");
        }
        break;
      case Function::kScan:
        if (Find(json, "v") != nullptr) action.value = Text(json, "v");
        if (Find(json, "n") != nullptr) action.number = Integer(json, "n");
        break;
      case Function::kGet:
      case Function::kDelete: break;
    }
  }

  void ReadResult(const Json& json, Action& action) {
    switch (action.function) {
      case Function::kGet:
        action.out = Text(json, "out");
        action.has_out = true;
        break;
      case Function::kCas:
        if (Find(json, "ok") == nullptr) FailField("ok", "is missing");
        action.ok = Flag(json, "ok");
        if (!action.ok && Find(json, "out") != nullptr) {
          action.out = Text(json, "out");
          action.has_out = true;
        }
        break;
      case Function::kScan:
        // Writers may leave the rows out; then the scan says nothing.
        if (Find(json, "out") != nullptr) ReadRows(json["out"], action);
        break;
      case Function::kPut:
      case Function::kAppend:
      case Function::kAdd:
      case Function::kDelete: break;
    }
  }

  void ReadRows(const Json& rows, Action& action) {
    action.has_out = true;
    bool fine = rows.is_array();
    for (std::size_t i = 0; fine && i < rows.size(); ++i) {
      const Json& row = rows[i];
      fine = row.is_array() && row.size() == 2 && row[0].is_string() &&
             row[1].is_string();
      if (fine) {
        action.rows.emplace_back(row[0].get<std::string>(),
                                 row[1].get<std::string>());
      }
    }
    if (!fine) FailField("out", "is not a list of [key, value]");
  }

  Operation operation_;
  std::string error_;
};

std::string Quote(const std::string& text) {
  constexpr std::size_t kShown = 24;
  if (text.size() <= kShown) return "\"" + text + "\"";
  return "\"" + text.substr(0, kShown / 2) + "…" +
         text.substr(text.size() - kShown / 2) + "\" (" +
         std::to_string(text.size()) + " bytes)";
}

}  // namespace

absl::StatusOr<History> ParseHistory(std::istream& input) {
  History history;
  std::string text;
  for (std::size_t line = 1; std::getline(input, text); ++line) {
    if (text.empty() || text == "\r") continue;
    absl::StatusOr<Operation> operation = LineReader(line).Read(text);
    if (!operation.ok()) return operation.status();
    history.push_back(std::move(*operation));
  }
  return history;
}

std::string Describe(const Action& action, bool unknown) {
  std::string text(kNames[static_cast<std::size_t>(action.function)]);
  switch (action.function) {
    case Function::kGet:
      return unknown ? text : text + " -> " + Quote(action.out);
    case Function::kPut:
    case Function::kAppend: return text + " " + Quote(action.value);
    case Function::kCas:
      text += " " + Quote(action.old) + " " + Quote(action.value);
      if (unknown) return text;
      if (action.ok) return text + " -> ok";
      return text + " -> failed" +
             (action.has_out ? ", found " + Quote(action.out) : "");
    case Function::kAdd: return text + " " + std::to_string(action.number);
    case Function::kDelete: return text;
    case Function::kScan:
      text += " to " + Quote(action.value);
      if (unknown || !action.has_out) return text;
      text += " ->";
      for (const auto& [key, value] : action.rows) {
        text += " " + key + "=" + Quote(value);
      }
      return text;
  }
  return text;
}

}  // namespace quorate::lincheck
