// Answers: what do the nodes of a cluster say of themselves now?
#pragma once

#include <vector>

#include "replica/cli/status_view.h"
#include "replica/config/config.h"

namespace quorate::cli {

// All at the same time; who does not answer within `timeout_ms` is not up. In
// the order of the file.
std::vector<NodeAnswer> AskNodes(const ClusterConfig& config, int timeout_ms);

}  // namespace quorate::cli
