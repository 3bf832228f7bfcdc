// The rules of the fast path beside EPaxos*: Atlas and Unanimous, each with its
// recovery.
#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

Settings With(FastPathRule rule, int faults = 0) {
  Settings settings;
  settings.fast_path = rule;
  settings.faults = faults;
  settings.overlap_sync = false;
  return settings;
}

DependencySet Deps(int n, std::initializer_list<InstanceId> members) {
  DependencySet deps(n);
  for (const InstanceId id : members) deps.Add(id);
  return deps;
}

void Suspect(TestCluster& cluster, int at, int peer) {
  Actions actions;
  cluster.at(at).HandleSuspicion(ReplicaAt(peer), true, actions);
  cluster.TakeActions(at, actions);
}

// Everybody else learns that `down` is gone, and finishes what it began.
void FinishWithout(TestCluster& cluster, int down) {
  cluster.network().clear();
  for (int i = 0; i < cluster.size(); ++i) {
    if (i != down) Suspect(cluster, i, down);
  }
  cluster.Run(60, Set({down}));
}

// Hands on the votes of these, one after the other.
void Vote(TestCluster& cluster, int leader, std::initializer_list<int> voters) {
  for (const int voter : voters) {
    cluster.DeliverAll<PreAccept>(voter);
    cluster.Sync(voter);
  }
  cluster.DeliverAll<PreAcceptReply>(leader);
  cluster.Sync(leader);
}

// ---- Atlas ------------------------------------------------------------------

TEST(AtlasFirstRound, AsksItsFastQuorumAlone) {
  TestCluster cluster(5, With(FastPathRule::kAtlas));
  cluster.Propose(1, Put("a", "1"));
  cluster.Sync(1);
  for (const int member : {2, 3, 4}) {
    const auto asked = cluster.Queued<PreAccept>(member);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].fast_quorum, Set({1, 2, 3, 4}));
  }
  EXPECT_TRUE(cluster.Queued<PreAccept>(0).empty());
}

TEST(AtlasFirstRound, IsFastInSpiteOfConflictsWithOneFault) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId other = cluster.Propose(1, Put("a", "other", 2));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1});
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_EQ(cluster.FindCommitted(0, id)->deps, Deps(3, {other}));
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 1u);
}

// Five replicas, two faults: members of r1's fast quorum are r1 to r4.
// `knowing` of them have heard of a command of r5.
struct Known {
  TestCluster cluster{5, With(FastPathRule::kAtlas)};
  InstanceId other{ReplicaAt(4), 1};
  InstanceId id;

  explicit Known(std::initializer_list<int> knowing) {
    cluster.Propose(4, Put("a", "other", 2));
    cluster.Sync(4);
    for (const int member : knowing) {
      cluster.Deliver(member, ReplicaAt(4),
                      PreAccept{.instance = other,
                                .batch = Put("a", "other", 2),
                                .initial_deps = DependencySet(5),
                                .fast_quorum = Set({4, 0, 1, 2})});
      cluster.Sync(member);
    }
    cluster.network().clear();
    id = cluster.Propose(0, Put("a", "1"));
    cluster.Sync(0);
  }
};

TEST(AtlasFirstRound, IsFastWhenEnoughMembersReportADependency) {
  Known known({1, 2});
  Vote(known.cluster, 0, {1, 2, 3});
  EXPECT_EQ(known.cluster.at(0).stats().fast_commits, 1u);
  ASSERT_NE(known.cluster.FindCommitted(0, known.id), nullptr);
  EXPECT_EQ(known.cluster.FindCommitted(0, known.id)->deps,
            Deps(5, {known.other}));
}

TEST(AtlasFirstRound, IsSlowWhenOneMemberAloneReportsADependency) {
  Known known({1});
  Vote(known.cluster, 0, {1, 2, 3});
  EXPECT_EQ(known.cluster.at(0).stats().fast_commits, 0u);
  const auto accepts = known.cluster.Queued<Accept>(2);
  ASSERT_EQ(accepts.size(), 1u);
  EXPECT_EQ(accepts[0].deps, Deps(5, {known.other}));
}

TEST(AtlasFirstRound, WaitsForEveryMember) {
  Known known({1, 2});
  Vote(known.cluster, 0, {1, 2});
  EXPECT_EQ(known.cluster.FindCommitted(0, known.id), nullptr);
  EXPECT_TRUE(known.cluster.Queued<Accept>(1).empty());
}

