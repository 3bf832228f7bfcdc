// `quorate local`: a cluster on this machine, for trying and testing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "replica/base/quorum.h"
#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/cli/local_cluster.h"
#include "replica/cli/local_trouble.h"
#include "replica/cli/node_starter.h"
#include "wire/timers.h"

namespace quorate::cli {
namespace {

struct LocalArguments {
  std::string directory;
  std::string node;
  int timeout_ms = MillisecondsOf<"local.ready">;
  bool json = false;
  int nodes = 3;
  int batch = 0;
  bool thrifty = false;
  bool lazy_fast_commit = false;
  std::string protocol, durability, conflicts, fast_path;
  ClusterWishes::RoleCounts roles;
  int depsvc_shards = 1;
  int acceptor_groups = 1;
  std::string wan, jitter;
  std::vector<std::string> sites;
  std::int64_t bandwidth_mbit = 0;
  std::int64_t wan_seed = 1;
  // partition, slow, flap, stall, heal
  std::string others;
  bool one_way = false;
  std::vector<std::string> times;
};

int Fail(const absl::Status& status, int exit_code = kFailed) {
  PrintError("local", Text(status));
  return exit_code;
}

std::string_view StateName(ProcessState state) {
  switch (state) {
    case ProcessState::kGone: return "stopped";
    case ProcessState::kRunning: return "running";
    case ProcessState::kPaused: return "paused";
  }
  return "unknown";
}

// A node that failed for its disk's sake says so through us.
int ExitCodeOf(const LocalCluster& cluster) {
  return cluster.failed_exit_code() == kStorageFailure ? kStorageFailure
                                                       : kFailed;
}

void PrintNodes(const LocalCluster& cluster) {
  for (const LocalNode& node : cluster.Nodes()) {
    fmt::print("{:4} {:8} clients {:22} peers {:22} {}\n", node.config.name,
               StateName(node.state), ToString(node.config.client),
               ToString(node.config.peer),
               node.state == ProcessState::kGone
                   ? ""
                   : fmt::format("process {}", node.process->pid));
  }
}

void PrintNodesAsJson(const LocalCluster& cluster) {
  nlohmann::json json = nlohmann::json::array();
  for (const LocalNode& node : cluster.Nodes()) {
    nlohmann::json entry = {{"node", node.config.name},
                            {"state", StateName(node.state)},
                            {"client", ToString(node.config.client)},
                            {"peer", ToString(node.config.peer)}};
    if (node.state != ProcessState::kGone) entry["pid"] = node.process->pid;
    json.push_back(std::move(entry));
  }
  fmt::print("{}\n", json.dump(2));
}

int Up(const LocalArguments& arguments, const ClusterWishes& wishes) {
  absl::StatusOr<LocalCluster> cluster =
      LocalCluster::Open(arguments.directory, /*create=*/true);
  if (!cluster.ok()) return Fail(cluster.status());
  const auto up = cluster->Up(wishes, arguments.timeout_ms);
  if (absl::IsInvalidArgument(up.status())) {
    return Fail(up.status(), kWrongUsage);
  }
  if (!up.ok()) return Fail(up.status(), ExitCodeOf(*cluster));
  const bool durable = cluster->config().durability == Durability::kFsync;
  fmt::print("{} nodes, {}, durability {}\n", cluster->config().nodes.size(),
             Name(cluster->config().settings.protocol),
             durable ? "fsync" : "memory (not durable)");
  PrintNodes(*cluster);
  for (const std::string& note : *up) fmt::print("note: {}\n", note);
  fmt::print("next: quorate kv put greeting hello --config {}\n",
             ShellWord(cluster->config_path()));
  return kDone;
}

int ShowStatus(const LocalArguments& arguments, const LocalCluster& cluster) {
  if (arguments.json) {
    PrintNodesAsJson(cluster);
    return kDone;
  }
  PrintNodes(cluster);
  fmt::print("see also: quorate status --config {}\n",
             ShellWord(cluster.config_path()));
  return kDone;
}

int Down(LocalCluster& cluster) {
  const std::vector<LocalNode> nodes = cluster.Nodes();
  const auto running = std::ranges::count_if(nodes, [](const LocalNode& node) {
    return node.state != ProcessState::kGone;
  });
  const absl::StatusOr<int> killed = cluster.Down();
  if (!killed.ok()) return Fail(killed.status());
  fmt::print("stopped {} of {} nodes\n", running, nodes.size());
  if (*killed > 0) {
    PrintError("local",
               fmt::format("{} did not stop on SIGTERM within {} s and "
                           "had to be killed",
                           *killed, kStopGraceMs / 1000));
  }
  return kDone;
}

int Signal(LocalCluster& cluster, const std::string& node, int signal,
           const char* done) {
  const absl::StatusOr<std::size_t> index = cluster.FindNode(node);
  if (!index.ok()) return Fail(index.status(), kWrongUsage);
  const absl::Status sent = cluster.Signal(*index, signal);
  if (!sent.ok()) return Fail(sent);
  fmt::print("{} {}\n", done, cluster.config().nodes[*index].name);
  return kDone;
}

int Start(LocalCluster& cluster, const LocalArguments& arguments) {
  const absl::StatusOr<std::size_t> index = cluster.FindNode(arguments.node);
  if (!index.ok()) return Fail(index.status(), kWrongUsage);
  const auto started = cluster.Start(*index, arguments.timeout_ms);
  if (!started.ok()) return Fail(started.status(), ExitCodeOf(cluster));
  fmt::print("started {}\n", cluster.config().nodes[*index].name);
  for (const std::string& note : *started) fmt::print("note: {}\n", note);
  return kDone;
}

CLI::App* AddCommand(CLI::App& app, const char* name, const char* about,
                     LocalArguments& arguments) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->add_option("--dir", arguments.directory, "the cluster's folder")
      ->required();
  return sub;
}

CLI::App* AddNodeCommand(CLI::App& app, const char* name, const char* about,
                         LocalArguments& arguments) {
  CLI::App* sub = AddCommand(app, name, about, arguments);
  sub->add_option("N", arguments.node, "the node's name, or its number from 1")
      ->required();
  return sub;
}

void AddTimeout(CLI::App* sub, LocalArguments& arguments) {
  sub->add_option("--timeout-ms", arguments.timeout_ms,
                  "how long a node may take to be ready")
      ->check(CLI::Range(1, 3600000))
      ->capture_default_str();
}

// "epaxos: every replica leads, ...; multipaxos: a stable ...".
std::string ProtocolsText() {
  std::string text;
  for (const ProtocolRow& row : kProtocolRows) {
    text +=
        fmt::format("{}{}: {}", text.empty() ? "" : "; ", row.name, row.about);
  }
  return text;
}

CLI::App* AddUp(CLI::App& app, LocalArguments& arguments) {
  CLI::App* up = AddCommand(app, "up",
                            "start a cluster, with its data if the "
                            "folder has one",
                            arguments);
  up->add_option("--nodes", arguments.nodes, "number of nodes")
      ->check(CLI::Range(3, 9))
      ->capture_default_str();
  up->add_option("--protocol", arguments.protocol,
                 "the first is the default; " + ProtocolsText())
      ->check(CLI::IsMember(NamesOf("cluster.protocol")));
  for (const auto& [name, count] :
       {std::pair("--leaders", &arguments.roles.leaders),
        std::pair("--depsvc", &arguments.roles.dependency_nodes),
        std::pair("--acceptors", &arguments.roles.acceptors),
        std::pair("--executors", &arguments.roles.executors)}) {
    up->add_option(name, *count,
                   "bpaxos, a node a role: nodes with this one, instead of "
                   "--nodes (of a shard, of a group)")
        ->check(CLI::Range(1, 9))
        ->capture_default_str()
        ->excludes("--nodes");
  }
  up->add_option(
        "--depsvc-shards", arguments.depsvc_shards,
        "bpaxos: shards of the dependency service, each with its share "
        "of the keys")
      ->check(CLI::Range(1, kMaxParts))
      ->capture_default_str();
  up->add_option("--acceptor-groups", arguments.acceptor_groups,
                 "bpaxos: groups of acceptors, each with its share of the "
                 "instances")
      ->check(CLI::Range(1, kMaxParts))
      ->capture_default_str();
  up->add_option("--durability", arguments.durability,
                 "fsync (default): nothing is said before it is on disk; "
                 "memory: nothing is written")
      ->check(CLI::IsMember(NamesOf("cluster.durability")));
  up->add_option("--fast-path", arguments.fast_path,
                 "when one round trip is enough: epaxos (default), a majority "
                 "that knows no further conflict; atlas, a fixed quorum that "
                 "reports every conflict often enough; unanimous, all nodes "
                 "without a further conflict")
      ->check(CLI::IsMember(NamesOf("protocol.fast_path")));
  up->add_flag("--thrifty", arguments.thrifty,
               "send proposals to a fast quorum only");
  up->add_flag("--lazy-fast-commit", arguments.lazy_fast_commit,
               "answer before the record of a fast commit is on disk (its "
               "votes are): faster, but after a crash a command may have to "
               "wait for a further node that is down");
  up->add_option("--conflicts", arguments.conflicts,
                 "how much of the commutation table is used: op (default), "
                 "rw, key")
      ->check(CLI::IsMember(NamesOf("protocol.conflicts")));
  const auto most_shared = LimitsOf("batch.max_commands");
  up->add_option("--batch", arguments.batch,
                 "most commands that share an instance; 1 turns it off")
      ->check(CLI::Range(most_shared.first, most_shared.second));
  const char* distances = "Distances between regions, on this machine";
  up->add_option("--wan", arguments.wan,
                 "a matrix of \"quorate matrices\", or a CSV file")
      ->group(distances);
  up->add_option("--sites", arguments.sites,
                 "the nodes' sites in order, with commas (default: those of "
                 "the matrix)")
      ->delimiter(',')
      ->group(distances);
  up->add_option("--jitter", arguments.jitter,
                 "added to each delay: \"uniform MS\", \"lognormal MEDIAN_MS "
                 "SIGMA\", \"trace FILE\" (default: none)")
      ->group(distances);
  const auto most_mbit = LimitsOf("wan.bandwidth_mbit");
  up->add_option("--bandwidth-mbit", arguments.bandwidth_mbit,
                 "of each way between two nodes; 0: without limit")
      ->check(CLI::Range(most_mbit.first, most_mbit.second))
      ->group(distances);
  const auto seeds = LimitsOf("wan.seed");
  up->add_option("--wan-seed", arguments.wan_seed, "of the jitter")
      ->check(CLI::Range(seeds.first, seeds.second))
      ->group(distances);
  AddTimeout(up, arguments);
  return up;
}

// Only what was given: a cluster that exists keeps what it has.
ClusterWishes WishesFrom(const CLI::App& up, const LocalArguments& arguments) {
  ClusterWishes wishes;
  if (up.count("--nodes") > 0) wishes.nodes = arguments.nodes;
  if (up.count("--protocol") > 0)
    wishes.protocol = ParseProtocol(arguments.protocol);
  for (const char* role :
       {"--leaders", "--depsvc", "--acceptors", "--executors"}) {
    if (up.count(role) > 0) wishes.roles = arguments.roles;
  }
  wishes.depsvc_shards = arguments.depsvc_shards;
  wishes.acceptor_groups = arguments.acceptor_groups;
  if (up.count("--durability") > 0) {
    wishes.durability = arguments.durability == "memory" ? Durability::kMemory
                                                         : Durability::kFsync;
  }
  if (up.count("--fast-path") > 0) {
    wishes.fast_path = ParseFastPathRule(arguments.fast_path);
  }
  if (arguments.thrifty) wishes.thrifty = true;
  if (arguments.lazy_fast_commit) wishes.lazy_fast_commit = true;
  if (up.count("--conflicts") > 0) {
    wishes.conflicts = ParseConflictMode(arguments.conflicts);
  }
  if (up.count("--batch") > 0) wishes.batch = arguments.batch;
  if (up.count("--wan") > 0) wishes.wan = arguments.wan;
  wishes.sites = arguments.sites;
  if (up.count("--jitter") > 0) wishes.jitter = arguments.jitter;
  if (up.count("--bandwidth-mbit") > 0) {
    wishes.bandwidth_mbit = arguments.bandwidth_mbit;
  }
  if (up.count("--wan-seed") > 0) wishes.wan_seed = arguments.wan_seed;
  return wishes;
}

// ---- trouble ----------------------------------------------------------------

struct TroubleCommands {
  const CLI::App* partition = nullptr;
  const CLI::App* slow = nullptr;
  const CLI::App* flap = nullptr;
  const CLI::App* stall = nullptr;
  const CLI::App* heal = nullptr;

