// The two options that take a sync out of a command's way: proposing while the
// own record is being written (protocol.md 1.3), and announcing a fast commit
// before its record is durable (truncation.md A2).
#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

Settings With(bool overlap_sync, bool lazy_fast_commit) {
  Settings settings;
  settings.overlap_sync = overlap_sync;
  settings.lazy_fast_commit = lazy_fast_commit;
  return settings;
}

// A cluster whose replica 0 has a durable reservation and nothing in flight.
TestCluster WithReservation(int n, Settings settings) {
  TestCluster cluster(n, settings);
  cluster.Propose(0, Put("first", "v"));
  cluster.Settle();
  return cluster;
}

// Replica 0 commits on the fast path with the votes of these peers, which is
// not yet on its disk, and all who hear of the commit are cut off.
InstanceId CommitLazily(TestCluster& cluster, const std::string& key,
                        std::initializer_list<int> voters) {
  const InstanceId id = cluster.Propose(0, Put(key, "v", 2));
  cluster.Sync(0);
  for (const int voter : voters) {
    cluster.DeliverAll<PreAccept>(voter);
    cluster.Sync(voter);
  }
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.network().clear();
  return id;
}

TEST(EpaxosOverlap, ProposesWhileItsOwnRecordIsBeingWritten) {
  TestCluster cluster = WithReservation(3, With(true, false));
  cluster.Propose(0, Put("a", "1", 2));
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
}

TEST(EpaxosOverlap, TheFirstProposalOfALifeWaitsForItsReservation) {
  TestCluster cluster(3, With(true, false));
  cluster.Propose(0, Put("a", "1"));
  EXPECT_TRUE(cluster.Queued<PreAccept>(1).empty());
  cluster.Sync(0);
  EXPECT_EQ(cluster.Queued<PreAccept>(1).size(), 1u);
}

TEST(EpaxosOverlap, CountsItsOwnVoteOnlyOnceThatIsDurable) {
  TestCluster cluster = WithReservation(3, With(true, false));
  const InstanceId id = cluster.Propose(0, Put("a", "1", 2));
  for (const int peer : {1, 2}) {
    cluster.DeliverAll<PreAccept>(peer);
    cluster.Sync(peer);
  }
  cluster.DeliverAll<PreAcceptReply>(0);
  EXPECT_EQ(cluster.at(0).log().Find(id)->status, InstanceStatus::kPreAccepted);
  cluster.Sync(0);
  EXPECT_EQ(cluster.at(0).log().Find(id)->status, InstanceStatus::kCommitted);
}

TEST(EpaxosOverlap, NeverUsesASlotAgainThatItMayHaveProposedAndForgotten) {
  TestCluster cluster = WithReservation(3, With(true, false));
  const InstanceId lost = cluster.Propose(0, Put("a", "lost", 2));
  cluster.CrashAndRestart(0);
  EXPECT_GT(cluster.Propose(0, Put("a", "kept", 3)).slot, lost.slot);
}

TEST(EpaxosOverlap, AfterACrashItsVotesAndProposalsCoverWhatItForgot) {
  TestCluster cluster = WithReservation(3, With(true, false));
  const InstanceId lost = cluster.Propose(0, Put("a", "lost", 2));
  cluster.CrashAndRestart(0);
  const InstanceId own = cluster.Propose(0, Put("b", "own", 3));
  EXPECT_TRUE(cluster.at(0).log().Find(own)->deps.Contains(lost));
  const InstanceId other = cluster.Propose(1, Put("c", "other", 4));
  cluster.Sync(1);
  cluster.DeliverAll<PreAccept>(0);
  EXPECT_TRUE(cluster.at(0).log().Find(other)->deps.Contains(lost));
}

