#include "replica/config/setting_table.h"

#include <algorithm>
#include <set>
#include <vector>

#include "replica/base/quorum.h"
#include "replica/base/quorum_system.h"
#include "replica/base/roles.h"
#include "wire/commutation.h"
#include "wire/fingerprint.h"
#include "wire/limits.h"
#include "wire/text.h"

namespace quorate {
namespace {

using Value = std::optional<std::string>;

bool Is(const ClusterConfig& config, Protocol protocol) {
  return config.settings.protocol == protocol;
}

std::string Text(int number) { return std::to_string(number); }
std::string Text(std::string_view text) { return std::string(text); }

// "r1 r2 r3", or "all".
std::string NamesOf(const ClusterConfig& config, ReplicaSet set) {
  if (set.size() == static_cast<int>(config.nodes.size())) return "all";
  std::string text;
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (!set.Contains(ReplicaAt(static_cast<int>(i)))) continue;
    text += Concat(text.empty() ? "" : " ", config.nodes[i].name);
  }
  return text;
}

// ---- who --------------------------------------------------------------------

Value Id(const ClusterConfig& config) { return config.cluster_id; }

Value ProtocolName(const ClusterConfig& config) {
  return Text(Name(config.settings.protocol));
}

Value Members(const ClusterConfig& config) {
  std::string text;
  for (const NodeConfig& node : config.nodes) {
    text += Concat(text.empty() ? "" : " ", node.name);
  }
  return text;
}

Value DurabilityName(const ClusterConfig& config) {
  return config.durability == Durability::kFsync ? "fsync" : "memory";
}

// ---- EPaxos and its kin -----------------------------------------------------

Value FastPath(const ClusterConfig& config) {
  if (!Is(config, Protocol::kEpaxos)) return std::nullopt;
  return Text(Name(config.settings.fast_path));
}

Value Faults(const ClusterConfig& config) {
  const Settings settings = config.NodeSettings(0);
  switch (settings.protocol) {
    case Protocol::kEpaxos: return Text(QuorumSizesOf(settings).faults);
    case Protocol::kBpaxos: return Text(Cluster(settings).faults);
    case Protocol::kMultipaxos: return std::nullopt;
  }
  return std::nullopt;
}

Value FastFaults(const ClusterConfig& config) {
  if (!Is(config, Protocol::kEpaxos)) return std::nullopt;
  return Text(QuorumSizesOf(config.NodeSettings(0)).fast_faults);
}

Value LazyFastCommit(const ClusterConfig& config) {
  if (!Is(config, Protocol::kEpaxos)) return std::nullopt;
  return config.settings.lazy_fast_commit ? "true" : "false";
}

Value Conflicts(const ClusterConfig& config) {
  return Text(Name(config.settings.conflicts));
}

Value LeavesOut(const ClusterConfig& config) {
  const Settings settings = config.NodeSettings(0);
  const bool leaves_out = Is(config, Protocol::kEpaxos)
                              ? Laggards(settings) > 0
                              : settings.retained_bytes > 0;
  return leaves_out ? "members that lag are left out" : "nobody is left out";
}

// ---- quorums and roles ------------------------------------------------------

bool SameQuorums(const QuorumSystem& a, const QuorumSystem& b) {
  for (std::uint32_t bits = 0; bits < 1u << a.replicas(); ++bits) {
    ReplicaSet set;
    for (int i = 0; i < a.replicas(); ++i) {
      if ((bits >> i & 1) != 0) set.Insert(ReplicaAt(i));
    }
    if (a.IsQuorum(set) != b.IsQuorum(set)) return false;
  }
  return true;
}

// Every definition of quorums among `n` that has no weights.
std::vector<std::string> PlainDefinitions(int n) {
  std::vector<std::string> texts = {"majority"};
  for (int size = 1; size <= n; ++size) texts.push_back(Concat("size ", size));
  for (int rows = 1; rows <= n; ++rows) {
    if (n % rows != 0) continue;
    for (const char* shape : {"rows ", "columns ", "cross "}) {
      texts.push_back(Concat(shape, rows, "x", n / rows));
    }
  }
  for (int without = 1; without <= n; ++without) {
    texts.push_back(Concat("even without r", without));
  }
  return texts;
}

// The first definition that has the same quorums; as it was written where only
// weights give them.
std::string PlainText(const QuorumSpec& spec, int n) {
  const absl::StatusOr<QuorumSystem> system = QuorumSystem::Create(spec, n);
  if (!system.ok()) return ToString(spec);
  for (const std::string& text : PlainDefinitions(n)) {
    const absl::StatusOr<QuorumSpec> plain = ParseQuorumSpec(text);
    if (!plain.ok()) continue;
    const absl::StatusOr<QuorumSystem> other = QuorumSystem::Create(*plain, n);
    if (other.ok() && SameQuorums(*system, *other)) return text;
  }
  return ToString(spec);
}

// Of electorates of these sizes: a plain text only if it is one for all.
std::string QuorumText(const QuorumSpec& spec, const std::set<int>& sizes) {
  std::set<std::string> texts;
  for (const int n : sizes) texts.insert(PlainText(spec, n));
  return texts.size() == 1 ? *texts.begin() : ToString(spec);
}

Value PhaseText(const ClusterConfig& config, const QuorumSpec& spec) {
  const Settings settings = config.NodeSettings(0);
  switch (settings.protocol) {
    case Protocol::kEpaxos: return std::nullopt;
    case Protocol::kMultipaxos: return QuorumText(spec, {settings.replicas});
    case Protocol::kBpaxos: break;
  }
  const Cluster cluster(settings);
  std::set<int> sizes;
  for (int i = 0; i < cluster.groups(); ++i) {
    sizes.insert(cluster.group(i).members().size());
  }
  return QuorumText(spec, sizes);
}

Value Phase1(const ClusterConfig& config) {
  return PhaseText(config, config.settings.phase1);
}

Value Phase2(const ClusterConfig& config) {
  return PhaseText(config, config.settings.phase2);
}

Value Dependencies(const ClusterConfig& config) {
  if (!Is(config, Protocol::kBpaxos)) return std::nullopt;
  const Cluster cluster(config.NodeSettings(0));
  std::set<int> sizes;
  for (int i = 0; i < cluster.shards(); ++i) {
    sizes.insert(cluster.shard(i).members().size());
  }
  return QuorumText(config.settings.dependency_quorum, sizes);
}

Value RolesText(const ClusterConfig& config) {
  if (!Is(config, Protocol::kBpaxos)) return std::nullopt;
  const Roles roles = Cluster(config.NodeSettings(0)).roles;
  return Concat("leader: ", NamesOf(config, roles.leaders),
                "; depsvc: ", NamesOf(config, roles.dependency_nodes),
                "; acceptor: ", NamesOf(config, roles.acceptors),
                "; executor: ", NamesOf(config, roles.executors));
}

Value Shards(const ClusterConfig& config) {
  if (!Is(config, Protocol::kBpaxos)) return std::nullopt;
  const Cluster cluster(config.NodeSettings(0));
  if (cluster.shards() == 1) return "one";
  std::string text;
  for (int i = 0; i < cluster.shards(); ++i) {
    text += Concat(text.empty() ? "" : " / ",
                   NamesOf(config, cluster.shard(i).members()));
  }
  return text;
}

Value Groups(const ClusterConfig& config) {
  if (!Is(config, Protocol::kBpaxos)) return std::nullopt;
  const Cluster cluster(config.NodeSettings(0));
  if (cluster.groups() == 1) return "one";
  std::string text;
  for (int i = 0; i < cluster.groups(); ++i) {
    text += Concat(text.empty() ? "" : " / ",
                   NamesOf(config, cluster.group(i).members()));
  }
  return text;
}

// ---- results ----------------------------------------------------------------

Value ResultBytes(const ClusterConfig& config) {
  return std::to_string(config.settings.results.command_bytes);
}

Value KeptResultBytes(const ClusterConfig& config) {
  return std::to_string(config.settings.results.kept_bytes);
}

// ---- what comes with the program --------------------------------------------

Value Limits(const ClusterConfig& /*config*/) {
  return Concat("key ", kMaxKeyBytes, " value ", kMaxValueBytes, " operations ",
                kMaxOperationsPerCommand, " batch ", kMaxBatchCommands, " in ",
                kMaxBatchBytes, " scan ", kMaxScanRows, " in ", kMaxScanBytes,
                " pipeline ", kMaxPipelinePerSession);
}

// A digest of the rows that were there first, then a word for each that has
// come since: a release that knows more reads what one with fewer has written
// (wire/agreed_settings.h).
Value ConflictTable(const ClusterConfig& /*config*/) {
  constexpr std::size_t kFirstOperations = 9;
  constexpr std::size_t kFirstClasses = 3;
  Fingerprint print;
  for (const auto& mode : kClassOfOperation) {
    for (std::size_t kind = 0; kind < kFirstOperations; ++kind) {
      print.Mix(static_cast<std::uint64_t>(mode[kind]));
    }
  }
  for (std::size_t a = 0; a < kFirstClasses; ++a) {
    for (std::size_t b = 0; b < kFirstClasses; ++b) {
      print.Mix(kClassesConflict[a][b] ? 1 : 0);
    }
  }
  std::string text = Concat(absl::Hex(print.value(), absl::kZeroPad16));
  for (std::size_t i = kFirstOperations; i < kAllOperationKinds; ++i) {
    text += Concat(" ", kOperations[i].name, ":", Name(kOperations[i].access));
  }
  return text;
}

// ---- the table --------------------------------------------------------------

constexpr SettingScope kAgreed = SettingScope::kAgreed;
constexpr SettingScope kPrivate = SettingScope::kPrivate;

constexpr SettingRow kRows[] = {
    {"cluster.id", kAgreed, Id, "tells clusters apart"},
    {"cluster.protocol", kAgreed, ProtocolName,
     "the records of one are nothing to another: a node would start without "
     "what it has acknowledged"},
    {"node.name", kAgreed, Members,
     "members are counted, and told by their place in the list: with two lists "
     "two quorums need not meet, and both may acknowledge"},
    {"cluster.durability", kAgreed, DurabilityName,
     "what a quorum acknowledges is durable only if its members write; a "
     "member "
     "without a disk cannot take a snapshot, so others must not leave it out"},
    {"protocol.fast_path", kAgreed, FastPath,
     "what was voted under one rule must not be recovered under another"},
    {"protocol.faults", kAgreed, Faults,
     "the size of quorums: recovery counts by it what a fast commit was "
     "counted by. 0 is (n-1)/2; in BPaxos what every role can bear"},
    {"protocol.fast_faults", kAgreed, FastFaults,
     "as faults, of the fast quorums. 0 is the most that the bound allows"},
    {"protocol.lazy_fast_commit", kAgreed, LazyFastCommit,
     "recovery reads a command leader's silence by it: on, \"has not "
     "committed\" no longer means that nobody has"},
    {"protocol.conflicts", kAgreed, Conflicts,
     "who reports which dependency: of two commands that only one node takes "
     "for conflicting, replicas may see different ones first"},
    {"protocol.retained_bytes", kAgreed, LeavesOut,
     "whether members are left out (more than 0, with a disk) is a rule about "
     "when a floor may rise; how many bytes are kept before is each node's "
     "own matter"},
    {"paxos.phase1", kAgreed, Phase1,
     "each quorum of it must meet each of phase2, also of those that voted "
     "before"},
    {"paxos.phase2", kAgreed, Phase2,
     "each quorum of it must meet each of phase1"},
    {"paxos.dependencies", kAgreed, Dependencies,
     "of two conflicting commands one must be seen by the other: every two "
     "quorums meet"},
    {"node.roles", kAgreed, RolesText, "whose answers make a quorum"},
    {"node.depsvc_shard", kAgreed, Shards,
     "where the answers about a key are found again"},
    {"node.acceptor_group", kAgreed, Groups,
     "where the votes on an instance are found again"},
    {"results.command_bytes", kAgreed, ResultBytes,
     "judged when a command is executed: one replica would refuse what another "
     "applies"},
    {"results.kept_bytes", kAgreed, KeptResultBytes,
     "whether a retry hears its result or that it is no longer kept must not "
     "hang on the node that it asks"},
    {"release.limits", kAgreed, Limits,
     "some are judged when a command is executed (a value that append makes, "
     "the rows of a scan, results that are kept), so every replica must judge "
     "alike, today and when it reads its journal again"},
    {kConflictTableName, kAgreed, ConflictTable,
     "`quorate conflicts`, as a digest, with a word for each operation that "
     "has come since: as protocol.conflicts. A directory may be read by a "
     "release that knows further operations; nodes of one cluster know the "
     "same"},

    {"protocol.thrifty", kPrivate, nullptr,
     "whom a command leader asks first; any quorum's answers count"},
    {"protocol.overlap_sync", kPrivate, nullptr,
     "which slots a crash may have left without a record is in the journal "
     "itself, and peers learn of them by message"},
    {"protocol.retransmit_ticks", kPrivate, nullptr,
     "when a message is sent again; any message may come twice"},
    {"protocol.tick_ms", kPrivate, nullptr,
     "a node's clock decides when it does something, never what; a great "
     "difference makes nodes suspect each other"},
    {"protocol.max_in_flight", kPrivate, nullptr,
     "how many instances a node begins at once"},
    {"paxos.reads", kPrivate, nullptr,
     "how the node that leads serves reads; it asks a quorum first, which "
     "answers whatever it would do itself"},
    {"paxos.election_ticks", kPrivate, nullptr,
     "when a node wants to lead; ballots decide who does, and nobody leads by "
     "the clock"},
    {"batch.max_commands", kPrivate, nullptr,
     "how many commands a node puts into an instance of its own; all accept "
     "up to the limit of the release"},
    {"batch.max_bytes", kPrivate, nullptr, "as batch.max_commands"},
    {"batch.max_queued", kPrivate, nullptr,
     "beyond it a node says busy before anything has happened"},
    {"checkpoint.journal_bytes", kPrivate, nullptr,
     "when a node writes down its own state"},
    {"checkpoint.percent", kPrivate, nullptr, "as checkpoint.journal_bytes"},
    {"sessions.idle_s", kPrivate, nullptr,
     "when a node proposes that idle sessions end; they end by a command, at "
     "the same place everywhere. The smallest value of the members counts"},
    {"connections.vanished_s", kPrivate, nullptr,
     "when a node gives up a connection whose other end is gone"},
    {"node.peer", kPrivate, nullptr,
     "addresses may change and be seen differently from different places"},
    {"node.client", kPrivate, nullptr, "as node.peer"},
    {"node.listen", kPrivate, nullptr, "where a node is behind its addresses"},
    {"node.peer_listen", kPrivate, nullptr, "as node.listen"},
    {"node.client_listen", kPrivate, nullptr, "as node.listen"},
    {"node.dir", kPrivate, nullptr,
     "where the node keeps its data; the data know whose they are"},
    {"node.site", kPrivate, nullptr, "a name in reports"},
};

}  // namespace

