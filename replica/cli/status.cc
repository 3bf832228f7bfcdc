// `quorate status`: all nodes, asked at the same time.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/ask_nodes.h"
#include "replica/cli/cli.h"
#include "replica/cli/status_view.h"
#include "wire/timers.h"

namespace quorate::cli {
int StatusMain(int argc, const char* const* argv) {
  std::string config_path;
  bool json = false;
  int timeout_ms = MillisecondsOf<"status.timeout">;
  CLI::App app("Asks all nodes how they are, and whether their states agree.",
               "quorate status");
  app.footer(
      "Examples:\n  quorate status --config out/cluster.toml\n"
      "  quorate status --json\n"
      "A node that does not answer in time is shown as not up. Exit codes: 0 "
      "done,\n1 the states differ or a node refuses another, 2 wrong usage, "
      "3 fewer nodes are up\nthan decide anything: no quorum.");
  AddConfigOption(app, config_path);
  app.add_flag("--json", json, "print everything the nodes say, as JSON");
  app.add_option("--timeout-ms", timeout_ms, "how long a node may take")
      ->check(CLI::Range(1, 3600000))
      ->capture_default_str();
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  const absl::StatusOr<ClusterConfig> config = ChooseConfig(config_path);
  if (!config.ok()) {
    const absl::string_view why = config.status().message();
    PrintError("status", {why.data(), why.size()});
    return kWrongUsage;
  }
  const std::vector<NodeAnswer> answers = AskNodes(*config, timeout_ms);
  const Standing standing = StandingOf(*config, WhoIsUp(answers));
  fmt::print("{}", json ? StatusAsJson(answers, standing)
                        : StatusAsText(answers, standing));
  const bool wrong =
      AnyoneRefused(answers) || CompareStates(answers) == Agreement::kDifferent;
  if (wrong) return kFailed;
  return standing.quorum() ? kDone : kNoQuorum;
}

}  // namespace quorate::cli
