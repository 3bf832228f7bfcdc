// What measured distances change, and that nothing changes without them.
#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

// Each peer's way there and back, in milliseconds.
using Far = std::initializer_list<std::pair<int, int>>;

void Measure(TestCluster& cluster, int node, Far far) {
  for (const auto& [peer, ms] : far) {
    for (int i = 0; i < 40; ++i) {
      cluster.at(node).HandleMeasured(
          {.peer = ReplicaAt(peer),
           .round_trip_us = static_cast<std::uint64_t>(ms) * 1000});
    }
  }
}

Settings Of(FastPathRule rule, int faults = 0) {
  return {.faults = faults, .fast_path = rule};
}

InstanceStatus StatusOf(TestCluster& cluster, InstanceId id) {
  return cluster.at(Index(id.replica)).log().Find(id)->status;
}

// One of them has heard of a conflicting command.
void VoteOn(TestCluster& cluster, int voter) {
  cluster.DeliverAll<PreAccept>(voter);
  cluster.Sync(voter);
  cluster.DeliverAll<PreAcceptReply>(0);
}

// ---- asked again ------------------------------------------------------------

TEST(EpaxosDistance, AsksNobodyAgainBeforeAnAnswerCanCome) {
  TestCluster cluster(3);
  Measure(cluster, 0, {{1, 20}, {2, 200}});
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.network().clear();
  cluster.Tick(0, 6);
  EXPECT_TRUE(cluster.Queued<PreAccept>(1).empty());
  cluster.Tick(0, 1);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
  cluster.Tick(0, 17);
  EXPECT_TRUE(cluster.Queued<PreAccept>(2).empty());
  cluster.Tick(0, 1);
  EXPECT_EQ(cluster.Queued<PreAccept>(2).size(), 1u);
}

TEST(EpaxosDistance, AsksAfterTheSettingWhereNothingIsMeasured) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.network().clear();
  cluster.Tick(0, Settings().retransmit_ticks - 1);
  EXPECT_TRUE(cluster.Queued<PreAccept>(1).empty());
  cluster.Tick(0);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(2).size(), 1u);
}

// ---- the fast path is given up ----------------------------------------------

TEST(EpaxosDistance, WaitsForAVoteAsLongAsItsPeerIsFar) {
  TestCluster cluster(3, Of(FastPathRule::kUnanimous));
  Measure(cluster, 0, {{1, 20}, {2, 200}});
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  VoteOn(cluster, 1);
  cluster.Tick(0, 24);
  EXPECT_EQ(StatusOf(cluster, id), InstanceStatus::kPreAccepted);
  cluster.Tick(0);
  EXPECT_EQ(StatusOf(cluster, id), InstanceStatus::kAccepted) << "it is late";
}

TEST(EpaxosDistance, DoesNotWaitForASuspectedOneHoweverFar) {
  TestCluster cluster(3, Of(FastPathRule::kUnanimous));
  Measure(cluster, 0, {{1, 20}, {2, 200}});
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  VoteOn(cluster, 1);
  cluster.Suspect(0, 2);
  EXPECT_EQ(StatusOf(cluster, id), InstanceStatus::kAccepted);
}

class TwoVotesThatDiffer : public testing::Test {
 protected:
  // Of 0's instance 1 has the same view, 2 another one; 3 and 4 are to come.
  void Vote() {
    cluster_.Propose(2, Put("a", "2"));
    cluster_.Sync(2);
    cluster_.network().clear();
    id_ = cluster_.Propose(0, Put("a", "1"));
    cluster_.Sync(0);
    VoteOn(cluster_, 1);
    VoteOn(cluster_, 2);
  }
  TestCluster cluster_{5};
  InstanceId id_;
};

TEST_F(TwoVotesThatDiffer, AreNotWaitedOnForOnesThatAreFar) {
  Measure(cluster_, 0, {{1, 20}, {2, 60}, {3, 110}, {4, 140}});
  Vote();
  EXPECT_EQ(StatusOf(cluster_, id_), InstanceStatus::kAccepted);
}

TEST_F(TwoVotesThatDiffer, AreWaitedOnForOneThatIsAboutToCome) {
  Measure(cluster_, 0, {{1, 20}, {2, 60}, {3, 61}, {4, 140}});
  Vote();
  EXPECT_EQ(StatusOf(cluster_, id_), InstanceStatus::kPreAccepted);
  VoteOn(cluster_, 3);
  cluster_.Sync(0);
  EXPECT_EQ(StatusOf(cluster_, id_), InstanceStatus::kCommitted);
  EXPECT_EQ(cluster_.at(0).stats().fast_commits, 1u);
}

TEST_F(TwoVotesThatDiffer, AreWaitedOnWhereNothingIsMeasured) {
  Vote();
  EXPECT_EQ(StatusOf(cluster_, id_), InstanceStatus::kPreAccepted);
}

TEST(EpaxosDistance, VotesThatAgreeAreWaitedOnForFarOnes) {
  TestCluster cluster(5);
  Measure(cluster, 0, {{1, 20}, {2, 60}, {3, 110}, {4, 140}});
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  VoteOn(cluster, 1);
  EXPECT_EQ(StatusOf(cluster, id), InstanceStatus::kPreAccepted);
}

// The command leader ends it by a recovery, which takes two round trips.
TEST(EpaxosDistance, AFixedQuorumIsWaitedForUntilAnotherWayWereSooner) {
  TestCluster cluster(3, Of(FastPathRule::kAtlas));
  Measure(cluster, 0, {{1, 100}, {2, 200}});
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.Tick(0, 34);
  EXPECT_EQ(cluster.at(0).stats().recoveries_started, 0u);
  cluster.Tick(0);
  EXPECT_EQ(cluster.at(0).stats().recoveries_started, 1u);
}

