#include "wire/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace quorate {
namespace {

TEST(InstanceIdTest, OrdersBySlotBeforeColumn) {
  std::vector<InstanceId> ids = {{ReplicaAt(1), 2},
                                 {ReplicaAt(2), 1},
                                 {ReplicaAt(0), 2},
                                 {ReplicaAt(0), 1}};
  std::ranges::sort(ids);
  EXPECT_EQ(ids, (std::vector<InstanceId>{{ReplicaAt(0), 1},
                                          {ReplicaAt(2), 1},
                                          {ReplicaAt(0), 2},
                                          {ReplicaAt(1), 2}}));
}

TEST(InstanceIdTest, IsWrittenWithTheReplicasName) {
  EXPECT_EQ(ToString(InstanceId{ReplicaAt(0), 17}), "r1.17");
}

TEST(BallotTest, KeepsRoundAndOwner) {
  const Ballot ballot = Ballot::Of(7, ReplicaAt(3));
  EXPECT_EQ(ballot.round(), 7u);
  EXPECT_EQ(ballot.owner(), ReplicaAt(3));
  EXPECT_EQ(Ballot::FromNumber(ballot.number()), ballot);
  EXPECT_FALSE(ballot.is_initial());
  EXPECT_TRUE(Ballot().is_initial());
}

TEST(BallotTest, TwoReplicasNeverShareOneOfARound) {
  EXPECT_NE(Ballot::Of(1, ReplicaAt(0)), Ballot::Of(1, ReplicaAt(1)));
}

TEST(BallotTest, AHigherRoundBeatsAnyOwner) {
  EXPECT_GT(Ballot::Of(2, ReplicaAt(0)), Ballot::Of(1, ReplicaAt(8)));
}

TEST(ReplicaSetTest, CountsAReplicaInsertedTwiceOnce) {
  ReplicaSet set;
  EXPECT_TRUE(set.empty());
  set.Insert(ReplicaAt(4));
  set.Insert(ReplicaAt(4));
  EXPECT_EQ(set.size(), 1);
  EXPECT_TRUE(set.Contains(ReplicaAt(4)));
  EXPECT_FALSE(set.Contains(ReplicaAt(3)));
}

TEST(ReplicaSetTest, ForgetsAnErasedReplica) {
  ReplicaSet set = ReplicaSet::FirstN(3);
  set.Erase(ReplicaAt(1));
  set.Erase(ReplicaAt(1));
  EXPECT_EQ(set, ReplicaSet::FromBits(0b101));
}

TEST(ReplicaSetTest, FirstNHoldsTheWholeClusterOfEverySize) {
  for (int n = 0; n <= kMaxReplicas; ++n) {
    const ReplicaSet set = ReplicaSet::FirstN(n);
    EXPECT_EQ(set.size(), n);
    for (int i = 0; i < kMaxReplicas; ++i) {
      EXPECT_EQ(set.Contains(ReplicaAt(i)), i < n);
    }
  }
}

TEST(ReplicaSetTest, IntersectsAndSubtracts) {
  const ReplicaSet a = ReplicaSet::FromBits(0b0111);
  const ReplicaSet b = ReplicaSet::FromBits(0b1101);
  EXPECT_EQ(a.Intersect(b), ReplicaSet::FromBits(0b0101));
  EXPECT_EQ(a.Minus(b), ReplicaSet::FromBits(0b0010));
}

}  // namespace
}  // namespace quorate