TEST(AtlasFirstRound, CountsARepeatedReportOnce) {
  Known known({1});
  for (const int member : {1, 2, 3}) {
    known.cluster.DeliverAll<PreAccept>(member);
    known.cluster.Sync(member);
  }
  const auto replies = known.cluster.Queued<PreAcceptReply>(0);
  for (const int time : {1, 2}) {
    SCOPED_TRACE(time);
    known.cluster.Deliver(0, ReplicaAt(1), replies[0]);
  }
  known.cluster.DeliverAll<PreAcceptReply>(0);
  EXPECT_EQ(known.cluster.at(0).stats().fast_commits, 0u);
}

// With the clamp a recovery that never saw the command leader's dependencies
// would leave both out of each other's (protocol.md 2.2).
TEST(AtlasFirstRound, AVoteCoversLaterInstancesOfTheSameColumn) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId first = cluster.Propose(0, Put("a", "1"));
  const InstanceId second = cluster.Propose(0, Put("a", "2", 2));
  cluster.Sync(0);
  const auto asked = cluster.Queued<PreAccept>(1);
  cluster.network().clear();
  cluster.Deliver(1, ReplicaAt(0), asked[1]);
  cluster.Deliver(1, ReplicaAt(0), asked[0]);
  EXPECT_TRUE(cluster.at(1).log().Find(first)->deps.Contains(second));
}

TEST(AtlasFirstRound, RefusesAFastQuorumThatIsNone) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId id{ReplicaAt(0), 1};
  for (const ReplicaSet quorum :
       {Set({}), Set({0}), Set({0, 2}), Set({1, 2}), Set({0, 1, 2})}) {
    cluster.Deliver(1, ReplicaAt(0),
                    PreAccept{.instance = id,
                              .batch = Put("a", "1"),
                              .initial_deps = DependencySet(3),
                              .fast_quorum = quorum});
  }
  EXPECT_EQ(cluster.at(1).stats().stale_messages, 5u);
  EXPECT_TRUE(cluster.journal(1).empty());
}

TEST(AtlasFirstRound, RecoversRatherThanAskASecondFastQuorum) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.network().clear();
  Suspect(cluster, 0, 1);
  cluster.Sync(0);
  EXPECT_TRUE(cluster.Queued<PreAccept>(2).empty());
  const auto recovers = cluster.Queued<Recover>(2);
  ASSERT_EQ(recovers.size(), 1u);
  EXPECT_NE(recovers[0].batch, nullptr);
  cluster.Run(3, Set({1}));
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_EQ(cluster.FindCommitted(0, id)->value.kind, ValueKind::kCommands);
}

TEST(AtlasFirstRound, ARestartedLeaderAsksTheSameFastQuorum) {
  TestCluster cluster(5, With(FastPathRule::kAtlas));
  cluster.Propose(1, Put("a", "1"));
  cluster.Sync(1);
  cluster.CrashAndRestart(1);
  Suspect(cluster, 1, 2);  // It would choose another one now.
  cluster.Tick(1);
  ASSERT_EQ(cluster.Queued<PreAccept>(4).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAccept>(4)[0].fast_quorum, Set({1, 2, 3, 4}));
  EXPECT_TRUE(cluster.Queued<PreAccept>(0).empty());
}

// Only the next replica in ring order has voted, and heard of one conflict; a
// third one knows another. The fast commit is what the voter reported.
TEST(AtlasRecovery, ProposesTheUnionOfTheFastQuorumAlone) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1});  // Committed fast; the Commit never arrives.
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  const InstanceId later = cluster.Propose(2, Put("a", "later", 2));
  cluster.Sync(2);
  FinishWithout(cluster, 0);
  for (const int i : {1, 2}) {
    ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, id)->deps,
              cluster.FindCommitted(0, id)->deps);
    ASSERT_NE(cluster.FindCommitted(i, later), nullptr);
    EXPECT_TRUE(cluster.FindCommitted(i, later)->deps.Contains(id));
  }
}

