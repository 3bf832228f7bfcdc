// BPaxos where keys are divided among shards of the dependency service, and
// instances among groups of acceptors; and with quorums that are no majorities.
#include <algorithm>

#include "depsvc/shards.h"
#include "tests/replica/bpaxos_harness.h"

namespace quorate::bpaxos {
namespace {

DependencyRequest RequestOf(const InFlight& each) {
  return std::get<DependencyRequest>(each.message);
}

// Whom the messages of one kind are addressed to.
template <typename M>
ReplicaSet Receivers(const TestCluster& cluster) {
  ReplicaSet receivers;
  for (const InFlight& each : cluster.OnTheWay<M>()) receivers.Insert(each.to);
  return receivers;
}

// ---- shards -----------------------------------------------------------------

TEST(BpaxosShardsTest, ACommandAsksTheShardOfItsKeyAlone) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, Put(1, KeyIn(1)));
  cluster.Sync(0);
  EXPECT_EQ(Receivers<DependencyRequest>(cluster), Nodes({5, 6, 7}));
}

TEST(BpaxosShardsTest, ACommandOnKeysOfBothAsksEachAboutItsOwn) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, PutBoth(1));
  cluster.Sync(0);
  const auto requests = cluster.OnTheWay<DependencyRequest>();
  EXPECT_EQ(requests.size(), 6u);
  for (const InFlight& each : requests) {
    const DependencyRequest request = RequestOf(each);
    ASSERT_EQ(request.batch->operations().size(), 1u);
    EXPECT_EQ(request.batch->operations()[0].key,
              KeyIn(Index(each.to) < 5 ? 0 : 1));
    EXPECT_EQ(request.batch->operations()[0].value, "");
  }
  cluster.Settle();
  ASSERT_EQ(cluster.replies().size(), 1u);
  EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kDone);
}

TEST(BpaxosShardsTest, AScanAsksBoth) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, MakeBatch({ClientId{9}, 1},
                              {.kind = OperationKind::kScan, .key = "a"}, 7));
  cluster.Sync(0);
  EXPECT_EQ(Receivers<DependencyRequest>(cluster), Nodes({2, 3, 4, 5, 6, 7}));
}

TEST(BpaxosShardsTest, ALeaderWaitsForAQuorumOfEachShard) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, PutBoth(1));
  // All of one shard, and one node of the other.
  cluster.Settle([](const InFlight& each) {
    return std::holds_alternative<DependencyRequest>(each.message) &&
           Index(each.to) > 5;
  });
  EXPECT_TRUE(cluster.decided().empty());
  cluster.Run(20);
  EXPECT_EQ(cluster.decided().size(), 1u);
}

TEST(BpaxosShardsTest, AnUnansweredShardIsAskedAgainAndTheOtherIsNot) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, PutBoth(1));
  cluster.Settle([](const InFlight& each) { return Index(each.to) > 4; });
  for (int tick = 0; tick < 6; ++tick) cluster.Tick(0);
  EXPECT_EQ(Receivers<DependencyRequest>(cluster), Nodes({5, 6, 7}));
}

// Each leader sees the other's command in another shard only.
TEST(BpaxosShardsTest, TheAnswersOfAllShardsAreUnited) {
  TestCluster cluster(DividedSettings());
  for (const int leader : {0, 1}) {
    cluster.Submit(leader, PutBoth(static_cast<std::uint64_t>(leader) + 1));
    cluster.Sync(leader);
  }
  auto requests = cluster.OnTheWay<DependencyRequest>();
  cluster.network().clear();
  // The first shard hears of leader 0's first, the second of leader 1's.
  std::ranges::stable_sort(requests, {}, [](const InFlight& each) {
    return (Index(each.to) < 5) == (each.from == ReplicaAt(0)) ? 0 : 1;
  });
  for (const InFlight& request : requests) cluster.Deliver(request);
  cluster.Settle();
  const auto& decided = cluster.decided();
  EXPECT_TRUE(decided.at(First(0)).deps.Contains(First(1)));
  EXPECT_TRUE(decided.at(First(1)).deps.Contains(First(0)));
  EXPECT_EQ(cluster.replies().size(), 2u);
}

TEST(BpaxosShardsTest, ADependencyNodeKeepsItsPartOverARestart) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, PutBoth(1));
  cluster.Settle();
  cluster.CrashAndRestart(5);
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(5),
                   .message = DependencyRequest{.instance = First(1),
                                                .batch = Put(2, KeyIn(1))}});
  cluster.Sync(5);
  const auto replies = cluster.OnTheWay<DependencyReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_TRUE(
      std::get<DependencyReply>(replies[0].message).deps.Contains(First(0)));
}

