#include "experiments/bench/node_status.h"

#include <algorithm>
#include <deque>
#include <initializer_list>

#include "nlohmann/json.hpp"

namespace quorate::bench {
namespace {

using StatusJson = nlohmann::json;

// leader, depsvc, acceptor, executor.
constexpr std::size_t kRoles = 4;

// The member of one of these names that is nearest to the root.
const StatusJson* Find(const StatusJson& root,
                       std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::deque<const StatusJson*> objects = {&root};
    while (!objects.empty()) {
      const StatusJson& object = *objects.front();
      objects.pop_front();
      const auto found = object.find(name);
      if (found != object.end()) return &*found;
      for (const StatusJson& member : object) {
        if (member.is_object()) objects.push_back(&member);
      }
    }
  }
  return nullptr;
}

std::optional<double> FindNumber(const StatusJson& root,
                                 std::initializer_list<const char*> names) {
  const StatusJson* found = Find(root, names);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<std::uint64_t> FindCount(
    const StatusJson& root, std::initializer_list<const char*> names) {
  const auto number = FindNumber(root, names);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::string FindText(const StatusJson& root,
                     std::initializer_list<const char*> names) {
  const StatusJson* found = Find(root, names);
  return found == nullptr ? "" : found->dump();
}

std::string JoinRoles(const StatusJson* roles) {
  if (roles == nullptr || !roles->is_array()) return "";
  std::string joined;
  for (const StatusJson& role : *roles) {
    if (!role.is_string()) return "";
    joined += (joined.empty() ? "" : "+") + role.get<std::string>();
  }
  return roles->size() == kRoles ? "all" : joined;
}

// "shard 2 of 3"; "" where there is no number, or nothing is divided.
std::string PartText(const StatusJson& root, const char* name,
                     const char* number, const char* of) {
  const auto own = FindCount(root, {number});
  const auto all = FindCount(root, {of});
  if (!own || !all || *all < 2) return "";
  return std::string(name) + " " + std::to_string(*own) + " of " +
         std::to_string(*all);
}

std::string PartOf(const StatusJson& root) {
  const std::string shard =
      PartText(root, "shard", "depsvc_shard", "depsvc_shards");
  const std::string group =
      PartText(root, "group", "acceptor_group", "acceptor_groups");
  return shard + (shard.empty() || group.empty() ? "" : ", ") + group;
}

// True for a node that does not say.
bool Executes(const StatusJson& root) {
  const StatusJson* roles = Find(root, {"roles"});
  return roles == nullptr || !roles->is_array() ||
         std::ranges::find(*roles, StatusJson("executor")) != roles->end();
}

}  // namespace

std::optional<NodeStatus> ParseNodeStatus(std::string_view json) {
  const StatusJson root =
      StatusJson::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return std::nullopt;
  return NodeStatus{.cpu_s = FindNumber(root, {"cpu_s"}),
                    .fsync_s = FindNumber(root, {"fsync_s", "sync_s"}),
                    .fast_commits = FindCount(root, {"fast_commits"}),
                    .slow_commits = FindCount(root, {"slow_commits"}),
                    .largest_component = FindCount(root, {"largest_component"}),
                    .executed_commands = FindCount(root, {"executed_commands"}),
                    .messages_sent = FindCount(root, {"messages_sent"}),
                    .late_p50_us = FindNumber(root, {"late_p50_us"}),
                    .late_p99_us = FindNumber(root, {"late_p99_us"}),
                    .late_max_us = FindNumber(root, {"late_max_us"}),
                    .roles = JoinRoles(Find(root, {"roles"})),
                    .part = PartOf(root),
                    .committed = FindText(root, {"committed"}),
                    .executed = FindText(root, {"executed"}),
                    .state_hash = FindText(root, {"state_hash"}),
                    .executes = Executes(root)};
}

Agreement CompareStates(std::span<const NodeStatus> nodes) {
  const auto executor = std::ranges::find(nodes, true, &NodeStatus::executes);
  if (executor == nodes.end()) return Agreement::kNotAtRest;
  const NodeStatus& first = *executor;
  const auto at_rest = [&](const NodeStatus& node) {
    return !node.executes ||
           (!node.state_hash.empty() && node.committed == node.executed &&
            node.executed == first.executed);
  };
  if (!std::ranges::all_of(nodes, at_rest)) return Agreement::kNotAtRest;
  if (std::ranges::count(nodes, true, &NodeStatus::executes) == 1) {
    return Agreement::kAlone;
  }
  const auto same_hash = [&](const NodeStatus& node) {
    return !node.executes || node.state_hash == first.state_hash;
  };
  return std::ranges::all_of(nodes, same_hash) ? Agreement::kEqual
                                               : Agreement::kDifferent;
}

}  // namespace quorate::bench