  bool parsed() const {
    return partition->parsed() || slow->parsed() || flap->parsed() ||
           heal->parsed();
  }
};

CLI::App* AddWayCommand(CLI::App& app, const char* name, const char* about,
                        LocalArguments& arguments) {
  CLI::App* sub = AddCommand(app, name, about, arguments);
  sub->add_option("A", arguments.node,
                  "nodes or sites, with commas where several");
  sub->add_option("B", arguments.others, "likewise (default: all others)");
  sub->add_flag("--one-way", arguments.one_way,
                "from A to B only; what B sends arrives");
  AddTimeout(sub, arguments);
  return sub;
}

TroubleCommands AddTroubleCommands(CLI::App& app, LocalArguments& arguments) {
  TroubleCommands commands;
  CLI::App* partition = AddWayCommand(
      app, "partition", "cut the ways between A and B", arguments);
  partition->get_option("A")->required();
  CLI::App* slow = AddWayCommand(
      app, "slow", "make the ways between A and B slower", arguments);
  slow->get_option("A")->required();
  slow->add_option("--by", arguments.times, "by so much, each way: 50ms")
      ->expected(1)
      ->required();
  CLI::App* flap = AddWayCommand(
      app, "flap", "cut the ways between A and B again and again", arguments);
  flap->get_option("A")->required();
  flap->add_option("--times", arguments.times,
                   "how long they are open, and how long cut: 500ms 200ms")
      ->expected(2)
      ->required();
  CLI::App* stall = AddNodeCommand(
      app, "stall", "stop a node for a while, as by SIGSTOP", arguments);
  stall->add_option("--for", arguments.times, "how long: 400ms")
      ->expected(1)
      ->required();
  commands.partition = partition;
  commands.slow = slow;
  commands.flap = flap;
  commands.stall = stall;
  commands.heal = AddWayCommand(
      app, "heal", "end the trouble between A and B, or everywhere", arguments);
  return commands;
}

int MakeTrouble(const TroubleCommands& commands, const LocalCluster& cluster,
                const LocalArguments& arguments) {
  std::vector<std::uint64_t> times;
  for (const std::string& text : arguments.times) {
    const absl::StatusOr<std::uint64_t> time = ParseDurationNs(text);
    if (!time.ok()) return Fail(time.status(), kWrongUsage);
    times.push_back(*time);
  }
  const absl::StatusOr<WayList> ways =
      arguments.node.empty() ? AllWays(cluster.config())
                             : FindWays(cluster, arguments.node,
                                        arguments.others, arguments.one_way);
  if (!ways.ok()) return Fail(ways.status(), kWrongUsage);
  const auto change = [&](WayTrouble& trouble) {
    if (commands.heal->parsed()) trouble = {};
    if (commands.partition->parsed()) trouble.cut = true;
    if (commands.slow->parsed()) trouble.extra_ns = times[0];
    if (commands.flap->parsed()) {
      trouble.open_ns = times[0];
      trouble.closed_ns = times[1];
    }
  };
  const absl::StatusOr<std::string> now =
      ChangeTrouble(cluster, *ways, change, arguments.timeout_ms);
  if (!now.ok()) return Fail(now.status());
  fmt::print("{}", now->empty() ? "all ways are well\n" : *now);
  return kDone;
}

int Stall(LocalCluster& cluster, const LocalArguments& arguments) {
  const absl::StatusOr<std::uint64_t> time =
      ParseDurationNs(arguments.times[0]);
  if (!time.ok()) return Fail(time.status(), kWrongUsage);
  const int paused = Signal(cluster, arguments.node, SIGSTOP, "paused");
  if (paused != kDone) return paused;
  std::this_thread::sleep_for(std::chrono::nanoseconds(*time));
  return Signal(cluster, arguments.node, SIGCONT, "resumed");
}

}  // namespace

