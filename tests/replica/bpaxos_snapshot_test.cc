// Executors that are passed when to keep everything for them would take too
// much, and what they, and the roles beside them, come back to.
#include "replica/bpaxos/floors.h"
#include "tests/replica/bpaxos_harness.h"

namespace quorate::bpaxos {
namespace {

constexpr int kDown = 2;

Settings Retaining(Settings settings, std::size_t bytes) {
  settings.retained_bytes = bytes;
  return settings;
}

// Leaders 0 1, dependency nodes 2 3 4, acceptors 5 6 7, executors 8 9 10.
Settings WithASpareExecutor() {
  Settings settings = SeparateSettings();
  settings.replicas = 11;
  settings.roles.executors.Insert(ReplicaAt(10));
  return settings;
}

bool Concerns(const InFlight& each, int node) {
  return each.from == ReplicaAt(node) || each.to == ReplicaAt(node);
}

class BpaxosSnapshot : public testing::Test {
 protected:
  // `down` misses `commands` commands of leader 0, and the others have time to
  // forget them.
  void Miss(TestCluster& cluster, int down, std::uint64_t commands = 20) {
    for (std::uint64_t i = 1; i <= commands; ++i) {
      cluster.Submit(0, Put(++sequence_, "k" + std::to_string(i % 5)));
      cluster.Settle(
          [&](const InFlight& each) { return Concerns(each, down); });
    }
    cluster.RunWithout(down, 60);
  }
  // Everything but syncs of `node`, until all of a snapshot is there.
  static void FetchWithoutSync(TestCluster& cluster, int node) {
    for (int tick = 0; tick < 200 && !cluster.HasSnapshot(node); ++tick) {
      for (int i = 0; i < cluster.size(); ++i) cluster.Tick(i);
      for (int round = 0; round < 10 && !cluster.HasSnapshot(node); ++round) {
        for (int i = 0; i < cluster.size(); ++i) {
          if (i != node) cluster.Sync(i);
        }
        for (const InFlight& each : std::exchange(cluster.network(), {})) {
          cluster.Deliver(each);
        }
      }
    }
    ASSERT_TRUE(cluster.HasSnapshot(node));
  }
  static void ExpectEven(TestCluster& cluster) {
    std::optional<ReplicaStatus> first;
    for (int i = 0; i < cluster.size(); ++i) {
      if (!cluster.roles().executors.Contains(ReplicaAt(i))) continue;
      const ReplicaStatus status = cluster.at(i).Status();
      if (!first) first = status;
      EXPECT_EQ(status.executed, first->executed) << i;
      EXPECT_EQ(status.state_hash, first->state_hash) << i;
    }
  }

  std::uint64_t sequence_ = 0;
};

// ---- who is passed ----------------------------------------------------------

TEST_F(BpaxosSnapshot, KeepsWhatOneLacksWhileThereIsRoom) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1 << 20));
  Miss(cluster, kDown);
  EXPECT_EQ(cluster.at(0).Status().drop_floor, DependencySet(3));
  EXPECT_GE(cluster.at(0).Status().base_floor[ReplicaAt(0)], 20u);
  cluster.Run(40);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 0u);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, PassesOneThatIsDownWhenItsShareIsTooLarge) {
  TestCluster cluster(Retaining(ColocatedSettings(), 2000));
  Miss(cluster, kDown, 100);
  for (const int i : {0, 1}) {
    EXPECT_GE(cluster.at(i).Status().drop_floor[ReplicaAt(0)], 80u);
    EXPECT_LE(cluster.at(i).Status().instances_in_memory, 20u);
  }
}

TEST_F(BpaxosSnapshot, KeepsEverythingForEverybodyWhenToldTo) {
  TestCluster cluster(Retaining(ColocatedSettings(), 0));
  Miss(cluster, kDown);
  EXPECT_EQ(cluster.at(0).Status().drop_floor, DependencySet(3));
}

