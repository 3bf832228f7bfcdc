#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

// Replica 1 knows a conflicting instance, so that its vote differs.
InstanceId ProposeWithADisagreeingVote(TestCluster& cluster) {
  cluster.Propose(1, Put("a", "other"));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.SyncAll();
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  return id;
}

ReplicaSet Only(int i) {
  ReplicaSet set;
  set.Insert(ReplicaAt(i));
  return set;
}

TEST(EpaxosAccept, TakesTheUnionWhenAFastQuorumIsOutOfReach) {
  TestCluster cluster(3);
  const InstanceId id = ProposeWithADisagreeingVote(cluster);
  cluster.DeliverAll<PreAcceptReply>(0);
  // Replica 2 may still match: the fast path stays open until it is suspected.
  EXPECT_TRUE(cluster.Queued<Accept>(1).empty());
  Actions actions;
  cluster.at(0).HandleSuspicion(ReplicaAt(2), true, actions);
  ASSERT_EQ(actions.persist.size(), 1u);
  const auto* record = std::get_if<AcceptedRecord>(&actions.persist[0]);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->instance, id);
  EXPECT_EQ(ToString(record->deps), "{r2:1}");
  EXPECT_TRUE(record->value.payload_missing());  // It is in the first record.
}

TEST(EpaxosAccept, GivesUpTheFastPathAfterAWhile) {
  TestCluster cluster(3);
  const InstanceId id = ProposeWithADisagreeingVote(cluster);
  cluster.Run(20, Only(2));
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_FALSE(cluster.FindCommitted(0, id)->fast_path);
  EXPECT_EQ(ToString(cluster.FindCommitted(0, id)->deps), "{r2:1}");
  EXPECT_EQ(cluster.at(0).stats().slow_commits, 1u);
}

TEST(EpaxosAccept, ProposerAcceptsDurablyBeforeItAsksOthers) {
  TestCluster cluster(3);
  ProposeWithADisagreeingVote(cluster);
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.Tick(0, 10);
  EXPECT_TRUE(cluster.Queued<Accept>(1).empty());
  cluster.Sync(0);
  EXPECT_FALSE(cluster.Queued<Accept>(1).empty());
}

TEST(EpaxosAccept, CountsADuplicatedVoteOnce) {
  TestCluster cluster(5);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  DependencySet larger(5);
  larger.Set(ReplicaAt(4), 3);
  for (const int from : {1, 2, 3}) {
    cluster.Deliver(0, ReplicaAt(from),
                    PreAcceptReply{.instance = id, .deps = larger});
  }
  cluster.Sync(0);
  const AcceptReply vote{.instance = id, .ballot = Ballot()};
  cluster.Deliver(0, ReplicaAt(1), vote);
  cluster.Deliver(0, ReplicaAt(1), vote);
  EXPECT_EQ(cluster.at(0).stats().slow_commits, 0u);
  cluster.Deliver(0, ReplicaAt(2), vote);
  EXPECT_EQ(cluster.at(0).stats().slow_commits, 1u);
}

TEST(EpaxosAccept, IgnoresVotesForAnotherBallot) {
  TestCluster cluster(3);
  const InstanceId id = ProposeWithADisagreeingVote(cluster);
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.Tick(0, 10);
  cluster.Sync(0);
  cluster.Deliver(
      0, ReplicaAt(1),
      AcceptReply{.instance = id, .ballot = Ballot::Of(1, ReplicaAt(1))});
  EXPECT_EQ(cluster.at(0).stats().slow_commits, 0u);
}

TEST(EpaxosAccept, AnswersARepeatedAcceptWithoutASecondRecord) {
  TestCluster cluster(3);
  const Accept accept{.instance = {ReplicaAt(0), 1},
                      .ballot = Ballot(),
                      .value = Value::Commands(Put("a", "1")),
                      .deps = DependencySet(3)};
  cluster.Deliver(1, ReplicaAt(0), accept);
  cluster.Sync(1);
  cluster.Deliver(1, ReplicaAt(0), accept);
  EXPECT_EQ(cluster.journal(1).size(), 1u);
  EXPECT_EQ(cluster.Queued<AcceptReply>(0).size(), 2u);
}

TEST(EpaxosAccept, RefusesALowerBallotThanPromised) {
  TestCluster cluster(3);
  const InstanceId id{ReplicaAt(0), 1};
  const Ballot high = Ballot::Of(3, ReplicaAt(2));
  cluster.Deliver(1, ReplicaAt(2),
                  Accept{.instance = id,
                         .ballot = high,
                         .value = Value::Noop(),
                         .deps = DependencySet(3)});
  cluster.Sync(1);
  cluster.Deliver(1, ReplicaAt(0),
                  Accept{.instance = id,
                         .ballot = Ballot(),
                         .value = Value::Commands(Put("a", "1")),
                         .deps = DependencySet(3)});
  const auto refusals = cluster.Queued<Nack>(0);
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].promised_ballot, high);
  // And a PreAccept is refused after a promise (pre_bal).
  cluster.Deliver(1, ReplicaAt(0),
                  PreAccept{.instance = id,
                            .batch = Put("a", "1"),
                            .initial_deps = DependencySet(3)});
  EXPECT_EQ(cluster.Queued<Nack>(0).size(), 2u);
}

TEST(EpaxosAccept, WaitsForThePayloadWhenItDoesNotKnowIt) {
  TestCluster cluster(3);
  const Value value = Value::Commands(Put("a", "1"));
  Accept accept{.instance = {ReplicaAt(0), 1},
                .ballot = Ballot(),
                .value = value.WithoutPayload(),
                .deps = DependencySet(3)};
  cluster.Deliver(1, ReplicaAt(0), accept);
  EXPECT_TRUE(cluster.journal(1).empty());
  EXPECT_EQ(cluster.at(1).stats().missing_payloads, 1u);
  accept.value = value;
  cluster.Deliver(1, ReplicaAt(0), accept);
  EXPECT_EQ(cluster.journal(1).size(), 1u);
}

TEST(EpaxosAccept, IndexesAPayloadThatItFirstSeesInAnAccept) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(0),
                  Accept{.instance = {ReplicaAt(0), 6},
                         .ballot = Ballot(),
                         .value = Value::Commands(Put("a", "1")),
                         .deps = DependencySet(3)});
  cluster.Propose(1, Put("a", "2"));
  cluster.Sync(1);
  ASSERT_EQ(cluster.Queued<PreAccept>(0).size(), 1u);
  EXPECT_EQ(ToString(cluster.Queued<PreAccept>(0)[0].initial_deps), "{r1:6}");
}

}  // namespace
}  // namespace quorate::epaxos
