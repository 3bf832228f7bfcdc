#include "replica/cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "replica/cli/cli.h"
#include "replica/config/setting_table.h"
#include "replica/system/strict_numbers.h"

namespace quorate::cli {
namespace {

// Levenshtein's distance.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// The sub-command that was reached before parsing failed.
CLI::App* Innermost(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

// All words that could have stood there: flags of `app` and of what it is part
// of, and its sub-commands.
std::vector<std::string> KnownWords(CLI::App* app) {
  std::vector<std::string> words;
  for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) {
    words.push_back(sub->get_name());
  }
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        words.push_back("--" + name);
      }
    }
  }
  return words;
}

int ExplainParseError(CLI::App& app, const CLI::ParseError& error) {
  CLI::App* reached = Innermost(&app);
  fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
  const std::vector<std::string> unexpected = app.remaining(true);
  if (!unexpected.empty()) {
    const std::string word =
        unexpected.front().substr(0, unexpected.front().find('='));
    const std::vector<std::string> known = KnownWords(reached);
    const std::string_view nearest = Nearest(word, known);
    if (!nearest.empty()) {
      fmt::print(stderr, "did you mean \"{}\"?\n", nearest);
    }
  }
  std::string path = app.get_name();
  if (reached != &app) path += " " + reached->get_name();
  fmt::print(stderr, "see \"{} --help\"\n", path);
  return kWrongUsage;
}

}  // namespace

std::string_view Nearest(std::string_view word,
                         std::span<const std::string> known) {
  std::string_view nearest;
  // A third of the letters may be wrong; beyond that it is guessing.
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = Distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

std::optional<int> ParseArguments(CLI::App& app, int argc,
                                  const char* const* argv) {
  UseStrictArguments(app);
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return kDone;
  } catch (const CLI::ParseError& error) {
    return ExplainParseError(app, error);
  }
}

void AddConfigOption(CLI::App& app, std::string& path) {
  app.add_option("--config", path,
                 "the cluster's file; $QUORATE_CONFIG, else ./cluster.toml")
      ->type_name("FILE");
}

absl::StatusOr<ClusterConfig> ChooseConfig(const std::string& path) {
  if (!path.empty()) return LoadConfig(path);
  const char* environment = std::getenv("QUORATE_CONFIG");
  if (environment != nullptr && *environment != '\0') {
    return LoadConfig(environment);
  }
  std::error_code error;
  if (std::filesystem::exists("cluster.toml", error)) {
    return LoadConfig("cluster.toml");
  }
  return absl::NotFoundError(
      "there is no ./cluster.toml; give one with --config FILE or "
      "$QUORATE_CONFIG (\"quorate local up --dir DIR\" starts a cluster and "
      "writes DIR/cluster.toml)");
}

void PrintError(std::string_view command, std::string_view problem) {
  fmt::print(stderr, "quorate {}: {}\n", command, problem);
}

std::vector<std::string> NamesOf(std::string_view setting) {
  std::vector<std::string> names;
  for (const std::string_view name : SettingRowOf(setting).form.names()) {
    names.emplace_back(name);
  }
  return names;
}

std::pair<std::int64_t, std::int64_t> LimitsOf(std::string_view setting) {
  const SettingForm& form = SettingRowOf(setting).form;
  return {form.least, form.most};
}

std::string ShellWord(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "%+,-./:=@_";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace quorate::cli
