#include "replica/cli/local_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include "replica/base/quorum.h"
#include "replica/cli/arguments.h"
#include "replica/cli/local_trouble.h"
#include "replica/cli/node_starter.h"
#include "wire/wan/load.h"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

std::string RandomName() {
  std::random_device device;
  return fmt::format("local-{:08x}{:08x}", device(), device());
}

std::string_view DurabilityName(Durability durability) {
  return durability == Durability::kMemory ? "memory" : "fsync";
}

absl::Status Differs(const char* flag, std::string_view wish,
                     std::string_view found) {
  return absl::FailedPreconditionError(fmt::format(
      "the cluster in this folder has {} {}, not {}; leave the flag out to "
      "start it as it is, or take another --dir",
      flag, found, wish));
}

absl::Status NotAllowed(const LocalNode& node) {
  return absl::PermissionDeniedError(fmt::format(
      "{} (process {}) cannot be stopped or signalled: it belongs to another "
      "user, or hangs in the system; do it as that user",
      node.config.name, node.process->pid));
}

// Who has which roles, and which parts of them.
struct Division {
  int nodes = 0;
  Roles roles;
  Parts parts;
};

// Leaders first, then dependency nodes by shard, acceptors by group, executors.
Division SeparateRoles(const ClusterWishes& wishes) {
  Division division;
  const auto take = [&](int count, int parts, auto* part_of) {
    ReplicaSet taken;
    for (int i = 0; i < count * parts; ++i, ++division.nodes) {
      if (division.nodes >= kMaxNodes) continue;  // Refused for its size.
      taken.Insert(ReplicaAt(division.nodes));
      if (part_of == nullptr) continue;
      (*part_of)[static_cast<std::size_t>(division.nodes)] =
          static_cast<std::uint8_t>(i / count);
    }
    return taken;
  };
  using PartOf = decltype(Parts::shard);
  const ClusterWishes::RoleCounts counts =
      wishes.roles.value_or(ClusterWishes::RoleCounts());
  Roles& roles = division.roles;
  Parts& parts = division.parts;
  roles.leaders = take(counts.leaders, 1, static_cast<PartOf*>(nullptr));
  roles.dependency_nodes =
      take(counts.dependency_nodes, wishes.depsvc_shards, &parts.shard);
  roles.acceptors =
      take(counts.acceptors, wishes.acceptor_groups, &parts.group);
  roles.executors = take(counts.executors, 1, static_cast<PartOf*>(nullptr));
  return division;
}

// Nodes with all roles, in order, as many in each part as in any other or one
// less.
Division DivideAll(int nodes, const ClusterWishes& wishes) {
  Division division{.nodes = nodes};
  for (int i = 0; i < std::min(nodes, kMaxNodes); ++i) {
    const auto part = [&](int parts) {
      return static_cast<std::uint8_t>(i * parts / nodes);
    };
    division.parts.shard[static_cast<std::size_t>(i)] =
        part(wishes.depsvc_shards);
    division.parts.group[static_cast<std::size_t>(i)] =
        part(wishes.acceptor_groups);
  }
  return division;
}

absl::Status CheckSize(const Division& division, const ClusterWishes& wishes) {
  if (division.nodes <= kMaxNodes || !wishes.roles) return absl::OkStatus();
  const ClusterWishes::RoleCounts& counts = *wishes.roles;
  return absl::InvalidArgumentError(fmt::format(
      "{} leaders + {} x {} dependency nodes + {} x {} acceptors + {} "
      "executors = {} nodes, a cluster has at most {}; ask for fewer of some, "
      "or give nodes several roles in a cluster.toml of your own",
      counts.leaders, wishes.depsvc_shards, counts.dependency_nodes,
      wishes.acceptor_groups, counts.acceptors, counts.executors,
      division.nodes, kMaxNodes));
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc | std::ios::binary);
  file << text;
  file.close();
  std::error_code error;
  if (file) fs::rename(draft, path, error);
  if (file && !error) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("cannot write \"{}\": {}", path, std::strerror(errno)));
}