TEST_F(BpaxosSnapshot, WithFPlusOneExecutorsNobodyIsPassed) {
  TestCluster cluster(Retaining(SeparateSettings(), 1));
  Miss(cluster, 9);
  EXPECT_EQ(cluster.at(8).Status().drop_floor, DependencySet(2));
  cluster.Run(40);
  EXPECT_EQ(cluster.at(9).Status().snapshots_installed, 0u);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, OfFiveNodesTwoArePassedAndAThirdIsNot) {
  TestCluster cluster(Retaining(ColocatedSettings(5), 1));
  const auto run_without = [&](std::initializer_list<int> down) {
    const ReplicaSet nodes = Nodes(down);
    cluster.Submit(0, Put(++sequence_, "k"));
    for (int tick = 0; tick < 60; ++tick) {
      for (int i = 0; i < 5; ++i) {
        if (!nodes.Contains(ReplicaAt(i))) cluster.Tick(i);
      }
      cluster.Settle([&](const InFlight& each) {
        return nodes.Contains(each.from) || nodes.Contains(each.to);
      });
    }
    return cluster.at(0).Status().drop_floor[ReplicaAt(0)];
  };
  EXPECT_EQ(run_without({3, 4}), 1u);
  // Of the third, executors hear nothing, while its votes still count.
  for (int tick = 0; tick < 60; ++tick) {
    if (tick == 0) cluster.Submit(0, Put(++sequence_, "k"));
    for (int i = 0; i < 3; ++i) cluster.Tick(i);
    cluster.Settle([](const InFlight& each) {
      return Concerns(each, 3) || Concerns(each, 4) ||
             (each.from == ReplicaAt(2) &&
              std::holds_alternative<Frontier>(each.message));
    });
  }
  EXPECT_GE(cluster.at(0).Status().executed[ReplicaAt(0)], 2u);
  EXPECT_EQ(cluster.at(0).Status().drop_floor[ReplicaAt(0)], 1u);
}

DependencySet Slots(std::uint64_t first, std::uint64_t second) {
  DependencySet slots(2);
  slots.Set(ReplicaAt(0), first);
  slots.Set(ReplicaAt(1), second);
  return slots;
}

// Each of two has half of what the third has.
TEST(BpaxosFloors, TwoThatLagInDifferentColumnsDoNotPassEachOther) {
  Settings settings = ColocatedSettings();
  settings.roles.leaders = Nodes({0, 1});
  const Cluster cluster(settings);
  Floors one(cluster, ReplicaAt(0));
  Floors other(cluster, ReplicaAt(1));
  for (int round = 0; round < 3; ++round) {
    one.HandleFrontier(ReplicaAt(0), Slots(9, 2));
    other.HandleFrontier(ReplicaAt(1), Slots(2, 9));
    for (Floors* floors : {&one, &other}) {
      floors->HandleFrontier(ReplicaAt(2), Slots(9, 9));
    }
    EXPECT_EQ(one.HeldByEnough(), Slots(0, 0));
    EXPECT_EQ(other.HeldByEnough(), Slots(0, 0));
  }
}

TEST(BpaxosFloors, OneThatIsAlwaysALittleBehindPassesAThirdAllTheSame) {
  Settings settings = ColocatedSettings();
  settings.roles.leaders = Nodes({0, 1});
  Floors floors(Cluster(settings), ReplicaAt(0));
  for (std::uint64_t i = 1; i <= 20; ++i) {
    floors.HandleFrontier(ReplicaAt(0), Slots(i, i));
    floors.HandleFrontier(ReplicaAt(1), Slots(i + 3, i + 3));
    floors.HeldByEnough();
  }
  EXPECT_TRUE(floors.HeldByEnough().Covers(Slots(15, 15)));
}

// ---- how it comes back ------------------------------------------------------

TEST_F(BpaxosSnapshot, OneThatWasPassedTakesOverAPeersState) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  cluster.Run(60);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  EXPECT_FALSE(cluster.at(kDown).Status().fetches_snapshot);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, AnExecutorOfItsOwnDoesAsWell) {
  TestCluster cluster(Retaining(WithASpareExecutor(), 1));
  Miss(cluster, 10);
  cluster.Run(60);
  EXPECT_EQ(cluster.at(10).Status().snapshots_installed, 1u);
  ExpectEven(cluster);
  // And answers its part of the clients.
  cluster.replies().clear();
  for (int i = 0; i < 6; ++i) cluster.Submit(0, Put(++sequence_, "k"));
  cluster.Settle();
  EXPECT_EQ(cluster.replies().size(), 6u);
}

TEST_F(BpaxosSnapshot, WhatFollowsComesByCommitsOfTheServer) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  FetchWithoutSync(cluster, kDown);
  // Decided while the snapshot is being written, and not heard of.
  for (int i = 0; i < 5; ++i) {
    cluster.Submit(1, Put(++sequence_, "later"));
    cluster.Settle([](const InFlight& each) {
      return Concerns(each, kDown) &&
             std::holds_alternative<Commit>(each.message);
    });
  }
  cluster.Run(60);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, AnotherServesWhenTheFirstDiesHalfWay) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown, 60);
  ReplicaId server{};
  for (int tick = 0;
       tick < 100 && cluster.at(kDown).Status().snapshot_parts == 0; ++tick) {
    for (int i = 0; i < 3; ++i) cluster.Tick(i);
    for (int i = 0; i < 3; ++i) cluster.Sync(i);
    for (const InFlight& each : std::exchange(cluster.network(), {})) {
      if (std::holds_alternative<SnapshotChunk>(each.message))
        server = each.from;
      cluster.Deliver(each);
    }
  }
  const ReplicaStatus half = cluster.at(kDown).Status();
  ASSERT_GT(half.snapshot_parts, 0u);
  ASSERT_LT(half.snapshot_parts, half.snapshot_parts_of);
  cluster.network().clear();
  cluster.Suspect(kDown, Index(server));
  EXPECT_FALSE(cluster.at(kDown).Status().fetches_snapshot);
  cluster.RunWithout(Index(server), 150);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  EXPECT_EQ(cluster.at(kDown).Status().state_hash,
            cluster.at(1 - Index(server)).Status().state_hash);
}

