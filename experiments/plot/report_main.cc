#include "experiments/plot/report_main.h"

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "experiments/plot/pictures.h"
#include "experiments/plot/result_check.h"
#include "experiments/plot/result_text.h"
#include "experiments/plot/terminal_plot.h"
#include "fmt/format.h"
#include "replica/system/strict_numbers.h"

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

constexpr const char* kExamples = R"(
Examples:
  quorate report out/run/result.json                text and curve
  quorate report out/run/result.json --out out/run  and pictures
  quorate report a/result.json b/result.json        one table)";

int Fail(const absl::Status& status) {
  fmt::print(stderr, "quorate report: {}\n", std::string(status.message()));
  return kFailed;
}

int ReportOne(const std::string& path, const std::string& directory,
              bool json) {
  const absl::StatusOr<Json> result = ReadResult(path);
  if (!result.ok()) return Fail(result.status());
  if (json) {
    fmt::print("{}\n", result->dump(1, ' ', /*ensure_ascii=*/true));
    return kDone;
  }
  fmt::print("{}\n{}", FormatResult(*result),
             DrawLatencyCdf(*result, DetectTerminalStyle()));
  if (directory.empty()) return kDone;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return Fail(absl::UnavailableError(
        fmt::format("cannot create \"{}\": {}", directory, error.message())));
  }
  const auto files = DrawPictures(*result, directory);
  if (!files.ok()) return Fail(files.status());
  fmt::print("\n");
  for (const std::string& file : *files) fmt::print("picture   {}\n", file);
  return kDone;
}

// "out/a/result.json" -> "a": what tells the runs apart.
std::string RunName(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string stem = file.stem().string();
  const std::string folder = file.parent_path().filename().string();
  return stem == "result" && !folder.empty() ? folder : stem;
}

int ReportTable(const std::vector<std::string>& paths, bool by_role) {
  std::vector<NamedResult> results;
  for (const std::string& path : paths) {
    absl::StatusOr<Json> result = ReadResult(path);
    if (!result.ok()) return Fail(result.status());
    results.push_back({RunName(path), *std::move(result)});
  }
  fmt::print("{}", by_role ? FormatRoleTable(results) : FormatTable(results));
  return kDone;
}

}  // namespace

int ReportMain(int argc, const char* const* argv) {
  CLI::App app("Shows what a benchmark found, from its result.json alone",
               "quorate report");
  app.footer(kExamples);
  std::vector<std::string> paths;
  std::string directory;
  bool table = false;
  bool roles = false;
  bool json = false;
  app.add_option("result", paths, "result.json of one run, or of several")
      ->required();
  app.add_option("--out", directory,
                 "directory for latency.svg, latency.png, timeline.svg and "
                 "timeline.png (needs gnuplot)");
  app.add_flag("--table", table, "a table, even of one result");
  app.add_flag("--roles", roles, "a table with the cost of each role");
  app.add_flag("--json", json, "the result as it is");
  UseStrictArguments(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  if (table || roles || paths.size() > 1) return ReportTable(paths, roles);
  return ReportOne(paths[0], directory, json);
}

}  // namespace quorate::bench
