// The way back: a configuration as the text that gives it.
#include "replica/base/quorum.h"
#include "replica/base/quorum_system.h"
#include "replica/config/config.h"
#include "wire/text.h"

namespace quorate {
namespace {

// A TOML basic string.
std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += Concat("\\", std::string_view(&c, 1));
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += Concat("\\u", absl::Hex(byte, absl::kZeroPad4));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string FormatRoles(const ClusterConfig& config, std::size_t index) {
  if (config.settings.roles == Roles()) return "";
  std::string text;
  for (const std::string_view role : config.RolesOf(index)) {
    text += Concat(text.empty() ? "" : ", ", Quote(role));
  }
  return Concat("roles = [", text, "]\n");
}

std::string FormatParts(const ClusterConfig& config, std::size_t index) {
  std::string text;
  if (const std::optional<int> shard = config.ShardOf(index)) {
    text += Concat("depsvc_shard = ", *shard, "\n");
  }
  if (const std::optional<int> group = config.GroupOf(index)) {
    text += Concat("acceptor_group = ", *group, "\n");
  }
  return text;
}

std::string FormatListen(const NodeConfig& node) {
  if (node.peer_listen && node.client_listen &&
      node.peer_listen->host == node.client_listen->host &&
      node.peer_listen->port == node.peer.port &&
      node.client_listen->port == node.client.port) {
    return Concat("listen = ", Quote(node.peer_listen->host), "\n");
  }
  std::string text;
  if (node.peer_listen) {
    text += Concat("peer_listen = ", Quote(ToString(*node.peer_listen)), "\n");
  }
  if (node.client_listen) {
    text +=
        Concat("client_listen = ", Quote(ToString(*node.client_listen)), "\n");
  }
  return text;
}

std::string FormatNode(const NodeConfig& node) {
  std::string text = Concat("\n[[node]]\nname = ", Quote(node.name),
                            "\npeer = ", Quote(ToString(node.peer)),
                            "\nclient = ", Quote(ToString(node.client)), "\n",
                            FormatListen(node));
  if (!node.directory.empty()) {
    text += Concat("dir = ", Quote(node.directory), "\n");
  }
  if (!node.site.empty()) {
    text += Concat("site = ", Quote(node.site), "\n");
  }
  return text;
}

}  // namespace

std::string FormatConfig(const ClusterConfig& config) {
  const Settings& settings = config.settings;
  std::string text = Concat(
      "[cluster]\nid = ", Quote(config.cluster_id),
      "\nprotocol = ", Quote(Name(settings.protocol)), "\ndurability = ",
      config.durability == Durability::kFsync ? "\"fsync\"" : "\"memory\"",
      "\n\n[protocol]\nfast_path = ", Quote(Name(settings.fast_path)),
      "\nfaults = ", settings.faults, "\nfast_faults = ", settings.fast_faults,
      "\nthrifty = ", settings.thrifty ? "true" : "false",
      "\noverlap_sync = ", settings.overlap_sync ? "true" : "false",
      "\nlazy_fast_commit = ", settings.lazy_fast_commit ? "true" : "false",
      "\nconflicts = ", Quote(Name(settings.conflicts)),
      "\nretransmit_ticks = ", settings.retransmit_ticks,
      "\ntick_ms = ", settings.tick_ms,
      "\nmax_in_flight = ", settings.max_in_flight,
      "\nretained_bytes = ", settings.retained_bytes, "\n");
  text +=
      Concat("\n[paxos]\nphase1 = ", Quote(ToString(settings.phase1)),
             "\nphase2 = ", Quote(ToString(settings.phase2)),
             "\ndependencies = ", Quote(ToString(settings.dependency_quorum)),
             "\nreads = ", Quote(Name(settings.reads)),
             "\nelection_ticks = ", settings.election_ticks, "\n");
  text += Concat("\n[batch]\nmax_commands = ", settings.batch_commands,
                 "\nmax_bytes = ", settings.batch_bytes,
                 "\nmax_queued = ", settings.max_queued_commands, "\n");
  text += Concat(
      "\n[checkpoint]\njournal_bytes = ", config.checkpoint_journal_bytes,
      "\npercent = ", config.checkpoint_percent, "\n");
  text +=
      Concat("\n[sessions]\nidle_s = ", settings.session_idle_ms / 1000, "\n");
  text += Concat("\n[connections]\nvanished_s = ", config.vanished_s, "\n");
  text +=
      Concat("\n[results]\ncommand_bytes = ", settings.results.command_bytes,
             "\nkept_bytes = ", settings.results.kept_bytes, "\n");
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    text += FormatNode(config.nodes[i]) + FormatRoles(config, i) +
            FormatParts(config, i);
  }
  return text;
}

}  // namespace quorate
