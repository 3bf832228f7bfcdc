#include "replica/node/status.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "replica/base/quorum.h"
#include "replica/base/roles.h"
#include "wire/text.h"
#include "wire/words.h"

namespace quorate {
namespace {

// Keys in the order they are written.
using Json = nlohmann::ordered_json;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

// 0 where the kernel does not tell.
std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Json Columns(const ClusterConfig& config, const DependencySet& set) {
  Json columns = Json::object();
  if (RowOf(config.settings.protocol).has_leader) {
    columns["log"] = set[kLogColumn];
    return columns;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(set.columns()); ++i) {
    columns[config.nodes[i].name] = set[ReplicaAt(static_cast<int>(i))];
  }
  return columns;
}

Json OldestWaiting(const ReplicaStatus& replica) {
  if (!replica.oldest_blocked) return nullptr;
  return {{"waiting", ToString(replica.oldest_blocked->waiting)},
          {"on", ToString(replica.oldest_blocked->on)}};
}

std::string_view Name(RecoveryStatus::Stage stage) {
  switch (stage) {
    case RecoveryStatus::Stage::kPromising: return "promising";
    case RecoveryStatus::Stage::kValidating: return "validating";
    case RecoveryStatus::Stage::kWaiting: return "waiting";
    case RecoveryStatus::Stage::kAccepting: return "accepting";
  }
  return "";
}

// "3@r2": round 3 of r2.
std::string Text(Ballot ballot) {
  return Concat(ballot.round(), "@r",
                std::to_string(Index(ballot.owner()) + 1));
}

Json Recoveries(const ReplicaStatus& replica) {
  Json shown = Json::array();
  for (const RecoveryStatus& recovery : replica.recoveries) {
    Json waits_for = Json::array();
    for (const InstanceId id : recovery.waits_for) {
      waits_for.push_back(ToString(id));
    }
    shown.push_back(Json{{"instance", ToString(recovery.instance)},
                         {"ballot", Text(recovery.ballot)},
                         {"stage", std::string(Name(recovery.stage))},
                         {"answered", recovery.answered.size()},
                         {"waits_for", std::move(waits_for)}});
  }
  return {{"started", replica.recoveries_started},
          {"ended_with_commands", replica.recovered_payloads},
          {"ended_with_noop", replica.recovered_noops},
          {"had_to_wait", replica.recoveries_waited},
          {"under_way", replica.recoveries_under_way},
          {"shown", std::move(shown)}};
}

Json Names(const ClusterConfig& config, ReplicaSet nodes) {
  Json names = Json::array();
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (nodes.Contains(ReplicaAt(static_cast<int>(i)))) {
      names.push_back(config.nodes[i].name);
    }
  }
  return names;
}

Json Snapshot(const ClusterConfig& config, const ReplicaStatus& replica) {
  Json json = {{"fetching", replica.fetches_snapshot},
               {"from", nullptr},
               {"parts", replica.snapshot_parts},
               {"parts_of", replica.snapshot_parts_of},
               {"installed", replica.snapshots_installed},
               {"waits_for", Names(config, replica.snapshot_waits_for)}};
  if (replica.snapshot_from) {
    json["from"] =
        config.nodes[static_cast<std::size_t>(Index(*replica.snapshot_from))]
            .name;
  }
  return json;
}

void AddReplica(const ClusterConfig& config, const ReplicaStatus& replica,
                Json& json) {
  json["oldest_waiting"] = OldestWaiting(replica);
  json["recoveries"] = Recoveries(replica);
  json["holds_back"] = replica.holds_back;
  json["state_hash"] =
      Concat("0x", absl::Hex(replica.state_hash, absl::kZeroPad16));
  json["keys"] = replica.keys;
  json["fast_commits"] = replica.fast_commits;
  json["slow_commits"] = replica.slow_commits;
  json["in_flight"] = replica.own_in_flight;
  json["queued"] = replica.queued_commands;
  json["retransmissions"] = replica.retransmissions;
  json["stale_messages"] = replica.stale_messages;
  json["instances_in_memory"] = replica.instances_in_memory;
  json["index_entries"] = replica.index_entries;
  json["snapshot"] = Snapshot(config, replica);
  json["floors_held_back"] = replica.floors_held_back;
  json["relays"] = replica.relays;
  json["executed_instances"] = replica.executor.executed_instances;
  json["executed_commands"] = replica.executor.executed_commands;
  json["repeated_commands"] = replica.executor.repeated_commands;
  json["sessions"] = replica.sessions;
  json["expired_sessions"] = replica.expired_sessions;
  json["expired_commands"] = replica.executor.expired_commands;
  json["withdrawn_commands"] = replica.executor.withdrawn_commands;
  json["results"] = {{"kept_bytes", replica.kept_result_bytes},
                     {"no_longer_kept", replica.results_gone},
                     {"too_large", replica.executor.too_large_results}};
  json["era"] = replica.era;
  json["waiting_instances"] = replica.executor.waiting_instances;
  json["components"] = replica.executor.components;
  json["largest_component"] = replica.executor.largest_component;
}

// Counts without the empty end.
template <typename Counts>
Json Histogram(const Counts& counts) {
  std::size_t used = counts.size();
  while (used > 0 && counts[used - 1] == 0) --used;
  Json json = Json::array();
  for (std::size_t i = 0; i < used; ++i) json.push_back(counts[i]);
  return json;
}

void AddJournal(const JournalStats& journal, Json& json) {
  const double mean = journal.groups == 0
                          ? 0.0
                          : static_cast<double>(journal.total_us) /
                                static_cast<double>(journal.groups);
  json["fsync_s"] = static_cast<double>(journal.total_us) / 1e6;
  json["fsync"] = {{"count", journal.groups},
                   {"mean_us", mean},
                   {"max_us", journal.longest_us},
                   {"power_of_two_us", Histogram(journal.times)},
                   {"records", journal.records},
                   {"found_awake", journal.found_awake},
                   {"found_asleep", journal.found_asleep}};
  json["disk"] = {{"bytes", journal.file_bytes},
                  {"groups", journal.store.journal_groups},
                  {"journal_bytes", journal.store.journal_bytes}};
}

Json Checkpoint(const NodeFacts& facts) {
  const JournalStats& journal = *facts.journal;
  Json json = {{"through", journal.store.checkpoint_last},
               {"bytes", journal.store.checkpoint_bytes},
               {"journal_bytes_since", journal.store.journal_bytes},
               {"finished", journal.checkpoints},
               {"age_s", nullptr},
               {"writing", facts.writes_checkpoint},
               {"written_bytes", journal.store.unfinished_bytes}};
  if (facts.checkpoint_age_s) json["age_s"] = *facts.checkpoint_age_s;
  return json;
}

Json Refusals(const RefusalCounts& counts) {
  Json json = Json::object();
  for (std::size_t i = 0; i < static_cast<std::size_t>(Refusal::kCount); ++i) {
    const auto reason = static_cast<Refusal>(i);
    json[std::string(Name(reason))] = counts[reason];
  }
  return json;
}

Json RefusedPeers(const std::vector<RefusedPeer>& refused) {
  Json json = Json::array();
  for (const RefusedPeer& each : refused) {
    json.push_back({{"peer", each.peer},
                    {"reason", each.code},
                    {"why", each.why},
                    {"age_ms", each.age_ms}});
  }
  return json;
}

double Microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

Json Wan(const ClusterConfig& config, const WanFacts& wan) {
  Json trouble = Json::array();
  for (const std::string_view line : Lines(wan.trouble)) {
    trouble.push_back(line);
  }
  return {{"matrix", config.wan.matrix},
          {"jitter", config.wan.jitter},
          {"bandwidth_mbit", config.wan.bandwidth_mbit},
          {"pieces", wan.lateness.pieces()},
          {"late_p50_us", Microseconds(wan.lateness.QuantileNs(0.5))},
          {"late_p99_us", Microseconds(wan.lateness.QuantileNs(0.99))},
          {"late_max_us", Microseconds(wan.lateness.most_ns())},
          {"trouble", std::move(trouble)},
          {"trouble_digest",
           Concat("0x", absl::Hex(wan.trouble_digest, absl::kZeroPad16))},
          {"trouble_problem", wan.trouble_problem}};
}

void AddLeader(const ClusterConfig& config, const ReplicaStatus& replica,
               Json& json) {
  json["leads"] = replica.leads;
  json["leader"] = nullptr;
  if (replica.leader) {
    json["leader"] =
        config.nodes[static_cast<std::size_t>(Index(*replica.leader))].name;
  }
  json["ballot"] = Text(replica.ballot);
  json["elections"] = {{"started", replica.recoveries_started},
                       {"won", replica.elections_won}};
  json["reads"] = std::string(Name(config.settings.reads));
  json["leader_reads"] = replica.leader_reads;
}

void AddFaults(const Settings& settings, Json& json) {
  const QuorumSizes sizes = QuorumSizesOf(settings);
  json["fast_path"] = std::string(Name(settings.fast_path));
  json["classic_quorum"] = sizes.classic();
  json["fast_quorum"] = sizes.fast();
  json["accept_quorum"] = sizes.accepting();
}

void AddPhases(const Settings& settings, Json& json) {
  const absl::StatusOr<PaxosQuorums> quorums = PaxosQuorumsOf(settings);
  json["quorums"] = {{"phase1", quorums->phase1().Describe()},
                     {"phase2", quorums->phase2().Describe()}};
}

void AddRoles(const ClusterConfig& config, std::size_t self,
              const Cluster& cluster, Json& json) {
  // Of the first shard and group: the others are defined alike.
  const QuorumSystem& shard = cluster.shard(0).system();
  const AcceptorGroup& group = cluster.group(0);
  json["dependency_quorum"] = shard.smallest();
  json["classic_quorum"] = group.phase2.system().smallest();
  json["quorums"] = {{"dependencies", shard.Describe()},
                     {"phase1", group.phase1.system().Describe()},
                     {"phase2", group.phase2.system().Describe()}};
  json["depsvc_shards"] = cluster.shards();
  json["acceptor_groups"] = cluster.groups();
  if (const auto number = config.ShardOf(self)) json["depsvc_shard"] = *number;
  if (const auto number = config.GroupOf(self)) {
    json["acceptor_group"] = *number;
  }
}

void AddProtocol(const ClusterConfig& config, std::size_t self,
                 const ReplicaStatus& replica, Json& json) {
  const Settings settings = config.NodeSettings(0);
  json["protocol"] = std::string(Name(settings.protocol));
  Json roles = Json::array();
  for (const std::string_view role : config.RolesOf(self)) {
    roles.push_back(std::string(role));
  }
  json["roles"] = std::move(roles);
  if (RowOf(settings.protocol).has_leader) AddLeader(config, replica, json);
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: AddFaults(settings, json); break;
    case Quorums::kPhases: AddPhases(settings, json); break;
    case Quorums::kRoles: AddRoles(config, self, Cluster(settings), json);
  }
  json["conflicts"] = std::string(Name(settings.conflicts));
  json["durability"] =
      config.durability == Durability::kFsync ? "fsync" : "memory";
}

}  // namespace

