#include "replica/config/setting_node.h"

#include <algorithm>

namespace quorate {
namespace {

using Form = const SettingForm&;
using Key = std::string_view;
using Config = const ClusterConfig&;

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

void ReadName(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  std::string& name = draft.at_node().name;
  table.RequiredText(key, name);
  if (!name.empty() && !IsName(name)) {
    table.Refuse(key, Concat("node name \"", name,
                             "\" may only have letters, digits, \"-\" and "
                             "\"_\"; rename the node"));
  }
}

std::string PrintName(Form, Config config, std::size_t node) {
  return QuoteForToml(config.nodes[node].name);
}

template <Endpoint NodeConfig::*kAddress>
void ReadAddress(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  table.Address(key, draft.at_node().*kAddress);
}

template <Endpoint NodeConfig::*kAddress>
std::string PrintAddress(Form, Config config, std::size_t node) {
  return QuoteForToml(ToString(config.nodes[node].*kAddress));
}

// ---- where it listens -------------------------------------------------------

// Both at once, with the ports that the node is called at.
void ReadListen(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  NodeConfig& node = draft.at_node();
  std::optional<std::string> host;
  table.OptionalHost(key, host);
  if (!host) return;
  node.peer_listen = {*host, node.peer.port};
  node.client_listen = {*host, node.client.port};
}

bool ListensAtOneHost(const NodeConfig& node) {
  return node.peer_listen && node.client_listen &&
         node.peer_listen->host == node.client_listen->host &&
         node.peer_listen->port == node.peer.port &&
         node.client_listen->port == node.client.port;
}

std::string PrintListen(Form, Config config, std::size_t index) {
  const NodeConfig& node = config.nodes[index];
  return ListensAtOneHost(node) ? QuoteForToml(node.peer_listen->host) : "";
}

template <std::optional<Endpoint> NodeConfig::*kAddress>
std::string PrintListenAddress(Form, Config config, std::size_t index) {
  const NodeConfig& node = config.nodes[index];
  const std::optional<Endpoint>& address = node.*kAddress;
  if (!address || ListensAtOneHost(node)) return "";
  return QuoteForToml(ToString(*address));
}

void ReadPeerListen(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  table.OptionalAddress(key, draft.at_node().peer_listen);
}

void ReadClientListen(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  NodeConfig& node = draft.at_node();
  table.OptionalAddress(key, node.client_listen);
  if (node.ListenForPeers() == node.ListenForClients()) {
    table.Refuse("listen",
                 Concat("node ", node.name, " listens on ",
                        ToString(node.ListenForPeers()),
                        " for peers and for clients; give each its own port"));
  }
}

// ---- what it keeps ----------------------------------------------------------

void ReadDirectory(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  if (draft.config.durability == Durability::kFsync) {
    table.RequiredText(key, draft.at_node().directory);
  } else {
    table.Text(key, draft.at_node().directory);
  }
}

std::string PrintDirectory(Form, Config config, std::size_t node) {
  const std::string& directory = config.nodes[node].directory;
  return directory.empty() ? "" : QuoteForToml(directory);
}

void ReadSite(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  table.Text(key, draft.at_node().site);
}

std::string PrintSite(Form, Config config, std::size_t node) {
  const std::string& site = config.nodes[node].site;
  return site.empty() ? "" : QuoteForToml(site);
}

// ---- what it does -----------------------------------------------------------

void ReadRoles(Form, Key key, ConfigTable& table, ConfigDraft& draft) {
  std::optional<std::vector<std::string>>& roles = draft.roles[draft.node];
  table.Choices(key, kRoleNames, roles);
  if (roles.has_value() && roles->empty()) {
    table.Refuse(key,
                 "a node without a role has nothing to do; give it "
                 "one, or leave roles out to give it all");
  }
}

std::string PrintRoles(Form, Config config, std::size_t node) {
  if (config.settings.roles == Roles()) return "";
  std::string text;
  for (const std::string_view role : config.RolesOf(node)) {
    text += Concat(text.empty() ? "" : ", ", QuoteForToml(role));
  }
  return Concat("[", text, "]");
}

// Counted from 1 as nodes are.
void ReadPart(Form form, Key key, std::string_view role, ConfigTable& table,
              const ConfigDraft& draft, std::uint8_t& part) {
  int number = 0;
  table.Integer(key, form.least, form.most, number);
  if (number == 0) return;  // Not there.
  part = static_cast<std::uint8_t>(number - 1);
  const auto& roles = draft.roles[draft.node];
  if (roles.has_value() && std::ranges::find(*roles, role) == roles->end()) {
    table.Refuse(key, Concat("the node lacks the role \"", role,
                             "\"; give it that role, or leave ", key, " out"));
  }
}

// More nodes than there may be are refused later.
std::uint8_t& PartOf(std::array<std::uint8_t, kMaxNodes>& parts,
                     std::size_t node) {
  return parts[std::min<std::size_t>(node, kMaxNodes - 1)];
}

void ReadShard(Form form, Key key, ConfigTable& table, ConfigDraft& draft) {
  ReadPart(form, key, kRoleNames[1], table, draft,
           PartOf(draft.config.settings.parts.shard, draft.node));
}

void ReadGroup(Form form, Key key, ConfigTable& table, ConfigDraft& draft) {
  ReadPart(form, key, kRoleNames[2], table, draft,
           PartOf(draft.config.settings.parts.group, draft.node));
}

std::string PrintPart(std::optional<int> part) {
  return part ? std::to_string(*part) : "";
}

std::string PrintShard(Form, Config config, std::size_t node) {
  return PrintPart(config.ShardOf(node));
}

std::string PrintGroup(Form, Config config, std::size_t node) {
  return PrintPart(config.GroupOf(node));
}

constexpr SettingForm Words(decltype(SettingForm::read) read,
                            decltype(SettingForm::print) print,
                            std::string_view words,
                            std::string_view otherwise) {
  return {.read = read,
          .print = print,
          .allowed = AllowedWords,
          .words = words,
          .otherwise = otherwise};
}

constexpr SettingForm Part(decltype(SettingForm::read) read,
                           decltype(SettingForm::print) print) {
  return {.read = read,
          .print = print,
          .allowed = AllowedNumbers,
          .least = 1,
          .most = kMaxParts,
          .otherwise = "1"};
}

}  // namespace

ReplicaSet& RoleOf(Roles& roles, std::size_t role) {
  ReplicaSet* const sets[] = {&roles.leaders, &roles.dependency_nodes,
                              &roles.acceptors, &roles.executors};
  return *sets[role];
}

constinit const SettingForm kNodeName =
    Words(ReadName, PrintName, "letters, digits, `-`, `_`", "required");
constinit const SettingForm kNodePeer =
    Words(ReadAddress<&NodeConfig::peer>, PrintAddress<&NodeConfig::peer>,
          "`host:port`", "required");
constinit const SettingForm kNodeClient =
    Words(ReadAddress<&NodeConfig::client>, PrintAddress<&NodeConfig::client>,
          "`host:port`", "required");
constinit const SettingForm kNodeListen = Words(
    ReadListen, PrintListen, "a host, `0.0.0.0`, `::`", "where it is called");
constinit const SettingForm kNodePeerListen =
    Words(ReadPeerListen, PrintListenAddress<&NodeConfig::peer_listen>,
          "`host:port`", "as `listen`");
constinit const SettingForm kNodeClientListen =
    Words(ReadClientListen, PrintListenAddress<&NodeConfig::client_listen>,
          "`host:port`", "as `listen`");
constinit const SettingForm kNodeDirectory =
    Words(ReadDirectory, PrintDirectory, "a path", "required with a disk");
constinit const SettingForm kNodeSite =
    Words(ReadSite, PrintSite, "a text", "none");
constinit const SettingForm kNodeRoles =
    Words(ReadRoles, PrintRoles,
          "a list of `leader`, `depsvc`, `acceptor`, `executor`", "all");
constinit const SettingForm kNodeShard = Part(ReadShard, PrintShard);
constinit const SettingForm kNodeGroup = Part(ReadGroup, PrintGroup);

}  // namespace quorate
