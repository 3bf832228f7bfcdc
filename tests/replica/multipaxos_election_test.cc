#include <utility>

#include "tests/replica/multipaxos_harness.h"

namespace quorate::multipaxos {
namespace {

TEST(MultipaxosElection, NobodyLeadsBeforeAQuorumHasPromised) {
  TestCluster cluster(3);
  cluster.Campaign(0);
  cluster.Sync(0);
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(0).leader(), std::nullopt);
  cluster.Settle();
  EXPECT_TRUE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(1).leader(), ReplicaAt(0));
}

TEST(MultipaxosElection, ABallotIsDurableBeforeItIsAskedFor) {
  TestCluster cluster(3);
  cluster.Campaign(0);
  EXPECT_TRUE(cluster.Queued<Prepare>(1).empty());
  cluster.Sync(0);
  EXPECT_EQ(cluster.Queued<Prepare>(1).size(), 1u);
}

TEST(MultipaxosElection, APromiseIsDurableBeforeItIsGiven) {
  TestCluster cluster(3);
  cluster.Campaign(0);
  cluster.Sync(0);
  cluster.DeliverAll<Prepare>(1);
  EXPECT_TRUE(cluster.Queued<Promise>(0).empty());
  cluster.Sync(1);
  EXPECT_EQ(cluster.Queued<Promise>(0).size(), 1u);
}

TEST(MultipaxosElection, PatienceDependsOnWhatTheTickBrings) {
  Settings settings;
  settings.election_ticks = 100;
  const auto ticks_until_campaign = [&](std::uint64_t random) {
    TestCluster cluster(3, settings);
    int ticks = 0;
    while (cluster.at(0).stats().elections_started == 0) {
      cluster.Tick(0, random);
      ++ticks;
    }
    return ticks;
  };
  EXPECT_EQ(ticks_until_campaign(0), 10);
  EXPECT_EQ(ticks_until_campaign(50), 15);
  EXPECT_EQ(ticks_until_campaign(199), 19);
}

TEST(MultipaxosElection, FollowersWaitAsLongAsTheLeaderGivesSigns) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Run(1000);
  EXPECT_EQ(cluster.at(1).stats().elections_started, 0u);
  EXPECT_EQ(cluster.at(2).stats().elections_started, 0u);
  EXPECT_TRUE(cluster.at(0).leads());
}

TEST(MultipaxosElection, ASuspectedLeaderIsReplacedSooner) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Suspect(1, 0);
  EXPECT_EQ(cluster.at(1).leader(), std::nullopt);
  for (int i = 0; i < 10; ++i) cluster.Tick(1);
  EXPECT_TRUE(cluster.at(1).campaigns());
}

TEST(MultipaxosElection, ANewLeaderKeepsWhatMayHaveBeenChosen) {
  TestCluster cluster(3);
  cluster.Elect(0);
  const InstanceId slot = cluster.Propose(0, Put("a", "1"));
  // Accepted by r2, whose answer is lost: r1 and r2 make a quorum.
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  cluster.network().clear();

  cluster.SuspectEverywhere(0);
  cluster.Elect(2, Only(0));
  ASSERT_TRUE(cluster.at(2).leads());
  cluster.Run(10, Only(0));
  ASSERT_EQ(cluster.committed(2).size(), 1u);
  EXPECT_EQ(cluster.committed(2)[0].instance, slot);
  EXPECT_EQ(cluster.committed(2)[0].value, Value::Commands(Put("a", "1")));
}

TEST(MultipaxosElection, ANewLeaderFillsGapsWithNoops) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1", 1));
  cluster.network().clear();  // Slot 1 is lost on the way,
  cluster.Propose(0, Put("b", "2", 2));
  cluster.DeliverAll<Accept>(1);  // slot 2 is not.
  cluster.Sync(1);
  cluster.network().clear();

  cluster.SuspectEverywhere(0);
  cluster.Elect(2, Only(0));
  cluster.Run(10, Only(0));
  ASSERT_EQ(cluster.committed(2).size(), 2u);
  EXPECT_EQ(cluster.committed(2)[0].value, Value::Noop());
  EXPECT_EQ(cluster.committed(2)[1].value, Value::Commands(Put("b", "2", 2)));
  EXPECT_EQ(cluster.at(2).stats().recovered_noops, 1u);
}

