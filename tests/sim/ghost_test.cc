// The observers find what they are there to find.
#include <gtest/gtest.h>

#include "tests/sim/execution_order.h"
#include "tests/sim/ghost.h"
#include "tests/sim/history_check.h"

namespace quorate::sim {
namespace {

constexpr ReplicaId kR1 = ReplicaAt(0), kR2 = ReplicaAt(1), kR3 = ReplicaAt(2);

DependencySet Deps(std::uint64_t r1, std::uint64_t r2, std::uint64_t r3) {
  DependencySet deps(3);
  deps.Set(kR1, r1);
  deps.Set(kR2, r2);
  deps.Set(kR3, r3);
  return deps;
}

class GhostTest : public testing::Test {
 protected:
  CommandBatchPtr Put(std::uint64_t sequence, std::string_view key) {
    CommandBatchPtr batch =
        MakeBatch({ClientId{1}, sequence},
                  {.kind = OperationKind::kPut, .key = key, .value = "v"});
    ghost_.Submitted(*batch, batch->commands()[0]);
    return batch;
  }
  void Durable(ReplicaId at, Record record) {
    ghost_.BecameDurable(at, std::span<const Record>(&record, 1));
  }
  void PreAccepted(ReplicaId at, InstanceId id, const CommandBatchPtr& batch,
                   const DependencySet& initial, const DependencySet& deps) {
    Durable(at, PreAcceptedRecord{.instance = id,
                                  .batch = batch,
                                  .initial_deps = initial,
                                  .deps = deps});
  }
  // A fast commit that went as it should.
  void CommitFast(InstanceId id, const CommandBatchPtr& batch,
                  const DependencySet& deps) {
    PreAccepted(kR1, id, batch, deps, deps);
    PreAccepted(kR2, id, batch, deps, deps);
    PreAccepted(kR3, id, batch, deps, deps);
    Durable(id.replica,
            CommittedRecord{
                .instance = id, .value = Value::Commands(batch), .deps = deps});
    ghost_.Sent(
        id.replica,
        Commit{.instance = id, .value = Value::Commands(batch), .deps = deps});
  }
  std::string Broken() const { return verdict_.invariant(); }

