// Answers: who is sent again the decisions that it lacks, by whom, how many?
//
// A member that still lacks what was known here a repair period ago has
// probably lost it. One member sends it again: the first in ring order from the
// column's own that is up and has it. But nobody knows that this one can be
// heard: a link between two others may be cut, or its disk too slow. So the
// next in the ring does so as well once the member has stood still in that
// column for some periods, the one after that later, until nothing overdue is
// lacked. Who reads the checkpoint from here gets what follows from here. What
// is sent is the caller's to say. Pure, copyable.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

class Repair {
 public:
  // `members`: those that keep decisions, this one among them.
  Repair(int columns, ReplicaSet members, ReplicaId self);

  // `committed`: all of each column up to there is decided at the member.
  void Hear(ReplicaId from, const DependencySet& committed);
  // A new connection may follow one that took messages with it. `newest`: of
  // each column, the last slot that is known here.
  void Greet(ReplicaId member, const DependencySet& newest);
  // For each member every retransmit_ticks, or as long as a way there and back
  // takes on top.
  void BeginPeriod(const DependencySet& newest, ReplicaSet members);
  void BeginPeriod(const DependencySet& newest) {
    BeginPeriod(newest, members_);
  }

  const DependencySet& CommittedAt(ReplicaId member) const {
    return At(member).committed;
  }
  bool IsOverdue(ReplicaId member, ReplicaId column) const {
    const Member& of = At(member);
    return of.committed[column] < of.overdue[column];
  }
  // Is it for this member to send it, of those that are up?
  bool IsOurs(ReplicaId member, ReplicaId column, ReplicaSet suspected);
  // Frontiers that were answered in place of a member nearer to the column.
  std::uint64_t relays() const { return relays_; }

  // Calls send(id) for what the member lacks of the column and was not sent in
  // this period, as much as may be sent for one of its frontiers. `send` says
  // how many bytes it sent, if it did: what is not decided here is skipped.
  template <typename Send>
  void Resend(ReplicaId member, ReplicaId column, const Send& send) {
    Member& to = At(member);
    std::uint64_t slot = std::max(to.committed[column], to.resent[column]);
    int count = 0;
    std::size_t bytes = 0;
    while (slot < to.overdue[column] && count < kMostResent &&
           bytes < kMostResentBytes) {
      const std::optional<std::size_t> sent = send(InstanceId{column, ++slot});
      if (!sent) continue;
      ++count;
      bytes += *sent;
    }
    to.resent.Set(column, slot);
  }

 private:
  // For one frontier of one member; one repetition must not crowd out what is
  // new.
  static constexpr int kMostResent = 256;
  static constexpr std::size_t kMostResentBytes = 1024 * 1024;

  struct Member {
    DependencySet committed;
    // Known here when the present (the next) period began.
    DependencySet overdue;
    DependencySet overdue_next;
    DependencySet resent;  // in this period
    // Its frontier when the period began, and in how many periods in which it
    // was heard each column has stood still since nothing overdue was lacked.
    DependencySet stood_at;
    bool heard = false;
    std::array<std::uint8_t, kMaxReplicas> stood_still{};
  };

  const Member& At(ReplicaId member) const {
    return states_[static_cast<std::size_t>(Index(member))];
  }
  Member& At(ReplicaId member) {
    return states_[static_cast<std::size_t>(Index(member))];
  }

  ReplicaSet members_;
  ReplicaId self_;
  std::uint64_t relays_ = 0;
  std::vector<Member> states_;  // by index, up to the last member
};

}  // namespace quorate
