#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

constexpr int kTicksOfASlowSync = 200;  // two seconds

// Time passes for everybody, messages arrive at once, and every disk but that
// of `slow` keeps up.
void Pass(TestCluster& cluster, int ticks, int slow, ReplicaSet deaf = {}) {
  for (int t = 0; t < ticks; ++t) {
    for (int i = 0; i < cluster.size(); ++i) cluster.Tick(i);
    while (!cluster.network().empty()) {
      std::vector<InFlight> now = std::exchange(cluster.network(), {});
      for (const InFlight& m : now) {
        if (deaf.Contains(m.to)) continue;
        cluster.Deliver(Index(m.to), m.from, m.message);
      }
      for (int i = 0; i < cluster.size(); ++i) {
        if (i != slow) cluster.Sync(i);
      }
    }
  }
}

std::uint64_t Recoveries(TestCluster& cluster) {
  std::uint64_t all = 0;
  for (int i = 0; i < cluster.size(); ++i) {
    all += cluster.at(i).stats().recoveries_started;
  }
  return all;
}

std::uint64_t Counted(TestCluster& cluster, int i, RecoveryRule rule) {
  return cluster.at(i).stats().rules[static_cast<std::size_t>(rule)];
}

// Ticks of replica i until it begins a recovery; at most `most`.
int TicksUntilRecovery(TestCluster& cluster, int i, int most) {
  for (int tick = 1; tick <= most; ++tick) {
    cluster.Tick(i);
    if (cluster.at(i).stats().recoveries_started > 0) return tick;
  }
  return most + 1;
}

// Replica 1 knows an instance that replica 0 has proposed and not decided.
InstanceId ProposedAndPreAccepted(TestCluster& cluster) {
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  cluster.network().clear();
  return id;
}

TEST(EpaxosSuspicion, ALeaderWithADiskOfTwoSecondsIsAskedAndLeftAlone) {
  TestCluster cluster(3);
  for (std::uint64_t command = 1; command <= 5; ++command) {
    const InstanceId id = cluster.Propose(0, Put("a", "1", command));
    // Its own vote, then its fast commit, wait for the disk.
    for (int sync = 0; sync < 2; ++sync) {
      Pass(cluster, kTicksOfASlowSync, /*slow=*/0);
      EXPECT_EQ(cluster.FindCommitted(1, id), nullptr);
      cluster.Sync(0);
    }
    Pass(cluster, 1, /*slow=*/0);
    for (int i = 0; i < 3; ++i) {
      EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
    }
  }
  EXPECT_EQ(Recoveries(cluster), 0u);
  EXPECT_GE(Counted(cluster, 1, RecoveryRule::kAtWork), 5u);
}

TEST(EpaxosSuspicion, ALeaderThatSaysItIsAtWorkIsNotBelievedForEver) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);  // And never again.
  for (int second = 0; second < 30; ++second) Pass(cluster, 100, /*slow=*/0);
  EXPECT_EQ(Counted(cluster, 1, RecoveryRule::kAtWork), 3u);
  for (const int i : {1, 2}) EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
}

// It sends, so nobody suspects it; but nothing reaches it.
TEST(EpaxosSuspicion, ALeaderThatDoesNotAnswerIsFinishedForInHalfASecond) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  Pass(cluster, 50, /*slow=*/-1, /*deaf=*/Set({0}));
  EXPECT_GT(Counted(cluster, 1, RecoveryRule::kSilent), 0u);
  for (const int i : {1, 2}) EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
}

TEST(EpaxosSuspicion, WhoDidNotAnswerIsNotAskedAgainUntilItAnswersSomething) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  Pass(cluster, 50, /*slow=*/-1, /*deaf=*/Set({0}));
  const std::uint64_t silences = Counted(cluster, 1, RecoveryRule::kSilent);
  const InstanceId later = cluster.Propose(0, Put("a", "2", 2));
  Pass(cluster, 8, /*slow=*/-1, /*deaf=*/Set({0}));
  EXPECT_NE(cluster.FindCommitted(1, later), nullptr);
  EXPECT_EQ(Counted(cluster, 1, RecoveryRule::kSilent), silences);
  for (const int i : {1, 2}) cluster.Propose(i, Put("b", "1", 3));
  cluster.SyncAll();
  Pass(cluster, 1, /*slow=*/-1);  // It votes.
  const InstanceId last = cluster.Propose(0, Put("a", "3", 4));
  Pass(cluster, 8, /*slow=*/-1, /*deaf=*/Set({0}));
  EXPECT_EQ(cluster.FindCommitted(1, last), nullptr);
}

