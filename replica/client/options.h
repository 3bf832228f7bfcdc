// Answers: how does a client know its cluster?
//
// From cluster.toml: every node's client address in the order of the file, the
// cluster's name, and what its nodes agree on, so that a client of another
// cluster, or with another file, is refused and told why.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "replica/client/client.h"
#include "replica/config/config.h"

namespace quorate {

ClientOptions OptionsFor(const ClusterConfig& config);

// Reads the file. To begin with another node than the first, set first_node.
absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& path);

}  // namespace quorate
