#include <algorithm>

#include "tests/replica/bpaxos_harness.h"

namespace quorate::bpaxos {
namespace {

template <typename M>
bool Is(const InFlight& each) {
  return std::holds_alternative<M>(each.message);
}

bool Goes(const InFlight& each, int to) { return each.to == ReplicaAt(to); }

const CommittedInstance* Decided(const TestCluster& cluster, InstanceId id) {
  const auto found = cluster.decided().find(id);
  return found == cluster.decided().end() ? nullptr : &found->second;
}

// ---- the failure-free path --------------------------------------------------

TEST(BpaxosTest, AnswersTheClientOnNodesWithAllRoles) {
  TestCluster cluster(ColocatedSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle();
  ASSERT_EQ(cluster.replies().size(), 1u);
  EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kDone);
  EXPECT_EQ(cluster.replies()[0].origin, 7u);
}

TEST(BpaxosTest, AnswersTheClientThroughAnExecutorWhereRolesAreSeparate) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(1, Put(1, "k"));
  cluster.Settle();
  ASSERT_EQ(cluster.replies().size(), 1u);
  EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kDone);
  EXPECT_EQ(cluster.replies()[0].origin, 7u);
  EXPECT_EQ(cluster.replies()[0].instance, First(1));
}

TEST(BpaxosTest, ANodeThatDoesNotLeadNamesAnotherLeaderEachTime) {
  Settings settings = SeparateSettings();
  settings.self = ReplicaAt(8);
  const auto replica = Replica::Create(settings);
  ReplicaSet named;
  for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
    Actions actions;
    replica->Step(ClientCommands{.batches = {Put(sequence, "a")}}, actions);
    ASSERT_EQ(actions.replies.size(), 1u);
    EXPECT_EQ(actions.replies[0].reply.status, ReplyStatus::kRefused);
    EXPECT_EQ(actions.replies[0].reply.reason, RefusalReason::kNotLeader);
    named.Insert(actions.replies[0].reply.instance.replica);
  }
  EXPECT_EQ(named, settings.roles.leaders);
}

TEST(BpaxosTest, BothExecutorsReachOneState) {
  TestCluster cluster(SeparateSettings());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    cluster.Submit(static_cast<int>(i % 2),
                   Put(i, "k" + std::to_string(i % 3)));
  }
  cluster.Run(3);
  EXPECT_EQ(cluster.replies().size(), 20u);
  EXPECT_EQ(cluster.at(8).Status().state_hash,
            cluster.at(9).Status().state_hash);
  EXPECT_EQ(cluster.at(8).Status().executed, cluster.at(9).Status().executed);
}

TEST(BpaxosTest, SaysNothingBeforeTheReservationOfTheSlotIsDurable) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  EXPECT_TRUE(cluster.network().empty());
  cluster.Sync(0);
  EXPECT_EQ(cluster.OnTheWay<DependencyRequest>().size(), 3u);
}

TEST(BpaxosTest, ADependencyNodeAnswersOnlyWhatIsDurable) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Sync(0);
  const auto requests = cluster.OnTheWay<DependencyRequest>();
  cluster.network().clear();
  cluster.Deliver(requests[0]);
  EXPECT_TRUE(cluster.network().empty());
  cluster.Sync(Index(requests[0].to));
  EXPECT_EQ(cluster.OnTheWay<DependencyReply>().size(), 1u);
}

TEST(BpaxosTest, ADependencyNodeKeepsItsAnswerOverARestart) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Sync(0);
  const InFlight first = cluster.OnTheWay<DependencyRequest>()[0];
  cluster.network().clear();
  const int node = Index(first.to);
  cluster.Deliver(first);
  cluster.Sync(node);
  cluster.network().clear();
  // A later conflicting instance is indexed before the request is repeated.
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = first.to,
                   .message = DependencyRequest{.instance = First(1),
                                                .batch = Put(2, "k")}});
  cluster.Sync(node);
  EXPECT_TRUE(
      std::get<DependencyReply>(cluster.OnTheWay<DependencyReply>()[0].message)
          .deps.Contains(First(0)));
  cluster.CrashAndRestart(node);
  cluster.network().clear();
  cluster.Deliver(first);
  const auto again = cluster.OnTheWay<DependencyReply>();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(std::get<DependencyReply>(again[0].message).deps, DependencySet(2));
}

