#include "tests/replica/multipaxos_harness.h"

namespace quorate::multipaxos {
namespace {

TEST(MultipaxosLog, DecidesInOneRoundTrip) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  // The Accept does not wait for the leader's own record.
  ASSERT_EQ(cluster.DeliverAll<Accept>(1), 1);
  cluster.Sync(1);
  ASSERT_EQ(cluster.DeliverAll<AcceptReply>(0), 1);
  EXPECT_TRUE(cluster.committed(0).empty());
  cluster.Sync(0);
  ASSERT_EQ(cluster.committed(0).size(), 1u);
}

TEST(MultipaxosLog, VotesOnlyOnceTheVoteIsDurable) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  cluster.DeliverAll<Accept>(1);
  EXPECT_TRUE(cluster.Queued<AcceptReply>(0).empty());
  cluster.Sync(1);
  EXPECT_EQ(cluster.Queued<AcceptReply>(0).size(), 1u);
}

TEST(MultipaxosLog, CountsADuplicatedVoteOnce) {
  TestCluster cluster(5);
  cluster.Elect(0);
  const InstanceId slot = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  const AcceptReply vote{.instance = slot, .ballot = cluster.at(0).ballot()};
  cluster.Deliver(0, ReplicaAt(1), vote);
  cluster.Deliver(0, ReplicaAt(1), vote);
  EXPECT_TRUE(cluster.committed(0).empty());
  cluster.Deliver(0, ReplicaAt(2), vote);
  EXPECT_EQ(cluster.committed(0).size(), 1u);
}

TEST(MultipaxosLog, IgnoresVotesForAnotherBallot) {
  TestCluster cluster(3);
  cluster.Elect(0);
  const InstanceId slot = cluster.Propose(0, Put("a", "1"));
  cluster.Sync(0);
  cluster.Deliver(
      0, ReplicaAt(1),
      AcceptReply{.instance = slot, .ballot = Ballot::Of(7, ReplicaAt(0))});
  EXPECT_TRUE(cluster.committed(0).empty());
}

TEST(MultipaxosLog, RefusesAnAcceptBelowItsPromise) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.SuspectEverywhere(0);
  cluster.Elect(2, Only(0));
  cluster.Propose(0, Put("a", "1"));
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  EXPECT_TRUE(cluster.Queued<AcceptReply>(0).empty());
  EXPECT_EQ(cluster.Queued<Nack>(0).size(), 1u);
}

TEST(MultipaxosLog, ManySlotsAreUnderWayAtOnceAndExecuteInOrder) {
  TestCluster cluster(3);
  cluster.Elect(0);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    cluster.Propose(0, Put("a", std::to_string(i), i));
  }
  EXPECT_EQ(cluster.at(0).in_flight(), 5u);
  cluster.Sync(0);
  const auto vote = [&](std::uint64_t slot) {
    cluster.Deliver(0, ReplicaAt(1),
                    AcceptReply{.instance = InstanceOf(slot),
                                .ballot = cluster.at(0).ballot()});
  };
  for (const std::uint64_t slot : {5, 3, 2}) vote(slot);
  EXPECT_EQ(cluster.at(0).in_flight(), 2u);
  EXPECT_TRUE(cluster.committed(0).empty());
  vote(1);
  EXPECT_EQ(cluster.at(0).committed(), 3u);
  vote(4);
  ASSERT_EQ(cluster.committed(0).size(), 5u);
  for (std::uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(cluster.committed(0)[i].instance.slot, i + 1);
    EXPECT_EQ(cluster.committed(0)[i].deps[kLogColumn], i);
  }
}

TEST(MultipaxosLog, FollowersLearnDecisionsFromTheNextAccept) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1", 1));
  cluster.Settle();
  EXPECT_EQ(cluster.at(1).committed(), 0u);
  cluster.Propose(0, Put("a", "2", 2));
  cluster.Settle();
  EXPECT_EQ(cluster.at(1).committed(), 1u);
}

