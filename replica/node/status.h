// Answers: what does a node say about itself?
//
// Gathers the node's counters into the JSON object that travels in StatusReply
// and that `quorate status --json` prints for this node. Columns are named
// after their nodes; times say their unit in their names. Numbers count since
// the process started unless they are states.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replica/config/config.h"
#include "replica/host/replica.h"
#include "replica/node/client_port.h"
#include "replica/node/peer_links.h"
#include "replica/node/refusals.h"
#include "storage/journal/journal.h"
#include "wire/wan/delay_line.h"

namespace quorate {

// Of emulated ways.
struct WanFacts {
  Lateness lateness;
  std::string trouble;  // the ways that are not well, a line each
  std::uint64_t trouble_digest = 0;
  std::string trouble_problem;  // with the file that says so; empty: none
};

struct NodeFacts {
  std::string_view phase;  // "meeting", "serving", "stopping"
  std::uint64_t life = 0;  // of the node's directory
  double uptime_s = 0;
  std::uint64_t settings_digest = 0;  // equal on all nodes that work together
  ReplicaStatus replica;
  std::vector<bool> peers_up;             // by node, this one's own unused
  std::vector<std::string> peer_trouble;  // likewise; empty: it is up
  std::string listens_at;
  std::vector<std::string> advice;
  PeerLinkStats links;
  std::vector<RefusedPeer> refused_peers;
  std::size_t client_connections = 0;
  ClientPortStats clients;
  std::uint64_t turns = 0;
  std::uint64_t accept_failures = 0;
  RefusalCounts refusals;
  std::optional<JournalStats> journal;  // nullopt: durability is memory
  std::optional<WanFacts> wan;          // nullopt: all are where they are
  bool writes_checkpoint = false;
  std::optional<double> checkpoint_age_s;  // nullopt: none in this life
};

std::string StatusAsJson(const ClusterConfig& config, std::size_t self,
                         const NodeFacts& facts);

}  // namespace quorate
