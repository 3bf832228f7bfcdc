#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

TEST(EpaxosCommit, IsLearnedOnceHoweverOftenItComes) {
  TestCluster cluster(3);
  const Commit commit{.instance = {ReplicaAt(0), 1},
                      .value = Value::Commands(Put("a", "1")),
                      .deps = DependencySet(3)};
  for (int copy = 0; copy < 3; ++copy) {
    cluster.Deliver(1, ReplicaAt(0), commit);
  }
  EXPECT_EQ(cluster.committed(1).size(), 1u);
  EXPECT_EQ(cluster.journal(1).size(), 1u);
}

TEST(EpaxosCommit, IsIgnoredWhileThePayloadIsNotKnown) {
  TestCluster cluster(3);
  const Value value = Value::Commands(Put("a", "1"));
  Commit commit{.instance = {ReplicaAt(0), 1},
                .value = value.WithoutPayload(),
                .deps = DependencySet(3)};
  cluster.Deliver(1, ReplicaAt(0), commit);
  EXPECT_TRUE(cluster.committed(1).empty());
  commit.value = value;
  cluster.Deliver(1, ReplicaAt(2), commit);  // Anybody may tell.
  EXPECT_EQ(cluster.committed(1).size(), 1u);
}

TEST(EpaxosCommit, ANoopKeepsItsPayloadInTheConflictIndex) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(0),
                  PreAccept{.instance = {ReplicaAt(0), 1},
                            .batch = Put("a", "1"),
                            .initial_deps = DependencySet(3)});
  cluster.Deliver(1, ReplicaAt(2),
                  Commit{.instance = {ReplicaAt(0), 1},
                         .value = Value::Noop(),
                         .deps = DependencySet(3)});
  cluster.Propose(1, Put("a", "2"));
  cluster.Sync(1);
  ASSERT_EQ(cluster.Queued<PreAccept>(0).size(), 1u);
  EXPECT_EQ(ToString(cluster.Queued<PreAccept>(0)[0].initial_deps), "{r1:1}");
}

TEST(EpaxosCommit, AnswersEveryMessageAboutADecidedInstance) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  const PreAccept asked = cluster.Queued<PreAccept>(2).at(0);
  cluster.Settle();
  cluster.Deliver(2, ReplicaAt(0), asked);
  cluster.Deliver(2, ReplicaAt(1),
                  Accept{.instance = id,
                         .ballot = Ballot(),
                         .value = Value::Noop(),
                         .deps = DependencySet(3)});
  cluster.Sync(2);
  EXPECT_EQ(cluster.Queued<Commit>(0).size(), 1u);
  EXPECT_EQ(cluster.Queued<Commit>(1).size(), 1u);
}

TEST(EpaxosCommitDeathTest, StopsWhenAnInstanceIsDecidedTwice) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(0),
                  Commit{.instance = {ReplicaAt(0), 1},
                         .value = Value::Commands(Put("a", "1")),
                         .deps = DependencySet(3)});
  EXPECT_DEATH(cluster.Deliver(1, ReplicaAt(2),
                               Commit{.instance = {ReplicaAt(0), 1},
                                      .value = Value::Noop(),
                                      .deps = DependencySet(3)}),
               "G1");
}

TEST(EpaxosCommit, RefusesAnUnbelievableSlot) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(0),
                  Commit{.instance = {ReplicaAt(0), std::uint64_t{1} << 60},
                         .value = Value::Noop(),
                         .deps = DependencySet(3)});
  EXPECT_TRUE(cluster.committed(1).empty());
  EXPECT_EQ(cluster.at(1).log().size(), 0u);
}

TEST(EpaxosCommit, FrontierStopsAtTheFirstGap) {
  TestCluster cluster(3);
  for (const std::uint64_t slot : {1u, 3u}) {
    cluster.Deliver(1, ReplicaAt(0),
                    Commit{.instance = {ReplicaAt(0), slot},
                           .value = Value::Noop(),
                           .deps = DependencySet(3)});
  }
  EXPECT_EQ(ToString(cluster.at(1).committed_frontier()), "{r1:1}");
  cluster.Deliver(1, ReplicaAt(0),
                  Commit{.instance = {ReplicaAt(0), 2},
                         .value = Value::Noop(),
                         .deps = DependencySet(3)});
  EXPECT_EQ(ToString(cluster.at(1).committed_frontier()), "{r1:3}");
}

}  // namespace
}  // namespace quorate::epaxos