TEST(BpaxosTest, ALeaderWaitsForTheAnswersOfAQuorum) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Sync(0);
  // One node answers, twice.
  cluster.Settle([&](const InFlight& each) {
    return Is<DependencyRequest>(each) && !Goes(each, 2);
  });
  EXPECT_TRUE(cluster.decided().empty());
  cluster.Deliver({.from = ReplicaAt(2),
                   .to = ReplicaAt(0),
                   .message = DependencyReply{.instance = First(0),
                                              .deps = DependencySet(2)}});
  EXPECT_TRUE(cluster.OnTheWay<Accept>().empty());
  // Repetition reaches the others.
  cluster.Run(10);
  EXPECT_NE(Decided(cluster, First(0)), nullptr);
}

TEST(BpaxosTest, AThriftyLeaderAsksAQuorumAndWidensWhenNobodyAnswers) {
  Settings settings = SeparateSettings();
  settings.thrifty = true;
  TestCluster cluster(settings);
  cluster.Submit(0, Put(1, "k"));
  cluster.Sync(0);
  EXPECT_EQ(cluster.OnTheWay<DependencyRequest>().size(), 2u);
  cluster.network().clear();
  for (int tick = 0; tick < 6; ++tick) cluster.Tick(0);
  EXPECT_EQ(cluster.OnTheWay<DependencyRequest>().size(), 3u);
  cluster.Run(3);
  EXPECT_EQ(cluster.replies().size(), 1u);
}

TEST(BpaxosTest, AnInstanceMayDependOnALaterOneOfItsOwnLeader) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Submit(0, Put(2, "k"));
  cluster.Sync(0);
  // Every dependency node hears of the second one first.
  auto requests = cluster.OnTheWay<DependencyRequest>();
  cluster.network().clear();
  std::ranges::stable_sort(requests, [](const InFlight& a, const InFlight& b) {
    return std::get<DependencyRequest>(a.message).instance.slot >
           std::get<DependencyRequest>(b.message).instance.slot;
  });
  for (const InFlight& request : requests) cluster.Deliver(request);
  cluster.Settle();
  const CommittedInstance* first = Decided(cluster, First(0));
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(first->deps.Contains({ReplicaAt(0), 2}));
  EXPECT_EQ(cluster.replies().size(), 2u);
}

// ---- acceptors --------------------------------------------------------------

TEST(BpaxosTest, AnAcceptorThatPromisedRefusesLowerBallots) {
  TestCluster cluster(SeparateSettings());
  const Ballot ballot = Ballot::Of(3, ReplicaAt(1));
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(5),
                   .message = Recover{.instance = First(0), .ballot = ballot}});
  cluster.Sync(5);
  EXPECT_EQ(cluster.OnTheWay<RecoverReply>().size(), 1u);
  cluster.CrashAndRestart(5);
  cluster.network().clear();
  cluster.Deliver({.from = ReplicaAt(0),
                   .to = ReplicaAt(5),
                   .message = Accept{.instance = First(0),
                                     .value = Value::Commands(Put(1, "k")),
                                     .deps = DependencySet(2)}});
  ASSERT_EQ(cluster.OnTheWay<Nack>().size(), 1u);
  EXPECT_EQ(std::get<Nack>(cluster.network()[0].message).promised_ballot,
            ballot);
}

