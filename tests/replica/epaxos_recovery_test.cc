#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

// Everybody outside `down` learns that those inside it are gone.
void Suspect(TestCluster& cluster, ReplicaSet down) {
  for (int i = 0; i < cluster.size(); ++i) {
    if (down.Contains(ReplicaAt(i))) continue;
    for (int peer = 0; peer < cluster.size(); ++peer) {
      if (!down.Contains(ReplicaAt(peer))) continue;
      Actions actions;
      cluster.at(i).HandleSuspicion(ReplicaAt(peer), true, actions);
      cluster.TakeActions(i, actions);
    }
  }
}

TEST(EpaxosRecovery, KeepsACommandThatItsDeadLeaderMayHaveCommittedFast) {
  TestCluster cluster(3);
  const InstanceId id = cluster.ProposeAndVote(0, Put("a", "1"), 1);
  cluster.Sync(0);  // Committed and answered; the Commit never arrives.
  ASSERT_NE(cluster.FindCommitted(0, id), nullptr);
  cluster.network().clear();
  Suspect(cluster, Set({0}));
  cluster.Run(60, Set({0}));
  for (const int i : {1, 2}) {
    ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, id)->value,
              cluster.FindCommitted(0, id)->value);
    EXPECT_EQ(cluster.FindCommitted(i, id)->deps,
              cluster.FindCommitted(0, id)->deps);
  }
}

TEST(EpaxosRecovery, AValidateThatComesTwiceIsAnsweredTwiceAndWrittenDownOnce) {
  TestCluster cluster(5);
  const InstanceId id{ReplicaAt(0), 1};
  const Ballot ballot = Ballot::Of(1, ReplicaAt(4));
  cluster.Deliver(1, ReplicaAt(4), Recover{.instance = id, .ballot = ballot});
  cluster.Sync(1);
  const Validate validate{.instance = id,
                          .ballot = ballot,
                          .batch = Put("a", "1"),
                          .initial_deps = DependencySet(5)};
  cluster.Deliver(1, ReplicaAt(4), validate);
  // Not durable yet: the first answer waits for that, and is enough.
  cluster.Deliver(1, ReplicaAt(4), validate);
  cluster.Sync(1);
  const std::size_t records = cluster.journal(1).size();
  EXPECT_EQ(cluster.Queued<ValidateReply>(4).size(), 1u);
  cluster.Deliver(1, ReplicaAt(4), validate);
  EXPECT_EQ(cluster.Queued<ValidateReply>(4).size(), 2u);
  EXPECT_EQ(cluster.journal(1).size(), records);
}

TEST(EpaxosRecovery, FillsASlotThatNobodyLeftAliveKnows) {
  TestCluster cluster(3);
  const InstanceId lost = cluster.Propose(0, Put("a", "lost"));
  const InstanceId known = cluster.Propose(0, Put("a", "known"));
  cluster.Sync(0);
  std::erase_if(cluster.network(), [&](const InFlight& m) {
    const auto* ask = std::get_if<PreAccept>(&m.message);
    return ask != nullptr && ask->instance == lost;
  });
  cluster.DeliverAll<PreAccept>(1);
  cluster.network().clear();
  Suspect(cluster, Set({0}));
  cluster.Run(60, Set({0}));
  for (const int i : {1, 2}) {
    ASSERT_NE(cluster.FindCommitted(i, lost), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, lost)->value.kind, ValueKind::kNoop);
    ASSERT_NE(cluster.FindCommitted(i, known), nullptr);
  }
}

TEST(EpaxosRecovery, KeepsTheValueOfTheHighestAcceptedBallot) {
  TestCluster cluster(5);
  const InstanceId id{ReplicaAt(0), 1};
  const Value value = Value::Commands(Put("a", "1"));
  // Replica 1 has an old accept of the commands, 2 a newer one of a noop.
  cluster.Deliver(1, ReplicaAt(0),
                  Accept{.instance = id,
                         .ballot = Ballot(),
                         .value = value,
                         .deps = DependencySet(5)});
  cluster.Deliver(2, ReplicaAt(4),
                  Accept{.instance = id,
                         .ballot = Ballot::Of(1, ReplicaAt(4)),
                         .value = Value::Noop(),
                         .deps = DependencySet(5)});
  cluster.SyncAll();
  cluster.network().clear();
  const ReplicaSet down = Set({0, 4});
  Suspect(cluster, down);
  cluster.Run(80, down);
  for (const int i : {1, 2, 3}) {
    ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
    EXPECT_EQ(cluster.FindCommitted(i, id)->value.kind, ValueKind::kNoop);
  }
}

TEST(EpaxosRecovery, APromiseForbidsTheFastPath) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  cluster.Deliver(0, ReplicaAt(2),
                  Recover{.instance = id,
                          .ballot = Ballot::Of(1, ReplicaAt(2)),
                          .batch = nullptr});
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.Sync(0);
  EXPECT_EQ(cluster.at(0).stats().fast_commits, 0u);
}

TEST(EpaxosRecovery, APromiseIsDurableBeforeItIsGiven) {
  TestCluster cluster(3);
  cluster.Deliver(1, ReplicaAt(2),
                  Recover{.instance = {ReplicaAt(0), 1},
                          .ballot = Ballot::Of(1, ReplicaAt(2)),
                          .batch = nullptr});
  EXPECT_TRUE(cluster.Queued<RecoverReply>(2).empty());
  cluster.Sync(1);
  EXPECT_EQ(cluster.Queued<RecoverReply>(2).size(), 1u);
  cluster.CrashAndRestart(1);
  cluster.Deliver(1, ReplicaAt(0),
                  PreAccept{.instance = {ReplicaAt(0), 1},
                            .batch = Put("a", "1"),
                            .initial_deps = DependencySet(3)});
  EXPECT_EQ(cluster.Queued<Nack>(0).size(), 1u);
}

