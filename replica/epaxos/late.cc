// Whose votes is the fast path not waited for?
//
// Giving it up is a decision of its own, apart from sending anything again:
// early enough that the slow path is not begun for nothing late, and not before
// the distance of those whose votes are lacking allows them to come.
#include <algorithm>

#include "replica/epaxos/proposer.h"
#include "wire/timers.h"

namespace quorate::epaxos {
namespace {

constexpr int kFastPathTicks = TicksOf<"epaxos.fast_path">;
// Once votes differ, others are likely to differ as well: a vote is waited for
// only if it comes within this share of the round trip of the slow path, or in
// so few microseconds that a second round, with its disks, is never sooner.
constexpr std::int64_t kSharesOfSlowPath = 16;
constexpr std::int64_t kSoon = 2000;

// To the farthest that a classic quorum needs, of those that are up.
std::int64_t SlowRoundTripUs(const Core& core) {
  int needed = core.quorums.accepting() - 1;
  for (const ReplicaId peer : core.distances.nearest_first()) {
    if (core.suspected.Contains(peer) || --needed > 0) continue;
    return core.distances.RoundTripUs(peer);
  }
  return 0;
}

// A fixed quorum has no slow path without all its members: what ends it is a
// recovery, two round trips. A member that stood still for less than that would
// have been sooner.
int TicksToEndOtherwise(const Core& core) {
  if (!core.fast_path.FixesQuorum()) return 0;
  return static_cast<int>(2 * SlowRoundTripUs(core) / core.distances.tick_us());
}

}  // namespace

// True if somebody is late who was not.
bool Proposer::NoteLate(const Core& core, Leading& leading) {
  const ReplicaSet before = leading.late;
  const int otherwise = TicksToEndOtherwise(core);
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId peer = ReplicaAt(i);
    if (core.IsSelf(peer)) continue;
    const int patience =
        core.distances.IsMeasured(peer)
            ? core.distances.Ticks(peer) + kFastPathTicks + otherwise
            : core.settings.retransmit_ticks;
    if (leading.age_ticks >= patience) leading.late.Insert(peer);
  }
  return leading.late != before;
}

// Those who are suspected or late; and where votes differ and a classic quorum
// has voted, those who are too far to be worth waiting for. How far a vote is
// still away follows from those that have come: at least so much time has
// passed as the farthest of them takes.
ReplicaSet Proposer::Hopeless(const Core& core, const Leading& leading) {
  ReplicaSet hopeless = ReplicaSet::FromBits(
      static_cast<std::uint16_t>(core.suspected.bits() | leading.late.bits()));
  const bool they_differ = leading.matching.size() < leading.voters.size();
  if (!they_differ || core.fast_path.FixesQuorum() ||
      leading.voters.size() < core.quorums.classic()) {
    return hopeless;
  }
  std::int64_t passed_us = leading.age_ticks * core.distances.tick_us();
  for (const ReplicaId peer : core.distances.nearest_first()) {
    if (!leading.voters.Contains(peer)) continue;
    passed_us = std::max(passed_us, core.distances.RoundTripUs(peer));
  }
  const std::int64_t slow_us = SlowRoundTripUs(core);
  for (const ReplicaId peer : core.distances.nearest_first()) {
    const std::int64_t away_us = core.distances.RoundTripUs(peer) - passed_us;
    if (away_us > std::max(kSoon, slow_us / kSharesOfSlowPath)) {
      hopeless.Insert(peer);
    }
  }
  return hopeless;
}

}  // namespace quorate::epaxos