TEST(AtlasRecovery, WhoHasNotVotedTellsWhatItKnowsAndRemembersTheCommand) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId known = cluster.Propose(2, Put("a", "known", 2));
  cluster.Sync(2);
  cluster.network().clear();
  const InstanceId id{ReplicaAt(0), 1};
  cluster.Deliver(2, ReplicaAt(1),
                  Recover{.instance = id,
                          .ballot = Ballot::Of(1, ReplicaAt(1)),
                          .batch = Put("a", "1")});
  EXPECT_TRUE(cluster.Queued<RecoverReply>(1).empty());  // Not durable yet.
  cluster.Sync(2);
  const auto replies = cluster.Queued<RecoverReply>(1);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, InstanceStatus::kUnknown);
  EXPECT_EQ(replies[0].deps, Deps(3, {known}));
  const InstanceId next = cluster.Propose(2, Put("a", "next", 3));
  EXPECT_TRUE(cluster.at(2).log().Find(next)->deps.Contains(id));
}

TEST(AtlasRecovery, WhatWasToldSurvivesARestartAndACheckpoint) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  cluster.Propose(2, Put("a", "known", 2));
  const InstanceId id{ReplicaAt(0), 1};
  const Recover recover{.instance = id,
                        .ballot = Ballot::Of(1, ReplicaAt(1)),
                        .batch = Put("a", "1")};
  cluster.Deliver(2, ReplicaAt(1), recover);
  cluster.Sync(2);
  const auto told = cluster.Queued<RecoverReply>(1);
  std::vector<Record> checkpoint;
  cluster.at(2).Save(checkpoint);
  cluster.CrashAndRestart(2);
  // Answered again, and from the checkpoint, as before.
  cluster.Deliver(2, ReplicaAt(1), recover);
  ASSERT_EQ(cluster.Queued<RecoverReply>(1).size(), 1u);
  EXPECT_EQ(cluster.Queued<RecoverReply>(1)[0].deps, told[0].deps);
  Settings settings = With(FastPathRule::kAtlas);
  settings.self = ReplicaAt(2);
  Epaxos from_checkpoint(settings);
  std::vector<CommittedInstance> committed;
  for (const Record& record : checkpoint) {
    from_checkpoint.Restore(record, committed);
  }
  Actions actions;
  from_checkpoint.Handle(ReplicaAt(1), recover, actions);
  ASSERT_EQ(actions.messages.size(), 1u);
  EXPECT_EQ(std::get<RecoverReply>(actions.messages[0].message).deps,
            told[0].deps);
  EXPECT_TRUE(from_checkpoint.log().Find(id)->collected);
}

// r4 of five has heard of the slot from a recoverer that is gone as well.
TEST(AtlasRecovery, AsksAgainOnceItHasThePayload) {
  TestCluster cluster(5, With(FastPathRule::kAtlas, /*faults=*/1));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(1);
  cluster.DeliverAll<PreAccept>(2);
  cluster.Deliver(3, ReplicaAt(4),
                  Recover{.instance = id,
                          .ballot = Ballot::Of(1, ReplicaAt(4)),
                          .batch = nullptr});
  cluster.SyncAll();
  cluster.network().clear();
  for (const int gone : {0, 4}) Suspect(cluster, 3, gone);
  for (const int ahead : {1, 2}) Suspect(cluster, 3, ahead);
  for (int tick = 0; cluster.Queued<Recover>(1).empty() && tick < 20; ++tick) {
    cluster.Tick(3);
    cluster.Sync(3);
  }
  ASSERT_FALSE(cluster.Queued<Recover>(1).empty());
  EXPECT_EQ(cluster.Queued<Recover>(1)[0].batch, nullptr);
  cluster.Settle(Set({0}));
  ASSERT_NE(cluster.FindCommitted(3, id), nullptr);
  EXPECT_EQ(cluster.FindCommitted(3, id)->value.kind, ValueKind::kCommands);
  EXPECT_EQ(cluster.at(3).stats().recoveries_started, 2u);
}

TEST(AtlasRecovery, FillsASlotThatNobodyLeftAliveKnows) {
  TestCluster cluster(3, With(FastPathRule::kAtlas));
  const InstanceId lost = cluster.Propose(0, Put("a", "lost"));
  const InstanceId known = cluster.Propose(0, Put("a", "known", 2));
  cluster.Sync(0);
  cluster.Deliver(1, ReplicaAt(0), cluster.Queued<PreAccept>(1)[1]);
  FinishWithout(cluster, 0);
  for (const int i : {1, 2}) {
    ASSERT_NE(cluster.FindCommitted(i, lost), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, lost)->value.kind, ValueKind::kNoop);
    ASSERT_NE(cluster.FindCommitted(i, known), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, known)->value.kind,
              ValueKind::kCommands);
  }
}

