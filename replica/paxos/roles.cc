#include "replica/paxos/roles.h"

#include <algorithm>
#include <bit>
#include <string>

#include "absl/strings/str_cat.h"

namespace quorate {
namespace {

ReplicaSet OrAll(ReplicaSet some, ReplicaSet all) {
  return some.empty() ? all : some;
}

// The most failures that every role of these can take.
int LargestFaults(const Roles& roles) {
  const int voters =
      std::min(roles.dependency_nodes.size(), roles.acceptors.size());
  const int others = std::min(roles.leaders.size(), roles.executors.size());
  return std::min((voters - 1) / 2, others - 1);
}

absl::Status CheckCount(const char* role, const char* bound, int count,
                        int needed, int faults) {
  if (count >= needed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "to lose ", faults, faults == 1 ? " node" : " nodes", ", bpaxos needs ",
      bound, " = ", needed, " nodes with the role \"", role, "\", not ", count,
      "; give ", needed - count, " more node", needed - count == 1 ? "" : "s",
      " that role, or set faults lower"));
}

}  // namespace

Cluster::Cluster(const Settings& settings)
    : everybody(ReplicaSet::FirstN(settings.replicas)) {
  roles.leaders = OrAll(settings.roles.leaders, everybody);
  roles.dependency_nodes = OrAll(settings.roles.dependency_nodes, everybody);
  roles.acceptors = OrAll(settings.roles.acceptors, everybody);
  roles.executors = OrAll(settings.roles.executors, everybody);
  columns = std::bit_width(roles.leaders.bits());
  faults = settings.faults != 0 ? settings.faults : LargestFaults(roles);
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
  struct Bound {
    const char* role;
    const char* bound;
    int count;
    int needed;
  };
  for (const Bound& each :
       {Bound{"depsvc", "2f+1", cluster.roles.dependency_nodes.size(),
              2 * f + 1},
        Bound{"acceptor", "2f+1", cluster.roles.acceptors.size(), 2 * f + 1},
        Bound{"leader", "f+1", cluster.roles.leaders.size(), f + 1},
        Bound{"executor", "f+1", cluster.roles.executors.size(), f + 1}}) {
    const absl::Status status =
        CheckCount(each.role, each.bound, each.count, each.needed, f);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

ReplicaSet ChooseQuorum(ReplicaSet candidates, int size, ReplicaId self,
                        ReplicaSet suspected) {
  ReplicaSet chosen;
  for (const bool take_suspected : {false, true}) {
    for (int step = 0; step < kMaxNodes; ++step) {
      const ReplicaId node = ReplicaAt((Index(self) + step) % kMaxNodes);
      if (chosen.size() == size) return chosen;
      if (candidates.Contains(node) &&
          suspected.Contains(node) == take_suspected) {
        chosen.Insert(node);
      }
    }
  }
  return chosen;
}

ReplicaId InRing(ReplicaSet members, ReplicaId from, int steps) {
  steps %= members.size();
  for (int at = Index(from);; at = (at + 1) % kMaxNodes) {
    if (members.Contains(ReplicaAt(at)) && steps-- == 0) return ReplicaAt(at);
  }
}

}  // namespace quorate
