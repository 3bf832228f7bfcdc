// Answers: of the nodes that are asked here, are these enough?
//
// A quorum system over nodes of any numbers: one group of acceptors, one shard
// of the dependency service. The system counts members from 1 in the order of
// their numbers, whatever these are. Sets of answers may have anybody in them:
// who is no member does not count. Pure value.
#pragma once

#include <span>

#include "replica/base/quorum_system.h"
#include "wire/ids.h"

namespace quorate {

class Electorate {
 public:
  // Without members, and without a quorum.
  Electorate() = default;
  // `system` is of as many replicas as there are members.
  Electorate(ReplicaSet members, const QuorumSystem& system);

  ReplicaSet members() const { return members_; }
  const QuorumSystem& system() const { return system_; }
  bool IsQuorum(ReplicaSet answered) const;
  // A quorum without a superfluous member, whom to ask when not all are asked:
  // `self` first if it is one, then in the order given, of all others, or that
  // of the ring, those suspected last.
  ReplicaSet Choose(ReplicaId self, ReplicaSet suspected) const;
  ReplicaSet Choose(ReplicaId self, ReplicaSet suspected,
                    std::span<const ReplicaId> others) const;

 private:
  ReplicaSet members_;
  QuorumSystem system_;
};

}  // namespace quorate
