#include "replica/cli/status_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace quorate::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

// What a node said, as an object with "name" and "up"; also for a node that
// said nothing.
OrderedJson ObjectOf(const NodeAnswer& answer) {
  OrderedJson json;
  if (answer.status.ok()) {
    json =
        OrderedJson::parse(*answer.status, nullptr, /*allow_exceptions=*/false);
  }
  if (json.is_object()) {
    json["name"] = answer.name;
    json["up"] = true;
    return json;
  }
  const absl::string_view why = answer.status.ok()
                                    ? "the answer is no JSON object"
                                    : answer.status.status().message();
  return {{"name", answer.name},
          {"up", false},
          {"address", answer.address},
          {"error", std::string(why.data(), why.size())}};
}

std::vector<OrderedJson> ObjectsOf(std::span<const NodeAnswer> answers) {
  std::vector<OrderedJson> objects;
  for (const NodeAnswer& answer : answers) objects.push_back(ObjectOf(answer));
  return objects;
}

bool IsUp(const OrderedJson& node) { return node["up"].get<bool>(); }

// Null when the node does not send it.
const OrderedJson& Field(const OrderedJson& node, const char* name) {
  static const OrderedJson kNull;
  const auto found = node.find(name);
  return found == node.end() ? kNull : *found;
}

// The sum over columns, as text.
std::string Total(const OrderedJson& columns) {
  if (!columns.is_object()) return "-";
  std::uint64_t total = 0;
  for (const OrderedJson& column : columns) {
    if (column.is_number_unsigned()) total += column.get<std::uint64_t>();
  }
  return std::to_string(total);
}

std::string FastShare(const OrderedJson& node) {
  const OrderedJson& fast = Field(node, "fast_commits");
  const OrderedJson& slow = Field(node, "slow_commits");
  if (!fast.is_number() || !slow.is_number()) return "-";
  const double all = fast.get<double>() + slow.get<double>();
  return all == 0 ? "-"
                  : fmt::format("{:.1f} %", 100 * fast.get<double>() / all);
}

std::string Bytes(const OrderedJson& bytes) {
  if (!bytes.is_number()) return "-";
  const double mebibytes = bytes.get<double>() / (1024.0 * 1024.0);
  return fmt::format("{:.1f} MiB", mebibytes);
}

std::string Text(const OrderedJson& text) {
  return text.is_string() ? text.get<std::string>() : "-";
}

std::string Waiting(const OrderedJson& node) {
  const OrderedJson& oldest = Field(node, "oldest_waiting");
  if (!oldest.is_object()) return "-";
  return fmt::format("{} on {}", Text(Field(oldest, "waiting")),
                     Text(Field(oldest, "on")));
}

// Has it a state? All nodes have, but where roles are separate.
bool Executes(const OrderedJson& node) {
  const OrderedJson& roles = Field(node, "roles");
  return !roles.is_array() ||
         std::ranges::find(roles, OrderedJson("executor")) != roles.end();
}

Agreement Compare(std::span<const OrderedJson> nodes) {
  const OrderedJson* first = nullptr;
  int compared = 0;
  bool equal = true;
  for (const OrderedJson& node : nodes) {
    if (!IsUp(node) || !Executes(node)) continue;
    if (first == nullptr) first = &node;
    ++compared;
    const OrderedJson& executed = Field(node, "executed");
    const OrderedJson& hash = Field(node, "state_hash");
    if (hash.is_null() || executed != Field(node, "committed") ||
        executed != Field(*first, "executed")) {
      return Agreement::kNotAtRest;
    }
    equal = equal && hash == Field(*first, "state_hash");
  }
  if (compared == 0) return Agreement::kNobodyUp;
  if (compared == 1) return Agreement::kAlone;
  return equal ? Agreement::kEqual : Agreement::kDifferent;
}

std::string Verdict(std::span<const OrderedJson> nodes) {
  const auto up = std::ranges::count_if(nodes, [](const OrderedJson& node) {
    return IsUp(node) && Executes(node);
  });
  const auto all = std::ranges::count_if(nodes, Executes);
  switch (Compare(nodes)) {
    case Agreement::kEqual:
      return fmt::format("state hashes equal on {}/{}", up, all);
    case Agreement::kDifferent:
      return "STATE HASHES DIFFER between nodes that have executed the same: "
             "keep the data and report this";
    case Agreement::kNotAtRest:
      return "state hashes not compared: nodes are executing or catching up";
    case Agreement::kAlone:
      return fmt::format(
          "state hash not compared: {} of {} nodes that have a state is up", up,
          all);
    case Agreement::kNobodyUp: return "no node is up";
  }
  return "";
}