TEST(EpaxosOverlap, PeersThatKnowWhatWasForgottenKeepTheFastPath) {
  TestCluster cluster = WithReservation(3, With(true, false));
  const InstanceId lost = cluster.Propose(0, Put("a", "lost", 2));
  cluster.CrashAndRestart(0);
  cluster.Tick(0);
  cluster.Sync(0);
  cluster.DeliverAll<Frontier>(1);
  const InstanceId id = cluster.Propose(1, Put("c", "other", 4));
  EXPECT_TRUE(cluster.at(1).log().Find(id)->initial_deps.Contains(lost));
}

TEST(EpaxosOverlap, FillsWhatItForgotWithNoopsAndGoesOn) {
  TestCluster cluster = WithReservation(3, With(true, false));
  const InstanceId lost = cluster.Propose(0, Put("a", "lost", 2));
  cluster.CrashAndRestart(0);
  const InstanceId id = cluster.Propose(0, Put("a", "kept", 3));
  cluster.Run(20);
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(cluster.FindCommitted(i, lost), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, lost)->value.kind, ValueKind::kNoop);
    EXPECT_EQ(cluster.at(i).committed_frontier()[ReplicaAt(0)], id.slot);
  }
}

TEST(EpaxosOverlap, RepeatedCrashesDoNotLeaveMoreAndMoreNoops) {
  TestCluster cluster = WithReservation(3, With(true, false));
  InstanceId last = cluster.Propose(0, Put("a", "1", 2));
  const std::uint64_t before = last.slot;
  for (std::uint64_t life = 1; life <= 20; ++life) {
    cluster.Sync(0);
    cluster.CrashAndRestart(0);
    last = cluster.Propose(0, Put("a", "1", 2 + life));
  }
  EXPECT_LT(last.slot - before, 60u);
}

TEST(EpaxosLazyFastCommit, CommitsBeforeTheRecordOfItIsDurable) {
  TestCluster cluster = WithReservation(3, With(true, true));
  const InstanceId id = CommitLazily(cluster, "a", {1});
  EXPECT_NE(cluster.FindCommitted(0, id), nullptr);
}

// Rule R3 would take "not committed" for "never committed" (rec_r3).
TEST(EpaxosLazyFastCommit, ALostCommitRecordIsFoundAgainByRecovery) {
  for (const bool overlap : {false, true}) {
    TestCluster cluster = WithReservation(5, With(overlap, true));
    const InstanceId id = CommitLazily(cluster, "a", {1, 3});
    const DependencySet deps = cluster.FindCommitted(0, id)->deps;
    // Replica 1 writes the key as well, and does not know that it came second.
    cluster.CrashAndRestart(0);
    ReplicaSet down;
    down.Insert(ReplicaAt(3));
    down.Insert(ReplicaAt(4));
    cluster.Run(60, down);
    for (const int i : {0, 1, 2}) {
      ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
      EXPECT_EQ(cluster.FindCommitted(i, id)->value.kind, ValueKind::kCommands);
      EXPECT_EQ(cluster.FindCommitted(i, id)->deps, deps);
    }
  }
}

TEST(EpaxosLazyFastCommit, RecusesItselfInEveryLaterLifeToo) {
  TestCluster cluster = WithReservation(5, With(false, true));
  const InstanceId id = CommitLazily(cluster, "a", {1, 3});
  for (int life = 0; life < 2; ++life) {
    cluster.CrashAndRestart(0);
    cluster.Deliver(
        0, ReplicaAt(2),
        Recover{.instance = id,
                .ballot = Ballot::Of(static_cast<std::uint64_t>(5 + life),
                                     ReplicaAt(2))});
    cluster.Sync(0);
    const auto answers = cluster.Queued<RecoverReply>(2);
    ASSERT_FALSE(answers.empty());
    EXPECT_TRUE(answers.back().recused);
    EXPECT_TRUE(answers.back().matches_initial);
  }
}

