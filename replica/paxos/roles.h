// Answers: who does what, and how many of them are enough?
//
// The shape of a BPaxos cluster, worked out from the settings once (protocol.md
// 3.1). With f = Settings::faults: 2f+1 or more dependency nodes and acceptors,
// of which all but f make a quorum, so that any two quorums meet; f+1 or more
// leaders and executors, so that one of each is left. Only leaders propose, so
// only they have a column: columns end with the highest leader's index, which
// keeps dependency sets small in clusters of more nodes. Plain value.
#pragma once

#include "absl/status/status.h"
#include "replica/settings.h"
#include "wire/ids.h"

namespace quorate {

struct Cluster {
  Roles roles;  // none empty
  ReplicaSet everybody;
  int columns = 0;
  int faults = 0;

  explicit Cluster(const Settings& settings);

  int dependency_quorum() const {
    return roles.dependency_nodes.size() - faults;
  }
  int acceptor_quorum() const { return roles.acceptors.size() - faults; }
};

// Can a machine be made with these roles? Does the arithmetic and names the
// remedy. Part of ValidateSettings for BPaxos.
absl::Status CheckRoles(const Settings& settings);

// `size` of the candidates: `self` first, then in ring order after it, those
// that are suspected last.
ReplicaSet ChooseQuorum(ReplicaSet candidates, int size, ReplicaId self,
                        ReplicaSet suspected);

// The `steps`-th member after `from` in ring order, `from` itself being the
// 0th if it is one. The set must not be empty.
ReplicaId InRing(ReplicaSet members, ReplicaId from, int steps);

}  // namespace quorate
