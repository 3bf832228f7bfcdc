#include "experiments/plan/rounds.h"

#include <gtest/gtest.h>

#include "replica/base/quorum.h"

namespace quorate::plan {
namespace {

Rounds Of(FastPathRule rule, int n, int f = 0, bool thrifty = false) {
  return RoundsOf({.protocol = Protocol::kEpaxos,
                   .replicas = n,
                   .faults = f,
                   .fast_path = rule,
                   .thrifty = thrifty});
}

void ExpectRounds(const Rounds& rounds, int fast, int contended, int accepts) {
  EXPECT_EQ(rounds.fast, fast);
  EXPECT_EQ(rounds.contended, contended);
  EXPECT_EQ(rounds.accepts, accepts);
}

TEST(RoundsTest, EpaxosWaitsUntilTooFewCanMatch) {
  // n - e = 2, 3, 5; the slow path begins when n - e cannot match any more.
  ExpectRounds(Of(FastPathRule::kEpaxos, 3), 1, 2, 1);
  ExpectRounds(Of(FastPathRule::kEpaxos, 5), 2, 3, 2);
  ExpectRounds(Of(FastPathRule::kEpaxos, 7), 4, 3, 3);
  // Only a fast quorum is asked: the first that does not match ends it, but
  // not before there is a classic quorum.
  ExpectRounds(Of(FastPathRule::kEpaxos, 5, 0, /*thrifty=*/true), 2, 2, 2);
}

TEST(RoundsTest, AtlasWithOneFaultIsFastWhateverItMeets) {
  ExpectRounds(Of(FastPathRule::kAtlas, 3), 1, 1, 0);
  ExpectRounds(Of(FastPathRule::kAtlas, 5, 1), 2, 2, 0);
  ExpectRounds(Of(FastPathRule::kAtlas, 7, 1), 3, 3, 0);
  // n/2 + f vote, f + 1 accept.
  ExpectRounds(Of(FastPathRule::kAtlas, 5, 2), 3, 3, 2);
  ExpectRounds(Of(FastPathRule::kAtlas, 7, 2), 4, 4, 2);
}

TEST(RoundsTest, UnanimousGivesUpAtTheFirstConflict) {
  ExpectRounds(Of(FastPathRule::kUnanimous, 5), 4, 2, 2);
  ExpectRounds(Of(FastPathRule::kUnanimous, 7, 2), 6, 4, 4);
}

TEST(RoundsTest, AFastQuorumIsAsLargeAsTheProductSays) {
  for (const FastPathRule rule : kFastPathRules) {
    for (int n = 3; n <= kMaxReplicas; ++n) {
      for (int f = 1; f <= LargestFaults(n); ++f) {
        const Settings settings{.protocol = Protocol::kEpaxos,
                                .replicas = n,
                                .faults = f,
                                .fast_path = rule};
        EXPECT_EQ(RoundsOf(settings).fast + 1, QuorumSizesOf(settings).fast());
      }
    }
  }
}

}  // namespace
}  // namespace quorate::plan