// Replica 1 commits x lazily with 3 and 4, forgets that, and leads a recovery
// of replica 0's y with {0, 1, 2}. The command leader of y is recused: rule W3
// counts replicas besides it, so only replica 2's matching vote is announced
// (rec_k: announcing two would make x's recoverer give up x).
TEST(EpaxosLazyFastCommit, AWaitingRecoveryDoesNotAnnounceTheRecusedLeader) {
  Settings settings = With(false, true);
  settings.recovery_ticks = 1;
  TestCluster cluster(5, settings);
  const InstanceId y = cluster.Propose(0, Put("k", "y", 1));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(2);
  cluster.Sync(2);
  cluster.network().clear();
  const InstanceId x = cluster.Propose(1, Put("k", "x", 2));
  cluster.Sync(1);
  cluster.DeliverAll<PreAccept>(3);
  cluster.DeliverAll<PreAccept>(4);
  cluster.Sync(3);
  cluster.Sync(4);
  cluster.DeliverAll<PreAcceptReply>(1);
  ASSERT_NE(cluster.FindCommitted(1, x), nullptr);
  cluster.network().clear();
  cluster.CrashAndRestart(0);
  cluster.CrashAndRestart(1);
  Actions actions;
  cluster.at(1).HandleSuspicion(ReplicaAt(0), true, actions);
  // y is known to replica 1 only by what others depend on.
  cluster.Deliver(1, ReplicaAt(2), Waiting{.instance = y});
  std::vector<Waiting> announced;
  for (int round = 0; round < 40 && announced.empty(); ++round) {
    cluster.Tick(1);
    for (int i = 0; i < 3; ++i) cluster.Sync(i);
    std::erase_if(cluster.network(), [&](const InFlight& m) {
      return !std::holds_alternative<Recover>(m.message) &&
             !std::holds_alternative<RecoverReply>(m.message) &&
             !std::holds_alternative<Validate>(m.message) &&
             !std::holds_alternative<ValidateReply>(m.message) &&
             !std::holds_alternative<Waiting>(m.message);
    });
    std::erase_if(cluster.network(), [&](const InFlight& m) {
      const auto* ask = std::get_if<Recover>(&m.message);
      return ask != nullptr && ask->instance != y;
    });
    for (const int i : {0, 2}) {
      cluster.DeliverAll<Recover>(i);
      cluster.DeliverAll<Validate>(i);
      cluster.Sync(i);
    }
    cluster.DeliverAll<RecoverReply>(1);
    cluster.DeliverAll<ValidateReply>(1);
    cluster.Sync(1);
    announced = cluster.Queued<Waiting>(3);
  }
  ASSERT_FALSE(announced.empty());
  EXPECT_EQ(announced.front().instance, y);
  EXPECT_EQ(announced.front().matching_votes, 1);
}

TEST(EpaxosLazyFastCommit, DoesNotRecuseItselfFromWhatItProposedInThisLife) {
  TestCluster cluster = WithReservation(5, With(false, true));
  cluster.CrashAndRestart(0);
  const InstanceId id = cluster.Propose(0, Put("a", "1", 2));
  cluster.Sync(0);
  cluster.Deliver(
      0, ReplicaAt(2),
      Recover{.instance = id, .ballot = Ballot::Of(1, ReplicaAt(2))});
  cluster.Sync(0);
  const auto answers = cluster.Queued<RecoverReply>(2);
  ASSERT_FALSE(answers.empty());
  EXPECT_FALSE(answers.back().recused);
}

TEST(EpaxosLazyFastCommit, ALifeThatWasNotLazyDoesNotRecuseItself) {
  TestCluster cluster = WithReservation(5, With(true, false));
  const InstanceId id = cluster.Propose(0, Put("a", "1", 2));
  cluster.Sync(0);
  cluster.CrashAndRestart(0);
  cluster.Deliver(
      0, ReplicaAt(2),
      Recover{.instance = id, .ballot = Ballot::Of(1, ReplicaAt(2))});
  cluster.Sync(0);
  const auto answers = cluster.Queued<RecoverReply>(2);
  ASSERT_FALSE(answers.empty());
  EXPECT_FALSE(answers.back().recused);
}

}  // namespace
}  // namespace quorate::epaxos