  Verdict verdict_;
  Ghost ghost_{Settings{.replicas = 3}, verdict_};
};

TEST_F(GhostTest, FindsNothingWrongWithASoundFastCommit) {
  CommitFast({kR1, 1}, Put(1, "a"), Deps(0, 0, 0));
  CommitFast({kR2, 1}, Put(2, "a"), Deps(1, 0, 0));
  EXPECT_EQ(Broken(), "");
  EXPECT_EQ(ghost_.decided_with_commands(), 2u);
}

TEST_F(GhostTest, SeesTwoDecisionsOfOneInstance) {
  const CommandBatchPtr batch = Put(1, "a");
  CommitFast({kR1, 1}, batch, Deps(0, 0, 0));
  ghost_.Committed(kR2, {.instance = {kR1, 1},
                         .value = Value::Commands(batch),
                         .deps = Deps(0, 1, 0)});
  EXPECT_EQ(Broken(), "G1: one decision per instance");
}

TEST_F(GhostTest, SeesConflictingInstancesThatIgnoreEachOther) {
  CommitFast({kR1, 1}, Put(1, "a"), Deps(0, 0, 0));
  CommitFast({kR2, 1}, Put(2, "b"), Deps(0, 0, 0));
  EXPECT_EQ(Broken(), "");
  CommitFast({kR3, 1}, Put(3, "a"), Deps(0, 0, 0));
  EXPECT_EQ(Broken(),
            "G3: of two conflicting instances one is in the other's deps");
}

TEST_F(GhostTest, SeesACommandThatNobodySubmitted) {
  const CommandBatchPtr batch = MakeBatch({ClientId{1}, 1}, {.key = "a"});
  PreAccepted(kR1, {kR1, 1}, batch, Deps(0, 0, 0), Deps(0, 0, 0));
  EXPECT_EQ(Broken(), "G2: only commands that a client submitted are proposed");
}

TEST_F(GhostTest, SeesAVoteThatIsNotOnDisk) {
  PreAccepted(kR1, {kR1, 1}, Put(1, "a"), Deps(0, 0, 0), Deps(0, 0, 0));
  ghost_.Sent(kR2, PreAcceptReply{.instance = {kR1, 1}, .deps = Deps(0, 0, 0)});
  EXPECT_EQ(Broken(),
            "1.2: a vote is on disk before its PreAcceptReply leaves");
}

TEST_F(GhostTest, SeesADecisionAnnouncedBeforeItIsOnDisk) {
  const CommandBatchPtr batch = Put(1, "a");
  PreAccepted(kR1, {kR1, 1}, batch, Deps(0, 0, 0), Deps(0, 0, 0));
  PreAccepted(kR2, {kR1, 1}, batch, Deps(0, 0, 0), Deps(0, 0, 0));
  ghost_.Sent(kR1, Commit{.instance = {kR1, 1},
                          .value = Value::Commands(batch),
                          .deps = Deps(0, 0, 0)});
  EXPECT_EQ(Broken(), "1.2: a decision is on disk before anybody hears of it");
}

TEST_F(GhostTest, SeesAFastCommitWithoutAFastQuorum) {
  const CommandBatchPtr batch = Put(1, "a");
  PreAccepted(kR1, {kR1, 1}, batch, Deps(0, 0, 0), Deps(0, 0, 0));
  PreAccepted(kR2, {kR1, 1}, batch, Deps(0, 0, 0), Deps(0, 1, 0));
  Durable(kR1, CommittedRecord{.instance = {kR1, 1},
                               .value = Value::Commands(batch),
                               .deps = Deps(0, 0, 0)});
  EXPECT_EQ(Broken(),
            "invariant 10: a fast commit has a fast quorum of matching votes");
}

TEST_F(GhostTest, SeesAHigherBallotThatCarriesSomethingElse) {
  const CommandBatchPtr batch = Put(1, "a");
  for (const ReplicaId at : {kR1, kR2}) {
    Durable(at, AcceptedRecord{.instance = {kR1, 1},
                               .value = Value::Commands(batch),
                               .deps = Deps(0, 0, 0)});
  }
  EXPECT_EQ(Broken(), "");
  Durable(kR3, AcceptedRecord{.instance = {kR1, 1},
                              .ballot = Ballot::Of(1, kR3),
                              .value = Value::Noop(),
                              .deps = Deps(0, 0, 0)});
  EXPECT_EQ(Broken(),
            "invariant 3: after a choice every higher ballot carries it");
}

TEST_F(GhostTest, SeesAVoteBelowAPromise) {
  Durable(kR2,
          PromisedRecord{.instance = {kR1, 1}, .ballot = Ballot::Of(2, kR3)});
  Durable(kR2, AcceptedRecord{.instance = {kR1, 1},
                              .ballot = Ballot::Of(1, kR2),
                              .value = Value::Noop(),
                              .deps = Deps(0, 0, 0)});
  EXPECT_EQ(Broken(), "invariant 5: nothing is accepted below a promise");
}

TEST_F(GhostTest, SeesAFloorAboveWhatSomebodyHasOnDisk) {
  CommitFast({kR1, 1}, Put(1, "a"), Deps(0, 0, 0));
  Durable(kR1, FloorRecord{.base_floor = Deps(1, 0, 0),
                           .drop_floor = Deps(1, 0, 0)});
  EXPECT_EQ(Broken(),
            "invariant 16: only what nearly everybody has on disk is "
            "forgotten");
}

class ExecutionOrderTest : public testing::Test {
 protected:
  static CommandBatchPtr Make(OperationKind kind, std::string_view key) {
    return MakeBatch({ClientId{1}, 1}, {.kind = kind, .key = key});
  }
  void Execute(ReplicaId at, std::uint64_t slot, const CommandBatchPtr& batch) {
    order_.Executed(at, {kR1, slot}, *batch);
  }