TEST(BpaxosTest, AnAcceptorTellsItsVoteAfterARestart) {
  TestCluster cluster(SeparateSettings());
  const Value value = Value::Commands(Put(1, "k"));
  cluster.Deliver(
      {.from = ReplicaAt(0),
       .to = ReplicaAt(5),
       .message = Accept{
           .instance = First(0), .value = value, .deps = DependencySet(2)}});
  EXPECT_TRUE(cluster.network().empty());  // Not durable yet.
  cluster.Sync(5);
  EXPECT_EQ(cluster.OnTheWay<AcceptReply>().size(), 1u);
  cluster.CrashAndRestart(5);
  cluster.network().clear();
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(5),
                   .message = Recover{.instance = First(0),
                                      .ballot = Ballot::Of(1, ReplicaAt(1))}});
  cluster.Sync(5);
  ASSERT_EQ(cluster.OnTheWay<RecoverReply>().size(), 1u);
  const auto& reply = std::get<RecoverReply>(cluster.network()[0].message);
  EXPECT_EQ(reply.status, InstanceStatus::kAccepted);
  EXPECT_TRUE(reply.value == value);
}

TEST(BpaxosTest, AnAcceptorBelievesOnlyTheOwnerOfABallot) {
  TestCluster cluster(SeparateSettings());
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(5),
                   .message = Accept{.instance = First(0),
                                     .value = Value::Noop(),
                                     .deps = DependencySet(2)}});
  EXPECT_TRUE(cluster.journal(5).empty());
}

TEST(BpaxosTest, BelievesNothingAboutAnOwnSlotThatWasNotGivenOut) {
  TestCluster cluster(ColocatedSettings());
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(0),
                   .message = Commit{.instance = First(0),
                                     .value = Value::Noop(),
                                     .deps = DependencySet(3)}});
  DependencySet deps(3);
  deps.Set(ReplicaAt(0), 5);
  cluster.Deliver(
      {.from = ReplicaAt(1),
       .to = ReplicaAt(0),
       .message =
           Commit{.instance = First(1), .value = Value::Noop(), .deps = deps}});
  EXPECT_TRUE(cluster.decided().empty());
  EXPECT_EQ(cluster.at(0).Status().stale_messages, 2u);
}

TEST(BpaxosTest, BelievesNoDependencyBeyondReach) {
  TestCluster cluster(SeparateSettings());
  DependencySet deps(2);
  deps.Set(ReplicaAt(1), std::uint64_t{1} << 50);
  cluster.Deliver(
      {.from = ReplicaAt(0),
       .to = ReplicaAt(8),
       .message =
           Commit{.instance = First(0), .value = Value::Noop(), .deps = deps}});
  EXPECT_TRUE(cluster.decided().empty());
}

// ---- recovery ---------------------------------------------------------------

// Leader 0 gets as far as `lost` lets it and then says nothing more; leader 1's
// conflicting command comes after it.
template <typename Lost>
void LeaveUnfinished(TestCluster& cluster, const Lost& lost) {
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle(lost);
  for (int i = 1; i < cluster.size(); ++i) cluster.Suspect(i, 0);
  cluster.Submit(1, Put(2, "k"));
  for (int tick = 0; tick < 60; ++tick) {
    for (int i = 1; i < cluster.size(); ++i) cluster.Tick(i);
    cluster.Settle([](const InFlight& each) {
      return each.to == ReplicaAt(0) || each.from == ReplicaAt(0);
    });
  }
}

TEST(BpaxosTest, AnotherLeaderFinishesWithANoopWhatWasNeverProposed) {
  TestCluster cluster(SeparateSettings());
  LeaveUnfinished(
      cluster, [](const InFlight& each) { return Is<DependencyReply>(each); });
  const CommittedInstance* first = Decided(cluster, First(0));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->value.kind, ValueKind::kNoop);
  EXPECT_EQ(cluster.replies().size(), 1u);  // Leader 1's client.
}

TEST(BpaxosTest, AnotherLeaderFinishesWithTheVoteOfTheHighestBallot) {
  TestCluster cluster(SeparateSettings());
  LeaveUnfinished(cluster,
                  [](const InFlight& each) { return Is<AcceptReply>(each); });
  const CommittedInstance* first = Decided(cluster, First(0));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->value.kind, ValueKind::kCommands);
}

