#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

template <typename M>
void Lose(TestCluster& cluster, int to) {
  std::erase_if(cluster.network(), [&](const InFlight& m) {
    return Index(m.to) == to && std::holds_alternative<M>(m.message);
  });
}

TEST(EpaxosTick, RepeatsALostPreAccept) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.network().clear();
  cluster.Run(20);
  for (int i = 0; i < 3; ++i) EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
  EXPECT_GE(cluster.at(0).stats().retransmissions, 1u);
}

TEST(EpaxosTick, RepeatsLessAndLessOften) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  for (int tick = 0; tick < 400; ++tick) {
    cluster.Tick(0);
    cluster.network().clear();
  }
  EXPECT_GE(cluster.at(0).stats().retransmissions, 4u);
  EXPECT_LE(cluster.at(0).stats().retransmissions, 12u);
}

TEST(EpaxosTick, BringsALostCommitToThePeerThatLacksIt) {
  TestCluster cluster(3);
  const InstanceId id = cluster.ProposeAndVote(0, Put("a", "1"), 1);
  cluster.Sync(0);
  cluster.network().clear();  // Replica 2 has heard nothing at all.
  cluster.Run(30);
  EXPECT_NE(cluster.FindCommitted(2, id), nullptr);
}

TEST(EpaxosTick, AnotherPeerRepairsWhenTheCommandLeaderIsSuspected) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Lose<PreAccept>(cluster, 2);
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.Sync(0);
  Lose<Commit>(cluster, 2);
  cluster.DeliverAll<Commit>(1);
  ReplicaSet down;
  down.Insert(ReplicaAt(0));
  Actions actions;
  cluster.at(1).HandleSuspicion(ReplicaAt(0), true, actions);
  cluster.at(2).HandleSuspicion(ReplicaAt(0), true, actions);
  cluster.Run(30, down);
  EXPECT_NE(cluster.FindCommitted(2, id), nullptr);
}

TEST(EpaxosTick, ForgetsWhatEverybodyHasExecuted) {
  TestCluster cluster(3);
  for (std::uint64_t round = 1; round <= 50; ++round) {
    for (int i = 0; i < 3; ++i) cluster.Propose(i, Put("k", "v", round));
    cluster.Settle();
  }
  EXPECT_EQ(cluster.at(0).log().size(), 150u);
  cluster.Run(80);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cluster.at(i).log().size(), 0u);
    EXPECT_EQ(cluster.at(i).drop_floor(), cluster.at(i).base_floor());
  }
}

TEST(EpaxosTick, KeepsEverythingThatADeadPeerMayStillNeed) {
  TestCluster cluster(3);
  ReplicaSet down;
  down.Insert(ReplicaAt(2));
  const InstanceId id = cluster.Propose(0, Put("k", "v"));
  cluster.Run(100, down);
  EXPECT_EQ(cluster.at(0).log().size(), 1u);
  cluster.Run(100);
  EXPECT_NE(cluster.FindCommitted(2, id), nullptr);
  EXPECT_EQ(cluster.at(0).log().size(), 0u);
}

TEST(EpaxosTick, AnswersTruncatedAboutAForgottenInstance) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("k", "v"));
  cluster.Run(100);
  ASSERT_EQ(cluster.at(1).log().size(), 0u);
  cluster.Deliver(1, ReplicaAt(0),
                  PreAccept{.instance = id,
                            .batch = Put("k", "v"),
                            .initial_deps = DependencySet(3)});
  ASSERT_EQ(cluster.Queued<Truncated>(0).size(), 1u);
  EXPECT_EQ(cluster.at(1).log().size(), 0u);
}

TEST(EpaxosTick, NewProposalsCoverTheFloorThatIsBeingRaised) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("k", "v"));
  cluster.Run(100);
  const DependencySet floor = cluster.at(1).base_floor();
  ASSERT_EQ(ToString(floor), "{r1:1}");
  cluster.Propose(1, Put("unrelated", "v"));
  cluster.Sync(1);
  ASSERT_EQ(cluster.Queued<PreAccept>(0).size(), 1u);
  EXPECT_TRUE(cluster.Queued<PreAccept>(0)[0].initial_deps.Covers(floor));
}

TEST(EpaxosTick, DoesNotRaiseTheFloorOverAnUndecidedOwnInstance) {
  TestCluster cluster(3);
  cluster.Propose(1, Put("k", "v"));
  cluster.Settle();
  cluster.Propose(0, Put("other", "v"));  // Never gets through.
  cluster.Sync(0);
  for (int tick = 0; tick < 100; ++tick) {
    cluster.Tick(0);
    cluster.Sync(0);
    std::erase_if(cluster.network(), [](const InFlight& m) {
      return std::holds_alternative<PreAccept>(m.message);
    });
  }
  EXPECT_EQ(ToString(cluster.at(0).base_floor()), "{}");
}

}  // namespace
}  // namespace quorate::epaxos
