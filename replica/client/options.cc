#include "replica/client/options.h"

#include <utility>
#include <vector>

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

// One pair of ways a node, for all connections of the client.
std::function<EmulatedWays(std::size_t node)> WaysFromSite(
    const WanWays& ways, std::size_t site, std::uint64_t number,
    std::shared_ptr<Lateness> lateness) {
  std::vector<EmulatedWays> to_nodes;
  for (const std::size_t there : ways.sites_of_nodes()) {
    to_nodes.push_back({.out = ways.FromSite(site, there, number),
                        .in = ways.FromSite(there, site, number),
                        .lateness = lateness});
  }
  return [to_nodes = std::move(to_nodes)](std::size_t node) {
    return to_nodes[node];
  };
}

absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& path) {
  const absl::StatusOr<ClusterConfig> config = LoadConfig(path);
  if (!config.ok()) return config.status();
  return OptionsFor(*config);
}

}  // namespace quorate
