#include "replica/base/roles.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "absl/strings/str_cat.h"

namespace quorate {
namespace {

ReplicaSet OrAll(ReplicaSet some, ReplicaSet all) {
  return some.empty() ? all : some;
}

// Members of each part, by the number that their settings give them.
std::array<ReplicaSet, kMaxParts> MembersOfParts(
    ReplicaSet role, const std::array<std::uint8_t, kMaxNodes>& part_of,
    int& parts) {
  std::array<ReplicaSet, kMaxParts> members;
  parts = 1;
  for (int node = 0; node < kMaxNodes; ++node) {
    const int part = part_of[static_cast<std::size_t>(node)];
    if (!role.Contains(ReplicaAt(node)) || part >= kMaxParts) continue;
    members[static_cast<std::size_t>(part)].Insert(ReplicaAt(node));
    parts = std::max(parts, part + 1);
  }
  return members;
}

// Without a quorum when the definition does not fit: CheckRoles says why.
Electorate MakeElectorate(ReplicaSet members, const QuorumSpec& spec) {
  const int n = members.size();
  if (n < 1 || n > kMaxReplicas) return {};
  const absl::StatusOr<QuorumSystem> system = QuorumSystem::Create(spec, n);
  return system.ok() ? Electorate(members, *system) : Electorate();
}

// Who is short of members, and what to do about it.
struct Place {
  const char* role;  // as in cluster.toml
  const char* part;  // "shard"
  int number = 0;
  int of = 1;

  std::string Nodes() const {
    return of == 1 ? absl::StrCat("nodes with the role \"", role, "\"")
                   : absl::StrCat("nodes in ", Name());
  }
  std::string Remedy() const {
    return of == 1 ? " that role"
                   : absl::StrCat(" that role and ", part, ", have fewer ",
                                  part, "s");
  }
  // "depsvc shard 2 of 3".
  std::string Name() const {
    return of == 1 ? absl::StrCat("the role \"", role, "\"")
                   : absl::StrCat(role, " ", part, " ", number + 1, " of ", of);
  }
};

absl::Status CheckCount(const Place& place, const char* bound, int count,
                        int needed, int faults) {
  if (count >= needed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "to lose ", faults, faults == 1 ? " node" : " nodes", ", bpaxos needs ",
      bound, " = ", needed, " ", place.Nodes(), ", not ", count, "; give ",
      needed - count, " more node", needed - count == 1 ? "" : "s",
      place.Remedy(), ", or set faults lower"));
}

absl::Status AtPlace(const Place& place, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(
      place.Name(),
      ", members counted from r1: ", std::string(status.message())));
}

absl::Status CheckTolerates(const Place& place, const QuorumSystem& system,
                            int faults) {
  if (system.tolerates() >= faults) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "to lose ", faults, faults == 1 ? " node, " : " nodes, ", place.Name(),
      " must have a quorum left, but of \"", ToString(system.spec()), "\" of ",
      system.replicas(), ", ", system.tolerates(),
      " may be down; choose smaller quorums, give more nodes that role, or set "
      "faults lower"));
}

absl::Status CheckMembers(const Place& place, int count) {
  if (count <= kMaxReplicas) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      place.Name(), " has ", count, " nodes, and quorums are of at most ",
      kMaxReplicas, "; divide them into ", place.part, "s"));
}

absl::Status CheckShard(const Place& place, ReplicaSet members,
                        const QuorumSpec& spec, int faults) {
  const int n = members.size();
  if (absl::Status few = CheckCount(place, "2f+1", n, 2 * faults + 1, faults);
      !few.ok()) {
    return few;
  }
  if (absl::Status many = CheckMembers(place, n); !many.ok()) return many;
  const absl::StatusOr<QuorumSystem> system = QuorumSystem::Create(spec, n);
  if (!system.ok()) return AtPlace(place, system.status());
  const absl::StatusOr<DependencyQuorums> meet =
      DependencyQuorums::Create(*system);
  if (!meet.ok()) return AtPlace(place, meet.status());
  return CheckTolerates(place, *system, faults);
}

absl::Status CheckGroup(const Place& place, ReplicaSet members,
                        const Settings& settings, int faults) {
  const int n = members.size();
  if (absl::Status few = CheckCount(place, "2f+1", n, 2 * faults + 1, faults);
      !few.ok()) {
    return few;
  }
  if (absl::Status many = CheckMembers(place, n); !many.ok()) return many;
  const absl::StatusOr<QuorumSystem> phase1 =
      QuorumSystem::Create(settings.phase1, n);
  if (!phase1.ok()) return AtPlace(place, phase1.status());
  const absl::StatusOr<QuorumSystem> phase2 =
      QuorumSystem::Create(settings.phase2, n);
  if (!phase2.ok()) return AtPlace(place, phase2.status());
  const absl::StatusOr<PaxosQuorums> meet =
      PaxosQuorums::Create(*phase1, *phase2);
  if (!meet.ok()) return AtPlace(place, meet.status());
  if (absl::Status one = CheckTolerates(place, *phase1, faults); !one.ok()) {
    return one;
  }
  return CheckTolerates(place, *phase2, faults);
}

