// Answers: who does what, and how many of them are enough?
//
// The shape of a BPaxos cluster, worked out from the settings once (protocol.md
// 3.1). Keys are divided among shards of the dependency service and instances
// among groups of acceptors; each shard and each group decides by quorums of
// its own, so more machines in these roles mean more shards and groups, not
// more nodes asked. f = Settings::faults of each of them may be down, and of
// leaders and executors f+1 or more are left one of each. Only leaders propose,
// so only they have a column: columns end with the highest leader's index,
// which keeps dependency sets small in clusters of more nodes. Plain value; the
// quorum systems are shared by its copies.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "replica/base/electorate.h"
#include "replica/base/settings.h"
#include "wire/ids.h"

namespace quorate {

// Some of the acceptors: those that vote on some of the instances.
struct AcceptorGroup {
  Electorate phase1;  // who is asked what was accepted
  Electorate phase2;  // who accepts; the same members

  ReplicaSet members() const { return phase2.members(); }
};

struct Cluster {
  Roles roles;  // none empty
  ReplicaSet everybody;
  int columns = 0;
  int faults = 0;

  explicit Cluster(const Settings& settings);

  // Of the dependency service; shards.h says which keys they have.
  int shards() const { return parts_->shards; }
  const Electorate& shard(int number) const {
    return parts_->dependencies[static_cast<std::size_t>(number)];
  }
  // Neighbouring slots of one leader go to different groups.
  int groups() const { return parts_->groups; }
  const AcceptorGroup& GroupOf(InstanceId id) const {
    const std::uint64_t number =
        id.slot + static_cast<std::uint64_t>(Index(id.replica));
    return parts_
        ->acceptors[number % static_cast<std::uint64_t>(parts_->groups)];
  }
  const AcceptorGroup& group(int number) const {
    return parts_->acceptors[static_cast<std::size_t>(number)];
  }

 private:
  struct Divided {
    int shards = 1;
    int groups = 1;
    std::array<Electorate, kMaxParts> dependencies;
    std::array<AcceptorGroup, kMaxParts> acceptors;
  };
  static std::shared_ptr<const Divided> Divide(const Settings& settings,
                                               const Roles& roles);
  static int MostFaults(const Roles& roles, const Divided& parts);

  std::shared_ptr<const Divided> parts_;
};

// Can a machine be made with these roles? Does the arithmetic and names the
// remedy. Part of ValidateSettings.
absl::Status CheckRoles(const Settings& settings);

// The `steps`-th member after `from` in ring order, `from` itself being the
// 0th if it is one. The set must not be empty.
ReplicaId InRing(ReplicaSet members, ReplicaId from, int steps);

}  // namespace quorate