TEST_F(BpaxosSnapshot, APartThatMakesNoSenseEndsTheAttempt) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  std::optional<InFlight> chunk;
  for (int tick = 0; tick < 100 && !chunk; ++tick) {
    for (int i = 0; i < 3; ++i) cluster.Tick(i);
    for (int i = 0; i < 3; ++i) cluster.Sync(i);
    for (const InFlight& each : std::exchange(cluster.network(), {})) {
      if (std::holds_alternative<SnapshotChunk>(each.message)) chunk = each;
      if (!chunk) cluster.Deliver(each);
    }
  }
  ASSERT_TRUE(chunk);
  const auto& sent = std::get<SnapshotChunk>(chunk->message);
  cluster.Step(
      kDown,
      SnapshotPart{.from = chunk->from,
                   .through = sent.through,
                   .index = 0,
                   .chunks = sent.chunks,
                   .records = {CommittedRecord{.instance = First(0),
                                               .value = Value::Noop(),
                                               .deps = DependencySet(3)}}});
  EXPECT_FALSE(cluster.at(kDown).Status().fetches_snapshot);
  EXPECT_EQ(cluster.at(kDown).Status().executed[ReplicaAt(0)], 0u);
  cluster.Run(200);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, ACrashBeforeItIsDurableLeavesNothingOfIt) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  FetchWithoutSync(cluster, kDown);
  cluster.CrashAndRestart(kDown);
  EXPECT_EQ(cluster.at(kDown).Status().executed[ReplicaAt(0)], 0u);
  cluster.Run(60);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  ExpectEven(cluster);
}

TEST_F(BpaxosSnapshot, ACrashBeforeItIsInstalledFindsItOnTheDisk) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  FetchWithoutSync(cluster, kDown);
  cluster.SyncUnheard(kDown);
  cluster.CrashAndRestart(kDown);
  EXPECT_EQ(cluster.at(kDown).Status().executed,
            cluster.at(0).Status().executed);
  cluster.Run(60);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 0u);
  ExpectEven(cluster);
}

// ---- what stays its own -----------------------------------------------------

// An instance of leader 1 that the node has answered and voted on, and that is
// undecided when its executor takes over a peer's state; before and after a
// restart from that.
TEST_F(BpaxosSnapshot, RolesBesideTheExecutorKeepTheirVotesAndAnswers) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  Miss(cluster, kDown);
  const InstanceId id = First(1);
  const CommandBatchPtr batch = Put(500, "own");
  cluster.Submit(1, batch);
  cluster.network().clear();
  cluster.Deliver(kDown, ReplicaAt(1),
                  DependencyRequest{.instance = id, .batch = batch});
  cluster.Deliver(kDown, ReplicaAt(1),
                  Accept{.instance = id,
                         .value = Value::Commands(batch),
                         .deps = DependencySet(3)});
  cluster.Deliver(
      kDown, ReplicaAt(0),
      Recover{.instance = id, .ballot = Ballot::Of(7, ReplicaAt(0))});
  cluster.Sync(kDown);
  const auto answers = cluster.OnTheWay<DependencyReply>();
  ASSERT_EQ(answers.size(), 1u);
  cluster.network().clear();
  // Nobody else may decide it meanwhile.
  for (int tick = 0;
       tick < 100 && cluster.at(kDown).Status().snapshots_installed == 0;
       ++tick) {
    for (int i = 0; i < 3; ++i) cluster.Tick(i);
    cluster.Settle([](const InFlight& each) {
      return std::holds_alternative<DependencyRequest>(each.message) ||
             std::holds_alternative<Accept>(each.message) ||
             std::holds_alternative<Recover>(each.message);
    });
  }
  ASSERT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  for (const std::uint64_t round : {6, 7}) {
    const bool restarted = round == 7;
    if (restarted) cluster.CrashAndRestart(kDown);
    cluster.Deliver(kDown, ReplicaAt(1),
                    DependencyRequest{.instance = id, .batch = batch});
    cluster.Deliver(
        kDown, ReplicaAt(1),
        Recover{.instance = id, .ballot = Ballot::Of(round, ReplicaAt(1))});
    const auto again = cluster.OnTheWay<DependencyReply>();
    const auto refused = cluster.OnTheWay<Nack>();
    cluster.Deliver(
        kDown, ReplicaAt(1),
        Recover{.instance = id, .ballot = Ballot::Of(round + 2, ReplicaAt(1))});
    cluster.Sync(kDown);
    const auto told = cluster.OnTheWay<RecoverReply>();
    ASSERT_EQ(again.size(), 1u) << restarted;
    EXPECT_EQ(std::get<DependencyReply>(again[0].message).deps,
              std::get<DependencyReply>(answers[0].message).deps);
    ASSERT_EQ(refused.size(), 1u) << restarted;
    EXPECT_EQ(
        std::get<Nack>(refused[0].message).promised_ballot,
        restarted ? Ballot::Of(8, ReplicaAt(1)) : Ballot::Of(7, ReplicaAt(0)));
    ASSERT_EQ(told.size(), 1u) << restarted;
    EXPECT_EQ(std::get<RecoverReply>(told[0].message).value,
              Value::Commands(batch));
    cluster.network().clear();
  }
}