TEST(MultipaxosElection, TheVoteOfTheHighestBallotCounts) {
  TestCluster cluster(5);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "old", 1));
  cluster.DeliverAll<Accept>(1);  // r2 votes for it at the first ballot.
  cluster.Sync(1);
  cluster.network().clear();
  // r3 leads without r1 and r2, finds nothing and proposes something else.
  ReplicaSet first_two = Only(0);
  first_two.Insert(ReplicaAt(1));
  cluster.SuspectEverywhere(0);
  cluster.Elect(2, first_two);
  ASSERT_TRUE(cluster.at(2).leads());
  cluster.Propose(2, Put("a", "new", 2));
  cluster.Settle(first_two);
  ASSERT_EQ(cluster.committed(2).size(), 1u);
  // r2 takes over with r4 and r5: both votes are told.
  cluster.SuspectEverywhere(2);
  cluster.SuspectEverywhere(0);
  cluster.network().clear();
  ReplicaSet down = Only(0);
  down.Insert(ReplicaAt(2));
  cluster.Elect(1, down);
  cluster.Run(100, down);
  ASSERT_GE(cluster.committed(1).size(), 1u);
  EXPECT_EQ(cluster.committed(1)[0].value, Value::Commands(Put("a", "new", 2)));
}

TEST(MultipaxosElection, ALargeLogIsToldInParts) {
  TestCluster cluster(3);
  cluster.Elect(0);
  const std::string large(400'000, 'x');
  for (std::uint64_t i = 1; i <= 8; ++i) cluster.Propose(0, Put("k", large, i));
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  cluster.network().clear();
  cluster.SuspectEverywhere(0);
  cluster.Campaign(2);
  cluster.Sync(2);
  cluster.DeliverAll<Prepare>(1);
  cluster.Sync(1);
  const std::vector<Promise> first = cluster.Queued<Promise>(2);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].through, 3u);
  EXPECT_FALSE(cluster.at(2).leads());
  cluster.Settle(Only(0));
  EXPECT_TRUE(cluster.at(2).leads());
  cluster.Run(10, Only(0));
  EXPECT_EQ(cluster.at(2).committed(), 8u);
}

TEST(MultipaxosElection, AnOldLeaderGivesWayToANewOne) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.SuspectEverywhere(0);
  cluster.Elect(1, Only(0));
  ASSERT_TRUE(cluster.at(1).leads());
  cluster.Propose(0, Put("a", "1"));
  cluster.Settle();
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(0).leader(), ReplicaAt(1));
  // What became of its proposal it cannot know.
  EXPECT_EQ(cluster.at(0).TakeOrphans().size(), 1u);
}

TEST(MultipaxosElection, AReplicaThatWasCutOffDoesNotEndTheLeadership) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Run(60);
  // r3 hears nothing and tries again and again.
  for (int i = 0; i < 1000; ++i) {
    cluster.Tick(2);
    cluster.Sync(2);
  }
  cluster.network().clear();
  EXPECT_GT(cluster.at(2).ballot(), cluster.at(0).ballot());
  const InstanceId slot = cluster.Propose(0, Put("a", "1"));
  cluster.Run(200);
  EXPECT_TRUE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(2).leader(), ReplicaAt(0));
  EXPECT_TRUE(cluster.at(0).TakeOrphans().empty());
  ASSERT_EQ(cluster.committed(2).size(), 1u);
  EXPECT_EQ(cluster.committed(2)[0].instance, slot);
}

