#include "experiments/plan/rounds.h"

#include "replica/base/quorum.h"
#include "replica/epaxos/fast_path.h"
#include "wire/check.h"

namespace quorate::plan {
namespace {

using epaxos::FastPath;
using epaxos::Instance;
using epaxos::Leading;
using epaxos::Round;

struct FirstRound {
  int peers = 0;
  bool fast = false;
};

// What peer `i` adds of its own: a command in its column, or nothing.
DependencySet VoteOf(int i, bool contended, int n) {
  DependencySet deps(n);
  if (contended) deps.Set(ReplicaAt(i), 1);
  return deps;
}

// The command leader is replica 0, peer `i` the i-th nearest.
FirstRound PlayFirstRound(const Settings& settings, bool contended) {
  const FastPath fast_path(settings);
  const QuorumSizes sizes = QuorumSizesOf(settings);
  const ReplicaId self = ReplicaAt(0);
  Instance instance;
  instance.initial_deps = DependencySet(sizes.replicas);
  Leading leading;
  fast_path.Begin(instance, leading);
  const bool asks_a_quorum = settings.thrifty || fast_path.FixesQuorum();
  leading.asked =
      ReplicaSet::FirstN(asks_a_quorum ? sizes.fast() : sizes.replicas);
  if (fast_path.FixesQuorum()) instance.fast_quorum = leading.asked;
  leading.asked.Erase(self);
  leading.voters.Insert(self);
  leading.matching.Insert(self);
  for (int peers = 0;; ++peers) {
    if (fast_path.IsFast(instance, leading)) return {peers, true};
    if (fast_path.OtherwiseThanFast(instance, leading, ReplicaSet()) ==
        Round::kSlow) {
      return {peers, false};
    }
    QUORATE_CHECK(peers < leading.asked.size(),
                  "the votes of all who are asked end the first round");
    fast_path.CountVote(ReplicaAt(peers + 1),
                        VoteOf(peers + 1, contended, sizes.replicas), instance,
                        leading);
  }
}

}  // namespace

Rounds RoundsOf(const Settings& settings) {
  const FirstRound alone = PlayFirstRound(settings, /*contended=*/false);
  QUORATE_CHECK(alone.fast, "without conflicts the first round is fast");
  const FirstRound contended = PlayFirstRound(settings, /*contended=*/true);
  return {
      .fast = alone.peers,
      .contended = contended.peers,
      .accepts = contended.fast ? 0 : QuorumSizesOf(settings).accepting() - 1};
}

}  // namespace quorate::plan