// protocol.md 9: id0 pre-accepted at 2, id1 at 4, 3 knows neither, 0 and 1 are
// down; the two recoveries must end, and not blind to each other.
TEST(EpaxosRecovery, TwoRecoveriesThatConflictEndAndSeeEachOther) {
  TestCluster cluster(5);
  const InstanceId x = cluster.Propose(0, Put("a", "1"));
  const InstanceId y = cluster.Propose(1, Put("a", "2"));
  cluster.Sync(0);
  cluster.Sync(1);
  const PreAccept ask_x = cluster.Queued<PreAccept>(2).at(0);
  const PreAccept ask_y = cluster.Queued<PreAccept>(4).at(1);
  ASSERT_EQ(ask_x.instance, x);
  ASSERT_EQ(ask_y.instance, y);
  cluster.Deliver(2, ReplicaAt(0), ask_x);
  cluster.Deliver(4, ReplicaAt(1), ask_y);
  cluster.SyncAll();
  cluster.network().clear();
  const ReplicaSet down = Set({0, 1});
  Suspect(cluster, down);
  cluster.Run(200, down);
  for (const int i : {2, 3, 4}) {
    const CommittedInstance* cx = cluster.FindCommitted(i, x);
    const CommittedInstance* cy = cluster.FindCommitted(i, y);
    ASSERT_NE(cx, nullptr);
    ASSERT_NE(cy, nullptr);
    EXPECT_TRUE(cx->value.kind == ValueKind::kNoop ||
                cy->value.kind == ValueKind::kNoop || cx->deps.Contains(y) ||
                cy->deps.Contains(x));
  }
}

TEST(EpaxosRecovery, ARestartedLeaderThatPromisedRecoversInsteadOfResuming) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.network().clear();
  cluster.Deliver(0, ReplicaAt(2),
                  Recover{.instance = id,
                          .ballot = Ballot::Of(1, ReplicaAt(2)),
                          .batch = nullptr});
  cluster.Sync(0);
  cluster.CrashAndRestart(0);
  cluster.Tick(0);
  EXPECT_TRUE(cluster.Queued<PreAccept>(1).empty());
  cluster.Run(60);
  for (int i = 0; i < 3; ++i) EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
}

// A peer falls silent and leaves some instances to be recovered; the log holds
// thousands that have nothing to do with them. Walking through it for each held
// nodes for seconds, where each command has an instance of its own.
TEST(EpaxosValidation, ComparesOnlyWithWhatMayConflict) {
  constexpr std::uint64_t kOthers = 2000;
  constexpr std::uint64_t kRecovered = 40;
  TestCluster cluster(3);
  const auto key_of = [](int column, std::uint64_t slot) {
    return std::to_string(column) + "/" + std::to_string(slot);
  };
  for (std::uint64_t slot = 1; slot <= kOthers; ++slot) {
    cluster.Deliver(2, ReplicaAt(0),
                    PreAccept{.instance = {ReplicaAt(0), slot},
                              .batch = Put(key_of(0, slot), "v"),
                              .initial_deps = DependencySet(3)});
    cluster.Deliver(2, ReplicaAt(1),
                    Commit{.instance = {ReplicaAt(1), slot},
                           .value = Value::Commands(Put(key_of(1, slot), "v")),
                           .deps = DependencySet(3)});
  }
  // Of all these, one conflicts with one that is recovered.
  cluster.Deliver(2, ReplicaAt(1),
                  Commit{.instance = {ReplicaAt(1), kOthers + 1},
                         .value = Value::Commands(Put(key_of(0, kOthers), "w")),
                         .deps = DependencySet(3)});
  cluster.Sync(2);
  cluster.network().clear();
  const Ballot ballot = Ballot::Of(1, ReplicaAt(1));
  for (std::uint64_t slot = kOthers + 1 - kRecovered; slot <= kOthers; ++slot) {
    const InstanceId id{ReplicaAt(0), slot};
    cluster.Deliver(2, ReplicaAt(1), Recover{.instance = id, .ballot = ballot});
    cluster.Sync(2);  // The promise; what rests on it does not leave before.
    cluster.Deliver(2, ReplicaAt(1),
                    Validate{.instance = id,
                             .ballot = ballot,
                             .batch = Put(key_of(0, slot), "v"),
                             .initial_deps = DependencySet(3)});
  }
  cluster.Sync(2);
  const auto replies = cluster.Queued<ValidateReply>(1);
  ASSERT_EQ(replies.size(), kRecovered);
  for (const ValidateReply& reply : replies) {
    const bool conflicts = reply.instance.slot == kOthers;
    ASSERT_EQ(reply.conflicts.size(), conflicts ? 1u : 0u);
  }
  EXPECT_EQ(replies.back().conflicts[0].instance,
            (InstanceId{ReplicaAt(1), kOthers + 1}));
  // Only the one column of the one that conflicts was walked through.
  EXPECT_LE(cluster.at(2).stats().instances_compared, kOthers + 1);
}

}  // namespace
}  // namespace quorate::epaxos
