// `quorate local`: a cluster on this machine, for trying and testing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "replica/base/quorum.h"
#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/cli/local_cluster.h"
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
  const absl::Status up = cluster->Up(wishes, arguments.timeout_ms);
  if (absl::IsInvalidArgument(up)) return Fail(up, kWrongUsage);
  if (!up.ok()) return Fail(up, ExitCodeOf(*cluster));
  const bool durable = cluster->config().durability == Durability::kFsync;
  fmt::print("{} nodes, {}, durability {}\n", cluster->config().nodes.size(),
             Name(cluster->config().settings.protocol),
             durable ? "fsync" : "memory (not durable)");
  PrintNodes(*cluster);
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
  const absl::Status started = cluster.Start(*index, arguments.timeout_ms);
  if (!started.ok()) return Fail(started, ExitCodeOf(cluster));
  fmt::print("started {}\n", cluster.config().nodes[*index].name);
  return kDone;
}

CLI::App* AddCommand(CLI::App& app, const char* name, const char* about,
                     LocalArguments& arguments) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->add_option("--dir", arguments.directory, "the cluster's folder")
      ->required()
      ->check([](const std::string& path) {
        // Its files would lie in the root of the file system.
        return path.empty() ? "the path is empty; give a folder's" : "";
      });
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
  return wishes;
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
  return Down(*cluster);
}

}  // namespace quorate::cli
