#include "replica/config/setting_meaning.h"

#include <set>
#include <vector>

#include "replica/base/quorum.h"
#include "replica/base/quorum_system.h"
#include "replica/base/roles.h"
#include "wire/commutation.h"
#include "wire/fingerprint.h"
#include "wire/limits.h"
#include "wire/text.h"

namespace quorate::meaning {
namespace {

bool Uses(const ClusterConfig& config, Quorums quorums) {
  return QuorumsOf(config.settings) == quorums;
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
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: return std::nullopt;
    case Quorums::kPhases: return QuorumText(spec, {settings.replicas});
    case Quorums::kRoles: break;
  }
  const Cluster cluster(settings);
  std::set<int> sizes;
  for (int i = 0; i < cluster.groups(); ++i) {
    sizes.insert(cluster.group(i).members().size());
  }
  return QuorumText(spec, sizes);
}

}  // namespace

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
  return Text(Name(config.durability));
}

Value FastPath(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kFaults)) return std::nullopt;
  return Text(Name(config.settings.fast_path));
}

Value Faults(const ClusterConfig& config) {
  const Settings settings = config.NodeSettings(0);
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: return Text(QuorumSizesOf(settings).faults);
    case Quorums::kRoles: return Text(Cluster(settings).faults);
    case Quorums::kPhases: return std::nullopt;
  }
  return std::nullopt;
}

Value FastFaults(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kFaults)) return std::nullopt;
  return Text(QuorumSizesOf(config.NodeSettings(0)).fast_faults);
}

Value LazyFastCommit(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kFaults)) return std::nullopt;
  return config.settings.lazy_fast_commit ? "true" : "false";
}

Value Conflicts(const ClusterConfig& config) {
  return Text(Name(config.settings.conflicts));
}

Value LeavesOut(const ClusterConfig& config) {
  const Settings settings = config.NodeSettings(0);
  const bool leaves_out = Uses(config, Quorums::kFaults)
                              ? Laggards(settings) > 0
                              : settings.retained_bytes > 0;
  return leaves_out ? "members that lag are left out" : "nobody is left out";
}

Value Phase1(const ClusterConfig& config) {
  return PhaseText(config, config.settings.phase1);
}

Value Phase2(const ClusterConfig& config) {
  return PhaseText(config, config.settings.phase2);
}

Value Dependencies(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kRoles)) return std::nullopt;
  const Cluster cluster(config.NodeSettings(0));
  std::set<int> sizes;
  for (int i = 0; i < cluster.shards(); ++i) {
    sizes.insert(cluster.shard(i).members().size());
  }
  return QuorumText(config.settings.dependency_quorum, sizes);
}

Value RolesText(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kRoles)) return std::nullopt;
  const Roles roles = Cluster(config.NodeSettings(0)).roles;
  return Concat("leader: ", NamesOf(config, roles.leaders),
                "; depsvc: ", NamesOf(config, roles.dependency_nodes),
                "; acceptor: ", NamesOf(config, roles.acceptors),
                "; executor: ", NamesOf(config, roles.executors));
}

Value Shards(const ClusterConfig& config) {
  if (!Uses(config, Quorums::kRoles)) return std::nullopt;
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
  if (!Uses(config, Quorums::kRoles)) return std::nullopt;
  const Cluster cluster(config.NodeSettings(0));
  if (cluster.groups() == 1) return "one";
  std::string text;
  for (int i = 0; i < cluster.groups(); ++i) {
    text += Concat(text.empty() ? "" : " / ",
                   NamesOf(config, cluster.group(i).members()));
  }
  return text;
}

Value ResultBytes(const ClusterConfig& config) {
  return std::to_string(config.settings.results.command_bytes);
}

Value KeptResultBytes(const ClusterConfig& config) {
  return std::to_string(config.settings.results.kept_bytes);
}

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

}  // namespace quorate::meaning
