#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

TEST(EpaxosRestart, RebuildsEqualStateFromTheJournal) {
  TestCluster cluster(3);
  for (std::uint64_t round = 1; round <= 5; ++round) {
    for (int i = 0; i < 3; ++i) cluster.Propose(i, Put("k", "v", round));
    cluster.Settle();
  }
  cluster.Propose(0, Put("k", "unfinished", 6));
  cluster.Propose(1, Put("k", "unfinished", 7));
  cluster.SyncAll();
  for (int i = 0; i < 3; ++i) cluster.DeliverAll<PreAccept>(i);
  cluster.SyncAll();
  for (int i = 0; i < 3; ++i) {
    Settings settings;
    settings.self = ReplicaAt(i);
    Epaxos again(settings);
    std::vector<CommittedInstance> committed;
    for (const Record& record : cluster.journal(i)) {
      again.Restore(record, committed);
    }
    EXPECT_EQ(again.last_record(), cluster.at(i).last_record());
    EXPECT_EQ(again.committed_frontier(), cluster.at(i).committed_frontier());
    EXPECT_EQ(again.index().entries(), cluster.at(i).index().entries());
    for (int column = 0; column < 3; ++column) {
      for (std::uint64_t slot = 1;
           slot <= cluster.at(i).log().Newest(ReplicaAt(column)); ++slot) {
        const InstanceId id{ReplicaAt(column), slot};
        const Instance* before = cluster.at(i).log().Find(id);
        const Instance* after = again.log().Find(id);
        ASSERT_NE(after, nullptr) << ToString(id);
        EXPECT_EQ(after->status, before->status);
        EXPECT_EQ(after->value, before->value);
        EXPECT_EQ(after->deps, before->deps);
        EXPECT_EQ(after->initial_deps, before->initial_deps);
        EXPECT_EQ(after->initial_known, before->initial_known);
        EXPECT_EQ(after->promised_ballot, before->promised_ballot);
        EXPECT_EQ(after->accepted_ballot, before->accepted_ballot);
        EXPECT_EQ(after->released, before->released);
        EXPECT_EQ(after->payload_recorded, before->payload_recorded);
        EXPECT_EQ(after->last_record, before->last_record);
      }
    }
  }
}

TEST(EpaxosRestart, AVoteIsGivenAgainUnchanged) {
  TestCluster cluster(3);
  cluster.Propose(1, Put("a", "earlier"));
  cluster.Sync(1);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  const PreAccept asked = cluster.Queued<PreAccept>(1).at(0);
  cluster.Deliver(1, ReplicaAt(0), asked);
  cluster.Sync(1);
  const PreAcceptReply vote = cluster.Queued<PreAcceptReply>(0).at(0);
  cluster.CrashAndRestart(1);
  cluster.Deliver(1, ReplicaAt(0), asked);
  ASSERT_EQ(cluster.Queued<PreAcceptReply>(0).size(), 1u);
  EXPECT_EQ(cluster.Queued<PreAcceptReply>(0)[0].deps, vote.deps);
}

TEST(EpaxosRestart, FinishesItsOwnInstances) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.CrashAndRestart(0);
  cluster.Run(20);
  for (int i = 0; i < 3; ++i) EXPECT_NE(cluster.FindCommitted(i, id), nullptr);
}

TEST(EpaxosRestart, FinishesTheSlowPathWithTheValueItHadAccepted) {
  TestCluster cluster(3);
  cluster.Propose(1, Put("a", "other"));
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.SyncAll();
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  cluster.DeliverAll<PreAcceptReply>(0);
  cluster.Tick(0, 10);
  cluster.Sync(0);
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);  // Chosen by replicas 0 and 1, known to none.
  cluster.CrashAndRestart(0);
  cluster.Run(30);
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(cluster.FindCommitted(i, id), nullptr);
    EXPECT_EQ(ToString(cluster.FindCommitted(i, id)->deps), "{r2:1}");
  }
}

TEST(EpaxosRestart, AnUnsyncedProposalIsAsIfNeverMadeAndItsSlotIsFree) {
  TestCluster cluster(3);
  const InstanceId lost = cluster.Propose(0, Put("a", "lost"));
  cluster.CrashAndRestart(0);
  const InstanceId id = cluster.Propose(0, Put("a", "kept"));
  EXPECT_EQ(id, lost);  // Nobody ever heard of it.
  cluster.Settle();
  EXPECT_EQ(cluster.FindCommitted(1, id)->value.batch->operations()[0].value,
            "kept");
}

TEST(EpaxosRestart, CountsAProposalBeforeTheFirstTickOnce) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.CrashAndRestart(0);
  cluster.Propose(0, Put("a", "2"));
  cluster.Tick(0);
  EXPECT_EQ(cluster.at(0).own_in_flight(), 2u);
  cluster.Run(20);
  EXPECT_EQ(cluster.at(0).own_in_flight(), 0u);
}

TEST(EpaxosRestart, NeverUsesASlotTwiceThatItHasShown) {
  TestCluster cluster(3);
  const InstanceId shown = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.CrashAndRestart(0);
  EXPECT_GT(cluster.Propose(0, Put("a", "2")).slot, shown.slot);
}

TEST(EpaxosRestart, ALostFastCommitRecordLosesOnlyWhatNobodyHeard) {
  TestCluster cluster(3);
  const InstanceId id = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.DeliverAll<PreAccept>(1);
  cluster.Sync(1);
  cluster.DeliverAll<PreAcceptReply>(0);  // Committed, not synced.
  cluster.CrashAndRestart(0);
  EXPECT_EQ(cluster.FindCommitted(0, id), nullptr);
  cluster.Run(20);
  EXPECT_NE(cluster.FindCommitted(0, id), nullptr);
}

TEST(EpaxosRestart, AWholeClusterComesBackAndGoesOn) {
  TestCluster cluster(3);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < 3; ++i) cluster.Propose(i, Put("k", "v", round));
    cluster.Settle();
  }
  const InstanceId last = cluster.Propose(0, Put("k", "last", 4));
  cluster.SyncAll();
  for (int i = 0; i < 3; ++i) cluster.CrashAndRestart(i);
  cluster.Run(40);
  for (int i = 0; i < 3; ++i) {
    const auto& committed = cluster.committed(i);
    EXPECT_EQ(std::ranges::count_if(committed,
                                    [](const CommittedInstance& c) {
                                      return c.value.kind ==
                                             ValueKind::kCommands;
                                    }),
              10);
    EXPECT_NE(cluster.FindCommitted(i, last), nullptr);
  }
}

TEST(EpaxosRestart, FloorsSurviveAndTheForgottenStaysForgotten) {
  TestCluster cluster(3);
  cluster.Propose(0, Put("k", "v"));
  cluster.Run(100);
  const DependencySet floor = cluster.at(1).drop_floor();
  ASSERT_EQ(ToString(floor), "{r1:1}");
  cluster.Sync(1);
  cluster.CrashAndRestart(1);
  EXPECT_EQ(cluster.at(1).drop_floor(), floor);
  EXPECT_EQ(cluster.at(1).log().size(), 0u);
  EXPECT_EQ(cluster.committed(1).size(), 1u);  // Executed again from the log.
}

}  // namespace
}  // namespace quorate::epaxos
