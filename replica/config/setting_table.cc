#include "replica/config/setting_table.h"

#include <algorithm>

#include "replica/config/setting_meaning.h"
#include "replica/config/setting_node.h"
#include "replica/config/setting_wan.h"
#include "wire/check.h"
#include "wire/limits.h"
#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

constexpr SettingScope kAgreed = SettingScope::kAgreed;
constexpr SettingScope kPrivate = SettingScope::kPrivate;

constexpr std::int64_t kMostTicks = 100'000;
constexpr std::int64_t kMostKept = std::int64_t{1} << 40;
constexpr std::int64_t kMostDisk = std::int64_t{1} << 50;

// What comes with the program has a value and no place in the file.
constexpr SettingForm OfTheProgram() {
  return {.allowed = AllowedWords, .words = "the program's", .otherwise = ""};
}

// The order of the agreed ones is that in which nodes compare them: who they
// are comes before what follows from it.
const SettingRow kRows[] = {
    {"cluster.id", RequiredWord<&ClusterConfig::cluster_id>(),
     "a name of its own: nodes and clients of another cluster are refused",
     kAgreed, meaning::Id, "tells clusters apart"},
    {"cluster.protocol", Choice<&Settings::protocol>(),
     "what the replicas agree by (`replica/README.md`)", kAgreed,
     meaning::ProtocolName,
     "the records of one are nothing to another: a node would start without "
     "what it has acknowledged"},
    {"node.name", kNodeName, "the node's name; `serve --node` picks it",
     kAgreed, meaning::Members,
     "members are counted, and told by their place in the list: with two lists "
     "two quorums need not meet, and both may acknowledge"},
    {"cluster.durability", Choice<&ClusterConfig::durability>(),
     "`memory`, for experiments: nothing is written, and every result says so",
     kAgreed, meaning::DurabilityName,
     "what a quorum acknowledges is durable only if its members write; a "
     "member without a disk cannot take a snapshot, so others must not leave "
     "it out. Nodes in memory leave nothing behind: once all are stopped their "
     "cluster may begin anew with a disk, never the other way round"},

    {"protocol.fast_path", Choice<&Settings::fast_path>(),
     "when one round trip is enough (`replica/README.md`, the family)", kAgreed,
     meaning::FastPath,
     "what was voted under one rule must not be recovered under another"},
    {"protocol.faults", Number<&Settings::faults>(0, kMaxReplicas),
     "nodes that may be down at once. 0 is (n-1)/2; in BPaxos what every role "
     "can bear",
     kAgreed, meaning::Faults,
     "the size of quorums: recovery counts by it what a fast commit was "
     "counted by"},
    {"protocol.fast_faults", Number<&Settings::fast_faults>(0, kMaxReplicas),
     "nodes that may be down while commands without conflicts stay fast, with "
     "`epaxos`. 0 is the most that the bound allows",
     kAgreed, meaning::FastFaults, "as faults, of the fast quorums"},
    {"protocol.thrifty", Flag<&Settings::thrifty>(),
     "PreAccept goes to a fast quorum only, to the others after a timeout",
     kPrivate, nullptr,
     "whom a command leader asks first; any quorum's answers count"},
    {"protocol.overlap_sync", Flag<&Settings::overlap_sync>(),
     "PreAccept goes out while the own record is being written "
     "(`replica/README.md`)",
     kPrivate, nullptr,
     "which slots a crash may have left without a record is in the journal "
     "itself, and peers learn of them by message"},
    {"protocol.lazy_fast_commit", Flag<&Settings::lazy_fast_commit>(),
     "a fast commit is announced before its record is durable "
     "(`replica/README.md`)",
     kAgreed, meaning::LazyFastCommit,
     "recovery reads a command leader's silence by it: on, \"has not "
     "committed\" no longer means that nobody has"},
    {"protocol.conflicts", Choice<&Settings::conflicts>(),
     "how much of the commutation table is used: all, adds count as writes, "
     "any two operations on a key conflict",
     kAgreed, meaning::Conflicts,
     "who reports which dependency: of two commands that only one node takes "
     "for conflicting, replicas may see different ones first"},
    {"protocol.retransmit_ticks",
     Number<&Settings::retransmit_ticks>(1, kMostTicks),
     "ticks before an undecided own instance is sent again; doubles each time",
     kPrivate, nullptr,
     "when a message is sent again; any message may come twice"},
    {"protocol.tick_ms", Number<&Settings::tick_ms>(1, 10'000),
     "milliseconds between two ticks of the machine", kPrivate, nullptr,
     "a node's clock decides when it does something, never what; a great "
     "difference makes nodes suspect each other"},
    {"protocol.max_in_flight", Number<&Settings::max_in_flight>(1, 1'000'000),
     "own instances that may be undecided at once", kPrivate, nullptr,
     "how many instances a node begins at once"},
    {"protocol.retained_bytes", Number<&Settings::retained_bytes>(0, kMostKept),
     "decided instances kept for members that lag; beyond it they are left out "
     "and fetch a snapshot. 0 keeps everything for everybody",
     kAgreed, meaning::LeavesOut,
     "whether members are left out (more than 0, with a disk) is a rule about "
     "when a floor may rise; how many bytes are kept before is each node's "
     "own matter"},

    {"paxos.phase1", QuorumText<&Settings::phase1>(),
     "Multi-Paxos and BPaxos: who must promise a ballot", kAgreed,
     meaning::Phase1,
     "each quorum of it must meet each of phase2, also of those that voted "
     "before"},
    {"paxos.phase2", QuorumText<&Settings::phase2>(),
     "Multi-Paxos and BPaxos: who must accept a value", kAgreed,
     meaning::Phase2, "each quorum of it must meet each of phase1"},
    {"paxos.dependencies", QuorumText<&Settings::dependency_quorum>(),
     "BPaxos: whose dependencies make a union", kAgreed, meaning::Dependencies,
     "of two conflicting commands one must be seen by the other: every two "
     "quorums meet"},
    {"paxos.reads", Choice<&Settings::reads>(),
     "Multi-Paxos: reads go through the log, or the leader answers once a "
     "quorum has confirmed it",
     kPrivate, nullptr,
     "how the node that leads serves reads; it asks a quorum first, which "
     "answers whatever it would do itself"},
    {"paxos.election_ticks", Number<&Settings::election_ticks>(1, kMostTicks),
     "Multi-Paxos: ticks of the leader's silence that are borne, and up to as "
     "many more by chance",
     kPrivate, nullptr,
     "when a node wants to lead; ballots decide who does, and nobody leads by "
     "the clock"},

    {"node.peer", kNodePeer, "other nodes connect here", kPrivate, nullptr,
     "addresses may change and be seen differently from different places"},
    {"node.client", kNodeClient, "clients connect here", kPrivate, nullptr,
     "as node.peer"},
    {"node.listen", kNodeListen,
     "the host that both ports are opened on: behind NAT, in a container, or "
     "where a machine takes its own name for 127.0.1.1 (Debian)",
     kPrivate, nullptr, "where a node is behind its addresses"},
    {"node.peer_listen", kNodePeerListen, "the same with a port, for peers",
     kPrivate, nullptr, "as node.listen"},
    {"node.client_listen", kNodeClientListen,
     "the same with a port, for clients", kPrivate, nullptr, "as node.listen"},
    {"node.dir", kNodeDirectory,
     "where the node keeps its data; relative: from the file's folder",
     kPrivate, nullptr, "the data know whose they are"},
    {"node.site", kNodeSite, "a region's name", kPrivate, nullptr,
     "a name in reports"},
    {"node.roles", kNodeRoles, "BPaxos: which jobs the node has", kAgreed,
     meaning::RolesText, "whose answers make a quorum"},
    {"node.depsvc_shard", kNodeShard,
     "BPaxos: its shard of the dependency service", kAgreed, meaning::Shards,
     "where the answers about a key are found again"},
    {"node.acceptor_group", kNodeGroup, "BPaxos: its group of acceptors",
     kAgreed, meaning::Groups,
     "where the votes on an instance are found again"},

    {"batch.max_commands",
     Number<&Settings::batch_commands>(1, std::int64_t{kMaxBatchCommands}),
     "commands that may share an instance; 1 turns batching off", kPrivate,
     nullptr,
     "how many commands a node puts into an instance of its own; all accept "
     "up to the limit of the release"},
    {"batch.max_bytes",
     Number<&Settings::batch_bytes>(1, std::int64_t{kMaxBatchBytes}),
     "bytes that may share an instance", kPrivate, nullptr,
     "as batch.max_commands"},
    {"batch.max_queued", Number<&Settings::max_queued_commands>(1, 10'000'000),
     "commands that may wait for a place in an instance", kPrivate, nullptr,
     "beyond it a node says busy before anything has happened"},

    {"checkpoint.journal_bytes",
     Number<&ClusterConfig::checkpoint_journal_bytes>(1, kMostDisk),
     "a checkpoint is taken when the journal has grown by so much", kPrivate,
     nullptr, "when a node writes down its own state"},
    {"checkpoint.percent",
     Number<&ClusterConfig::checkpoint_percent>(0, 10'000),
     "and by this share of the last checkpoint's size", kPrivate, nullptr,
     "as checkpoint.journal_bytes"},

    {"sessions.idle_s",
     Seconds<&Settings::session_idle_ms>(0, std::int64_t{1} << 32),
     "seconds, one to two times, after which an idle client's session is "
     "forgotten. 0: never",
     kPrivate, nullptr,
     "when a node proposes that idle sessions end; they end by a command, at "
     "the same place everywhere. The smallest value of the members counts"},

    {"wan.matrix",
     OptionalWord<&ClusterConfig::wan, &WanConfig::matrix>(
         "a matrix of `quorate matrices`, or a CSV file "
         "(`wire/wan/README.md`)"),
     "distances that nodes and clients keep, each at its site, though they are "
     "on one machine: nothing is said before it could have come so far",
     kPrivate, nullptr, "when a message arrives; any may take any time"},
    {"wan.jitter", kWanJitter, "what is added to each delay, by chance",
     kPrivate, nullptr, "as wan.matrix"},
    {"wan.bandwidth_mbit",
     Number<&ClusterConfig::wan, &WanConfig::bandwidth_mbit>(0, 1'000'000),
     "megabits a second of each way from node to node. 0: without limit",
     kPrivate, nullptr, "as wan.matrix"},
    {"wan.seed",
     Number<&ClusterConfig::wan, &WanConfig::seed>(0, std::int64_t{1} << 53),
     "of the jitter: with the same one a way's delays are the same", kPrivate,
     nullptr, "as wan.matrix"},
    {"wan.trouble",
     OptionalWord<&ClusterConfig::wan, &WanConfig::trouble>("a file"),
     "a file that nodes look at while they run: which ways are cut or slow now "
     "(`quorate local partition` writes it). Not for clusters that serve "
     "anybody",
     kPrivate, nullptr, "as wan.matrix"},

    // The most is the kernel's.
    {"connections.vanished_s",
     Number<&ClusterConfig::vanished_s>(SecondsOf<"connections.least_vanished">,
                                        32'767),
     "seconds after which a connection whose other side acknowledges nothing "
     "is given up",
     kPrivate, nullptr,
     "when a node gives up a connection whose other end is gone"},

    {"results.command_bytes",
     Number<&Settings::results, &ResultLimits::command_bytes>(
         std::int64_t{ResultLimits::kLeast}, std::int64_t{ResultLimits::kMost}),
     "what one command may give; with more it is refused", kAgreed,
     meaning::ResultBytes,
     "judged when a command is executed: one replica would refuse what another "
     "applies"},
    {"results.kept_bytes",
     Number<&Settings::results, &ResultLimits::kept_bytes>(0, kMostKept),
     "what is remembered of results for retries, of all sessions", kAgreed,
     meaning::KeptResultBytes,
     "whether a retry hears its result or that it is no longer kept must not "
     "hang on the node that it asks"},

    {"release.limits", OfTheProgram(),
     "sizes of keys, values, commands, batches, scans", kAgreed,
     meaning::Limits,
     "some are judged when a command is executed (a value that append makes, "
     "the rows of a scan, results that are kept), so every replica must judge "
     "alike, today and when it reads its journal again"},
    {kConflictTableName, OfTheProgram(),
     "`quorate conflicts`, as a digest, with a word for each operation that "
     "has "
     "come since",
     kAgreed, meaning::ConflictTable,
     "as protocol.conflicts. A directory may be read by a release that knows "
     "further operations; nodes of one cluster know the same"},
};

}  // namespace

SettingTable SettingRows() { return kRows; }

const SettingRow& SettingRowOf(std::string_view name) {
  const SettingRow* row = std::ranges::find(kRows, name, &SettingRow::name);
  QUORATE_CHECK(row != std::end(kRows),
                "a setting that is asked for has a row");
  return *row;
}

std::string SettingRow::Default() const {
  if (!form.otherwise.empty() || form.print == nullptr) {
    return std::string(form.otherwise);
  }
  return form.print(form, ClusterConfig(), 0);
}

std::vector<std::string_view> SectionsOf(SettingTable rows) {
  std::vector<std::string_view> sections;
  for (const SettingRow& row : rows) {
    if (!row.of_file() || row.of_node()) continue;
    if (std::ranges::find(sections, row.section()) == sections.end()) {
      sections.push_back(row.section());
    }
  }
  return sections;
}

AgreedSettings AgreedSettingsOf(const ClusterConfig& config,
                                SettingTable rows) {
  AgreedSettings settings;
  for (const SettingRow& row : rows) {
    if (row.scope != SettingScope::kAgreed) continue;
    std::optional<std::string> value = row.value(config);
    if (!value) continue;
    settings.push_back({.name = std::string(row.name), .value = *value});
  }
  return settings;
}

}  // namespace quorate
