// Answers: what does cluster.toml say?
//
// One file describes the whole cluster and is the same on every node; `serve
// --node r1` picks the row. Every error names the file, the line and the
// remedy. Unknown keys are errors: a misspelt setting must not pass silently.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/base/settings.h"
#include "wire/net/endpoint.h"
#include "wire/timers.h"

namespace quorate {

enum class Durability : std::uint8_t {
  kFsync,   // nothing leaves before it is synced; the default
  kMemory,  // nothing is written; named as not durable in every result
};
constexpr std::string_view Name(Durability durability) {
  return durability == Durability::kMemory ? "memory" : "fsync";
}

struct NodeConfig {
  std::string name;  // "r1"
  std::string site;  // region name; empty outside a WAN experiment
  Endpoint peer;     // other replicas connect here
  Endpoint client;   // clients connect here
  // Where the node listens for them, if that is not where it is called: behind
  // NAT, in a container, or where its own name means something else to itself.
  std::optional<Endpoint> peer_listen;
  std::optional<Endpoint> client_listen;
  std::string directory;

  const Endpoint& ListenForPeers() const {
    return peer_listen ? *peer_listen : peer;
  }
  const Endpoint& ListenForClients() const {
    return client_listen ? *client_listen : client;
  }
};

class WanWays;

// Distances that the nodes and clients of this file keep between them, though
// they may be on one machine.
struct WanConfig {
  std::string matrix;               // a built-in one, or a file; empty: none
  std::string jitter = "none";      // wire/wan/way.h
  std::int64_t bandwidth_mbit = 0;  // of each way; 0: without limit
  std::int64_t seed = 1;            // of the jitter
  // A file that nodes look at while they run (trouble.h); empty: none.
  std::string trouble;

  friend bool operator==(const WanConfig&, const WanConfig&) = default;
};

struct ClusterConfig {
  std::string cluster_id;
  Durability durability = Durability::kFsync;
  // `replicas` is nodes.size(); `self` is set by NodeSettings.
  Settings settings;
  // A checkpoint is taken when the journal has grown by this much since the
  // last one and by this share of the last one's size: so a large state is not
  // written again for a few commands, and a restart reads a bounded journal.
  std::uint64_t checkpoint_journal_bytes = 64 * 1024 * 1024;
  std::uint64_t checkpoint_percent = 100;
  // A connection whose other side acknowledges nothing for so long, because its
  // machine or the network is gone, is given up.
  std::uint64_t vanished_s = SecondsOf<"connections.vanished">;
  WanConfig wan;
  // What `wan` comes to, once LoadConfig has read its files. Null: all are
  // where they are.
  std::shared_ptr<const WanWays> ways;
  std::vector<NodeConfig> nodes;

  // Does a client that wants something done ask this node? All but BPaxos'
  // nodes without the role "leader".
  bool TakesCommands(std::size_t index) const;
  // "leader", "depsvc", ...: the roles of node `index`.
  std::vector<std::string_view> RolesOf(std::size_t index) const;
  // BPaxos, where the role is divided and the node has it: the number, from 1,
  // of its shard of the dependency service, of its group of acceptors.
  std::optional<int> ShardOf(std::size_t index) const;
  std::optional<int> GroupOf(std::size_t index) const;
  // Index of the node of that name, nullopt if there is none.
  std::optional<std::size_t> FindNode(std::string_view name) const;
  // The cluster as directories of store schema 1 and 2 knew it: its id, with
  // some of the agreed settings. "demo", or "demo (fast path atlas)".
  std::string FormerIdentity() const;
  // The settings as node `index` runs with them.
  Settings NodeSettings(std::size_t index) const;
};

absl::StatusOr<ClusterConfig> LoadConfig(const std::string& path);
absl::StatusOr<ClusterConfig> ParseConfig(std::string_view text,
                                          std::string_view path);
// Text that ParseConfig reads back to an equal configuration.
std::string FormatConfig(const ClusterConfig& config);

}  // namespace quorate