  Verdict verdict_;
  ExecutionOrder order_{Settings{.replicas = 3}, {"a", "b", "c"}, verdict_};
};

TEST_F(ExecutionOrderTest, LetsCommutingInstancesDiffer) {
  const auto add = Make(OperationKind::kAdd, "a");
  const auto other = Make(OperationKind::kPut, "b");
  Execute(kR1, 1, add);
  Execute(kR1, 2, add);
  Execute(kR1, 3, other);
  Execute(kR2, 3, other);
  Execute(kR2, 2, add);
  Execute(kR2, 1, add);
  EXPECT_FALSE(verdict_.failed());
}

TEST_F(ExecutionOrderTest, SeesConflictingInstancesInTwoOrders) {
  const auto put = Make(OperationKind::kPut, "a");
  const auto read = Make(OperationKind::kGet, "a");
  Execute(kR1, 1, put);
  Execute(kR1, 2, read);
  Execute(kR2, 2, read);
  EXPECT_EQ(verdict_.invariant(),
            "G4: conflicting instances are executed in one order everywhere");
}

TEST_F(ExecutionOrderTest, SeesAScanOnTheWrongSideOfAWrite) {
  CommandBatchPtr scan = MakeBatch(
      {ClientId{1}, 1},
      {.kind = OperationKind::kScan, .key = "a", .value = "c", .number = 9});
  const auto put = Make(OperationKind::kPut, "b");
  const auto outside = Make(OperationKind::kPut, "c");
  Execute(kR1, 1, put);
  Execute(kR1, 2, scan);
  Execute(kR2, 3, outside);
  EXPECT_FALSE(verdict_.failed());
  Execute(kR2, 2, scan);
  EXPECT_TRUE(verdict_.failed());
}

TEST_F(ExecutionOrderTest, SeesASecondExecutionInOneLifeOnly) {
  const auto put = Make(OperationKind::kPut, "a");
  Execute(kR1, 1, put);
  order_.Stopped(kR1);
  order_.Restored(kR1, {kR1, 1}, *put);
  EXPECT_FALSE(verdict_.failed());
  Execute(kR1, 1, put);
  EXPECT_EQ(verdict_.invariant(), "G4: an instance is executed once in a life");
}

TEST_F(ExecutionOrderTest, ChecksARestartedReplicaFromItsFirstNewExecution) {
  const auto put = Make(OperationKind::kPut, "a");
  Execute(kR1, 1, put);
  Execute(kR1, 2, put);
  Execute(kR1, 3, put);
  order_.Restored(kR2, {kR1, 1}, *put);
  Execute(kR2, 3, put);  // Without the second.
  EXPECT_TRUE(verdict_.failed());
}

HistoryEntry Entry(Micros call, Micros reply, OwnedOperation operation,
                   std::string read = "") {
  return {.id = {ClientId{9}, call},
          .operations = {std::move(operation)},
          .call = call,
          .reply = reply,
          .outcome = HistoryEntry::Outcome::kDone,
          .results = {OperationResult{.value = std::move(read)}}};
}

TEST(HistoryCheck, FindsAStaleReadAndNamesIt) {
  const OwnedOperation put{
      .kind = OperationKind::kPut, .key = "g00/a", .value = "v1"};
  const OwnedOperation get{.kind = OperationKind::kGet, .key = "g00/a"};
  EXPECT_EQ(CheckLinearizable({Entry(1, 5, put), Entry(6, 9, get, "v1")}), "");
  const std::string found =
      CheckLinearizable({Entry(1, 5, put), Entry(6, 9, get, "")});
  EXPECT_NE(found.find("6..9  g00/a"), std::string::npos) << found;
}

TEST(HistoryCheck, FindsAScanThatMissesARow) {
  const HistoryEntry put =
      Entry(1, 5, {.kind = OperationKind::kPut, .key = "g00/a", .value = "v1"});
  HistoryEntry scan = Entry(6, 9,
                            {.kind = OperationKind::kScan,
                             .key = "g00/",
                             .value = "g00/~",
                             .number = 3});
  EXPECT_NE(CheckLinearizable({put, scan}), "");
  scan.results[0].rows = {{"g00/a", "v1"}};
  EXPECT_EQ(CheckLinearizable({put, scan}), "");
}

TEST(HistoryCheck, FindsTheEffectOfARefusedCommand) {
  HistoryEntry refused =
      Entry(1, 5, {.kind = OperationKind::kPut, .key = "g00/a", .value = "v1"});
  refused.outcome = HistoryEntry::Outcome::kRefused;
  const HistoryEntry get =
      Entry(6, 9, {.kind = OperationKind::kGet, .key = "g00/a"}, "v1");
  EXPECT_NE(CheckLinearizable({refused, get}), "");
}

// Three replicas under the Atlas rule; fast quorums of two.
class AtlasGhostTest : public testing::Test {
 protected:
  void Vote(ReplicaId at, const DependencySet& deps, ReplicaSet quorum) {
    Durable(at, PreAcceptedRecord{.instance = {kR1, 1},
                                  .batch = batch_,
                                  .initial_deps = Deps(0, 0, 0),
                                  .deps = deps,
                                  .fast_quorum = quorum});
  }
  void Commit(const DependencySet& deps) {
    Durable(kR1, CommittedRecord{.instance = {kR1, 1},
                                 .value = Value::Commands(batch_),
                                 .deps = deps});
  }
  void Durable(ReplicaId at, Record record) {
    ghost_.BecameDurable(at, std::span<const Record>(&record, 1));
  }