// It leads on at a higher ballot, and its clients notice nothing: what another
// candidate has accepted meanwhile is the same, but comes out of a message,
// which does not tell who asked.
TEST(MultipaxosElection, WhatAPromiseTellsDoesNotTakeAClientsAnswer) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Run(60);
  ASSERT_TRUE(cluster.at(0).leads());
  const CommandBatchPtr asked = Put("a", "1");
  const InstanceId slot = cluster.Propose(0, asked);
  cluster.network().clear();
  const Ballot other =
      Ballot::Of(cluster.at(0).ballot().round() + 1, ReplicaAt(1));
  cluster.Deliver(0, ReplicaAt(1),
                  Prepare{.ballot = other, .first = slot.slot});
  ASSERT_TRUE(cluster.at(0).campaigns());
  cluster.Sync(0);
  Promise promise{.ballot = cluster.at(0).ballot(), .first = slot.slot};
  promise.votes.push_back({.slot = slot.slot,
                           .ballot = other,
                           .value = Value::Commands(Put("a", "1"))});
  cluster.Deliver(0, ReplicaAt(2), promise);
  ASSERT_TRUE(cluster.at(0).leads());
  cluster.Run(10);
  EXPECT_TRUE(cluster.at(0).TakeOrphans().empty());
  ASSERT_EQ(cluster.committed(0).size(), 1u);
  EXPECT_EQ(cluster.committed(0)[0].value.batch, asked);
}

// Another leader's Prepare, Accept and Lead are lost on the way to it, and only
// a decision comes: the next proposal must not take its place in the log.
TEST(MultipaxosElection, ALeaderGivesWayToWhatOthersHaveDecided) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.SuspectEverywhere(0);
  cluster.Elect(1, Only(0));
  ASSERT_TRUE(cluster.at(0).leads());
  const CommandBatchPtr theirs = Put("a", "theirs", 1);
  const InstanceId slot = cluster.Propose(1, theirs);
  cluster.Settle(Only(0));
  ASSERT_EQ(cluster.committed(1).size(), 1u);
  // The slot after it, so that it has to wait here.
  const InstanceId next = cluster.Propose(1, Put("a", "theirs too", 2));
  cluster.Settle(Only(0));
  cluster.Deliver(0, ReplicaAt(1),
                  Commit{.instance = next,
                         .value = Value::Commands(Put("a", "theirs too", 2)),
                         .deps = cluster.at(0).Column(0)});
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(0).committed(), 0u);
  cluster.Deliver(0, ReplicaAt(1),
                  Commit{.instance = slot,
                         .value = Value::Commands(theirs),
                         .deps = cluster.at(0).Column(0)});
  EXPECT_EQ(cluster.at(0).committed(), 2u);
}

TEST(MultipaxosElection, ALeaderThatGetsNoVotesGivesUp) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  for (int i = 0; i < 1000 && cluster.at(0).leads(); ++i) {
    cluster.Sync(0);
    cluster.Tick(0);
  }
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(0).TakeOrphans().size(), 1u);
}

// Time goes by for `awake`, then all that was sent before arrives: the way of a
// message takes `ticks` of them.
void TravelOneWay(TestCluster& cluster, int ticks, ReplicaSet awake) {
  const std::vector<InFlight> arriving = std::exchange(cluster.network(), {});
  for (int i = 0; i < cluster.size(); ++i) {
    for (int t = 0; t < ticks && awake.Contains(ReplicaAt(i)); ++t) {
      cluster.Tick(i, static_cast<std::uint64_t>(5 * i));
    }
    cluster.Sync(i);
  }
  for (const InFlight& m : arriving) {
    cluster.Deliver(Index(m.to), m.from, m.message);
  }
}

bool SomebodyLeads(TestCluster& cluster, ReplicaSet awake) {
  constexpr int kTicks = 30;  // Three times the least patience below.
  for (int way = 0; way < 100; ++way) {
    TravelOneWay(cluster, kTicks, awake);
    for (int i = 0; i < cluster.size(); ++i) {
      if (cluster.at(i).leads()) return true;
    }
  }
  return false;
}