// ---- whom to ask ------------------------------------------------------------

TEST(EpaxosDistance, AtlasAsksTheNearest) {
  TestCluster cluster(5, Of(FastPathRule::kAtlas, 1));
  Measure(cluster, 0, {{1, 60}, {2, 141}, {3, 21}, {4, 112}});
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  EXPECT_EQ(cluster.at(0).log().Find(id)->fast_quorum, Set({0, 1, 3}));
}

TEST(EpaxosDistance, AThriftyRoundAsksTheNearestThatAreUp) {
  TestCluster cluster(5, {.thrifty = true});
  Measure(cluster, 0, {{1, 60}, {2, 141}, {3, 21}, {4, 112}});
  cluster.Suspect(0, 3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  EXPECT_EQ(cluster.at(0).log().Find(id)->leading()->asked, Set({1, 4}));
}

TEST(EpaxosDistance, AThriftyRoundWidensWhenOneThatWasAskedIsLate) {
  TestCluster cluster(5, {.thrifty = true});
  Measure(cluster, 0, {{1, 60}, {2, 141}, {3, 21}, {4, 112}});
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.Tick(0, 6);
  VoteOn(cluster, 3);
  cluster.network().clear();
  cluster.Tick(0, 4);
  EXPECT_TRUE(cluster.Queued<PreAccept>(2).empty()) << "1 is not late yet";
  cluster.Tick(0);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(2).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(4).size(), 1u);
  EXPECT_TRUE(cluster.Queued<PreAccept>(3).empty());
}

TEST(EpaxosDistance, AsksTheNextInRingOrderWhereNothingIsMeasured) {
  TestCluster cluster(5, Of(FastPathRule::kAtlas, 1));
  const InstanceId id = cluster.Propose(3, Put("a", "1"));
  EXPECT_EQ(cluster.at(3).log().Find(id)->fast_quorum, Set({3, 4, 0}));
}

// ---- repair -----------------------------------------------------------------

TEST(EpaxosDistance, TakesNoDecisionForLostThatIsUnderWay) {
  TestCluster cluster(3);
  Measure(cluster, 0, {{1, 20}, {2, 200}});
  const InstanceId id = cluster.ProposeAndVote(0, Put("a", "1"), 1);
  cluster.Sync(0);
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  cluster.network().clear();
  const Frontier old{.committed = DependencySet(3),
                     .executed = DependencySet(3),
                     .base_floor = DependencySet(3)};
  for (int tick = 1; tick < 25; ++tick) {
    cluster.Tick(0);
    cluster.Deliver(0, ReplicaAt(2), old);
    EXPECT_TRUE(cluster.Queued<Commit>(2).empty()) << tick;
  }
  int commits = 0;
  for (int tick = 0; tick < 50; ++tick) {
    cluster.Tick(0);
    cluster.Deliver(0, ReplicaAt(2), old);
    commits = static_cast<int>(cluster.Queued<Commit>(2).size());
  }
  EXPECT_GE(commits, 1);
  EXPECT_LE(commits, 2) << "once a round trip";
}

// ---- recovery ---------------------------------------------------------------

class AnOpenInstance : public testing::Test {
 protected:
  // Replica 1 knows of an instance of 0 and hears no more of it.
  void Open(Far far) {
    Measure(cluster_, 1, far);
    cluster_.Propose(0, Put("a", "1"));
    cluster_.Sync(0);
    cluster_.DeliverAll<PreAccept>(1);
    cluster_.Sync(1);
    cluster_.network().clear();
  }
  // Ticks of 1 until it has asked 0.
  int TicksUntilItAsks() {
    for (int ticks = 1; ticks < 500; ++ticks) {
      cluster_.Tick(1);
      if (!cluster_.Queued<Inquire>(0).empty()) return ticks;
    }
    return 500;
  }
  int TicksUntilItRecovers(bool speaks) {
    for (int ticks = 1; ticks < 500; ++ticks) {
      if (speaks) {
        cluster_.Deliver(1, ReplicaAt(0),
                         Frontier{.committed = DependencySet(3),
                                  .executed = DependencySet(3),
                                  .base_floor = DependencySet(3)});
      }
      cluster_.Tick(1);
      if (cluster_.at(1).stats().recoveries_started > 0) return ticks;
    }
    return 500;
  }
  TestCluster cluster_{3};
};

TEST_F(AnOpenInstance, IsAskedAboutWhenItMayHaveBeenDecided) {
  Open({{0, 100}, {2, 200}});
  EXPECT_GT(TicksUntilItAsks(), 40);
}

TEST_F(AnOpenInstance, IsAskedAboutAfterAPeriodWhereNothingIsMeasured) {
  Open({});
  EXPECT_EQ(TicksUntilItAsks(),
            Settings().recovery_ticks + Settings().retransmit_ticks);
}

TEST_F(AnOpenInstance, IsNotTakenFromOneThatStandsStillForAMoment) {
  Open({{0, 100}, {2, 200}});
  TicksUntilItAsks();
  const int ticks = TicksUntilItRecovers(/*speaks=*/false);
  EXPECT_GT(ticks, 10 + 45) << "400 ms, and the way there and back";
  EXPECT_LT(ticks, 100);
}

TEST_F(AnOpenInstance, IsTakenFromOneThatSpeaksAndDoesNotAnswer) {
  Open({{0, 100}, {2, 200}});
  TicksUntilItAsks();
  const int ticks = TicksUntilItRecovers(/*speaks=*/true);
  EXPECT_GT(ticks, 20) << "two ways there and back";
  EXPECT_LT(ticks, 10 + 45);
}

}  // namespace
}  // namespace quorate::epaxos