// A part is no payload, also where its node could use one.
TEST(BpaxosShardsTest, NodesWithAllRolesGetThePayloadOfWhatWasDivided) {
  Settings settings = ColocatedSettings(6);
  settings.faults = 1;
  settings.parts = {.shard = {0, 0, 0, 1, 1, 1}, .group = {0, 0, 0, 1, 1, 1}};
  TestCluster cluster(settings);
  cluster.Submit(0, PutBoth(1));
  cluster.Settle();
  ASSERT_EQ(cluster.replies().size(), 1u);
  cluster.Run(30);
  for (int i = 1; i < 6; ++i) {
    EXPECT_EQ(cluster.at(i).Status().state_hash,
              cluster.at(0).Status().state_hash);
    EXPECT_EQ(cluster.at(i).Status().keys, 2u);
  }
}

// ---- groups -----------------------------------------------------------------

TEST(BpaxosGroupsTest, NeighbouringInstancesGoToDifferentGroups) {
  TestCluster cluster(DividedSettings());
  const Cluster shape(DividedSettings());
  ReplicaSet first = shape.GroupOf({ReplicaAt(0), 1}).members();
  ReplicaSet second = shape.GroupOf({ReplicaAt(0), 2}).members();
  EXPECT_NE(first, second);
  EXPECT_EQ(shape.GroupOf({ReplicaAt(0), 3}).members(), first);
  EXPECT_EQ(shape.GroupOf({ReplicaAt(1), 1}).members(), second);
  cluster.Submit(0, Put(1, "a"));
  cluster.Sync(0);
  const auto accepts_only = [](const InFlight& each) {
    return std::holds_alternative<Accept>(each.message);
  };
  ReplicaSet asked;
  cluster.Settle([&](const InFlight& each) {
    if (accepts_only(each)) asked.Insert(each.to);
    return false;
  });
  EXPECT_EQ(asked, first);
}

TEST(BpaxosGroupsTest, AnAcceptorRefusesTheInstancesOfAnotherGroup) {
  TestCluster cluster(DividedSettings());
  const ReplicaSet own = Cluster(DividedSettings()).GroupOf(First(0)).members();
  const int other = own.Contains(ReplicaAt(8)) ? 11 : 8;
  cluster.Deliver({.from = ReplicaAt(0),
                   .to = ReplicaAt(other),
                   .message = Accept{.instance = First(0),
                                     .value = Value::Noop(),
                                     .deps = DependencySet(2)}});
  cluster.Deliver({.from = ReplicaAt(1),
                   .to = ReplicaAt(other),
                   .message = Recover{.instance = First(0),
                                      .ballot = Ballot::Of(1, ReplicaAt(1))}});
  EXPECT_TRUE(cluster.journal(other).empty());
}

TEST(BpaxosGroupsTest, AnotherLeaderRecoversFromTheInstancesGroup) {
  TestCluster cluster(DividedSettings());
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle([](const InFlight& each) {
    return std::holds_alternative<AcceptReply>(each.message);
  });
  cluster.Deliver({.from = ReplicaAt(14),
                   .to = ReplicaAt(1),
                   .message = Inquire{.instance = First(0)}});
  cluster.Sync(1);
  EXPECT_EQ(Receivers<Recover>(cluster),
            Cluster(DividedSettings()).GroupOf(First(0)).members());
  cluster.Settle();
  ASSERT_EQ(cluster.decided().size(), 1u);
  EXPECT_EQ(cluster.decided().at(First(0)).value.kind, ValueKind::kCommands);
}

TEST(BpaxosGroupsTest, EachGroupMayLoseANode) {
  TestCluster cluster(DividedSettings());
  for (std::uint64_t i = 1; i <= 8; ++i) {
    cluster.Submit(static_cast<int>(i % 2), Put(i, KeyIn(i % 3 == 0 ? 0 : 1)));
    cluster.Settle([](const InFlight& each) {
      return Nodes({3, 6, 9, 12}).Contains(each.to);
    });
  }
  EXPECT_EQ(cluster.replies().size(), 8u);
}

// ---- quorums ----------------------------------------------------------------

Settings WithAcceptors(int count, const char* phase1, const char* phase2) {
  Settings settings{.protocol = Protocol::kBpaxos,
                    .replicas = 7 + count,
                    .faults = 1,
                    .roles = {.leaders = Nodes({0, 1}),
                              .dependency_nodes = Nodes({2, 3, 4}),
                              .executors = Nodes({5, 6})}};
  for (int i = 0; i < count; ++i) {
    settings.roles.acceptors.Insert(ReplicaAt(7 + i));
  }
  settings.phase1 = *ParseQuorumSpec(phase1);
  settings.phase2 = *ParseQuorumSpec(phase2);
  return settings;
}

TEST(BpaxosQuorumsTest, TwoVotesDecideWhereRecoveryAsksFour) {
  TestCluster cluster(WithAcceptors(5, "size 4", "size 2"));
  cluster.Submit(0, Put(1, "k"));
  cluster.Settle([](const InFlight& each) {
    return std::holds_alternative<Accept>(each.message) && Index(each.to) > 8;
  });
  EXPECT_EQ(cluster.replies().size(), 1u);
  // Of the five, only one may be silent when another leader looks.
  cluster.Deliver({.from = ReplicaAt(5),
                   .to = ReplicaAt(1),
                   .message = Inquire{.instance = First(0)}});
  cluster.Settle([](const InFlight& each) { return Index(each.to) > 9; });
  EXPECT_EQ(cluster.at(1).Status().recovered_payloads, 0u);
  cluster.Run(20);
  EXPECT_EQ(cluster.at(1).Status().recovered_payloads, 1u);
}