// What arrives would always be the answer to what has been given up, if
// patience did not grow.
TEST(MultipaxosElection, SomeElectionOutlivesAnyRoundTrip) {
  Settings settings;
  settings.election_ticks = 10;
  TestCluster alone(3, settings);
  EXPECT_TRUE(SomebodyLeads(alone, Only(0)));
  TestCluster duel(3, settings);
  EXPECT_TRUE(SomebodyLeads(duel, ReplicaSet::FirstN(3)));
}

// Nor does a leader give up before votes can be there.
TEST(MultipaxosElection, ALeaderWaitsForVotesFromFarAway) {
  Settings settings;
  settings.election_ticks = 10;
  TestCluster cluster(3, settings);
  ASSERT_TRUE(SomebodyLeads(cluster, Only(0)));
  cluster.Propose(0, Put("a", "1"));
  for (int way = 0; way < 3; ++way) TravelOneWay(cluster, 30, Only(0));
  EXPECT_EQ(cluster.at(0).committed(), 1u);
}

TEST(MultipaxosElection, PatienceIsShortAgainOnceThereIsALeader) {
  Settings settings;
  settings.election_ticks = 10;
  TestCluster cluster(3, settings);
  for (int tick = 0; tick < 1000; ++tick) cluster.Tick(0);
  cluster.network().clear();
  cluster.Elect(1);  // r1 has promised itself more, and says so.
  cluster.Elect(1);
  cluster.Run(1);
  ASSERT_EQ(cluster.at(0).leader(), ReplicaAt(1));
  const std::uint64_t before = cluster.at(0).stats().elections_started;
  for (int tick = 0; tick < 20; ++tick) cluster.Tick(0);
  EXPECT_GT(cluster.at(0).stats().elections_started, before);
}

TEST(MultipaxosElection, TwoLeadersDoNotTakeTurns) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.SuspectEverywhere(0);
  cluster.Elect(1, Only(0));
  ASSERT_TRUE(cluster.at(0).leads());
  ASSERT_TRUE(cluster.at(1).leads());
  cluster.Suspect(1, 0, false);
  cluster.Suspect(2, 0, false);
  cluster.Run(30);
  const std::uint64_t elections = cluster.at(0).stats().elections_started +
                                  cluster.at(1).stats().elections_started;
  cluster.Run(500);
  EXPECT_EQ(cluster.at(0).stats().elections_started +
                cluster.at(1).stats().elections_started,
            elections);
  EXPECT_NE(cluster.at(0).leads(), cluster.at(1).leads());
}

TEST(MultipaxosElection, ARestartedLeaderNeverUsesItsBallotAgain) {
  TestCluster cluster(3);
  cluster.Elect(0);
  const Ballot before = cluster.at(0).ballot();
  cluster.CrashAndRestart(0);
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_EQ(cluster.at(0).ballot(), before);
  cluster.Elect(0);
  EXPECT_TRUE(cluster.at(0).leads());
  EXPECT_GT(cluster.at(0).ballot(), before);
}

TEST(MultipaxosElection, LargerPhaseOneQuorumsAreWaitedFor) {
  Settings settings;
  settings.phase1 = {.kind = QuorumSpec::Kind::kSize, .size = 4};
  settings.phase2 = {.kind = QuorumSpec::Kind::kSize, .size = 2};
  TestCluster cluster(5, settings);
  ReplicaSet two_down = Only(3);
  two_down.Insert(ReplicaAt(4));
  cluster.Elect(0, two_down);
  EXPECT_FALSE(cluster.at(0).leads());
  cluster.Run(100, Only(4));
  ASSERT_TRUE(cluster.at(0).leads());
  // One vote beside the leader's own decides.
  cluster.Propose(0, Put("a", "1"));
  ReplicaSet three_down = two_down;
  three_down.Insert(ReplicaAt(2));
  cluster.Settle(three_down);
  EXPECT_EQ(cluster.at(0).committed(), 1u);
}

}  // namespace
}  // namespace quorate::multipaxos
