#include "replica/base/floors/repair.h"

#include <bit>
#include <limits>

#include "replica/base/roles.h"

namespace quorate {
namespace {

// Periods that each further member in ring order waits.
constexpr int kPeriodsARank = 4;

}  // namespace

Repair::Repair(int columns, ReplicaSet members, ReplicaId self)
    : members_(members), self_(self) {
  const DependencySet none(columns);
  states_.assign(static_cast<std::size_t>(std::bit_width(members.bits())),
                 {.committed = none,
                  .overdue = none,
                  .overdue_next = none,
                  .resent = none,
                  .stood_at = none});
}

void Repair::Hear(ReplicaId from, const DependencySet& committed) {
  if (!members_.Contains(from)) return;
  At(from).committed = committed;
  At(from).heard = true;
}

void Repair::Greet(ReplicaId member, const DependencySet& newest) {
  if (!members_.Contains(member)) return;
  At(member).overdue = newest;
  At(member).resent = DependencySet(newest.columns());
}

void Repair::BeginPeriod(const DependencySet& newest, ReplicaSet members) {
  for (int m = 0; m < static_cast<int>(states_.size()); ++m) {
    if (!members.Contains(ReplicaAt(m))) continue;
    Member& member = At(ReplicaAt(m));
    for (int i = 0; i < newest.columns(); ++i) {
      const ReplicaId column = ReplicaAt(i);
      std::uint8_t& still = member.stood_still[static_cast<std::size_t>(i)];
      if (member.committed[column] >= member.overdue[column]) {
        still = 0;
      } else if (member.heard &&
                 member.committed[column] == member.stood_at[column] &&
                 still < std::numeric_limits<std::uint8_t>::max()) {
        ++still;
      }
    }
    member.stood_at = member.committed;
    member.heard = false;
    member.overdue = member.overdue_next;
    member.overdue_next = newest;
    member.resent = DependencySet(newest.columns());
  }
}

bool Repair::IsOurs(ReplicaId member, ReplicaId column, ReplicaSet suspected) {
  const Member& lacking = At(member);
  const InstanceId lacked{column, lacking.committed[column] + 1};
  ReplicaSet able;
  able.Insert(self_);
  for (int i = 0; i < static_cast<int>(states_.size()); ++i) {
    // Two that lack the same would wait for each other.
    if (At(ReplicaAt(i)).committed.Contains(lacked) &&
        !suspected.Contains(ReplicaAt(i))) {
      able.Insert(ReplicaAt(i));
    }
  }
  int rank = 0;
  while (InRing(able, column, rank) != self_) ++rank;
  const int waited =
      lacking.stood_still[static_cast<std::size_t>(Index(column))];
  if (waited < rank * kPeriodsARank) return false;
  if (rank > 0) ++relays_;
  return true;
}

}  // namespace quorate
