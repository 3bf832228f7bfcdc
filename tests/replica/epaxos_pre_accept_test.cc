#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

TEST(EpaxosPreAccept, SendsNothingBeforeTheOwnRecordIsDurable) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  EXPECT_TRUE(cluster.network().empty());
  cluster.Sync(0);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(2).size(), 1u);
}

TEST(EpaxosPreAccept, VotesOnlyOnceTheVoteIsDurable) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(1);
  EXPECT_TRUE(cluster.Queued<PreAcceptReply>(0).empty());
  cluster.Sync(1);
  EXPECT_EQ(cluster.Queued<PreAcceptReply>(0).size(), 1u);
}

TEST(EpaxosPreAccept, CommitsInOneRoundTripWhenNothingConflicts) {
  TestCluster cluster(3);
  const InstanceId id = cluster.ProposeAndVote(0, Put("a", "1"), 1);
  EXPECT_EQ(cluster.FindCommitted(0, id), nullptr);  // Its record comes first.
  EXPECT_TRUE(cluster.Queued<Commit>(1).empty());
  cluster.Sync(0);
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_TRUE(cluster.FindCommitted(0, id)->fast_path);
  EXPECT_EQ(cluster.Queued<Commit>(1).size(), 1u);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 1u);
}

TEST(EpaxosPreAccept, DoesNotCountTheOwnVoteBeforeItIsDurable) {
  TestCluster cluster(5);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  // Two votes reach the command leader by forged, early messages: with the own
  // one they would be a fast quorum of three.
  const DependencySet empty(5);
  for (const int from : {1, 2}) {
    cluster.Deliver(0, ReplicaAt(from),
                    PreAcceptReply{.instance = id, .deps = empty});
  }
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 0u);
  cluster.Sync(0);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 1u);
}

TEST(EpaxosPreAccept, CountsADuplicatedVoteOnce) {
  TestCluster cluster(5);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  const PreAcceptReply vote{.instance = id, .deps = DependencySet(5)};
  for (int copy = 0; copy < 3; ++copy) cluster.Deliver(0, ReplicaAt(1), vote);
  cluster.Sync(0);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 0u);
  cluster.Deliver(0, ReplicaAt(2), vote);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 1u);
}

TEST(EpaxosPreAccept, GivesTheSameVoteToARepeatedPreAccept) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  const auto asked = cluster.Queued<PreAccept>(1);
  ASSERT_EQ(asked.size(), 1u);
  cluster.Deliver(1, ReplicaAt(0), asked[0]);
  cluster.Sync(1);
  // A conflicting instance in between must not change the vote.
  cluster.Propose(1, Put("a", "2"));
  cluster.Deliver(1, ReplicaAt(0), asked[0]);
  cluster.Sync(1);
  const auto votes = cluster.Queued<PreAcceptReply>(0);
  ASSERT_EQ(votes.size(), 2u);
  EXPECT_EQ(votes[0].deps, votes[1].deps);
}

TEST(EpaxosPreAccept, OneOfTwoConcurrentConflictingInstancesSeesTheOther) {
  TestCluster cluster(3);
  const InstanceId x = cluster.Propose(0, Put("a", "1"));
  const InstanceId y = cluster.Propose(1, Put("a", "2"));
  cluster.Settle();
  for (int i = 0; i < 3; ++i) {
    const CommittedInstance* cx = cluster.FindCommitted(i, x);
    const CommittedInstance* cy = cluster.FindCommitted(i, y);
    ASSERT_NE(cx, nullptr);
    ASSERT_NE(cy, nullptr);
    EXPECT_TRUE(cx->deps.Contains(y) || cy->deps.Contains(x));
  }
}

TEST(EpaxosPreAccept, NeverDependsOnItselfOrLaterSlotsOfItsColumn) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Propose(0, Put("a", "2"));
  cluster.Sync(0);
  auto asked = cluster.Queued<PreAccept>(1);
  ASSERT_EQ(asked.size(), 2u);
  cluster.Deliver(1, ReplicaAt(0), asked[1]);  // The later one first.
  cluster.Deliver(1, ReplicaAt(0), asked[0]);
  cluster.Sync(1);
  const auto votes = cluster.Queued<PreAcceptReply>(0);
  ASSERT_EQ(votes.size(), 2u);
  EXPECT_EQ(ToString(votes[0].deps), "{r1:1}");
  EXPECT_EQ(ToString(votes[1].deps), "{}");
}

TEST(EpaxosPreAccept, RefusesAPreAcceptThatIsNotFromTheCommandLeader) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(2),
                  PreAccept{.instance = {ReplicaAt(0), 1},
                            .batch = Put("a", "1"),
                            .initial_deps = DependencySet(3)});
  EXPECT_EQ(cluster.at(1).stats().stale_messages, 1u);
  EXPECT_TRUE(cluster.journal(1).empty());
}

TEST(EpaxosPreAccept, ThriftyAsksAFastQuorumOnly) {
  Settings settings;
  settings.thrifty = true;
  TestCluster cluster(5, settings);
  cluster.Propose(4, Put("a", "1"));
  cluster.Sync(4);
  EXPECT_EQ(cluster.network().size(), 2u);
  EXPECT_EQ(cluster.Queued<PreAccept>(0).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
}

TEST(EpaxosPreAccept, ThriftyPassesOverSuspectedPeers) {
  Settings settings;
  settings.thrifty = true;
  TestCluster cluster(3, settings);
  Actions actions;
  cluster.at(0).HandleSuspicion(ReplicaAt(1), true, actions);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  EXPECT_TRUE(cluster.Queued<PreAccept>(1).empty());
  EXPECT_EQ(cluster.Queued<PreAccept>(2).size(), 1u);
}

TEST(EpaxosPreAccept, ThriftyWidensWhenItsQuorumIsSilent) {
  Settings settings;
  settings.thrifty = true;
  TestCluster cluster(3, settings);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  ReplicaSet down;
  down.Insert(ReplicaAt(1));
  cluster.Run(20, down);
  EXPECT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_NE(cluster.FindCommitted(2, id), nullptr);
}

class EverySize : public testing::TestWithParam<int> {};

TEST_P(EverySize, CommitsEverywhereWithOneBatchFromEachReplica) {
  const int n = GetParam();
  TestCluster cluster(n);
  std::vector<InstanceId> ids;
  for (int i = 0; i < n; ++i) {
    ids.push_back(cluster.Propose(i, Put("hot", std::to_string(i))));
  }
  cluster.Settle();
  for (int i = 0; i < n; ++i) {
    for (const InstanceId id : ids) {
      ASSERT_NE(cluster.FindCommitted(i, id), nullptr) << i << ToString(id);
      EXPECT_EQ(cluster.FindCommitted(i, id)->deps,
                cluster.FindCommitted(0, id)->deps);
    }
  }
}

TEST_P(EverySize, GoesOnWithFReplicasDown) {
  const int n = GetParam();
  TestCluster cluster(n);
  ReplicaSet down;
  for (int i = 0; i < LargestFaults(n); ++i) down.Insert(ReplicaAt(n - 1 - i));
  const InstanceId x = cluster.Propose(0, Put("hot", "x"));
  const InstanceId y = cluster.Propose(1, Put("hot", "y"));
  cluster.Run(20, down);
  for (const int i : {0, 1}) {
    EXPECT_NE(cluster.FindCommitted(i, x), nullptr);
    EXPECT_NE(cluster.FindCommitted(i, y), nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, EverySize, testing::Range(3, 10));

}  // namespace
}  // namespace quorate::epaxos