absl::Status CheckParts(const Settings& settings, const Cluster& cluster,
                        int faults) {
  int shards = 1;
  const auto in_shards = MembersOfParts(cluster.roles.dependency_nodes,
                                        settings.parts.shard, shards);
  for (int i = 0; i < shards; ++i) {
    const Place place{"depsvc", "shard", i, shards};
    absl::Status status =
        CheckShard(place, in_shards[static_cast<std::size_t>(i)],
                   settings.dependency_quorum, faults);
    if (!status.ok()) return status;
  }
  int groups = 1;
  const auto in_groups =
      MembersOfParts(cluster.roles.acceptors, settings.parts.group, groups);
  for (int i = 0; i < groups; ++i) {
    const Place place{"acceptor", "group", i, groups};
    absl::Status status = CheckGroup(
        place, in_groups[static_cast<std::size_t>(i)], settings, faults);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

Cluster::Cluster(const Settings& settings)
    : everybody(ReplicaSet::FirstN(settings.replicas)) {
  roles.leaders = OrAll(settings.roles.leaders, everybody);
  roles.dependency_nodes = OrAll(settings.roles.dependency_nodes, everybody);
  roles.acceptors = OrAll(settings.roles.acceptors, everybody);
  roles.executors = OrAll(settings.roles.executors, everybody);
  columns = std::bit_width(roles.leaders.bits());
  parts_ = Divide(settings, roles);
  faults = settings.faults != 0 ? settings.faults : MostFaults(roles, *parts_);
}

std::shared_ptr<const Cluster::Divided> Cluster::Divide(
    const Settings& settings, const Roles& roles) {
  auto parts = std::make_shared<Divided>();
  const auto in_shards = MembersOfParts(roles.dependency_nodes,
                                        settings.parts.shard, parts->shards);
  const auto in_groups =
      MembersOfParts(roles.acceptors, settings.parts.group, parts->groups);
  for (std::size_t i = 0; i < kMaxParts; ++i) {
    parts->dependencies[i] =
        MakeElectorate(in_shards[i], settings.dependency_quorum);
    parts->acceptors[i] = {
        .phase1 = MakeElectorate(in_groups[i], settings.phase1),
        .phase2 = MakeElectorate(in_groups[i], settings.phase2)};
  }
  return parts;
}

// The most failures that every role, and every part of it, can take.
int Cluster::MostFaults(const Roles& roles, const Divided& parts) {
  int most = std::min(roles.leaders.size(), roles.executors.size()) - 1;
  for (int i = 0; i < parts.shards; ++i) {
    const Electorate& shard = parts.dependencies[static_cast<std::size_t>(i)];
    most = std::min(most, shard.system().tolerates());
  }
  for (int i = 0; i < parts.groups; ++i) {
    const AcceptorGroup& group = parts.acceptors[static_cast<std::size_t>(i)];
    most = std::min({most, group.phase1.system().tolerates(),
                     group.phase2.system().tolerates()});
  }
  return most;
}

absl::Status CheckRoles(const Settings& settings) {
  const Cluster cluster(settings);
  for (const ReplicaSet role :
       {cluster.roles.leaders, cluster.roles.dependency_nodes,
        cluster.roles.acceptors, cluster.roles.executors}) {
    if (!role.Minus(cluster.everybody).empty()) {
      return absl::InvalidArgumentError(
          "a role is given to a node that is not part of the cluster");
    }
  }
  if (cluster.columns > kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", cluster.columns,
                     " has the role \"leader\", which only the "
                     "first ",
                     kMaxReplicas, " nodes can have; list the leaders first"));
  }
  const int f = std::max(cluster.faults, 1);
  if (absl::Status parts = CheckParts(settings, cluster, f); !parts.ok()) {
    return parts;
  }
  const int leaders = cluster.roles.leaders.size();
  if (absl::Status few = CheckCount({"leader", ""}, "f+1", leaders, f + 1, f);
      !few.ok()) {
    return few;
  }
  return CheckCount({"executor", ""}, "f+1", cluster.roles.executors.size(),
                    f + 1, f);
}

ReplicaId InRing(ReplicaSet members, ReplicaId from, int steps) {
  steps %= members.size();
  for (int at = Index(from);; at = (at + 1) % kMaxNodes) {
    if (members.Contains(ReplicaAt(at)) && steps-- == 0) return ReplicaAt(at);
  }
}

}  // namespace quorate