std::string StatusAsJson(const ClusterConfig& config, std::size_t self,
                         const NodeFacts& facts) {
  Json json;
  json["name"] = config.nodes[self].name;
  json["node"] = self + 1;
  json["cluster"] = config.cluster_id;
  json["site"] = config.nodes[self].site;
  json["settings_digest"] =
      Concat("0x", absl::Hex(facts.settings_digest, absl::kZeroPad16));
  json["up"] = true;
  json["phase"] = std::string(facts.phase);
  json["life"] = facts.life;
  json["uptime_s"] = facts.uptime_s;
  AddProtocol(config, self, facts.replica, json);
  json["committed"] = Columns(config, facts.replica.committed);
  json["executed"] = Columns(config, facts.replica.executed);
  json["base_floor"] = Columns(config, facts.replica.base_floor);
  json["drop_floor"] = Columns(config, facts.replica.drop_floor);
  AddReplica(config, facts.replica, json);
  json["memory_bytes"] = ResidentBytes();
  json["cpu_s"] = CpuSeconds();
  json["turns"] = facts.turns;
  if (facts.journal) {
    AddJournal(*facts.journal, json);
    json["checkpoint"] = Checkpoint(facts);
  }
  Json peers = Json::object();
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (i != self) peers[config.nodes[i].name] = bool{facts.peers_up[i]};
  }
  json["peers_connected"] = std::move(peers);
  Json trouble = Json::object();
  for (std::size_t i = 0; i < facts.peer_trouble.size(); ++i) {
    if (facts.peer_trouble[i].empty()) continue;
    trouble[config.nodes[i].name] = facts.peer_trouble[i];
  }
  json["peer_trouble"] = std::move(trouble);
  if (facts.wan) json["wan"] = Wan(config, *facts.wan);
  json["listens_at"] = facts.listens_at;
  json["advice"] = facts.advice;
  json["refused_peers"] = RefusedPeers(facts.refused_peers);
  json["links"] = {{"messages_sent", facts.links.messages_sent},
                   {"messages_received", facts.links.messages_received},
                   {"bytes_sent", facts.links.bytes_sent},
                   {"connections_lost", facts.links.connections_lost}};
  json["clients"] = {{"connections", facts.client_connections},
                     {"commands", facts.clients.commands_received},
                     {"status_requests", facts.clients.status_requests},
                     {"status_answers", facts.clients.status_answers},
                     {"statuses_built", facts.clients.statuses_built},
                     {"reads_put_off", facts.clients.reads_put_off},
                     {"accept_failures", facts.accept_failures}};
  json["refused"] = Refusals(facts.refusals);
  // A name that is no UTF-8 must not end the process.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace quorate