int LocalMain(int argc, const char* const* argv) {
  LocalArguments arguments;
  CLI::App app("Starts, looks after and stops a cluster on this machine.",
               "quorate local");
  app.footer(
      "Examples:\n"
      "  quorate local up --nodes 3 --dir out/c     returns when all are "
      "ready\n"
      "  quorate local up --protocol bpaxos --leaders 2 --depsvc 3 "
      "--acceptors 3 --executors 2 --dir out/b\n"
      "  quorate local up --protocol bpaxos --leaders 2 --depsvc-shards 2 "
      "--acceptor-groups 2 --dir out/s\n"
      "  quorate local status --dir out/c\n"
      "  quorate local kill 2 --dir out/c           SIGKILL\n"
      "  quorate local start 2 --dir out/c\n"
      "  quorate local pause 3 --dir out/c          SIGSTOP; undone by resume\n"
      "  quorate local down --dir out/c\n"
      "Regions, without leaving this machine:\n"
      "  quorate local up --nodes 5 --wan epaxos5 --dir out/w\n"
      "  quorate local partition r1 r2,r3 --dir out/w   cut until healed\n"
      "  quorate local slow ireland --by 50ms --dir out/w\n"
      "  quorate local flap r1 r4 --times 500ms 200ms --dir out/w\n"
      "  quorate local stall r2 --for 400ms --dir out/w\n"
      "  quorate local heal --dir out/w\n"
      "The folder holds cluster.toml and, for every node, rN/ (data and "
      "rN.log) and rN.pid.");
  app.require_subcommand(1);
  const CLI::App* up = AddUp(app, arguments);
  CLI::App* status = AddCommand(app, "status", "show the processes", arguments);
  status->add_flag("--json", arguments.json, "print it as JSON");
  const CLI::App* kill =
      AddNodeCommand(app, "kill", "end a node by SIGKILL", arguments);
  const CLI::App* pause =
      AddNodeCommand(app, "pause", "stop a node by SIGSTOP", arguments);
  const CLI::App* resume =
      AddNodeCommand(app, "resume", "let a paused node go on", arguments);
  CLI::App* start =
      AddNodeCommand(app, "start", "start a node that does not run", arguments);
  AddTimeout(start, arguments);
  const TroubleCommands trouble = AddTroubleCommands(app, arguments);
  AddCommand(app, "down", "stop all nodes", arguments);

  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  if (up->parsed()) {
    const ClusterWishes wishes = WishesFrom(*up, arguments);
    const bool divides = wishes.depsvc_shards > 1 || wishes.acceptor_groups > 1;
    const bool has_roles = wishes.protocol.has_value() &&
                           RowOf(*wishes.protocol).quorums == Quorums::kRoles;
    if ((wishes.roles || divides) && !has_roles) {
      return Fail(absl::InvalidArgumentError(fmt::format(
                      "--leaders, --depsvc, --acceptors, --executors, "
                      "--depsvc-shards and --acceptor-groups are for "
                      "--protocol {}; give that, or --nodes",
                      ProtocolNames(Quorums::kRoles))),
                  kWrongUsage);
    }
    return Up(arguments, wishes);
  }
  absl::StatusOr<LocalCluster> cluster =
      LocalCluster::Open(arguments.directory, /*create=*/false);
  if (!cluster.ok()) return Fail(cluster.status());
  if (status->parsed()) return ShowStatus(arguments, *cluster);
  const std::string& node = arguments.node;
  if (kill->parsed()) return Signal(*cluster, node, SIGKILL, "killed");
  if (pause->parsed()) return Signal(*cluster, node, SIGSTOP, "paused");
  if (resume->parsed()) return Signal(*cluster, node, SIGCONT, "resumed");
  if (start->parsed()) return Start(*cluster, arguments);
  if (trouble.parsed()) return MakeTrouble(trouble, *cluster, arguments);
  if (trouble.stall->parsed()) return Stall(*cluster, arguments);
  return Down(*cluster);
}

}  // namespace quorate::cli
