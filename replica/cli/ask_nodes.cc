#include "replica/cli/ask_nodes.h"

#include <uv.h>

#include <memory>
#include <string>
#include <utility>

#include "replica/client/client.h"
#include "replica/config/setting_table.h"

namespace quorate::cli {

std::vector<NodeAnswer> AskNodes(const ClusterConfig& config, int timeout_ms) {
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

}  // namespace quorate::cli
