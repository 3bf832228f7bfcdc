#include "replica/client/options.h"

#include "replica/config/setting_table.h"

namespace quorate {

ClientOptions OptionsFor(const ClusterConfig& config) {
  ClientOptions options;
  options.cluster_id = config.cluster_id;
  options.settings = AgreedSettingsOf(config);
  for (const NodeConfig& node : config.nodes) {
    options.nodes.push_back(node.client);
  }
  return options;
}

absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& path) {
  const absl::StatusOr<ClusterConfig> config = LoadConfig(path);
  if (!config.ok()) return config.status();
  return OptionsFor(*config);
}

}  // namespace quorate