absl::StatusOr<LocalCluster> LocalCluster::Open(const std::string& directory,
                                                bool create) {
  std::error_code error;
  if (create) fs::create_directories(directory, error);
  const bool has_cluster = fs::exists(directory + "/cluster.toml", error);
  if (error) {
    return absl::PermissionDeniedError(
        fmt::format("cannot look into \"{}\": {}", directory, error.message()));
  }
  if (!create && !has_cluster) {
    return absl::NotFoundError(
        fmt::format("there is no cluster in \"{}\"; start one with \"quorate "
                    "local up --dir {}\"",
                    directory, ShellWord(directory)));
  }
  const std::string path = directory + "/.lock";
  const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) {
    return absl::UnavailableError(
        fmt::format("cannot write \"{}\": {}", path, std::strerror(errno)));
  }
  const std::string whole =
      fs::absolute(directory, error).lexically_normal().string();
  LocalCluster cluster(error ? directory : whole, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "another \"quorate local\" is at work on \"{}\"; wait for it",
        directory));
  }
  if (!has_cluster) return cluster;
  absl::StatusOr<ClusterConfig> config = LoadConfig(cluster.config_path());
  if (!config.ok()) return config.status();
  cluster.config_ = *std::move(config);
  if (absl::Status own = cluster.CheckIsNoCopy(); !own.ok()) return own;
  return cluster;
}

// A folder that was moved is its nodes' still; one that was copied came with
// the numbers of processes that are not its own.
absl::Status LocalCluster::CheckIsNoCopy() const {
  for (const LocalNode& node : Nodes()) {
    if (node.state == ProcessState::kGone) continue;
    const std::string folder = WorksElsewhere(*node.process, directory_);
    if (folder.empty()) continue;
    return absl::FailedPreconditionError(fmt::format(
        "\"{}\" is a copy of the folder of a cluster that runs: {} (process "
        "{}) "
        "belongs to \"{}\"; give that one to --dir, or stop it there first",
        directory_, node.config.name, node.process->pid, folder));
  }
  return absl::OkStatus();
}

LocalCluster::LocalCluster(LocalCluster&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, -1)),
      config_(std::move(other.config_)),
      failed_exit_code_(other.failed_exit_code_) {}

LocalCluster::~LocalCluster() {
  if (lock_ >= 0) close(lock_);
}

std::string LocalCluster::ProcessFile(std::size_t index) const {
  return fmt::format("{}/{}.pid", directory_, config_.nodes[index].name);
}

std::vector<LocalNode> LocalCluster::Nodes() const {
  std::vector<LocalNode> nodes;
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    LocalNode node{.config = config_.nodes[i],
                   .process = ReadProcessFile(ProcessFile(i))};
    if (node.process) node.state = StateOf(*node.process);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

absl::StatusOr<std::size_t> LocalCluster::FindNode(
    const std::string& number) const {
  // A node may be named like another one's number.
  if (const std::optional<std::size_t> named = config_.FindNode(number)) {
    return *named;
  }
  std::string names;
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    if (number == std::to_string(i + 1)) return i;
    names += (i == 0 ? "" : ", ") + config_.nodes[i].name;
  }
  return absl::InvalidArgumentError(fmt::format(
      "there is no node \"{}\"; this cluster has {}", number, names));
}

absl::StatusOr<std::vector<std::string>> LocalCluster::Up(
    const ClusterWishes& wishes, int timeout_ms) {
  if (config_.nodes.empty()) {
    if (absl::Status created = Create(wishes); !created.ok()) return created;
  } else if (absl::Status same = CheckWishes(wishes); !same.ok()) {
    return same;
  }
  std::vector<std::size_t> all;
  for (const LocalNode& node : Nodes()) {
    if (node.state != ProcessState::kGone) {
      return absl::FailedPreconditionError(fmt::format(
          "\"{}\" holds a running cluster ({} is process {}); stop it with "
          "\"quorate local down --dir {}\", or start single nodes with "
          "\"quorate local start N\"",
          directory_, node.config.name, node.process->pid,
          ShellWord(directory_)));
    }
    all.push_back(all.size());
  }
  return StartSome(all, timeout_ms);
}