// Who is finishing this instance, and how far that is.
std::string RecoveryOf(const std::string& instance,
                       std::span<const OrderedJson> nodes) {
  for (const OrderedJson& node : nodes) {
    if (!IsUp(node)) continue;
    const OrderedJson& shown = Field(Field(node, "recoveries"), "shown");
    if (!shown.is_array()) continue;
    for (const OrderedJson& recovery : shown) {
      if (!recovery.is_object() ||
          Text(Field(recovery, "instance")) != instance) {
        continue;
      }
      std::string text = fmt::format(
          "{} recovers it at ballot {}: {}, {} answered",
          Text(Field(node, "name")), Text(Field(recovery, "ballot")),
          Text(Field(recovery, "stage")), Field(recovery, "answered").dump());
      const OrderedJson& others = Field(recovery, "waits_for");
      if (others.is_array() && !others.empty()) {
        text += fmt::format(", after {}", Text(others.front()));
        if (others.size() > 1) {
          text += fmt::format(" and {} more", others.size() - 1);
        }
      }
      return text;
    }
  }
  return "nobody recovers it: its command leader is at work on it, or is not "
         "suspected yet";
}

// One line for every node on which something waits.
std::string WhyTheyWait(std::span<const OrderedJson> nodes) {
  std::string text;
  for (const OrderedJson& node : nodes) {
    const OrderedJson& oldest = Field(node, "oldest_waiting");
    if (!IsUp(node) || !oldest.is_object()) continue;
    const std::string on = Text(Field(oldest, "on"));
    const OrderedJson& holds_back = Field(node, "holds_back");
    text += fmt::format(
        "{}: {} instances wait, the oldest, {}, for {}; {}{}\n",
        Text(Field(node, "name")), Field(node, "waiting_instances").dump(),
        Text(Field(oldest, "waiting")), on, RecoveryOf(on, nodes),
        holds_back.is_boolean() && holds_back.get<bool>()
            ? "; new commands are held back until they have executed"
            : "");
  }
  return text;
}

// One line for every node that lacks a peer which is up itself, or whose name
// it cannot look up; and what the nodes advise.
std::string WhoLacksWhom(std::span<const OrderedJson> nodes) {
  const auto is_up = [&](const std::string& name) {
    return std::ranges::any_of(nodes, [&](const OrderedJson& node) {
      return IsUp(node) && Text(Field(node, "name")) == name;
    });
  };
  std::string text;
  for (const OrderedJson& node : nodes) {
    if (!IsUp(node)) continue;
    const std::string name = Text(Field(node, "name"));
    const OrderedJson& trouble = Field(node, "peer_trouble");
    for (const auto& [peer, why] : trouble.items()) {
      if (!is_up(peer) && !Text(why).starts_with("cannot find")) continue;
      text +=
          fmt::format("{} is not connected to {}: {}\n", name, peer, Text(why));
    }
    const OrderedJson& advice = Field(node, "advice");
    if (!advice.is_array()) continue;
    for (const OrderedJson& piece : advice) {
      text += fmt::format("advice of {}: {}\n", name, Text(piece));
    }
  }
  return text;
}

// One line for every node that lacks what others have forgotten.
std::string WhoIsHelped(std::span<const OrderedJson> nodes) {
  std::string text;
  for (const OrderedJson& node : nodes) {
    const OrderedJson& snapshot = Field(node, "snapshot");
    if (!IsUp(node) || !snapshot.is_object()) continue;
    const OrderedJson& waits_for = Field(snapshot, "waits_for");
    if (Field(snapshot, "fetching") == true) {
      text += fmt::format(
          "{}: takes over the state of {}, part {} of {}\n",
          Text(Field(node, "name")), Text(Field(snapshot, "from")),
          Field(snapshot, "parts").dump(), Field(snapshot, "parts_of").dump());
    } else if (waits_for.is_array() && !waits_for.empty()) {
      std::string names;
      for (const OrderedJson& name : waits_for) {
        names += (names.empty() ? "" : " or ") + Text(name);
      }
      text += fmt::format(
          "{}: waits for {}: what it lacks has been forgotten by the nodes "
          "that it reaches, and none of them can give it its state; start {} "
          "or mend the link\n",
          Text(Field(node, "name")), names, names);
    }
  }
  return text;
}

// One line for every node that another one does not work with.
std::string WhoIsRefused(std::span<const OrderedJson> nodes) {
  std::string text;
  for (const OrderedJson& node : nodes) {
    const OrderedJson& refused = Field(node, "refused_peers");
    if (!IsUp(node) || !refused.is_array()) continue;
    for (const OrderedJson& each : refused) {
      if (!each.is_object()) continue;
      text += fmt::format("{} does not work with {}: {}\n",
                          Text(Field(node, "name")), Text(Field(each, "peer")),
                          Text(Field(each, "why")));
    }
  }
  return text;
}

