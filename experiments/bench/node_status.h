// Answers: what does a node's status say that a benchmark wants to know?
//
// Reads the JSON of `quorate status`, by field name and wherever it stands, so
// that the two can grow apart: a field that is missing is nullopt here and
// "n/a" in reports. Also decides when a cluster has come to rest. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quorate::bench {

struct NodeStatus {
  std::optional<double> cpu_s;    // since the process started
  std::optional<double> fsync_s;  // time spent waiting for the disk
  std::optional<std::uint64_t> fast_commits;
  std::optional<std::uint64_t> slow_commits;
  std::optional<std::uint64_t> largest_component;
  std::optional<std::uint64_t> executed_commands;
  std::optional<std::uint64_t> messages_sent;  // to other nodes
  // How late what was due on emulated ways left it.
  std::optional<double> late_p50_us;
  std::optional<double> late_p99_us;
  std::optional<double> late_max_us;
  // "leader+acceptor"; "all" for a node that has every role; "" if unknown.
  std::string roles;
  // Where a role is divided, the node's part: "shard 2 of 2", "group 1 of 2",
  // or both; else "".
  std::string part;
  // As JSON text, to be compared only.
  std::string committed;
  std::string executed;
  std::string state_hash;
  // Has it a state? All nodes have, but where roles are separate (BPaxos).
  bool executes = true;
};

// Nullopt if `json` is no JSON object.
std::optional<NodeStatus> ParseNodeStatus(std::string_view json);

enum class Agreement : std::uint8_t {
  kEqual,      // at rest and of one state hash
  kDifferent,  // at rest, and the hashes differ: a bug
  kNotAtRest,  // still executing or catching up, or nodes do not say
  kAlone,      // at rest, and there is no other to compare it with
};
// Of the nodes that are up and execute.
Agreement CompareStates(std::span<const NodeStatus> nodes);

}  // namespace quorate::bench