TEST(BpaxosTest, ALeaderProposesAgainUnderANewInstanceWhatBecameANoop) {
  TestCluster cluster(SeparateSettings());
  LeaveUnfinished(
      cluster, [](const InFlight& each) { return Is<DependencyReply>(each); });
  for (int i = 1; i < cluster.size(); ++i) cluster.Suspect(i, 0, false);
  cluster.Run(60);
  EXPECT_EQ(cluster.replies().size(), 2u);
  const CommittedInstance* second = Decided(cluster, {ReplicaAt(0), 2});
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->value.kind, ValueKind::kCommands);
}

TEST(BpaxosTest, ARestartedLeaderNeverUsesASlotOfAnEarlierLife) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Sync(0);  // Its requests leave, and are lost.
  cluster.network().clear();
  cluster.CrashAndRestart(0);
  cluster.Submit(0, Put(2, "k"));
  cluster.Sync(0);
  for (const InFlight& each : cluster.OnTheWay<DependencyRequest>()) {
    EXPECT_GT(std::get<DependencyRequest>(each.message).instance.slot, 1u);
  }
  cluster.Run(60);
  // It finishes what it forgot, because the new one depends on it or comes
  // after it in its column.
  const CommittedInstance* first = Decided(cluster, First(0));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->value.kind, ValueKind::kNoop);
  EXPECT_EQ(cluster.replies().size(), 1u);
}

TEST(BpaxosTest, ARestartedLeaderBeginsNoBallotTwice) {
  TestCluster cluster(SeparateSettings());
  const InFlight asked{.from = ReplicaAt(8),
                       .to = ReplicaAt(1),
                       .message = Inquire{.instance = First(0)}};
  cluster.Deliver(asked);
  cluster.Sync(1);
  const Ballot before =
      std::get<Recover>(cluster.OnTheWay<Recover>()[0].message).ballot;
  cluster.CrashAndRestart(1);
  cluster.network().clear();
  cluster.Deliver(asked);
  cluster.Sync(1);
  EXPECT_GT(std::get<Recover>(cluster.OnTheWay<Recover>()[0].message).ballot,
            before);
}

// ---- executors --------------------------------------------------------------

TEST(BpaxosTest, AnExecutorThatWasDownGetsWhatItMissedFromTheOther) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle([](const InFlight& each) { return Goes(each, 9); });
  EXPECT_EQ(cluster.at(9).Status().executed, DependencySet(2));
  cluster.Run(40);
  EXPECT_EQ(cluster.at(9).Status().state_hash,
            cluster.at(8).Status().state_hash);
}

TEST(BpaxosTest, TheOtherExecutorAnswersForOneThatIsSuspected) {
  TestCluster cluster(SeparateSettings());
  for (const int dead : {8, 9}) {
    cluster.replies().clear();
    const int alive = dead == 8 ? 9 : 8;
    cluster.Suspect(alive, dead);
    for (std::uint64_t i = 1; i <= 4; ++i) {
      cluster.Submit(0, Put(i + static_cast<std::uint64_t>(dead) * 10, "k"));
    }
    cluster.Settle([&](const InFlight& each) { return Goes(each, dead); });
    EXPECT_EQ(cluster.replies().size(), 4u);
    cluster.Suspect(alive, dead, false);
    cluster.Run(40);
  }
}

TEST(BpaxosTest, ALostReplyIsAskedForUnderANewInstance) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle(
      [](const InFlight& each) { return Is<InstanceReplies>(each); });
  EXPECT_TRUE(cluster.replies().empty());
  cluster.Run(60);
  ASSERT_EQ(cluster.replies().size(), 1u);
  EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kDone);
}