TEST(MultipaxosLog, FollowersLearnDecisionsOnTheTick) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  cluster.Settle();
  cluster.Tick(0);
  EXPECT_EQ(cluster.Queued<Lead>(1).size(), 1u);
  EXPECT_TRUE(cluster.Queued<Commit>(1).empty());
  cluster.Settle();
  EXPECT_EQ(cluster.at(1).committed(), 1u);
}

// A commit index says nothing about what was accepted at a lower ballot.
TEST(MultipaxosLog, ACommitIndexDecidesOnlyWhatItsLeaderProposed) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "lost", 1));
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  cluster.network().clear();
  // r3 leads with r1's vote, which r1 has lost, and decides something else.
  cluster.CrashAndRestart(0);
  cluster.SuspectEverywhere(1);
  cluster.Elect(2, Only(1));
  ASSERT_TRUE(cluster.at(2).leads());
  cluster.Propose(2, Put("a", "chosen", 2));
  cluster.Settle(Only(1));
  ASSERT_EQ(cluster.at(2).committed(), 1u);
  // r2 hears that slot 1 is decided before it hears what is in it.
  cluster.Deliver(1, ReplicaAt(2),
                  Lead{.ballot = cluster.at(2).ballot(), .committed = 1});
  EXPECT_EQ(cluster.at(1).committed(), 0u);
  cluster.Run(20);
  ASSERT_EQ(cluster.committed(1).size(), 1u);
  EXPECT_EQ(cluster.committed(1)[0].value,
            Value::Commands(Put("a", "chosen", 2)));
}

TEST(MultipaxosLog, ThriftyAsksAPhaseTwoQuorumOnlyAndWidens) {
  Settings settings;
  settings.thrifty = true;
  TestCluster cluster(5, settings);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  int asked = 0;
  for (int i = 1; i < 5; ++i) {
    asked += static_cast<int>(cluster.Queued<Accept>(i).size());
  }
  EXPECT_EQ(asked, 2);
  cluster.network().clear();
  for (int i = 0; i < settings.retransmit_ticks; ++i) cluster.Tick(0);
  for (int i = 1; i < 5; ++i) {
    EXPECT_EQ(cluster.Queued<Accept>(i).size(), 1u) << i;
  }
}

TEST(MultipaxosLog, ThriftyTellsTheOthersWhatIsDecided) {
  Settings settings;
  settings.thrifty = true;
  TestCluster cluster(5, settings);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  cluster.Settle();
  cluster.Tick(0);
  cluster.Settle();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(cluster.at(i).committed(), 1u) << i;
}

TEST(MultipaxosLog, RepairsWhatAFollowerMissed) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.ProposeMany(0, 20, Only(2));
  EXPECT_EQ(cluster.at(2).committed(), 0u);
  cluster.Run(40);
  EXPECT_EQ(cluster.at(2).committed(), 20u);
}

TEST(MultipaxosLog, ForgetsWhatEverybodyHasExecuted) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.ProposeMany(0, 20);
  cluster.Run(60);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cluster.at(i).drop_floor(), 20u) << i;
    EXPECT_EQ(cluster.at(i).log().size(), 0u) << i;
  }
}

TEST(MultipaxosLog, KeepsWhatAMemberThatIsDownMayStillNeed) {
  Settings settings;
  settings.retained_bytes = 0;  // Nobody is left out.
  TestCluster cluster(3, settings);
  cluster.Elect(0);
  cluster.ProposeMany(0, 20, Only(2));
  cluster.Run(60, Only(2));
  EXPECT_EQ(cluster.at(0).drop_floor(), 0u);
}

TEST(MultipaxosLog, LeavesOutAMemberForWhichTooMuchWouldBeKept) {
  Settings settings;
  settings.retained_bytes = 2000;
  TestCluster cluster(3, settings);
  cluster.Elect(0);
  for (std::uint64_t i = 1; i <= 40; ++i) {
    cluster.Propose(0, Put("a", std::string(100, 'x'), i));
    cluster.Settle(Only(2));
  }
  cluster.Run(60, Only(2));
  EXPECT_GT(cluster.at(0).drop_floor(), 20u);
  EXPECT_LT(cluster.at(0).drop_floor(), 40u);
  // It hears of that when it is back.
  cluster.Run(60);
  EXPECT_TRUE(cluster.at(2).TakePassed().has_value());
}