TEST(EpaxosSuspicion, ASuspectedLeaderIsFinishedForWithoutAQuestion) {
  TestCluster cluster(3);
  ProposedAndPreAccepted(cluster);
  cluster.Suspect(1, 0);
  EXPECT_LE(TicksUntilRecovery(cluster, 1, 100), Settings().recovery_ticks + 1);
  EXPECT_TRUE(cluster.Queued<Inquire>(0).empty());
}

TEST(EpaxosSuspicion, ARecovererThatIsAtWorkIsNotOvertaken) {
  TestCluster cluster(5);
  const InstanceId id = ProposedAndPreAccepted(cluster);
  cluster.Suspect(1, 0);
  cluster.Suspect(2, 0);
  const Recover recover{.instance = id, .ballot = Ballot::Of(1, ReplicaAt(1))};
  cluster.Deliver(2, ReplicaAt(1), recover);
  while (cluster.Queued<Inquire>(1).empty()) cluster.Tick(2);
  cluster.Deliver(2, ReplicaAt(1),
                  InquireReply{.instance = id, .working_on_it = true});
  EXPECT_GT(TicksUntilRecovery(cluster, 2, 300), 300);
  // Unless it dies.
  cluster.Suspect(2, 1);
  EXPECT_LE(TicksUntilRecovery(cluster, 2, 10), 1);
}

TEST(EpaxosSuspicion, ARecovererThatSaysItIsIdleIsOvertakenAtOnce) {
  TestCluster cluster(5);
  const InstanceId id = ProposedAndPreAccepted(cluster);
  cluster.Suspect(2, 0);
  cluster.Deliver(
      2, ReplicaAt(1),
      Recover{.instance = id, .ballot = Ballot::Of(1, ReplicaAt(1))});
  while (cluster.Queued<Inquire>(1).empty()) cluster.Tick(2);
  cluster.Deliver(2, ReplicaAt(1), InquireReply{.instance = id});
  EXPECT_EQ(TicksUntilRecovery(cluster, 2, 10), 1);
}

TEST(EpaxosSuspicion, AnAnswerThatNobodyAskedForChangesNothing) {
  TestCluster cluster(3);
  const InstanceId id = ProposedAndPreAccepted(cluster);
  cluster.Suspect(1, 0);
  for (int i = 0; i < 10; ++i) {
    cluster.Deliver(1, ReplicaAt(2),
                    InquireReply{.instance = id, .working_on_it = true});
  }
  EXPECT_LE(TicksUntilRecovery(cluster, 1, 100), Settings().recovery_ticks + 1);
}

TEST(EpaxosSuspicion, ADecisionIsTheAnswerOfWhoeverHasIt) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Settle();
  cluster.Deliver(0, ReplicaAt(2), Inquire{.instance = id});
  ASSERT_EQ(cluster.Queued<Commit>(2).size(), 1u);
  EXPECT_EQ(cluster.Queued<Commit>(2)[0].instance, id);
}

// The record of its fast commit is on its way to the disk.
TEST(EpaxosSuspicion, ADecisionThatIsNotDurableIsWork) {
  TestCluster cluster(3);
  const InstanceId id = cluster.ProposeAndVote(0, Put("a", "1"), 1);
  cluster.network().clear();
  cluster.Deliver(0, ReplicaAt(2), Inquire{.instance = id});
  ASSERT_EQ(cluster.Queued<InquireReply>(2).size(), 1u);
  EXPECT_TRUE(cluster.Queued<InquireReply>(2)[0].working_on_it);
  EXPECT_EQ(cluster.Queued<InquireReply>(2)[0].status,
            InstanceStatus::kUnknown);
}

TEST(EpaxosSuspicion, WhoHasForgottenAnInstanceSaysSo) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Run(60);
  ASSERT_TRUE(cluster.at(0).drop_floor().Contains(id));
  cluster.network().clear();
  cluster.Deliver(0, ReplicaAt(2), Inquire{.instance = id});
  EXPECT_EQ(cluster.Queued<Truncated>(2).size(), 1u);
}

}  // namespace
}  // namespace quorate::epaxos
