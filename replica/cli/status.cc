// `quorate status`: all nodes, asked at the same time.
#include <fmt/format.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/cli/status_view.h"
#include "replica/client/client.h"
#include "replica/config/setting_table.h"
#include "wire/timers.h"

namespace quorate::cli {
namespace {

std::vector<NodeAnswer> AskAll(const ClusterConfig& config, int timeout_ms) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  const AgreedSettings settings = AgreedSettingsOf(config);
  std::vector<NodeAnswer> answers;
  std::vector<std::unique_ptr<Client>> clients;
  for (const NodeConfig& node : config.nodes) {
    answers.push_back({.name = node.name,
                       .address = ToString(node.client),
                       .status = absl::UnavailableError("not asked")});
    clients.push_back(
        std::make_unique<Client>(&loop,
                                 ClientOptions{.nodes = {node.client},
                                               .cluster_id = config.cluster_id,
                                               .observes = true,
                                               .settings = settings,
                                               .retry_timeout_ms = timeout_ms},
                                 nullptr));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i]->RequestStatus(
        timeout_ms,
        [&answers, &clients, i](absl::StatusOr<std::string> status) {
          answers[i].status = std::move(status);
          clients[i]->Close(nullptr);
        });
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  clients.clear();
  uv_loop_close(&loop);
  return answers;
}

}  // namespace

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
      "3 no node is up.");
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
  const std::vector<NodeAnswer> answers = AskAll(*config, timeout_ms);
  fmt::print("{}", json ? StatusAsJson(answers) : StatusAsText(answers));
  if (AnyoneRefused(answers)) return kFailed;
  switch (CompareStates(answers)) {
    case Agreement::kNobodyUp: return kNoQuorum;
    case Agreement::kDifferent: return kFailed;
    default: return kDone;
  }
}

}  // namespace quorate::cli