absl::Status LocalCluster::Create(const ClusterWishes& wishes) {
  ClusterConfig config;
  config.cluster_id = RandomName();
  if (wishes.protocol) config.settings.protocol = *wishes.protocol;
  config.durability = wishes.durability.value_or(config.durability);
  config.settings.fast_path =
      wishes.fast_path.value_or(config.settings.fast_path);
  config.settings.thrifty = wishes.thrifty.value_or(false);
  config.settings.lazy_fast_commit = wishes.lazy_fast_commit.value_or(false);
  config.settings.conflicts =
      wishes.conflicts.value_or(config.settings.conflicts);
  if (wishes.batch) {
    config.settings.batch_commands = static_cast<std::size_t>(*wishes.batch);
  }
  const Division division = wishes.roles
                                ? SeparateRoles(wishes)
                                : DivideAll(wishes.nodes.value_or(3), wishes);
  if (absl::Status fits = CheckSize(division, wishes); !fits.ok()) return fits;
  config.settings.roles = division.roles;
  config.settings.parts = division.parts;
  const auto count = static_cast<std::size_t>(division.nodes);
  config.settings.replicas = static_cast<int>(count);
  absl::StatusOr<std::vector<std::uint16_t>> ports = FindFreePorts(2 * count);
  if (!ports.ok()) return ports.status();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("r{}", i + 1);
    // Relative to the file, so that the folder may be moved.
    config.nodes.push_back({.name = name,
                            .peer = {"127.0.0.1", (*ports)[2 * i]},
                            .client = {"127.0.0.1", (*ports)[2 * i + 1]},
                            .directory = name});
  }
  // `quorate local partition` and its like.
  config.wan.trouble = "trouble";
  if (absl::Status placed = Place(wishes, config); !placed.ok()) return placed;
  if (absl::Status written = WriteFile(config_path(), FormatConfig(config));
      !written.ok()) {
    return written;
  }
  absl::StatusOr<ClusterConfig> loaded = LoadConfig(config_path());
  if (!loaded.ok()) {
    std::error_code error;
    fs::remove(config_path(), error);
    return loaded.status();
  }
  config_ = *std::move(loaded);
  return absl::OkStatus();
}

// The folder gets a copy of the matrix: it says all by itself what was run.
absl::Status LocalCluster::Place(const ClusterWishes& wishes,
                                 ClusterConfig& config) const {
  if (!wishes.wan) {
    if (wishes.sites.empty()) return absl::OkStatus();
    for (std::size_t i = 0; i < config.nodes.size(); ++i) {
      config.nodes[i].site = wishes.sites[i % wishes.sites.size()];
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<wan::RegionMatrix> matrix = wan::Load(*wishes.wan);
  if (!matrix.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--wan: {}", Text(matrix.status())));
  }
  std::vector<std::string> sites = wishes.sites;
  if (sites.empty()) sites = matrix->sites();
  for (const std::string& site : sites) {
    if (const auto known = matrix->Find(site); !known.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("--sites: {}", Text(known.status())));
    }
  }
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    config.nodes[i].site = sites[i % sites.size()];
  }
  config.wan.jitter = wishes.jitter.value_or(config.wan.jitter);
  config.wan.bandwidth_mbit = wishes.bandwidth_mbit.value_or(0);
  config.wan.seed = wishes.wan_seed.value_or(config.wan.seed);
  config.wan.matrix = "matrix.csv";
  return WriteFile(directory_ + "/matrix.csv",
                   fmt::format("# of {}\n{}", matrix->name(), matrix->ToCsv()));
}