// What was chosen in a forgotten slot is not known any more.
TEST(MultipaxosLog, NobodyLeadsByAPromiseThatLeavesOutForgottenSlots) {
  Settings settings;
  settings.retained_bytes = 1;
  TestCluster cluster(3, settings);
  cluster.Elect(0);
  cluster.ProposeMany(0, 10, Only(2));
  cluster.Run(60, Only(2));
  ASSERT_GT(cluster.at(1).drop_floor(), 0u);
  cluster.network().clear();
  cluster.SuspectEverywhere(0);
  cluster.Elect(2, Only(0));
  EXPECT_FALSE(cluster.at(2).leads());
  EXPECT_EQ(cluster.at(2).TakePassed()->by, ReplicaAt(1));
}

TEST(MultipaxosLog, RebuildsEqualStateFromTheJournal) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.ProposeMany(0, 10);
  cluster.Run(20);
  cluster.Propose(0, Put("a", "last", 11));
  cluster.Settle();
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t committed = cluster.at(i).committed();
    const Ballot ballot = cluster.at(i).ballot();
    cluster.CrashAndRestart(i);
    EXPECT_EQ(cluster.at(i).committed(), committed);
    EXPECT_EQ(cluster.at(i).ballot(), ballot);
  }
  // The votes are there as well: whoever leads next finds the last slot.
  cluster.SuspectEverywhere(0);
  cluster.Elect(2, Only(0));
  cluster.Run(20, Only(0));
  EXPECT_EQ(cluster.at(2).committed(), 11u);
}

TEST(MultipaxosLog, ACheckpointGivesWhatTheJournalGives) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.ProposeMany(0, 10);
  cluster.Run(20);
  cluster.Propose(0, Put("a", "undecided", 11));
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  std::vector<Record> checkpoint = {
      CheckpointBegunRecord{.through = cluster.at(1).last_record()}};
  cluster.at(1).Save(checkpoint);
  checkpoint.emplace_back(
      CheckpointEndedRecord{.through = cluster.at(1).last_record()});

  Settings settings;
  settings.protocol = Protocol::kMultipaxos;
  settings.self = ReplicaAt(1);
  Multipaxos from_checkpoint(settings);
  std::vector<CommittedInstance> committed;
  for (const Record& record : checkpoint) {
    from_checkpoint.Restore(record, committed);
  }
  cluster.CrashAndRestart(1);
  EXPECT_EQ(from_checkpoint.Fingerprint(), cluster.at(1).Fingerprint());
  EXPECT_EQ(from_checkpoint.last_record(), cluster.at(1).last_record());
  EXPECT_EQ(from_checkpoint.ballot(), cluster.at(1).ballot());
}

TEST(MultipaxosLogDeathTest, StopsWhenASlotIsDecidedTwice) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Deliver(1, ReplicaAt(0),
                  Commit{.instance = InstanceOf(1),
                         .value = Value::Commands(Put("a", "1"))});
  EXPECT_DEATH(cluster.Deliver(
                   1, ReplicaAt(0),
                   Commit{.instance = InstanceOf(1), .value = Value::Noop()}),
               "G1");
}

TEST(MultipaxosLog, RefusesAnUnbelievableSlot) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Deliver(1, ReplicaAt(0),
                  Accept{.instance = InstanceOf(kMaxSlotGap + 2),
                         .ballot = cluster.at(0).ballot(),
                         .value = Value::Noop()});
  EXPECT_EQ(cluster.at(1).log().size(), 0u);
  EXPECT_EQ(cluster.at(1).stats().stale_messages, 1u);
}

// ---- reads at the leader ----------------------------------------------------