// Its session may be forgotten in between: a refusal would then be taken for
// the word that it was never done.
TEST(BpaxosTest, WhatALostReplyWasAboutIsNotRefusedForCertain) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "a"));
  const InstanceId again{ReplicaAt(0), 2};
  for (int tick = 0; tick < 100 && !cluster.decided().contains(again); ++tick) {
    for (int i = 0; i < cluster.size(); ++i) cluster.Tick(i);
    cluster.Settle(
        [](const InFlight& each) { return Is<InstanceReplies>(each); });
  }
  ASSERT_TRUE(cluster.decided().contains(again));
  cluster.Deliver(
      0, ReplicaAt(8),
      InstanceReplies{.instance = again,
                      .replies = {{.id = {ClientId{9}, 1},
                                   .status = ReplyStatus::kRefused,
                                   .reason = RefusalReason::kSessionExpired}}});
  ASSERT_EQ(cluster.replies().size(), 1u);
  EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kUnknown);
}

// ---- what is forgotten ------------------------------------------------------

TEST(BpaxosTest, ForgetsWhatIsExecutedAndSaysSo) {
  TestCluster cluster(SeparateSettings());
  for (std::uint64_t i = 1; i <= 50; ++i) {
    cluster.Submit(0, Put(i, "k" + std::to_string(i)));
    cluster.Settle();
  }
  cluster.Run(50);
  for (int i = 0; i < cluster.size(); ++i) {
    EXPECT_LE(cluster.at(i).Status().instances_in_memory, 2u) << i;
  }
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(5),
                   .message = Recover{.instance = First(0),
                                      .ballot = Ballot::Of(1, ReplicaAt(1))}});
  EXPECT_EQ(cluster.OnTheWay<Truncated>().size(), 1u);
}

TEST(BpaxosTest, AnswersCoverWhatTheDependencyNodeHasForgotten) {
  TestCluster cluster(SeparateSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Run(50);
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(2),
                   .message = DependencyRequest{.instance = First(1),
                                                .batch = Put(2, "other")}});
  cluster.Sync(2);
  ASSERT_EQ(cluster.OnTheWay<DependencyReply>().size(), 1u);
  EXPECT_TRUE(std::get<DependencyReply>(cluster.network()[0].message)
                  .deps.Contains(First(0)));
}

TEST(BpaxosTest, WithAnExecutorDownNothingIsForgottenThatOnlyOneHas) {
  TestCluster cluster(SeparateSettings());  // f+1 = 2 executors
  for (std::uint64_t i = 1; i <= 5; ++i) cluster.Submit(0, Put(i, "k"));
  for (int tick = 0; tick < 50; ++tick) {
    for (int i = 0; i < 9; ++i) cluster.Tick(i);
    cluster.Settle([](const InFlight& each) { return Goes(each, 9); });
  }
  EXPECT_EQ(cluster.at(5).Status().base_floor, DependencySet(2));
  EXPECT_GE(cluster.at(8).Status().executed[ReplicaAt(0)], 5u);
}

// ---- roles ------------------------------------------------------------------

TEST(RolesTest, DoesTheArithmeticOfEachRole) {
  Settings settings = SeparateSettings();
  EXPECT_TRUE(CheckRoles(settings).ok());
  settings.faults = 2;
  EXPECT_EQ(CheckRoles(settings).message(),
            "to lose 2 nodes, bpaxos needs 2f+1 = 5 nodes with the role "
            "\"depsvc\", not 3; give 2 more nodes that role, or set faults "
            "lower");
  settings = SeparateSettings();
  settings.roles.leaders = Nodes({0});
  EXPECT_EQ(CheckRoles(settings).message(),
            "to lose 1 node, bpaxos needs f+1 = 2 nodes with the role "
            "\"leader\", not 1; give 1 more node that role, or set faults "
            "lower");
}

TEST(RolesTest, OnlyLeadersHaveAColumn) {
  EXPECT_EQ(Cluster(SeparateSettings()).columns, 2);
  EXPECT_EQ(Cluster(ColocatedSettings(5)).columns, 5);
  Settings settings = SeparateSettings();
  settings.roles.leaders = Nodes({0, 9});
  EXPECT_FALSE(CheckRoles(settings).ok());
}

}  // namespace
}  // namespace quorate::bpaxos
