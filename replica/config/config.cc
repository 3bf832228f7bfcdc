#include "replica/config/config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "replica/base/quorum.h"
#include "replica/config/config_table.h"
#include "replica/config/setting_table.h"
#include "replica/system/user_file.h"
#include "wire/limits.h"
#include "wire/text.h"

namespace quorate {
namespace {

// What this binary knows; ValidateSettings says what it can run.
constexpr std::string_view kProtocolNames[] = {Name(Protocol::kEpaxos),
                                               Name(Protocol::kMultipaxos),
                                               Name(Protocol::kBpaxos)};
constexpr std::string_view kFastPaths[] = {"epaxos", "atlas", "unanimous"};
constexpr std::string_view kDurabilities[] = {"fsync", "memory"};
// In the order of Roles.
constexpr std::string_view kRoles[] = {"leader", "depsvc", "acceptor",
                                       "executor"};
constexpr std::string_view kConflictModes[] = {"op", "rw", "key"};
constexpr std::string_view kReadModes[] = {Name(ReadMode::kLog),
                                           Name(ReadMode::kLeader)};

// A hundred times what nine nodes need.
constexpr std::size_t kMostConfigBytes = std::size_t{1} << 20;
constexpr std::int64_t kMostTicks = 100'000;

void ReadCluster(ConfigTable table, ClusterConfig& config) {
  table.RequiredText("id", config.cluster_id);
  std::string protocol(Name(config.settings.protocol));
  table.Choice("protocol", kProtocolNames, protocol);
  config.settings.protocol =
      ParseProtocol(protocol).value_or(Protocol::kEpaxos);
  std::string durability = "fsync";
  table.Choice("durability", kDurabilities, durability);
  config.durability =
      durability == "memory" ? Durability::kMemory : Durability::kFsync;
  table.RefuseOthers();
}

void ReadProtocol(ConfigTable table, Settings& settings) {
  std::string fast_path(Name(settings.fast_path));
  table.Choice("fast_path", kFastPaths, fast_path);
  settings.fast_path =
      ParseFastPathRule(fast_path).value_or(FastPathRule::kEpaxos);
  table.Integer("faults", 0, kMaxReplicas, settings.faults);
  table.Integer("fast_faults", 0, kMaxReplicas, settings.fast_faults);
  table.Flag("thrifty", settings.thrifty);
  table.Flag("overlap_sync", settings.overlap_sync);
  table.Flag("lazy_fast_commit", settings.lazy_fast_commit);
  std::string conflicts(Name(settings.conflicts));
  table.Choice("conflicts", kConflictModes, conflicts);
  settings.conflicts =
      ParseConflictMode(conflicts).value_or(ConflictMode::kOperation);
  table.Integer("retransmit_ticks", 1, kMostTicks, settings.retransmit_ticks);
  table.Integer("tick_ms", 1, 10'000, settings.tick_ms);
  table.Integer("max_in_flight", 1, 1'000'000, settings.max_in_flight);
  table.Integer("retained_bytes", 0, std::int64_t{1} << 40,
                settings.retained_bytes);
  table.RefuseOthers();
}

void ReadQuorum(ConfigTable& table, std::string_view key, QuorumSpec& spec) {
  std::string text = ToString(spec);
  table.Text(key, text);
  const absl::StatusOr<QuorumSpec> parsed = ParseQuorumSpec(text);
  if (parsed.ok()) {
    spec = *parsed;
  } else {
    table.Refuse(key, Concat("paxos.", key, ": ",
                             std::string(parsed.status().message())));
  }
}

void ReadPaxos(ConfigTable table, Settings& settings) {
  ReadQuorum(table, "phase1", settings.phase1);
  ReadQuorum(table, "phase2", settings.phase2);
  ReadQuorum(table, "dependencies", settings.dependency_quorum);
  std::string reads(Name(settings.reads));
  table.Choice("reads", kReadModes, reads);
  settings.reads =
      reads == Name(ReadMode::kLeader) ? ReadMode::kLeader : ReadMode::kLog;
  table.Integer("election_ticks", 1, kMostTicks, settings.election_ticks);
  table.RefuseOthers();
}

void ReadBatch(ConfigTable table, Settings& settings) {
  table.Integer("max_commands", 1, std::int64_t{kMaxBatchCommands},
                settings.batch_commands);
  table.Integer("max_bytes", 1, std::int64_t{kMaxBatchBytes},
                settings.batch_bytes);
  table.Integer("max_queued", 1, 10'000'000, settings.max_queued_commands);
  table.RefuseOthers();
}

void ReadCheckpoint(ConfigTable table, ClusterConfig& config) {
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;
  table.Integer("journal_bytes", 1, kMostBytes,
                config.checkpoint_journal_bytes);
  table.Integer("percent", 0, 10'000, config.checkpoint_percent);
  table.RefuseOthers();
}

void ReadSessions(ConfigTable table, Settings& settings) {
  std::uint64_t seconds = settings.session_idle_ms / 1000;
  table.Integer("idle_s", 0, std::int64_t{1} << 32, seconds);
  settings.session_idle_ms = seconds * 1000;
  table.RefuseOthers();
}

void ReadConnections(ConfigTable table, ClusterConfig& config) {
  // The least is kLeastVanishedS of connection.h; the most, the kernel's.
  table.Integer("vanished_s", 3, 32'767, config.vanished_s);
  table.RefuseOthers();
}

void ReadResults(ConfigTable table, Settings& settings) {
  ResultLimits& limits = settings.results;
  table.Integer("command_bytes", std::int64_t{ResultLimits::kLeast},
                std::int64_t{ResultLimits::kMost}, limits.command_bytes);
  table.Integer("kept_bytes", 0, std::int64_t{1} << 40, limits.kept_bytes);
  table.RefuseOthers();
}

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// The node's set in `roles`, in the order of kRoles.
ReplicaSet& RoleOf(Roles& roles, std::size_t role) {
  ReplicaSet* const sets[] = {&roles.leaders, &roles.dependency_nodes,
                              &roles.acceptors, &roles.executors};
  return *sets[role];
}

// Who names no roles has all of them; where nobody names any, Settings::roles
// stays empty, which says the same.
void ReadRoles(ConfigTable& table, std::size_t index,
               std::vector<std::optional<std::vector<std::string>>>& roles) {
  table.Choices("roles", kRoles, roles[index]);
  if (roles[index].has_value() && roles[index]->empty()) {
    table.Refuse("roles",
                 "a node without a role has nothing to do; give it "
                 "one, or leave roles out to give it all");
  }
}

// "depsvc_shard" or "acceptor_group", counted from 1 as nodes are.
void ReadPart(ConfigTable& table, std::string_view key, std::string_view role,
              const std::optional<std::vector<std::string>>& roles,
              std::uint8_t& part) {
  int number = 0;
  table.Integer(key, 1, kMaxParts, number);
  if (number == 0) return;  // Not there.
  part = static_cast<std::uint8_t>(number - 1);
  if (roles.has_value() && std::ranges::find(*roles, role) == roles->end()) {
    table.Refuse(key, Concat("the node lacks the role \"", role,
                             "\"; give it that role, or leave ", key, " out"));
  }
}

Roles GatherRoles(
    const std::vector<std::optional<std::vector<std::string>>>& named) {
  Roles roles;
  if (std::ranges::none_of(named,
                           [](const auto& each) { return each.has_value(); })) {
    return roles;
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    for (std::size_t role = 0; role < std::size(kRoles); ++role) {
      if (!named[i].has_value() ||
          std::ranges::find(*named[i], kRoles[role]) != named[i]->end()) {
        RoleOf(roles, role).Insert(ReplicaAt(static_cast<int>(i)));
      }
    }
  }
  return roles;
}

// A role that nobody has would pass for one that everybody has.
void RefuseMissingRoles(ConfigDocument& document, Roles roles) {
  if (roles == Roles()) return;
  for (std::size_t role = 0; role < std::size(kRoles); ++role) {
    if (!RoleOf(roles, role).empty()) continue;
    document.Refuse(Concat("no node has the role \"", kRoles[role],
                           "\"; add it to the roles of some [[node]]"));
  }
}

// "listen" is both at once, with the ports that the node is called at.
void ReadListen(ConfigTable& table, NodeConfig& node) {
  std::optional<std::string> host;
  table.OptionalHost("listen", host);
  if (host) {
    node.peer_listen = {*host, node.peer.port};
    node.client_listen = {*host, node.client.port};
  }
  table.OptionalAddress("peer_listen", node.peer_listen);
  table.OptionalAddress("client_listen", node.client_listen);
  if (node.ListenForPeers() == node.ListenForClients()) {
    table.Refuse("listen",
                 Concat("node ", node.name, " listens on ",
                        ToString(node.ListenForPeers()),
                        " for peers and for clients; give each its own port"));
  }
}

void ReadNode(ConfigTable& table, Durability durability, NodeConfig& node) {
  table.RequiredText("name", node.name);
  if (!node.name.empty() && !IsName(node.name)) {
    table.Refuse("name", Concat("node name \"", node.name,
                                "\" may only have letters, digits, "
                                "\"-\" and \"_\"; rename the node"));
  }
  table.Address("peer", node.peer);
  table.Address("client", node.client);
  ReadListen(table, node);
  if (durability == Durability::kFsync) {
    table.RequiredText("dir", node.directory);
  } else {
    table.Text("dir", node.directory);
  }
  table.Text("site", node.site);
}

// "r1 and r4 both listen on ...": a value that two nodes may not share.
class Distinct {
 public:
  // The first owner of `value`, or nullptr when `owner` becomes it.
  const std::string* Claim(const std::string& value, const std::string& owner) {
    const auto [entry, fresh] = owners_.emplace(value, owner);
    return fresh ? nullptr : &entry->second;
  }

 private:
  std::map<std::string, std::string> owners_;
};

std::string SharedAddress(const std::string& a, const std::string& b,
                          const std::string& address) {
  if (a == b) {
    return Concat("node ", a, " listens on ", address,
                  " for peers and for clients; give each its own port");
  }
  return Concat("nodes ", a, " and ", b, " both listen on ", address,
                "; give each node its own address");
}

void RefuseSharedValues(ConfigDocument& document,
                        const std::vector<NodeConfig>& nodes) {
  Distinct names, addresses, directories;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeConfig& node = nodes[i];
    if (names.Claim(node.name, node.name) != nullptr) {
      document.RefuseNode(i, Concat("two nodes are named \"", node.name,
                                    "\"; rename one of them"));
    }
    for (const Endpoint& endpoint : {node.peer, node.client}) {
      const std::string address = ToString(endpoint);
      if (const std::string* other = addresses.Claim(address, node.name)) {
        document.RefuseNode(i, SharedAddress(*other, node.name, address));
      }
    }
    if (node.directory.empty()) continue;
    // On different machines it may have the same name.
    const std::string directory = Concat(
        node.peer.host, ":",
        std::filesystem::path(node.directory).lexically_normal().string());
    if (const std::string* other = directories.Claim(directory, node.name)) {
      document.RefuseNode(i,
                          Concat("nodes ", *other, " and ", node.name,
                                 " both keep their data in \"", node.directory,
                                 "\"; give each node its own dir"));
    }
  }
}

std::optional<int> PartOf(const ClusterConfig& config, std::size_t index,
                          std::string_view role,
                          const std::array<std::uint8_t, kMaxNodes>& part_of) {
  if (std::ranges::count(part_of, 0) == kMaxNodes) return std::nullopt;
  const std::vector<std::string_view> roles = config.RolesOf(index);
  if (std::ranges::find(roles, role) == roles.end()) return std::nullopt;
  return part_of[index] + 1;
}

// "depsvc shards 111222, phase1 size 4". Empty where it is as it is by itself.
std::string FormerQuorums(const Settings& settings) {
  std::string text;
  const auto add = [&text](const std::string& fact) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", fact);
  };
  const auto add_parts = [&](const char* what, const auto& part_of) {
    if (std::ranges::count(part_of, 0) == kMaxNodes) return;
    std::string parts;
    for (int node = 0; node < settings.replicas; ++node) {
      absl::StrAppend(&parts, part_of[static_cast<std::size_t>(node)] + 1);
    }
    add(Concat(what, " ", parts));
  };
  const auto add_quorum = [&](const char* what, const QuorumSpec& spec) {
    if (spec == QuorumSpec()) return;
    add(Concat(what, " ", ToString(spec)));
  };
  add_parts("depsvc shards", settings.parts.shard);
  add_parts("acceptor groups", settings.parts.group);
  add_quorum("dependencies", settings.dependency_quorum);
  add_quorum("phase1", settings.phase1);
  add_quorum("phase2", settings.phase2);
  return text;
}

// Node names come several times in what a node says of itself first, and
// strangers are not read from for long.
void CheckHandshake(ConfigDocument& document, const ClusterConfig& config) {
  constexpr std::size_t kFixedBytes = 256;  // rounded up
  constexpr std::size_t kSettingBytes = 32;
  std::size_t bytes = kFixedBytes + config.cluster_id.size();
  std::size_t longest = 0;
  for (const NodeConfig& node : config.nodes) {
    longest = std::max(longest, node.name.size());
  }
  for (const AgreedSetting& setting : AgreedSettingsOf(config)) {
    bytes += kSettingBytes + setting.name.size() + setting.value.size();
  }
  if (bytes + longest <= kMaxHandshakeFrameBytes) return;
  document.Refuse(
      Concat("cluster.id and the names of the nodes are too long: "
             "what nodes say in a handshake would take ",
             bytes + longest, " bytes, and ", kMaxHandshakeFrameBytes,
             " is the limit; shorten them"));
}

}  // namespace

bool ClusterConfig::TakesCommands(std::size_t index) const {
  return settings.roles.leaders.empty() ||
         settings.roles.leaders.Contains(ReplicaAt(static_cast<int>(index)));
}

std::vector<std::string_view> ClusterConfig::RolesOf(std::size_t index) const {
  std::vector<std::string_view> names;
  Roles roles = settings.roles;
  for (std::size_t role = 0; role < std::size(kRoles); ++role) {
    const ReplicaSet holders = RoleOf(roles, role);
    if (holders.empty() ||
        holders.Contains(ReplicaAt(static_cast<int>(index)))) {
      names.push_back(kRoles[role]);
    }
  }
  return names;
}

std::optional<int> ClusterConfig::ShardOf(std::size_t index) const {
  return PartOf(*this, index, kRoles[1], settings.parts.shard);
}

std::optional<int> ClusterConfig::GroupOf(std::size_t index) const {
  return PartOf(*this, index, kRoles[2], settings.parts.group);
}

std::optional<std::size_t> ClusterConfig::FindNode(
    std::string_view name) const {
  const auto found = std::ranges::find(nodes, name, &NodeConfig::name);
  if (found == nodes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - nodes.begin());
}

std::string ClusterConfig::FormerIdentity() const {
  if (settings.protocol != Protocol::kEpaxos) {
    const std::string quorums = FormerQuorums(settings);
    return quorums.empty() ? cluster_id
                           : Concat(cluster_id, " (", quorums, ")");
  }
  if (settings.fast_path == FastPathRule::kEpaxos) return cluster_id;
  return Concat(cluster_id, " (fast path ", Name(settings.fast_path), ")");
}

Settings ClusterConfig::NodeSettings(std::size_t index) const {
  Settings own = settings;
  own.replicas = static_cast<int>(nodes.size());
  own.self = ReplicaAt(static_cast<int>(index));
  // Snapshots are read from the disk and written to it: without one everything
  // is kept for everybody.
  if (durability == Durability::kMemory) own.retained_bytes = 0;
  return own;
}

absl::StatusOr<ClusterConfig> ParseConfig(std::string_view text,
                                          std::string_view path) {
  absl::StatusOr<ConfigDocument> parsed = ConfigDocument::Parse(text, path);
  if (!parsed.ok()) return parsed.status();
  ConfigDocument& document = *parsed;
  ClusterConfig config;
  ReadCluster(document.Table("cluster"), config);
  ReadProtocol(document.Table("protocol"), config.settings);
  ReadPaxos(document.Table("paxos"), config.settings);
  ReadBatch(document.Table("batch"), config.settings);
  ReadCheckpoint(document.Table("checkpoint"), config);
  ReadSessions(document.Table("sessions"), config.settings);
  ReadConnections(document.Table("connections"), config);
  ReadResults(document.Table("results"), config.settings);
  document.RefuseOthers();
  config.nodes.resize(document.NodeCount());
  std::vector<std::optional<std::vector<std::string>>> roles(
      config.nodes.size());
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    ConfigTable table = document.Node(i);
    ReadNode(table, config.durability, config.nodes[i]);
    ReadRoles(table, i, roles);
    if (i < kMaxNodes) {
      Parts& parts = config.settings.parts;
      ReadPart(table, "depsvc_shard", kRoles[1], roles[i], parts.shard[i]);
      ReadPart(table, "acceptor_group", kRoles[2], roles[i], parts.group[i]);
    }
    table.RefuseOthers();
  }
  config.settings.replicas = static_cast<int>(config.nodes.size());
  if (document.status().ok()) RefuseSharedValues(document, config.nodes);
  const int most =
      config.settings.protocol == Protocol::kBpaxos ? kMaxNodes : kMaxReplicas;
  if (config.nodes.size() < 3 ||
      config.nodes.size() > static_cast<std::size_t>(most)) {
    document.Refuse(Concat("a cluster has 3 to ", most, " nodes, this one has ",
                           config.nodes.size(),
                           "; add or remove [[node]] tables"));
  }
  if (document.status().ok()) {
    config.settings.roles = GatherRoles(roles);
    RefuseMissingRoles(document, config.settings.roles);
  }
  if (document.status().ok()) {
    const absl::Status valid = ValidateSettings(config.NodeSettings(0));
    if (!valid.ok()) document.Refuse(std::string(valid.message()));
  }
  if (document.status().ok()) CheckHandshake(document, config);
  if (!document.status().ok()) return document.status();
  return config;
}

// A relative `dir` counts from the file's own folder, so that the same file
// works from wherever a node is started.
absl::StatusOr<ClusterConfig> LoadConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadUserFile(path, kMostConfigBytes);
  if (!text.ok()) {
    return absl::NotFoundError(Concat(
        "config \"", path,
        "\": cannot read the file: ", std::string(text.status().message()),
        // Other reasons bring their own remedy.
        absl::IsNotFound(text.status())
            ? "; give the path of a cluster.toml with --config"
            : ""));
  }
  absl::StatusOr<ClusterConfig> config = ParseConfig(*text, path);
  if (!config.ok()) return config;
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  for (NodeConfig& node : config->nodes) {
    if (node.directory.empty()) continue;
    node.directory = (folder / node.directory).string();
  }
  return config;
}

}  // namespace quorate