  const ReplicaSet quorum_ = ReplicaSet::FromBits(0b011);
  CommandBatchPtr batch_ =
      MakeBatch({ClientId{1}, 1},
                {.kind = OperationKind::kPut, .key = "a", .value = "v"});
  Verdict verdict_;
  Ghost ghost_{Settings{.replicas = 3, .fast_path = FastPathRule::kAtlas},
               verdict_};

  void SetUp() override { ghost_.Submitted(*batch_, batch_->commands()[0]); }
};

TEST_F(AtlasGhostTest, TakesTheUnionOfTheFastQuorumsVotes) {
  Vote(kR1, Deps(0, 0, 0), quorum_);
  Vote(kR2, Deps(0, 1, 0), quorum_);
  Commit(Deps(0, 1, 0));
  EXPECT_EQ(verdict_.invariant(), "");
}

TEST_F(AtlasGhostTest, SeesAFastCommitThatIsNotTheUnion) {
  Vote(kR1, Deps(0, 0, 0), quorum_);
  Vote(kR2, Deps(0, 1, 0), quorum_);
  Commit(Deps(0, 0, 0));
  EXPECT_EQ(verdict_.invariant(),
            "invariant 10: a fast commit has the union of its quorum's votes");
}

TEST_F(AtlasGhostTest, SeesAFastCommitWithoutAMembersVote) {
  Vote(kR1, Deps(0, 0, 0), quorum_);
  Commit(Deps(0, 0, 0));
  EXPECT_EQ(verdict_.invariant(),
            "invariant 10: every member of the fast quorum has voted");
}

TEST_F(AtlasGhostTest, SeesASecondFastQuorum) {
  Vote(kR1, Deps(0, 0, 0), quorum_);
  Vote(kR3, Deps(0, 0, 0), ReplicaSet::FromBits(0b101));
  EXPECT_EQ(verdict_.invariant(), "3.6: an instance has one fast quorum");
}

}  // namespace
}  // namespace quorate::sim
