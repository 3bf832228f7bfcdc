// `quorate settings`: what cluster.toml can say.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/config/setting_table.h"

namespace quorate::cli {
namespace {

bool IsAgreed(const SettingRow& row) {
  return row.scope == SettingScope::kAgreed;
}

void Print(const SettingRow& row) {
  fmt::print("{} = {}\n    {}\n    {}; {}: {}\n", row.name, row.Default(),
             row.about, row.Allowed(),
             IsAgreed(row) ? "all nodes alike" : "may differ", row.why);
}

nlohmann::json AsJson(const SettingRow& row) {
  return {{"setting", row.name},      {"default", row.Default()},
          {"allowed", row.Allowed()}, {"about", row.about},
          {"agreed", IsAgreed(row)},  {"why", row.why}};
}

// "protocol", "protocol.faults", "faults".
bool Fits(const SettingRow& row, const std::string& word) {
  return row.name == word || row.section() == word || row.key() == word;
}

std::vector<SettingRow> Asked(const std::string& word) {
  std::vector<SettingRow> rows;
  for (const SettingRow& row : SettingRows()) {
    if (word.empty() || Fits(row, word)) rows.push_back(row);
  }
  return rows;
}

int ExplainUnknown(const std::string& word) {
  std::vector<std::string> known;
  for (const SettingRow& row : SettingRows()) known.emplace_back(row.name);
  const std::string_view nearest = Nearest(word, known);
  PrintError(
      "settings",
      fmt::format(
          "there is no setting \"{}\"{}; without a name all are "
          "listed",
          word,
          nearest.empty() ? "" : fmt::format(", did you mean {}?", nearest)));
  return kWrongUsage;
}

}  // namespace

int SettingsMain(int argc, const char* const* argv) {
  std::string word;
  bool json = false;
  bool example = false;
  CLI::App app(
      "Lists what cluster.toml can say: each setting with its default, what "
      "is allowed,\nand whether all nodes must have it alike.",
      "quorate settings");
  app.footer(
      "Examples:\n  quorate settings\n  quorate settings protocol\n"
      "  quorate settings faults\n"
      "  quorate settings --example > cluster.toml    five machines");
  app.add_option("NAME", word, "a setting, or a table of the file");
  app.add_flag("--json", json, "print it as JSON");
  app.add_flag("--example", example,
               "print a file for five machines with no more than it needs")
      ->excludes("NAME")
      ->excludes("--json");
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  if (example) {
    fmt::print("{}", MinimalConfig());
    return kDone;
  }
  const std::vector<SettingRow> rows = Asked(word);
  if (rows.empty()) return ExplainUnknown(word);
  if (json) {
    nlohmann::json all = nlohmann::json::array();
    for (const SettingRow& row : rows) all.push_back(AsJson(row));
    fmt::print("{}\n", all.dump(2));
    return kDone;
  }
  for (const SettingRow& row : rows) Print(row);
  return kDone;
}

}  // namespace quorate::cli