absl::Status LocalCluster::CheckWishes(const ClusterWishes& wishes) const {
  const Settings& settings = config_.settings;
  const std::string nodes = std::to_string(config_.nodes.size());
  const std::string batch = std::to_string(settings.batch_commands);
  if (wishes.nodes && std::to_string(*wishes.nodes) != nodes) {
    return Differs("--nodes", std::to_string(*wishes.nodes), nodes);
  }
  if (wishes.protocol && *wishes.protocol != config_.settings.protocol) {
    return Differs("--protocol", Name(*wishes.protocol),
                   Name(config_.settings.protocol));
  }
  if (wishes.durability && *wishes.durability != config_.durability) {
    return Differs("--durability", DurabilityName(*wishes.durability),
                   DurabilityName(config_.durability));
  }
  if (wishes.fast_path && *wishes.fast_path != settings.fast_path) {
    return Differs("--fast-path", Name(*wishes.fast_path),
                   Name(settings.fast_path));
  }
  if (wishes.thrifty && *wishes.thrifty != settings.thrifty) {
    return Differs("--thrifty", "on", "off");
  }
  if (wishes.lazy_fast_commit &&
      *wishes.lazy_fast_commit != settings.lazy_fast_commit) {
    return Differs("--lazy-fast-commit", "on", "off");
  }
  if (wishes.conflicts && *wishes.conflicts != settings.conflicts) {
    return Differs("--conflicts", Name(*wishes.conflicts),
                   Name(settings.conflicts));
  }
  const Division division = wishes.roles ? SeparateRoles(wishes)
                                         : DivideAll(settings.replicas, wishes);
  if (wishes.roles && division.roles != settings.roles) {
    return Differs("the roles", "as given",
                   settings.roles == Roles() ? "all on every node"
                                             : "as cluster.toml has them");
  }
  const bool divides = wishes.depsvc_shards > 1 || wishes.acceptor_groups > 1;
  if ((wishes.roles || divides) && division.parts != settings.parts) {
    return Differs("--depsvc-shards and --acceptor-groups", "as given",
                   "those that cluster.toml has");
  }
  if (wishes.wan || wishes.jitter || wishes.bandwidth_mbit || wishes.wan_seed ||
      !wishes.sites.empty()) {
    return absl::FailedPreconditionError(
        "--wan, --sites, --jitter, --bandwidth-mbit and --wan-seed are for a "
        "new cluster; leave them out to start this one as it is, or take "
        "another --dir");
  }
  if (wishes.batch && std::to_string(*wishes.batch) != batch) {
    return Differs("--batch", std::to_string(*wishes.batch), batch);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> LocalCluster::StartSome(
    const std::vector<std::size_t>& indexes, int timeout_ms) {
  std::vector<NodeStart> starts;
  std::vector<RunningNode> running;
  for (const LocalNode& node : Nodes()) {
    if (node.state != ProcessState::kRunning) continue;
    running.push_back({.name = node.config.name, .process = *node.process});
  }
  const TroubleTable trouble = ReadTrouble(config_);
  const auto is_open = [&](std::size_t a, std::size_t b) {
    const auto way = trouble.find({a, b});
    return way == trouble.end() || !way->second.cut;
  };
  for (const std::size_t i : indexes) {
    const std::string& name = config_.nodes[i].name;
    const std::string folder = fmt::format("{}/{}", directory_, name);
    std::error_code error;
    fs::create_directories(folder, error);
    starts.push_back({.name = name,
                      .config = config_path(),
                      .log = fmt::format("{}/{}.log", folder, name),
                      .process_file = ProcessFile(i)});
    for (std::size_t peer = 0; peer < config_.nodes.size(); ++peer) {
      if (peer == i || !is_open(i, peer) || !is_open(peer, i)) continue;
      starts.back().peers.push_back(config_.nodes[peer].name);
    }
  }
  StartOutcome outcome = StartNodes(starts, running, timeout_ms);
  failed_exit_code_ = outcome.exit_code;
  if (!outcome.status.ok()) return outcome.status;
  return std::move(outcome.notes);
}

absl::StatusOr<std::vector<std::string>> LocalCluster::Start(std::size_t index,
                                                             int timeout_ms) {
  const LocalNode node = Nodes()[index];
  if (node.state != ProcessState::kGone) {
    return absl::FailedPreconditionError(
        fmt::format("{} is running already, as process {}", node.config.name,
                    node.process->pid));
  }
  if (config_.durability == Durability::kMemory && SomeNodeRuns()) {
    // It would come up without its votes, so the others refuse it for good.
    return absl::FailedPreconditionError(fmt::format(
        "{0} has lost its data with its process (durability memory) and may "
        "not come back beside nodes that run; restart all, with \"quorate "
        "local "
        "down --dir {1}\" and \"quorate local up --dir {1}\", or take a "
        "cluster "
        "with --durability fsync",
        node.config.name, ShellWord(directory_)));
  }
  return StartSome({index}, timeout_ms);
}

bool LocalCluster::SomeNodeRuns() const {
  return std::ranges::any_of(Nodes(), [](const LocalNode& node) {
    return node.state != ProcessState::kGone;
  });
}

absl::Status LocalCluster::Signal(std::size_t index, int signal) {
  const LocalNode node = Nodes()[index];
  const absl::Status not_running = absl::FailedPreconditionError(
      fmt::format("{} is not running", node.config.name));
  if (node.state == ProcessState::kGone) return not_running;
  switch (SendSignal(*node.process, signal)) {
    case Sent::kYes: break;
    case Sent::kGone: return not_running;
    case Sent::kNotAllowed: return NotAllowed(node);
  }
  if (signal != SIGKILL) return absl::OkStatus();
  if (!WaitUntilGone({&*node.process, 1}, kStopGraceMs)) {
    return absl::DeadlineExceededError(fmt::format(
        "{} (process {}) does not end", node.config.name, node.process->pid));
  }
  std::error_code error;
  fs::remove(ProcessFile(index), error);
  return absl::OkStatus();
}

absl::StatusOr<int> LocalCluster::Down() {
  std::vector<ProcessId> running;
  const std::vector<LocalNode> nodes = Nodes();
  for (const LocalNode& node : nodes) {
    if (node.state != ProcessState::kGone) running.push_back(*node.process);
  }
  const int killed = StopProcesses(running, kStopGraceMs);
  absl::Status left;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].process && StateOf(*nodes[i].process) != ProcessState::kGone) {
      // Its file stays: it is still the node's process.
      if (left.ok()) left = NotAllowed(nodes[i]);
      continue;
    }
    std::error_code error;
    fs::remove(ProcessFile(i), error);
  }
  if (!left.ok()) return left;
  return killed;
}

}  // namespace quorate::cli