TEST(MultipaxosReads, WaitForAQuorumThatAnswersAfterTheyCame) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Read(0, Put("a", "1"));
  EXPECT_TRUE(cluster.at(0).TakeServableReads(0).empty());
  EXPECT_EQ(cluster.at(0).waiting_reads(), 1u);
  cluster.Settle();
  EXPECT_EQ(cluster.at(0).TakeServableReads(0).size(), 1u);
}

TEST(MultipaxosReads, ThoseThatComeDuringARoundWaitForTheNext) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Read(0, Put("a", "1", 1));
  const Ballot ballot = cluster.at(0).ballot();
  cluster.Read(0, Put("a", "1", 2));
  cluster.Read(0, Put("a", "1", 3));
  cluster.Deliver(0, ReplicaAt(1), LeadReply{.ballot = ballot, .round = 1});
  EXPECT_EQ(cluster.at(0).TakeServableReads(0).size(), 1u);
  cluster.Deliver(0, ReplicaAt(1), LeadReply{.ballot = ballot, .round = 1});
  EXPECT_TRUE(cluster.at(0).TakeServableReads(0).empty());
  cluster.Deliver(0, ReplicaAt(1), LeadReply{.ballot = ballot, .round = 2});
  EXPECT_EQ(cluster.at(0).TakeServableReads(0).size(), 2u);
}

TEST(MultipaxosReads, WaitForWhatEarlierLeadersMayHaveDecided) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.Propose(0, Put("a", "1"));
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  cluster.network().clear();
  cluster.SuspectEverywhere(0);
  cluster.Campaign(1);
  cluster.Sync(1);
  cluster.DeliverAll<Prepare>(2);
  cluster.Sync(2);
  cluster.DeliverAll<Promise>(1);
  ASSERT_TRUE(cluster.at(1).leads());
  cluster.Read(1, Put("a", "1", 2));
  cluster.DeliverAll<Lead>(2);
  cluster.DeliverAll<LeadReply>(1);
  EXPECT_TRUE(cluster.at(1).TakeServableReads(0).empty());
  EXPECT_EQ(cluster.at(1).TakeServableReads(1).size(), 1u);
}

TEST(MultipaxosReads, ALeaderThatWasReplacedServesNone) {
  TestCluster cluster(3);
  cluster.Elect(0);
  cluster.SuspectEverywhere(0);
  cluster.Elect(1, Only(0));
  cluster.Read(0, Put("a", "1"));
  cluster.Settle();
  EXPECT_FALSE(cluster.at(0).leads());
  EXPECT_TRUE(cluster.at(0).TakeServableReads(0).empty());
  EXPECT_EQ(cluster.at(0).TakeOrphans().size(), 1u);
}

// Decided or not: the server's copy of a command does not know who waits here.
TEST(MultipaxosLog, ASnapshotLeavesNobodyWaitingForOwnCommands) {
  TestCluster cluster(3);
  cluster.Elect(0);
  const InstanceId open = cluster.Propose(0, Put("a", "1", 1));
  const InstanceId decided = cluster.Propose(0, Put("a", "2", 2));
  cluster.Sync(0);
  cluster.DeliverAll<Accept>(1);
  cluster.Sync(1);
  std::erase_if(cluster.network(), [&](const InFlight& m) {
    const auto* vote = std::get_if<AcceptReply>(&m.message);
    return vote != nullptr && vote->instance == open;
  });
  cluster.DeliverAll<AcceptReply>(0);
  ASSERT_FALSE(cluster.at(0).log().Find(open.slot)->decided);
  ASSERT_TRUE(cluster.at(0).log().Find(decided.slot)->decided);
  SnapshotFacts facts{.drop_floor = DependencySet(3)};
  facts.drop_floor.Set(kLogColumn, decided.slot);
  Actions actions;
  cluster.at(0).Install(facts, actions);
  EXPECT_EQ(cluster.at(0).TakeOrphans().size(), 2u);
}

}  // namespace
}  // namespace quorate::multipaxos
