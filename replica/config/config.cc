#include "replica/config/config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "replica/base/quorum.h"
#include "replica/config/config_table.h"
#include "replica/config/setting_node.h"
#include "replica/config/setting_table.h"
#include "replica/config/wan_ways.h"
#include "replica/system/user_file.h"
#include "wire/limits.h"
#include "wire/text.h"
#include "wire/wan/load.h"

namespace quorate {
namespace {

// A hundred times what nine nodes need.
constexpr std::size_t kMostConfigBytes = std::size_t{1} << 20;

// Who names no roles has all of them; where nobody names any, Settings::roles
// stays empty, which says the same.
Roles GatherRoles(
    const std::vector<std::optional<std::vector<std::string>>>& named) {
  Roles roles;
  if (std::ranges::none_of(named,
                           [](const auto& each) { return each.has_value(); })) {
    return roles;
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    for (std::size_t role = 0; role < std::size(kRoleNames); ++role) {
      if (!named[i].has_value() ||
          std::ranges::find(*named[i], kRoleNames[role]) != named[i]->end()) {
        RoleOf(roles, role).Insert(ReplicaAt(static_cast<int>(i)));
      }
    }
  }
  return roles;
}

// A role that nobody has would pass for one that everybody has.
void RefuseMissingRoles(ConfigDocument& document, Roles roles) {
  if (roles == Roles()) return;
  for (std::size_t role = 0; role < std::size(kRoleNames); ++role) {
    if (!RoleOf(roles, role).empty()) continue;
    document.Refuse(Concat("no node has the role \"", kRoleNames[role],
                           "\"; add it to the roles of some [[node]]"));
  }
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
void CheckHandshake(ConfigDocument& document, const ClusterConfig& config,
                    SettingTable rows) {
  constexpr std::size_t kFixedBytes = 256;  // rounded up
  constexpr std::size_t kSettingBytes = 32;
  std::size_t bytes = kFixedBytes + config.cluster_id.size();
  std::size_t longest = 0;
  for (const NodeConfig& node : config.nodes) {
    longest = std::max(longest, node.name.size());
  }
  for (const AgreedSetting& setting : AgreedSettingsOf(config, rows)) {
    bytes += kSettingBytes + setting.name.size() + setting.value.size();
  }
  if (bytes + longest <= kMaxHandshakeFrameBytes) return;
  document.Refuse(
      Concat("cluster.id and the names of the nodes are too long: "
             "what nodes say in a handshake would take ",
             bytes + longest, " bytes, and ", kMaxHandshakeFrameBytes,
             " is the limit; shorten them"));
}

void ReadTables(SettingTable rows, ConfigDocument& document,
                ConfigDraft& draft) {
  const std::vector<std::string_view> sections = SectionsOf(rows);
  for (const std::string_view section : sections) {
    ConfigTable table = document.Table(section);
    for (const SettingRow& row : rows) {
      if (!row.of_file() || row.section() != section) continue;
      row.form.read(row.form, row.key(), table, draft);
    }
    table.RefuseOthers();
  }
  document.RefuseOthers(sections);
}

void ReadNodes(SettingTable rows, ConfigDocument& document,
               ConfigDraft& draft) {
  draft.config.nodes.resize(document.NodeCount());
  draft.roles.resize(draft.config.nodes.size());
  for (; draft.node < draft.config.nodes.size(); ++draft.node) {
    ConfigTable table = document.Node(draft.node);
    for (const SettingRow& row : rows) {
      if (row.of_node()) row.form.read(row.form, row.key(), table, draft);
    }
    table.RefuseOthers();
  }
}

}  // namespace

bool ClusterConfig::TakesCommands(std::size_t index) const {
  return settings.roles.leaders.empty() ||
         settings.roles.leaders.Contains(ReplicaAt(static_cast<int>(index)));
}

std::vector<std::string_view> ClusterConfig::RolesOf(std::size_t index) const {
  std::vector<std::string_view> names;
  Roles roles = settings.roles;
  for (std::size_t role = 0; role < std::size(kRoleNames); ++role) {
    const ReplicaSet holders = RoleOf(roles, role);
    if (holders.empty() ||
        holders.Contains(ReplicaAt(static_cast<int>(index)))) {
      names.push_back(kRoleNames[role]);
    }
  }
  return names;
}

std::optional<int> ClusterConfig::ShardOf(std::size_t index) const {
  return PartOf(*this, index, kRoleNames[1], settings.parts.shard);
}

std::optional<int> ClusterConfig::GroupOf(std::size_t index) const {
  return PartOf(*this, index, kRoleNames[2], settings.parts.group);
}

std::optional<std::size_t> ClusterConfig::FindNode(
    std::string_view name) const {
  const auto found = std::ranges::find(nodes, name, &NodeConfig::name);
  if (found == nodes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - nodes.begin());
}

std::string ClusterConfig::FormerIdentity() const {
  if (QuorumsOf(settings) != Quorums::kFaults) {
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
  return ParseConfigBy(SettingRows(), text, path);
}

absl::StatusOr<ClusterConfig> ParseConfigBy(SettingTable rows,
                                            std::string_view text,
                                            std::string_view path) {
  absl::StatusOr<ConfigDocument> parsed = ConfigDocument::Parse(text, path);
  if (!parsed.ok()) return parsed.status();
  ConfigDocument& document = *parsed;
  ConfigDraft draft;
  ClusterConfig& config = draft.config;
  ReadTables(rows, document, draft);
  ReadNodes(rows, document, draft);
  config.settings.replicas = static_cast<int>(config.nodes.size());
  if (document.status().ok()) RefuseSharedValues(document, config.nodes);
  const int most = RowOf(config.settings.protocol).most_nodes;
  if (config.nodes.size() < 3 ||
      config.nodes.size() > static_cast<std::size_t>(most)) {
    document.Refuse(Concat("a cluster has 3 to ", most, " nodes, this one has ",
                           config.nodes.size(),
                           "; add or remove [[node]] tables"));
  }
  if (document.status().ok()) {
    config.settings.roles = GatherRoles(draft.roles);
    RefuseMissingRoles(document, config.settings.roles);
  }
  if (document.status().ok()) {
    const absl::Status valid = ValidateSettings(config.NodeSettings(0));
    if (!valid.ok()) document.Refuse(std::string(valid.message()));
  }
  if (document.status().ok()) CheckHandshake(document, config, rows);
  if (!document.status().ok()) return document.status();
  return config;
}

namespace {

bool IsBuiltIn(std::string_view matrix) {
  return std::ranges::find(wan::BuiltInMatrices(), matrix,
                           &wan::BuiltInMatrix::name) !=
         wan::BuiltInMatrices().end();
}

// Files of [wan] count from the file's folder as well; a matrix that is built
// in has no folder.
absl::Status LoadWan(const std::filesystem::path& folder,
                     ClusterConfig& config) {
  WanConfig& wan = config.wan;
  const auto from_folder = [&folder](std::string& file) {
    if (!file.empty()) file = (folder / file).string();
  };
  from_folder(wan.trouble);
  if (!wan.matrix.empty() && !IsBuiltIn(wan.matrix)) {
    from_folder(wan.matrix);
  }
  constexpr std::string_view kTrace = "trace ";
  if (wan.jitter.starts_with(kTrace)) {
    std::string file = wan.jitter.substr(kTrace.size());
    from_folder(file);
    wan.jitter = Concat(kTrace, file);
  }
  absl::StatusOr<std::shared_ptr<const WanWays>> ways = WanWays::Load(config);
  if (!ways.ok()) return ways.status();
  config.ways = *std::move(ways);
  return absl::OkStatus();
}

}  // namespace

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
  if (const absl::Status wan = LoadWan(folder, *config); !wan.ok()) {
    return absl::InvalidArgumentError(
        Concat("config \"", path, "\": ", std::string(wan.message())));
  }
  return config;
}

}  // namespace quorate
