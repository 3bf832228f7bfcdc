// Answers: how does a folder become a running cluster?
//
// A local cluster is a folder: cluster.toml, and for every node rN its data and
// log in rN/ and its process in rN.pid. Nothing else is remembered, so any call
// can follow any other, from another terminal, after a crash. One call at a
// time: a lock in the folder refuses a second one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/cli/process.h"
#include "replica/config/config.h"

namespace quorate::cli {

// What `up` was asked for; empty means as it is, or the default.
struct ClusterWishes {
  std::optional<int> nodes;
  std::optional<Protocol> protocol;
  std::optional<Durability> durability;
  std::optional<FastPathRule> fast_path;
  std::optional<bool> thrifty;
  std::optional<bool> lazy_fast_commit;
  std::optional<ConflictMode> conflicts;
  std::optional<int> batch;
  // BPaxos, a node a role: how many of each, instead of `nodes`; of dependency
  // nodes in each shard, of acceptors in each group.
  struct RoleCounts {
    int leaders = 2;
    int dependency_nodes = 3;
    int acceptors = 3;
    int executors = 2;
  };
  std::optional<RoleCounts> roles;
  // BPaxos. With `nodes`, the nodes are divided among them.
  int depsvc_shards = 1;
  int acceptor_groups = 1;
  // Distances: the matrix, and the nodes' sites in order, one after the other
  // and again from the first where there are more nodes.
  std::optional<std::string> wan;
  std::vector<std::string> sites;
  std::optional<std::string> jitter;
  std::optional<std::int64_t> bandwidth_mbit;
  std::optional<std::int64_t> wan_seed;
};

struct LocalNode {
  NodeConfig config;
  std::optional<ProcessId> process;
  ProcessState state = ProcessState::kGone;
};

class LocalCluster {
 public:
  // Creates the folder if asked to. FailedPrecondition when another call is
  // at work on it, or it is a copy of the folder of a cluster that runs;
  // NotFound when there is no cluster in it.
  static absl::StatusOr<LocalCluster> Open(const std::string& directory,
                                           bool create);
  LocalCluster(LocalCluster&& other) noexcept;
  LocalCluster& operator=(LocalCluster&&) = delete;
  ~LocalCluster();

  // Starts every node, with its data if it has some. Not OK: nothing runs that
  // did not run before, but for the others where one of them is kept out, by
  // its disk or by its peers. Returns what is worth knowing beside it.
  absl::StatusOr<std::vector<std::string>> Up(const ClusterWishes& wishes,
                                              int timeout_ms);
  // Starts one node that does not run, likewise. Refused beside running nodes
  // when its data was in memory only.
  absl::StatusOr<std::vector<std::string>> Start(std::size_t index,
                                                 int timeout_ms);
  // To one node that runs: SIGKILL (returns when it is gone), SIGSTOP, SIGCONT.
  absl::Status Signal(std::size_t index, int signal);
  // Stops what runs. Returns how many had to be killed for it; not OK: who is
  // there still.
  absl::StatusOr<int> Down();

  const ClusterConfig& config() const { return config_; }
  std::string config_path() const { return directory_ + "/cluster.toml"; }
  std::vector<LocalNode> Nodes() const;
  // A name ("r2") or a number from 1, as an index.
  absl::StatusOr<std::size_t> FindNode(const std::string& number) const;
  // Of the node that ended during the last start.
  int failed_exit_code() const { return failed_exit_code_; }

 private:
  LocalCluster(std::string directory, int lock)
      : directory_(std::move(directory)), lock_(lock) {}
  absl::Status Create(const ClusterWishes& wishes);
  absl::Status Place(const ClusterWishes& wishes, ClusterConfig& config) const;
  absl::Status CheckWishes(const ClusterWishes& wishes) const;
  absl::Status CheckIsNoCopy() const;
  absl::StatusOr<std::vector<std::string>> StartSome(
      const std::vector<std::size_t>& indexes, int timeout_ms);
  std::string ProcessFile(std::size_t index) const;
  bool SomeNodeRuns() const;

  std::string directory_;
  int lock_ = -1;
  ClusterConfig config_;
  int failed_exit_code_ = 0;
};

// Whole or not at all.
absl::Status WriteFile(const std::string& path, const std::string& text);

// `count` ports of 127.0.0.1 where nobody listens, outside the range from which
// the kernel takes ports for outgoing connections: a node must find its port
// free again after a restart.
absl::StatusOr<std::vector<std::uint16_t>> FindFreePorts(std::size_t count);

}  // namespace quorate::cli