// "18.1 MiB 4 s": size and age of the last checkpoint, or how much of one is
// written; the age is known for those of this life of the node.
std::string Checkpoint(const OrderedJson& node) {
  const OrderedJson& checkpoint = Field(node, "checkpoint");
  if (!checkpoint.is_object()) return "-";
  if (Field(checkpoint, "writing") == true) {
    return "at " + Bytes(Field(checkpoint, "written_bytes"));
  }
  if (Field(checkpoint, "through") == 0) return "-";
  const std::string size = Bytes(Field(checkpoint, "bytes"));
  const OrderedJson& age = Field(checkpoint, "age_s");
  return age.is_number() ? fmt::format("{} {:.0f} s", size, age.get<double>())
                         : size;
}

// "epaxos, fast path atlas: 3 votes in one round trip, or 2 accepts": as the
// first node that is up has it; empty when no node says.
std::string ProtocolLine(std::span<const OrderedJson> nodes) {
  for (const OrderedJson& node : nodes) {
    const OrderedJson& rule = Field(node, "fast_path");
    if (!IsUp(node) || !rule.is_string()) continue;
    return fmt::format(
        "{}, fast path {}: {} votes in one round trip, or {} accepts\n",
        Text(Field(node, "protocol")), Text(rule),
        Field(node, "fast_quorum").dump(), Field(node, "accept_quorum").dump());
  }
  return "";
}

std::string QuorumLine(const Standing& standing) {
  if (standing.quorum()) return "";
  return fmt::format("{}: {}\n", standing.lack, standing.remedy);
}

constexpr std::string_view kRow =
    "{:5} {:22} {:4} {:>10} {:>10} {:>8} {:>16}  {:18} {:>11} {:>11} {:>14} "
    "{:>10}\n";

}  // namespace

Agreement CompareStates(std::span<const NodeAnswer> answers) {
  return Compare(ObjectsOf(answers));
}

std::vector<bool> WhoIsUp(std::span<const NodeAnswer> answers) {
  std::vector<bool> up;
  for (const OrderedJson& node : ObjectsOf(answers)) up.push_back(IsUp(node));
  return up;
}

bool AnyoneRefused(std::span<const NodeAnswer> answers) {
  return !WhoIsRefused(ObjectsOf(answers)).empty();
}

std::string StatusAsText(std::span<const NodeAnswer> answers,
                         const Standing& standing) {
  const std::vector<OrderedJson> nodes = ObjectsOf(answers);
  std::string text = fmt::format(kRow, "node", "clients", "up", "committed",
                                 "executed", "fast", "waiting", "state hash",
                                 "disk", "journal", "checkpoint", "memory");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const OrderedJson& node = nodes[i];
    if (!IsUp(node)) {
      text += fmt::format("{:5} {:22} no   {}\n", answers[i].name,
                          answers[i].address, Text(Field(node, "error")));
      continue;
    }
    text += fmt::format(kRow, answers[i].name, answers[i].address, "yes",
                        Total(Field(node, "committed")),
                        Total(Field(node, "executed")), FastShare(node),
                        Waiting(node),
                        Executes(node) ? Text(Field(node, "state_hash")) : "-",
                        Bytes(Field(Field(node, "disk"), "bytes")),
                        Bytes(Field(Field(node, "disk"), "journal_bytes")),
                        Checkpoint(node), Bytes(Field(node, "memory_bytes")));
  }
  return text + WhoIsRefused(nodes) + WhoLacksWhom(nodes) + WhyTheyWait(nodes) +
         WhoIsHelped(nodes) + ProtocolLine(nodes) + QuorumLine(standing) +
         Verdict(nodes) + "\n";
}

std::string StatusAsJson(std::span<const NodeAnswer> answers,
                         const Standing& standing) {
  const std::vector<OrderedJson> nodes = ObjectsOf(answers);
  const Agreement agreement = Compare(nodes);
  OrderedJson json;
  json["nodes"] = nodes;
  json["up"] = std::ranges::count_if(nodes, IsUp);
  json["quorum"] = standing.quorum();
  json["quorum_note"] = nullptr;
  if (!standing.quorum()) {
    json["quorum_note"] = standing.lack + "; " + standing.remedy;
  }
  json["state_hash_equal"] = nullptr;
  if (agreement == Agreement::kEqual) json["state_hash_equal"] = true;
  if (agreement == Agreement::kDifferent) json["state_hash_equal"] = false;
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace quorate::cli
