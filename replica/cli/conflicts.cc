// `quorate conflicts`: the commutation table, as the protocol uses it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "executor/order_witness.h"
#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "wire/commutation.h"

namespace quorate::cli {
namespace {

using Json = nlohmann::json;

bool MayConflict(OperationKind a, OperationKind b, ConflictMode mode) {
  return Conflict(ClassOf(a, mode), ClassOf(b, mode));
}

void PrintTable(ConflictMode mode) {
  fmt::print(
      "Which operations on one key must be ordered (--conflicts={}):\n\n{:8}",
      Name(mode), "");
  for (const OperationKind kind : kClientOperations) {
    fmt::print(" {:>7}", Name(kind));
  }
  fmt::print("   class\n");
  for (const OperationKind row : kClientOperations) {
    fmt::print("{:8}", Name(row));
    for (const OperationKind column : kClientOperations) {
      fmt::print(" {:>7}", MayConflict(row, column, mode) ? "order" : ".");
    }
    fmt::print("   {}\n", Name(ClassOf(row, mode)));
  }
  fmt::print(
      "\n\".\" commutes: such commands commit in one round trip, in any order."
      "\nOperations on different keys always commute; a scan touches every key"
      "\nof its range, those that are not there included. Two commands conflict"
      "\nwhen any of their operations do. --why A B shows a case.\n");
}

void PrintJson(ConflictMode mode) {
  Json json = {{"mode", Name(mode)},
               {"classes", Json::object()},
               {"conflicts", Json::object()}};
  for (const OperationKind row : kClientOperations) {
    const std::string name(Name(row));
    json["classes"][name] = Name(ClassOf(row, mode));
    json["conflicts"][name] = Json::array();
    for (const OperationKind column : kClientOperations) {
      if (!MayConflict(row, column, mode)) continue;
      json["conflicts"][name].push_back(Name(column));
    }
  }
  fmt::print("{}\n", json.dump(2));
}

// ---- why --------------------------------------------------------------------

// By the word of the command line or by name, also of what nobody asks for.
std::optional<OperationKind> FindAny(std::string_view word) {
  for (const OperationRow& row : kOperations) {
    if (word == row.word || word == row.name) return row.kind;
  }
  return std::nullopt;
}

std::string Shown(std::string_view text) {
  constexpr std::size_t kShown = 12;
  if (text.size() <= kShown + 8) return fmt::format("\"{}\"", text);
  return fmt::format("\"{}…\" ({} bytes)", text.substr(0, kShown), text.size());
}

// "add k 1".
std::string Shown(const Operation& operation) {
  const OperationRow& row = RowOf(operation.kind);
  std::string text(row.word);
  for (const Argument& argument : row.arguments) {
    text += ' ';
    text += argument.member == Argument::Member::kNumber
                ? std::to_string(operation.number)
                : Shown(TextOf(operation, argument.member));
  }
  return text;
}

std::string Shown(const KeyValues& values) {
  std::string text;
  for (const auto& [key, value] : values) {
    text +=
        fmt::format("{}{} = {}", text.empty() ? "" : ", ", key, Shown(value));
  }
  return text.empty() ? "no key" : text;
}

std::string Shown(const Operation& operation, const OperationResult& result) {
  std::string text(Name(result.status));
  const Gives gives = RowOf(operation.kind).gives;
  if (gives == Gives::kRows) {
    text += " with " + Shown({result.rows.begin(), result.rows.end()});
  } else if (!result.value.empty()) {
    text += " with " + Shown(result.value);
  }
  return text;
}

Json OutcomeAsJson(const OrderCase& shown, const OrderOutcome& outcome) {
  return {{Shown(shown.a), Shown(shown.a, outcome.a)},
          {Shown(shown.b), Shown(shown.b, outcome.b)},
          {"after", Shown(outcome.after)}};
}

// Why two operations of one key are ordered, or why not.
struct Reason {
  bool ordered = false;
  std::string text;
  std::optional<OrderCase> witness;
};

Reason FindReason(OperationKind a, OperationKind b, ConflictMode mode) {
  Reason reason{.ordered = MayConflict(a, b, mode)};
  for (const OperationKind kind : {a, b}) {
    if (RowOf(kind).asker == Asker::kClients) continue;
    reason.text = fmt::format(
        "{} is about sessions: what they still may do, and so what the other "
        "one gives when it is asked for again, depends on whether it came "
        "before",
        Name(kind));
    return reason;
  }
  OrderSearch search = FindOrderWitness(a, b);
  reason.witness = std::move(search.witness);
  if (reason.witness) {
    reason.text = "their order shows";
  } else if (reason.ordered) {
    reason.text = fmt::format(
        "their order shows in none of {} cases: --conflicts={} orders more "
        "than it must, for comparison",
        search.cases, Name(mode));
  } else {
    reason.text = fmt::format(
        "their order shows in none of {} cases of small "
        "states and arguments",
        search.cases);
  }
  return reason;
}

void PrintReason(OperationKind a, OperationKind b, const Reason& reason) {
  fmt::print("{} and {} of one key {}: {}{}\n", Name(a), Name(b),
             reason.ordered ? "must be ordered" : "commute", reason.text,
             reason.witness ? ", for example" : ".");
  if (!reason.witness) return;
  const OrderCase& shown = *reason.witness;
  fmt::print("\n  before: {}\n", Shown(shown.before));
  const auto print = [&](const Operation& first, const OperationResult& gave,
                         const Operation& then,
                         const OperationResult& gave_then,
                         const KeyValues& after) {
    fmt::print("\n  {}: {}\n  {}: {}\n  after: {}\n", Shown(first),
               Shown(first, gave), Shown(then), Shown(then, gave_then),
               Shown(after));
  };
  print(shown.a, shown.a_first.a, shown.b, shown.a_first.b,
        shown.a_first.after);
  print(shown.b, shown.b_first.b, shown.a, shown.b_first.a,
        shown.b_first.after);
}

void PrintReasonAsJson(OperationKind a, OperationKind b, ConflictMode mode,
                       const Reason& reason) {
  Json json = {{"mode", Name(mode)},
               {"operations", {Name(a), Name(b)}},
               {"ordered", reason.ordered},
               {"reason", reason.text},
               {"witness", nullptr}};
  if (reason.witness) {
    const OrderCase& shown = *reason.witness;
    json["witness"] = {{"before", Shown(shown.before)},
                       {"first", Shown(shown.a)},
                       {"second", Shown(shown.b)},
                       {"in_order", OutcomeAsJson(shown, shown.a_first)},
                       {"reversed", OutcomeAsJson(shown, shown.b_first)}};
  }
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

int ExplainPair(const std::vector<std::string>& words, ConflictMode mode,
                bool json) {
  std::array<OperationKind, 2> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::optional<OperationKind> kind = FindAny(words[i]);
    if (!kind) {
      PrintError("conflicts",
                 fmt::format("\"{}\" is no operation; there are {}", words[i],
                             OperationWords()));
      return kWrongUsage;
    }
    kinds[i] = *kind;
  }
  const Reason reason = FindReason(kinds[0], kinds[1], mode);
  if (json) {
    PrintReasonAsJson(kinds[0], kinds[1], mode, reason);
  } else {
    PrintReason(kinds[0], kinds[1], reason);
  }
  return kDone;
}

}  // namespace

int ConflictsMain(int argc, const char* const* argv) {
  std::string mode_name = "op";
  std::vector<std::string> why;
  bool json = false;
  CLI::App app("Prints which operations commute.", "quorate conflicts");
  app.footer(
      "Examples:\n  quorate conflicts\n"
      "  quorate conflicts --conflicts rw      (adds count as writes)\n"
      "  quorate conflicts --conflicts key --json\n"
      "  quorate conflicts --why add append    (a case in which it shows)");
  app.add_option("--conflicts", mode_name, "how much of the table is used")
      ->check(CLI::IsMember(NamesOf("protocol.conflicts")))
      ->capture_default_str();
  app.add_option("--why", why,
                 "why two operations of one key are ordered, or not: a state "
                 "and what either order makes of it")
      ->expected(2)
      ->type_name("A B");
  app.add_flag("--json", json, "print it as JSON");
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  const ConflictMode mode =
      ParseConflictMode(mode_name).value_or(ConflictMode::kOperation);
  if (!why.empty()) return ExplainPair(why, mode, json);
  if (json) {
    PrintJson(mode);
  } else {
    PrintTable(mode);
  }
  return kDone;
}

}  // namespace quorate::cli
