// `quorate matrices`: the distances between sites that have a name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "wire/wan/load.h"

namespace quorate::cli {
namespace {

using wan::RegionMatrix;

nlohmann::json MatrixAsJson(const RegionMatrix& matrix) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t from = 0; from < matrix.size(); ++from) {
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t to = 0; to < matrix.size(); ++to) {
      row.push_back(static_cast<double>(matrix.DistanceNs(from, to)) / 1e6);
    }
    rows.push_back(std::move(row));
  }
  return {{"matrix", matrix.name()},
          {"sites", matrix.sites()},
          {"one_way_ms", std::move(rows)}};
}

int PrintOne(const std::string& name, bool json) {
  const absl::StatusOr<RegionMatrix> matrix = wan::Load(name);
  if (!matrix.ok()) {
    PrintError("matrices", std::string(matrix.status().message()));
    return kWrongUsage;
  }
  if (json) {
    fmt::print("{}\n", MatrixAsJson(*matrix).dump(2));
    return kDone;
  }
  for (const wan::BuiltInMatrix& built_in : wan::BuiltInMatrices()) {
    if (built_in.name != name) continue;
    // With its source.
    fmt::print("{}", built_in.csv);
    return kDone;
  }
  fmt::print("{}", matrix->ToCsv());
  return kDone;
}

int List(bool json) {
  nlohmann::json all = nlohmann::json::array();
  for (const wan::BuiltInMatrix& built_in : wan::BuiltInMatrices()) {
    const absl::StatusOr<RegionMatrix> matrix =
        RegionMatrix::Parse(built_in.csv, built_in.name);
    if (!matrix.ok()) {
      PrintError("matrices", std::string(matrix.status().message()));
      return kFailed;
    }
    if (json) {
      all.push_back({{"matrix", built_in.name},
                     {"about", built_in.about},
                     {"sites", matrix->sites()}});
    } else {
      fmt::print("{:8} {}\n         {}\n", built_in.name, built_in.about,
                 fmt::join(matrix->sites(), ", "));
    }
  }
  if (json) fmt::print("{}\n", all.dump(2));
  return kDone;
}

}  // namespace

int MatricesMain(int argc, const char* const* argv) {
  std::string name;
  bool json = false;
  CLI::App app(
      "Lists the matrices of distances between sites that are built in, or "
      "prints one as\nCSV: a file to edit and to name instead.",
      "quorate matrices");
  app.footer(
      "Examples:\n  quorate matrices\n"
      "  quorate matrices world5 > lab.csv\n"
      "  quorate matrices lab.csv           (is the file right?)\n"
      "  quorate matrices epaxos5 --json    (one-way times in ms)");
  app.add_option("NAME", name, "a built-in matrix, or a file");
  app.add_flag("--json", json, "print it as JSON");
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  return name.empty() ? List(json) : PrintOne(name, json);
}

}  // namespace quorate::cli