std::span<const SettingRow> SettingRows() { return kRows; }

AgreedSettings AgreedSettingsOf(const ClusterConfig& config) {
  AgreedSettings settings;
  for (const SettingRow& row : kRows) {
    if (row.scope != SettingScope::kAgreed) continue;
    Value value = row.value(config);
    if (!value) continue;
    settings.push_back({.name = std::string(row.name), .value = *value});
  }
  return settings;
}

std::string SettingsPage() {
  std::string page =
      "# Settings: which of them a cluster agrees on\n\n"
      "Generated from the table in `replica/config/setting_table.cc`; "
      "`QUORATE_UPDATE=1 config_test` writes it again.\n\n"
      "A name is that of `cluster.toml`: `protocol.faults` is `faults` under "
      "`[protocol]`, `node.roles` is `roles` of each `[[node]]`; `release.` "
      "comes with the program. [`deployment.md`](deployment.md) says what they "
      "do.\n";
  const auto add_table = [&page](SettingScope scope) {
    page += "\n| setting | why |\n|---|---|\n";
    for (const SettingRow& row : kRows) {
      if (row.scope != scope) continue;
      page += Concat("| `", row.name, "` | ", row.why, " |\n");
    }
  };
  page +=
      "\n## Agreed\n\nThey give the protocol its meaning. A node writes them "
      "into its directory when it creates it, and says them in every "
      "handshake. A directory that was begun with another value is refused at "
      "start (exit 1), a peer with another value is not talked to (the log, "
      "and `quorate status`, which then exits 1), and so is a program whose "
      "`cluster.toml` is not that of the node it calls. Each refusal names the "
      "setting and both values.\n\nWhat is compared is the meaning: `faults = "
      "0` and the number it stands for are the same, and so are two ways to "
      "write one quorum system. A setting that the protocol has no use for is "
      "not compared. They are fixed from the first record on that a node has "
      "written: until then it takes the file as it is. Another value needs "
      "another cluster, with empty directories.\n";
  add_table(SettingScope::kAgreed);
  page +=
      "\n## Private\n\nThey may differ from node to node, and change with any "
      "restart.\n";
  add_table(SettingScope::kPrivate);
  return page;
}

}  // namespace quorate
