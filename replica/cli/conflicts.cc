// `quorate conflicts`: the commutation table, as the protocol uses it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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
      "\nof its range. Two commands conflict when any of their operations do."
      "\n");
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

}  // namespace

int ConflictsMain(int argc, const char* const* argv) {
  std::string mode_name = "op";
  bool json = false;
  CLI::App app("Prints which operations commute.", "quorate conflicts");
  app.footer(
      "Examples:\n  quorate conflicts\n"
      "  quorate conflicts --conflicts rw      (adds count as writes)\n"
      "  quorate conflicts --conflicts key --json");
  app.add_option("--conflicts", mode_name, "how much of the table is used")
      ->check(CLI::IsMember({"op", "rw", "key"}))
      ->capture_default_str();
  app.add_flag("--json", json, "print it as JSON");
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  const ConflictMode mode =
      ParseConflictMode(mode_name).value_or(ConflictMode::kOperation);
  if (json) {
    PrintJson(mode);
  } else {
    PrintTable(mode);
  }
  return kDone;
}

}  // namespace quorate::cli