TEST(BpaxosQuorumsTest, AGridRecoversByRowsWhatColumnsDecided) {
  TestCluster cluster(WithAcceptors(6, "rows 2x3", "columns 2x3"));
  cluster.Submit(0, Put(1, "k"));
  // One column of 7 8 9 / 10 11 12 votes, and nobody hears of it.
  cluster.Settle([](const InFlight& each) {
    return (std::holds_alternative<Accept>(each.message) &&
            !Nodes({8, 11}).Contains(each.to)) ||
           std::holds_alternative<AcceptReply>(each.message);
  });
  cluster.Deliver({.from = ReplicaAt(5),
                   .to = ReplicaAt(1),
                   .message = Inquire{.instance = First(0)}});
  cluster.Settle([](const InFlight& each) {  // One row answers.
    return std::holds_alternative<Recover>(each.message) && Index(each.to) > 9;
  });
  ASSERT_EQ(cluster.decided().size(), 1u);
  EXPECT_EQ(cluster.decided().at(First(0)).value.kind, ValueKind::kCommands);
}

TEST(BpaxosQuorumsTest, AThriftyLeaderAsksASmallQuorum) {
  Settings settings = WithAcceptors(5, "size 4", "size 2");
  settings.thrifty = true;
  TestCluster cluster(settings);
  cluster.Submit(0, Put(1, "k"));
  ReplicaSet asked;
  cluster.Settle([&](const InFlight& each) {
    if (std::holds_alternative<Accept>(each.message)) asked.Insert(each.to);
    return false;
  });
  EXPECT_EQ(asked.size(), 2);
  EXPECT_EQ(cluster.replies().size(), 1u);
}

// ---- arithmetic -------------------------------------------------------------

TEST(PartsTest, DoesTheArithmeticOfEachPart) {
  Settings settings = DividedSettings();
  EXPECT_TRUE(CheckRoles(settings).ok());
  EXPECT_EQ(Cluster(settings).faults, 1);
  settings.parts.shard[5] = 0;
  EXPECT_EQ(CheckRoles(settings).message(),
            "to lose 1 node, bpaxos needs 2f+1 = 3 nodes in depsvc shard 2 of "
            "2, not 2; give 1 more node that role and shard, have fewer "
            "shards, or set faults lower");
  settings = DividedSettings();
  settings.parts.group[12] = 2;
  EXPECT_EQ(CheckRoles(settings).message(),
            "to lose 1 node, bpaxos needs 2f+1 = 3 nodes in acceptor group 2 "
            "of 3, not 2; give 1 more node that role and group, have fewer "
            "groups, or set faults lower");
}

TEST(PartsTest, RefusesQuorumsThatDoNotMeet) {
  EXPECT_EQ(CheckRoles(WithAcceptors(5, "size 3", "size 2")).message(),
            "the role \"acceptor\", members counted from r1: \"size 3\" and "
            "\"size 2\" of 5 replicas do not meet: {r1, r2, r3} and {r4, r5} "
            "have no member in common; make one larger");
  Settings settings = DividedSettings();
  settings.dependency_quorum = *ParseQuorumSpec("size 1");
  EXPECT_EQ(CheckRoles(settings).message(),
            "depsvc shard 1 of 2, members counted from r1: \"size 1\" and "
            "\"size 1\" of 3 replicas do not meet: {r1} and {r2, r3} have no "
            "member in common; make one larger");
}

TEST(PartsTest, RefusesQuorumsThatDoNotDoWithoutTheFaults) {
  Settings settings = WithAcceptors(5, "size 4", "size 2");
  settings.faults = 0;
  EXPECT_EQ(Cluster(settings).faults, 1);
  EXPECT_TRUE(CheckRoles(settings).ok());
  settings = WithAcceptors(5, "size 5", "size 1");
  EXPECT_EQ(CheckRoles(settings).message(),
            "to lose 1 node, the role \"acceptor\" must have a quorum left, "
            "but of \"size 5\" of 5, 0 may be down; choose smaller quorums, "
            "give more nodes that role, or set faults lower");
}

TEST(PartsTest, DividesWhatHasTooManyMembers) {
  Settings settings{.protocol = Protocol::kBpaxos,
                    .replicas = 16,
                    .roles = {.leaders = Nodes({0, 1}),
                              .dependency_nodes = Nodes({2, 3, 4}),
                              .executors = Nodes({0, 1})}};
  for (int i = 5; i < 16; ++i) settings.roles.acceptors.Insert(ReplicaAt(i));
  EXPECT_EQ(CheckRoles(settings).message(),
            "the role \"acceptor\" has 11 nodes, and quorums are of at most 9; "
            "divide them into groups");
}

}  // namespace
}  // namespace quorate::bpaxos
