// Answers: how does a client know its cluster?
//
// From cluster.toml: every node's client address in the order of the file, the
// cluster's name, and what its nodes agree on, so that a client of another
// cluster, or with another file, is refused and told why.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "replica/client/client.h"
#include "replica/config/config.h"
#include "replica/config/wan_ways.h"
#include "wire/wan/delay_line.h"

namespace quorate {

ClientOptions OptionsFor(const ClusterConfig& config);

// ClientOptions::ways of a client at a site of the file's matrix; `number`
// tells clients at one site apart, `lateness` hears how exact it was.
std::function<EmulatedWays(std::size_t node)> WaysFromSite(
    const WanWays& ways, std::size_t site, std::uint64_t number,
    std::shared_ptr<Lateness> lateness);

// Reads the file. To begin with another node than the first, set first_node.
absl::StatusOr<ClientOptions> LoadClientOptions(const std::string& path);

}  // namespace quorate