TEST(AtlasRecovery, ChoosesWithOneAcceptMoreThanFaults) {
  TestCluster cluster(5, With(FastPathRule::kAtlas, /*faults=*/1));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Suspect(cluster, 0, 1);
  cluster.network().clear();
  cluster.Tick(0, 100);  // The answers were lost: it says all again.
  cluster.Sync(0);
  for (const int peer : {1, 2, 3}) {
    cluster.DeliverAll<Recover>(peer);
    cluster.Sync(peer);
  }
  cluster.DeliverAll<RecoverReply>(0);
  cluster.Sync(0);
  EXPECT_EQ(cluster.DeliverAll<Accept>(2), 1);
  cluster.Sync(2);
  cluster.DeliverAll<AcceptReply>(0);
  EXPECT_NE(cluster.FindCommitted(0, id), nullptr);
}

// ---- Unanimous --------------------------------------------------------------

TEST(UnanimousFirstRound, IsFastOnceAllHaveVotedAlike) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1});
  EXPECT_EQ(cluster.FindCommitted(0, id), nullptr);
  Vote(cluster, 0, {2});
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 1u);
}

TEST(UnanimousFirstRound, IsSlowWhenOneKnowsAFurtherConflict) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  const InstanceId other = cluster.Propose(1, Put("a", "other", 2));
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1, 2});
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 0u);
  ASSERT_EQ(cluster.Queued<Accept>(2).size(), 1u);
  EXPECT_EQ(cluster.Queued<Accept>(2)[0].deps, Deps(3, {other}));
}

TEST(UnanimousFirstRound, DoesNotWaitForASuspectedReplica) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1});
  EXPECT_TRUE(cluster.Queued<Accept>(1).empty());
  Suspect(cluster, 0, 2);
  cluster.Sync(0);
  EXPECT_EQ(cluster.Queued<Accept>(1).size(), 1u);
}

TEST(UnanimousRecovery, KeepsWhatAllItHearsHaveVotedFor) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1, 2});  // Committed fast; the Commit never arrives.
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  FinishWithout(cluster, 0);
  for (const int i : {1, 2}) {
    ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, id)->value.kind, ValueKind::kCommands);
    EXPECT_EQ(cluster.FindCommitted(i, id)->deps,
              cluster.FindCommitted(0, id)->deps);
  }
}

TEST(UnanimousRecovery, FillsASlotThatOneItHearsHasNotVotedFor) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  Vote(cluster, 0, {1});
  FinishWithout(cluster, 0);
  ASSERT_NE(cluster.FindCommitted(1, id), nullptr);
  EXPECT_EQ(cluster.FindCommitted(1, id)->value.kind, ValueKind::kNoop);
}

// No recusal is needed: every vote that a recovery hears is for it.
TEST(UnanimousRecovery, FindsALazyFastCommitThatItsLeaderForgot) {
  Settings settings = With(FastPathRule::kUnanimous);
  settings.lazy_fast_commit = true;
  TestCluster cluster(3, settings);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  for (const int voter : {1, 2}) {
    cluster.DeliverAll<PreAccept>(voter);
    cluster.Sync(voter);
  }
  cluster.DeliverAll<PreAcceptReply>(0);
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  const DependencySet decided = cluster.FindCommitted(0, id)->deps;
  cluster.CrashAndRestart(0);
  ASSERT_EQ(cluster.FindCommitted(0, id), nullptr);
  FinishWithout(cluster, 2);  // The leader and one other are enough.
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  EXPECT_EQ(cluster.FindCommitted(0, id)->value.kind, ValueKind::kCommands);
  EXPECT_EQ(cluster.FindCommitted(0, id)->deps, decided);
}

TEST(UnanimousRecovery, AnswersNoValidate) {
  TestCluster cluster(3, With(FastPathRule::kUnanimous));
  cluster.Deliver(1, ReplicaAt(2),
                  Validate{.instance = {ReplicaAt(0), 1},
                           .ballot = Ballot(),
                           .batch = Put("a", "1"),
                           .initial_deps = DependencySet(3)});
  EXPECT_EQ(cluster.at(1).stats().stale_messages, 1u);
  EXPECT_TRUE(cluster.journal(1).empty());
}

}  // namespace
}  // namespace quorate::epaxos
