// Answers: how does an experiment cut, slow and heal the ways of a local
// cluster while it runs?
//
// Writes the cluster's trouble file (config/trouble.h) and returns when every
// node that runs has taken it up. Each call changes what it names and leaves
// the rest as it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/cli/local_cluster.h"
#include "replica/config/trouble.h"

namespace quorate::cli {

// Ways by the indexes of two nodes, from and to.
using WayList = std::vector<std::pair<std::size_t, std::size_t>>;

// The ways from `some` to `others` and, unless `one_way`, back. Both are names
// of nodes or sites, numbers from 1, or several of them with commas; `others`
// may be empty: all the rest. InvalidArgument names what there is not.
absl::StatusOr<WayList> FindWays(const LocalCluster& cluster,
                                 const std::string& some,
                                 const std::string& others, bool one_way);
// What is wrong now; one that cannot be read is begun anew.
TroubleTable ReadTrouble(const ClusterConfig& config);
// Every way there is.
WayList AllWays(const ClusterConfig& config);

// Changes the trouble of these ways. The text says what is wrong anywhere now,
// empty if nothing is. Not OK: some node did not take it up in time.
absl::StatusOr<std::string> ChangeTrouble(
    const LocalCluster& cluster, const WayList& ways,
    const std::function<void(WayTrouble&)>& change, int timeout_ms);

// "50ms", "1.5s", "200us"; InvalidArgument says what is allowed.
absl::StatusOr<std::uint64_t> ParseDurationNs(const std::string& text);

}  // namespace quorate::cli