// An own command is decided and executed by the others while the node is down.
// What its client is told when the node comes back with a snapshot.
std::vector<ClientReply> AnswersToAnOwnCommand(TestCluster& cluster,
                                               CommandId mine) {
  cluster.Submit(kDown,
                 MakeBatch(mine, {.kind = OperationKind::kPut, .key = "mine"},
                           /*origin=*/4));
  cluster.Settle([](const InFlight& each) {
    return each.to == ReplicaAt(kDown) &&
           std::holds_alternative<AcceptReply>(each.message);
  });
  EXPECT_TRUE(cluster.replies().empty());
  const auto first =
      std::ranges::find_if(cluster.journal(0), [&](const Record& record) {
        const auto* vote = std::get_if<AcceptedRecord>(&record);
        return vote != nullptr && vote->instance.replica == ReplicaAt(kDown);
      });
  const InstanceId id = std::get<AcceptedRecord>(*first).instance;
  // Conflicts with it, so that somebody asks for it.
  for (const int i : {0, 1}) cluster.Suspect(i, kDown);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    cluster.Submit(0, Put(i, "mine", /*origin=*/0));
  }
  cluster.RunWithout(kDown, 160);
  EXPECT_TRUE(cluster.decided().contains(id));
  EXPECT_TRUE(cluster.at(0).Status().drop_floor.Contains(id));
  for (const int i : {0, 1}) cluster.Suspect(i, kDown, false);
  cluster.Run(80);
  EXPECT_EQ(cluster.at(kDown).Status().snapshots_installed, 1u);
  return cluster.replies();
}

TEST_F(BpaxosSnapshot, AnOwnCommandThatTheSnapshotHasExecutedIsAnswered) {
  TestCluster cluster(Retaining(ColocatedSettings(), 1));
  const CommandId mine{ClientId{4}, 1};
  const auto replies = AnswersToAnOwnCommand(cluster, mine);
  ExpectEven(cluster);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].id, mine);
  EXPECT_EQ(replies[0].status, ReplyStatus::kDone);
}

TEST_F(BpaxosSnapshot, NorIsOneOfAForgottenSessionRefusedForCertain) {
  Settings settings = Retaining(ColocatedSettings(), 1);
  settings.session_idle_ms = 100;
  TestCluster cluster(settings);
  cluster.Run(30);
  const CommandId mine{ClientId{4}, FirstSequence(cluster.at(kDown).era())};
  const auto replies = AnswersToAnOwnCommand(cluster, mine);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].id, mine);
  EXPECT_EQ(replies[0].status, ReplyStatus::kUnknown);
}

// ---- who serves -------------------------------------------------------------

TEST_F(BpaxosSnapshot, OnlyExecutorsServeAndAreServed) {
  TestCluster cluster(Retaining(WithASpareExecutor(), 1));
  Miss(cluster, 10);
  for (const auto& [to, from] : {std::pair{0, 8}, std::pair{8, 0}}) {
    cluster.Deliver(to, ReplicaAt(from), SnapshotRequest{});
    EXPECT_FALSE(cluster.at(to).holds_checkpoint());
  }
  cluster.Deliver(8, ReplicaAt(9), SnapshotRequest{});
  EXPECT_TRUE(cluster.at(8).holds_checkpoint());
}

}  // namespace
}  // namespace quorate::bpaxos
