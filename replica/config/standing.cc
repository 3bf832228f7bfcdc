#include "replica/config/standing.h"

#include <string>
#include <utility>

#include "replica/base/protocols.h"
#include "replica/base/quorum.h"
#include "replica/base/roles.h"
#include "wire/text.h"

namespace quorate {
namespace {

// Those of whom a quorum must be up.
struct Voters {
  std::string role;  // "acceptors"; empty: all nodes
  ReplicaSet members;
  std::string needed;
  bool enough = false;
};

Voters Of(std::string role, const Electorate& electorate, ReplicaSet up) {
  const QuorumSystem& system = electorate.system();
  const ReplicaSet there = electorate.members().Intersect(up);
  return {.role = std::move(role),
          .members = electorate.members(),
          // So many are up, but not the right ones.
          .needed = there.size() >= system.smallest()
                        ? Concat("\"", ToString(system.spec()), "\"")
                        : std::to_string(system.smallest()),
          .enough = electorate.IsQuorum(up)};
}

Voters OneOf(std::string role, ReplicaSet members, ReplicaSet up) {
  return {.role = std::move(role),
          .members = members,
          .needed = "1",
          .enough = !members.Intersect(up).empty()};
}

std::string PartName(const char* role, const char* part, int number, int of) {
  return of == 1 ? std::string(role)
                 : Concat(role, " of ", part, " ", number + 1);
}

std::vector<Voters> VotersByRole(const Settings& settings, ReplicaSet up) {
  const Cluster cluster(settings);
  std::vector<Voters> all;
  for (int i = 0; i < cluster.groups(); ++i) {
    const std::string name =
        PartName("acceptors", "group", i, cluster.groups());
    all.push_back(Of(name, cluster.group(i).phase1, up));
    all.push_back(Of(name, cluster.group(i).phase2, up));
  }
  for (int i = 0; i < cluster.shards(); ++i) {
    all.push_back(
        Of(PartName("dependency service", "shard", i, cluster.shards()),
           cluster.shard(i), up));
  }
  all.push_back(OneOf("leaders", cluster.roles.leaders, up));
  all.push_back(OneOf("executors", cluster.roles.executors, up));
  return all;
}

std::vector<Voters> VotersOf(const Settings& settings, ReplicaSet up) {
  const ReplicaSet everybody = ReplicaSet::FirstN(settings.replicas);
  switch (RowOf(settings.protocol).quorums) {
    case Quorums::kFaults:
      return {Of("",
                 Electorate(everybody, QuorumSystem::OfSize(
                                           QuorumSizesOf(settings).classic(),
                                           settings.replicas)),
                 up)};
    case Quorums::kPhases: {
      const absl::StatusOr<PaxosQuorums> phases = PaxosQuorumsOf(settings);
      if (!phases.ok()) return {};  // No configuration with these is loaded.
      return {Of("", Electorate(everybody, phases->phase1()), up),
              Of("", Electorate(everybody, phases->phase2()), up)};
    }
    case Quorums::kRoles: return VotersByRole(settings, up);
  }
  return {};
}

// "r2, r3 and r5".
std::string NamesOf(const ClusterConfig& config, ReplicaSet nodes) {
  std::string names;
  int left = nodes.size();
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (!nodes.Contains(ReplicaAt(static_cast<int>(i)))) continue;
    names += config.nodes[i].name;
    if (--left > 0) names += left == 1 ? " and " : ", ";
  }
  return names;
}

std::string Remedy(const ClusterConfig& config, ReplicaSet down) {
  if (config.durability == Durability::kFsync) {
    return Concat("start ", NamesOf(config, down));
  }
  return Concat(
      "let ", NamesOf(config, down),
      " be reached again; what has ended has lost its data (durability = "
      "\"memory\") and may not come back to the others: then stop all nodes "
      "and start all anew (quorate local down, quorate local up)");
}

}  // namespace

Standing StandingOf(const ClusterConfig& config, const std::vector<bool>& up) {
  const Settings settings = config.NodeSettings(0);
  ReplicaSet there;
  for (std::size_t i = 0; i < up.size(); ++i) {
    if (up[i]) there.Insert(ReplicaAt(static_cast<int>(i)));
  }
  const ReplicaSet everybody = ReplicaSet::FirstN(settings.replicas);
  for (const Voters& voters : VotersOf(settings, there)) {
    if (voters.enough) continue;
    const bool all = voters.members == everybody;
    std::string lack =
        Concat(there.size(), " of ", settings.replicas, " nodes up: no quorum");
    if (all) {
      lack += Concat(" (", voters.needed, " needed)");
    } else {
      lack +=
          Concat(" of the ", voters.role, " ", NamesOf(config, voters.members),
                 " (", voters.members.Intersect(there).size(), " up, ",
                 voters.needed, " needed)");
    }
    return {.lack = std::move(lack),
            .remedy = Remedy(config, voters.members.Minus(there))};
  }
  return {};
}

}  // namespace quorate
