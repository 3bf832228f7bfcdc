// Fetching a peer's checkpoint, part by part: what is taken, what is ignored,
// and what makes no sense; and when it is fetched.
#include "replica/host/snapshot_fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "replica/epaxos/instance_log.h"
#include "replica/host/checkpointing.h"
#include "replica/host/state_transfer.h"
#include "wire/command.h"

namespace quorate {
namespace {

using Outcome = SnapshotFetch::Outcome;

constexpr int kReplicas = 3;
constexpr std::uint64_t kThrough = 40;
const ReplicaId kServer = ReplicaAt(1);

DependencySet Slots(std::uint64_t first, std::uint64_t second,
                    std::uint64_t third) {
  DependencySet slots(kReplicas);
  slots.Set(ReplicaAt(0), first);
  slots.Set(ReplicaAt(1), second);
  slots.Set(ReplicaAt(2), third);
  return slots;
}

CommandBatchPtr Put(const std::string& key, std::uint64_t sequence) {
  return MakeBatch(
      {ClientId{7}, sequence},
      {.kind = OperationKind::kPut, .key = key, .value = "v" + key});
}

// A server that has executed r2.1 .. r2.5.
Executor ServedExecutor() {
  Executor executor(kReplicas, ConflictMode::kOperation);
  Executed executed;
  for (std::uint64_t slot = 1; slot <= 5; ++slot) {
    executor.Commit({kServer, slot},
                    Put(std::string(1, static_cast<char>('a' + slot)), slot),
                    Slots(0, slot - 1, 0), executed);
  }
  return executor;
}

InstanceRecord Decision(std::uint64_t slot) {
  const CommandBatchPtr batch = Put("k", slot);
  return {.instance = {kServer, slot},
          .status = InstanceStatus::kCommitted,
          .value = Value::Commands(batch).WithoutPayload(),
          .deps = DependencySet(kReplicas),
          .initial_batch = batch};
}

// The records of the server's checkpoint, by part.
std::vector<std::vector<Record>> ServedParts(Executor& executor) {
  std::vector<Record> state;
  const ExecutedRecord executed = executor.BeginSave();
  while (executor.SaveNext(1 << 20, state)) {
  }
  const DependencySet floor = Slots(0, 4, 0);
  return {{CheckpointBegunRecord{.through = kThrough}, executed,
           FloorRecord{.base_floor = floor, .drop_floor = floor}, Decision(5)},
          std::move(state),
          {CheckpointEndedRecord{.through = kThrough,
                                 .state_hash = executor.state_hash()}}};
}

class SnapshotFetchTest : public testing::Test {
 protected:
  SnapshotFetchTest()
      : served_(ServedExecutor()), parts_(ServedParts(served_)) {}

  SnapshotPart Part(std::size_t index) const {
    return {.from = kServer,
            .through = kThrough,
            .index = index,
            .chunks = parts_.size(),
            .records = parts_[index]};
  }
  Outcome Take(const SnapshotPart& part) {
    write_ = {};
    return fetch_.Take(part, write_);
  }
  // The first part with one record put in at its end.
  Outcome TakeFirstWith(Record record) {
    SnapshotPart part = Part(0);
    part.records.push_back(std::move(record));
    return Take(part);
  }

  Settings settings_{.replicas = kReplicas};
  Executor served_;
  std::vector<std::vector<Record>> parts_;
  SnapshotFetch fetch_{settings_, kServer, Slots(0, 2, 0)};
  SnapshotWrite write_;
};

TEST_F(SnapshotFetchTest, PartsInOrderGiveTheServersState) {
  EXPECT_EQ(Take(Part(0)), Outcome::kTaken);
  EXPECT_EQ(Take(Part(1)), Outcome::kTaken);
  EXPECT_EQ(Take(Part(2)), Outcome::kWhole);
  EXPECT_EQ(fetch_.executor().state_hash(), served_.state_hash());
  EXPECT_EQ(fetch_.state_hash(), served_.state_hash());
  EXPECT_EQ(fetch_.executor().state_machine().Find("f"), "vf");
}

TEST_F(SnapshotFetchTest, KeepsFloorsAndDecisionsForTheProtocol) {
  Take(Part(0));
  EXPECT_EQ(fetch_.facts().drop_floor, Slots(0, 4, 0));
  ASSERT_EQ(fetch_.facts().decisions.size(), 1u);
  EXPECT_EQ(fetch_.facts().decisions.front().instance.slot, 5u);
}

TEST_F(SnapshotFetchTest, WritesTheStateOnlyAndBeginsItsOwnCheckpoint) {
  Take(Part(0));
  EXPECT_TRUE(write_.begins);
  ASSERT_EQ(write_.records.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<CheckpointBegunRecord>(write_.records[0]));
  EXPECT_TRUE(std::holds_alternative<ExecutedRecord>(write_.records[1]));
  Take(Part(1));
  EXPECT_FALSE(write_.begins);
  EXPECT_EQ(write_.records.size(), parts_[1].size());
}

TEST_F(SnapshotFetchTest, AsksForWhatComesNext) {
  EXPECT_EQ(fetch_.Request().first, 0u);
  Take(Part(0));
  EXPECT_EQ(fetch_.Request().through, kThrough);
  EXPECT_EQ(fetch_.Request().first, 1u);
  EXPECT_EQ(fetch_.received(), 1u);
  EXPECT_EQ(fetch_.chunks(), 3u);
}

TEST_F(SnapshotFetchTest, AWindowEndsAfterSoManyParts) {
  for (std::uint64_t index = 0; index < kSnapshotWindow; ++index) {
    SnapshotPart part{.from = kServer,
                      .through = kThrough,
                      .index = index,
                      .chunks = kSnapshotWindow + 1};
    if (index == 0) part.records = parts_[0];
    EXPECT_EQ(Take(part), Outcome::kTaken);
    EXPECT_EQ(fetch_.WindowEnds(), index + 1 == kSnapshotWindow);
  }
}

TEST_F(SnapshotFetchTest, IgnoresAPartThatComesTwice) {
  Take(Part(0));
  EXPECT_EQ(Take(Part(0)), Outcome::kIgnored);
  EXPECT_EQ(Take(Part(2)), Outcome::kKept);
  EXPECT_EQ(Take(Part(2)), Outcome::kIgnored);
  EXPECT_TRUE(write_.records.empty());
}

TEST_F(SnapshotFetchTest, PartsOfAWindowComeInAnyOrder) {
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    SnapshotFetch fetch(settings_, kServer, Slots(0, 2, 0));
    SnapshotWrite written;
    Outcome outcome = Outcome::kIgnored;
    for (const std::size_t index : order) {
      outcome = fetch.Take(Part(index), written);
    }
    EXPECT_EQ(outcome, Outcome::kWhole);
    EXPECT_EQ(fetch.state_hash(), served_.state_hash());
    // What is written is in order all the same.
    ASSERT_EQ(written.records.size(), 2 + parts_[1].size());
    EXPECT_TRUE(
        std::holds_alternative<CheckpointBegunRecord>(written.records[0]));
    EXPECT_TRUE(std::holds_alternative<ExecutedRecord>(written.records[1]));
  } while (std::ranges::next_permutation(order).found);
}

TEST_F(SnapshotFetchTest, WhatCameEarlyIsNotAskedForAgain) {
  for (std::uint64_t index = kSnapshotWindow; index > 0;) {
    SnapshotPart part{.from = kServer,
                      .through = kThrough,
                      .index = --index,
                      .chunks = kSnapshotWindow + 1};
    if (index == 0) part.records = parts_[0];
    EXPECT_EQ(Take(part), index == 0 ? Outcome::kTaken : Outcome::kKept);
  }
  EXPECT_TRUE(fetch_.WindowEnds());
  EXPECT_EQ(fetch_.Request().first, kSnapshotWindow);
}

// A server may send what it likes.
TEST_F(SnapshotFetchTest, KeepsNoMoreThanTheWindowThatItAskedFor) {
  SnapshotPart beyond = Part(1);
  beyond.index = kSnapshotWindow;
  EXPECT_EQ(Take(beyond), Outcome::kIgnored);
  for (std::uint64_t newer = 1; newer <= kSnapshotWindow + 1; ++newer) {
    SnapshotPart part = Part(1);
    part.through = kThrough + newer;
    EXPECT_EQ(Take(part),
              newer <= kSnapshotWindow ? Outcome::kKept : Outcome::kIgnored);
  }
  // And goes on with what has a beginning.
  EXPECT_EQ(Take(Part(0)), Outcome::kTaken);
  EXPECT_EQ(fetch_.received(), 1u);
  EXPECT_EQ(Take(Part(1)), Outcome::kTaken);
  EXPECT_EQ(Take(Part(2)), Outcome::kWhole);
}

TEST_F(SnapshotFetchTest, AnEarlyPartThatMakesNoSenseEndsTheAttempt) {
  Take(Part(0));
  SnapshotPart last = Part(2);
  std::get<CheckpointEndedRecord>(last.records.front()).state_hash ^= 1;
  EXPECT_EQ(Take(last), Outcome::kKept);
  EXPECT_EQ(Take(Part(1)), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, IgnoresAnybodyButItsServer) {
  SnapshotPart part = Part(0);
  part.from = ReplicaAt(2);
  EXPECT_EQ(Take(part), Outcome::kIgnored);
  EXPECT_TRUE(write_.records.empty());
}

TEST_F(SnapshotFetchTest, IgnoresThePartsOfAnOlderCheckpoint) {
  Take(Part(0));
  SnapshotPart newer = Part(2);
  newer.through = kThrough - 1;
  EXPECT_EQ(Take(newer), Outcome::kIgnored);
  // The server has a newer one: from the beginning.
  newer = Part(0);
  newer.through = kThrough + 1;
  EXPECT_EQ(Take(newer), Outcome::kTaken);
  EXPECT_TRUE(write_.begins);
  EXPECT_EQ(fetch_.Request().through, kThrough + 1);
  EXPECT_EQ(fetch_.facts().decisions.size(), 1u);
}

// A server that lost its power has made another checkpoint of the same records,
// of another size: the first parts of one and the last of the other are none.
TEST_F(SnapshotFetchTest, PartsOfTwoCheckpointsOfTheSameRecordsAreNone) {
  SnapshotPart first = Part(0);
  first.chunks = 5;
  EXPECT_EQ(Take(first), Outcome::kTaken);
  EXPECT_EQ(Take(Part(2)), Outcome::kKept);
  EXPECT_EQ(Take(Part(1)), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, BeginsAnewWithTheOtherCheckpointOfTheSameRecords) {
  SnapshotPart first = Part(0);
  first.chunks = 5;
  EXPECT_EQ(Take(first), Outcome::kTaken);
  EXPECT_EQ(Take(Part(0)), Outcome::kTaken);
  EXPECT_EQ(fetch_.received(), 1u);
  EXPECT_EQ(Take(Part(1)), Outcome::kTaken);
  EXPECT_EQ(Take(Part(2)), Outcome::kWhole);
}

// Where it is smaller than what is here already, nothing of it would follow.
TEST(SnapshotReadTest, WhatIsBeyondTheEndIsReadFromTheBeginning) {
  EXPECT_EQ(FirstChunkOf({.first = 3}, 5), 3u);
  EXPECT_EQ(FirstChunkOf({.first = 4}, 5), 4u);
  EXPECT_EQ(FirstChunkOf({.first = 5}, 5), 0u);
  EXPECT_EQ(FirstChunkOf({.first = 3}, 3), 0u);
}

TEST_F(SnapshotFetchTest, TakesNothingWhileItIsBeingWritten) {
  Take(Part(0));
  fetch_.is_writing = true;
  EXPECT_EQ(Take(Part(1)), Outcome::kIgnored);
}

TEST_F(SnapshotFetchTest, APartEndsTheSilence) {
  fetch_.silent_ticks = 9;
  Take(Part(2));
  EXPECT_EQ(fetch_.silent_ticks, 9);
  Take(Part(0));
  EXPECT_EQ(fetch_.silent_ticks, 0);
}

TEST_F(SnapshotFetchTest, KnowsWhatTheSnapshotHasExecuted) {
  EXPECT_FALSE(fetch_.HasExecuted({kServer, 5}));
  Take(Part(0));
  EXPECT_TRUE(fetch_.HasExecuted({kServer, 5}));
  EXPECT_FALSE(fetch_.HasExecuted({kServer, 6}));
}

// ---- what makes no sense ----------------------------------------------------

TEST_F(SnapshotFetchTest, AServerThatHasExecutedLessThanIsForgottenIsOfNoUse) {
  SnapshotFetch fetch(settings_, kServer, Slots(1, 0, 0));
  EXPECT_EQ(fetch.Take(Part(0), write_), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, AStateWithAnotherHashIsBroken) {
  Take(Part(0));
  Take(Part(1));
  SnapshotPart last = Part(2);
  std::get<CheckpointEndedRecord>(last.records.front()).state_hash ^= 1;
  EXPECT_EQ(Take(last), Outcome::kBroken);
}

// Two checkpoints may stand for the same records: one that was fetched, and one
// that was made next.
TEST_F(SnapshotFetchTest, AStateWhoseDecisionsAreOfAnotherOneIsBroken) {
  parts_[0].pop_back();
  Take(Part(0));
  Take(Part(1));
  EXPECT_EQ(Take(Part(2)), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, AStateWithoutItsFloorIsBroken) {
  parts_[0].erase(parts_[0].begin() + 2);
  Take(Part(0));
  Take(Part(1));
  EXPECT_EQ(Take(Part(2)), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, AStateThatLacksEntriesIsBroken) {
  Take(Part(0));
  SnapshotPart second = Part(1);
  second.records.clear();
  EXPECT_EQ(Take(second), Outcome::kTaken);
  EXPECT_EQ(Take(Part(2)), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, FactsOfAJournalHaveNoPlaceInIt) {
  EXPECT_EQ(TakeFirstWith(PromisedRecord{.instance = {kServer, 9}}),
            Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, NothingComesAfterTheEnd) {
  SnapshotPart part = Part(0);
  part.records.push_back(CheckpointEndedRecord{.through = kThrough});
  part.records.push_back(parts_[0].back());
  EXPECT_EQ(Take(part), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, TheLastPartBringsTheEnd) {
  SnapshotPart first = Part(0);
  SnapshotPart last = Part(1);
  first.chunks = last.chunks = 2;
  EXPECT_EQ(Take(first), Outcome::kTaken);
  EXPECT_EQ(Take(last), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, OneExecutedRecordIsEnough) {
  EXPECT_EQ(TakeFirstWith(parts_[0][1]), Outcome::kBroken);
}

// While one instance is undecided for long, very many are executed above it.
TEST_F(SnapshotFetchTest, ManyInstancesAboveTheFrontierComeInPieces) {
  constexpr std::uint64_t kMany = ExecutedRecord::kMostAbove + 10;
  Executed executed;
  for (std::uint64_t slot = 2; slot < 2 + kMany; ++slot) {
    served_.Commit({ReplicaAt(2), slot}, nullptr, Slots(0, 0, 0), executed);
  }
  CheckpointWriter writer;
  writer.Begin(kThrough, served_, [](std::vector<Record>&) {});
  std::vector<Record> records;
  while (writer.Next(1 << 16, served_, records)) {
  }
  SnapshotPart part = Part(0);
  part.records.clear();
  std::size_t pieces = 0;
  for (const Record& record : records) {
    if (const auto* piece = std::get_if<ExecutedRecord>(&record)) {
      EXPECT_LE(piece->above.size(), ExecutedRecord::kMostAbove);
      ++pieces;
      part.records.push_back(record);
    }
  }
  EXPECT_EQ(pieces, 2u);
  EXPECT_EQ(Take(part), Outcome::kTaken);
  for (std::uint64_t slot = 2; slot < 2 + kMany; ++slot) {
    ASSERT_TRUE(fetch_.executor().IsExecuted({ReplicaAt(2), slot}));
  }
  EXPECT_FALSE(fetch_.executor().IsExecuted({ReplicaAt(2), 1}));
}

TEST_F(SnapshotFetchTest, InstancesAboveTheFrontierAreAboveIt) {
  for (const std::uint64_t slot :
       {std::uint64_t{5}, 6 + epaxos::InstanceLog::kMaxGap}) {
    SnapshotPart part = Part(0);
    std::get<ExecutedRecord>(part.records[1]).above = {{kServer, slot}};
    SnapshotFetch fetch(settings_, kServer, Slots(0, 2, 0));
    EXPECT_EQ(fetch.Take(part, write_), Outcome::kBroken) << slot;
  }
}

TEST_F(SnapshotFetchTest, ADecisionHasThePayloadItNames) {
  InstanceRecord without = Decision(5);
  without.initial_batch = nullptr;
  EXPECT_EQ(TakeFirstWith(without), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, ADecisionIsCommandsOrANoop) {
  InstanceRecord noop = Decision(6);
  noop.value = Value::Noop();
  EXPECT_EQ(TakeFirstWith(noop), Outcome::kTaken);
  EXPECT_EQ(fetch_.facts().decisions.size(), 2u);
}

TEST_F(SnapshotFetchTest, AnotherPayloadThanTheDecidedOneIsBroken) {
  InstanceRecord other = Decision(5);
  other.initial_batch = Put("other", 99);
  EXPECT_EQ(TakeFirstWith(other), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, VotesAndReservationsOfTheServerAreItsOwn) {
  InstanceRecord vote = Decision(5);
  vote.status = InstanceStatus::kPreAccepted;
  EXPECT_EQ(TakeFirstWith(vote), Outcome::kTaken);
  EXPECT_EQ(fetch_.facts().decisions.size(), 1u);
  SnapshotFetch fetch(settings_, kServer, Slots(0, 2, 0));
  SnapshotPart part = Part(0);
  part.records.push_back(ReservedRecord{.through = 9});
  write_ = {};
  EXPECT_EQ(fetch.Take(part, write_), Outcome::kTaken);
  EXPECT_EQ(write_.records.size(), 2u);
}

// A server of BPaxos has other roles as well, and their facts: its own. But a
// payload that one of them has recorded is not written with the decision.
TEST_F(SnapshotFetchTest, TakesPayloadsFromTheAnswersOfADependencyService) {
  settings_.protocol = Protocol::kBpaxos;
  SnapshotFetch fetch(settings_, kServer, Slots(0, 2, 0));
  InstanceRecord decision = Decision(5);
  const DependencyRecord answer{.instance = decision.instance,
                                .batch = decision.initial_batch,
                                .deps = Slots(0, 0, 0)};
  decision.initial_batch = nullptr;
  SnapshotPart part = Part(0);
  part.records.push_back(PromisedRecord{.instance = {kServer, 9},
                                        .ballot = Ballot::Of(1, kServer)});
  part.records.push_back(answer);
  part.records.push_back(decision);
  write_ = {};
  ASSERT_EQ(fetch.Take(part, write_), Outcome::kTaken);
  EXPECT_EQ(write_.records.size(), 2u);
  ASSERT_EQ(fetch.facts().decisions.size(), 2u);
  EXPECT_EQ(fetch.facts().decisions[1].initial_batch, answer.batch);
}

TEST_F(SnapshotFetchTest, AnAnswerAboutOtherCommandsIsNoPayload) {
  settings_.protocol = Protocol::kBpaxos;
  SnapshotFetch fetch(settings_, kServer, Slots(0, 2, 0));
  InstanceRecord decision = Decision(5);
  decision.initial_batch = nullptr;
  SnapshotPart part = Part(0);
  part.records.push_back(DependencyRecord{.instance = decision.instance,
                                          .batch = Put("part", 99),
                                          .deps = Slots(0, 0, 0)});
  part.records.push_back(decision);
  EXPECT_EQ(fetch.Take(part, write_), Outcome::kBroken);
}

TEST_F(SnapshotFetchTest, IsAValueThatCanBeCopied) {
  Take(Part(0));
  SnapshotFetch copy = fetch_;
  Take(Part(1));
  EXPECT_EQ(copy.received(), 1u);
  write_ = {};
  EXPECT_EQ(copy.Take(Part(1), write_), Outcome::kTaken);
  EXPECT_EQ(copy.Take(Part(2), write_), Outcome::kWhole);
}

// ---- when -------------------------------------------------------------------

const ReplicaId kThird = ReplicaAt(2);

class StateTransferTest : public SnapshotFetchTest {
 protected:
  StateTransferTest() { executed_.Hear(kServer, Slots(0, 1000, 0)); }

  StateTransfer::Progress Now(const DependencySet& committed) const {
    return {.committed = committed,
            .forgotten = Slots(0, 2, 0),
            .executed = executed_,
            .suspected = suspected_};
  }
  // A peer says that it has forgotten `floor`; who is asked for its state.
  std::optional<ReplicaId> Asked(ReplicaId by, const DependencySet& floor) {
    Actions actions;
    transfer_.Begin({.by = by, .floor = floor}, Now(Slots(0, 2, 0)), actions);
    if (actions.messages.empty()) return std::nullopt;
    EXPECT_EQ(actions.messages.size(), 1u);
    EXPECT_TRUE(actions.messages[0].to.Contains(*transfer_.server()));
    return transfer_.server();
  }
  bool BeginsWhenPassed(const DependencySet& floor) {
    return Asked(kServer, floor).has_value();
  }
  void Install() {
    ASSERT_TRUE(BeginsWhenPassed(Slots(0, 3, 0)));
    Actions actions;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      write_ = {};
      transfer_.Take(Part(i), write_, actions);
    }
    transfer_.Seal(kThrough, write_);
    transfer_.NoteInstalled();
  }
  void Tick(const DependencySet& committed, int times = 1) {
    Actions actions;
    while (times-- > 0) transfer_.Tick(Now(committed), actions);
  }
  void Suspect(ReplicaId peer) {
    suspected_.Insert(peer);
    transfer_.LoseServer(peer);
  }
  static ReplicaSet Set(std::initializer_list<ReplicaId> members) {
    ReplicaSet set;
    for (const ReplicaId member : members) set.Insert(member);
    return set;
  }

  Reports executed_{kReplicas, ReplicaSet::FirstN(kReplicas)};
  ReplicaSet suspected_;
  StateTransfer transfer_{settings_};
};

TEST_F(StateTransferTest, LeavesRepairItsTimeAfterASnapshot) {
  Install();
  EXPECT_FALSE(BeginsWhenPassed(Slots(0, 900, 0)));
  for (std::uint64_t slot = 4; slot < 300; ++slot) Tick(Slots(0, slot, 0));
  EXPECT_FALSE(BeginsWhenPassed(Slots(0, 900, 0)));
  Tick(Slots(0, 300, 0), 120);
  EXPECT_TRUE(BeginsWhenPassed(Slots(0, 900, 0)));
}

TEST_F(StateTransferTest, ThatAnotherColumnGetsOnIsNoRepair) {
  Install();
  EXPECT_FALSE(BeginsWhenPassed(Slots(5, 900, 0)));
  for (std::uint64_t slot = 6; slot < 300; ++slot) Tick(Slots(slot, 4, 0));
  EXPECT_TRUE(BeginsWhenPassed(Slots(5, 900, 0)));
}

// A member may need two peers' parts: the first server lacks what another one
// has forgotten, so no repair of its will bring that.
TEST_F(StateTransferTest,
       TakesASecondSnapshotAtOnceForWhatTheFirstServerLacks) {
  Install();
  executed_.Hear(kThird, Slots(0, 5, 700));
  EXPECT_EQ(Asked(kThird, Slots(0, 5, 700)), kThird);
}

TEST_F(StateTransferTest, AsksNobodyWhoLacksWhatIsForgottenHere) {
  executed_.Hear(kThird, Slots(0, 1, 700));
  EXPECT_EQ(Asked(kThird, Slots(0, 0, 700)), std::nullopt);
  // The one who says so cannot serve, but who has some of it can.
  executed_.Hear(kServer, Slots(0, 5, 300));
  EXPECT_EQ(Asked(kThird, Slots(0, 0, 700)), kServer);
}

TEST_F(StateTransferTest, SaysForWhomItWaits) {
  executed_.Hear(kThird, Slots(0, 1, 700));
  EXPECT_EQ(Asked(kThird, Slots(0, 0, 700)), std::nullopt);
  Tick(Slots(0, 2, 0), 20);
  EXPECT_TRUE(transfer_.waits_for().empty());
  executed_.Hear(kServer, Slots(0, 5, 800));
  Suspect(kServer);
  Tick(Slots(0, 2, 0), 100);
  EXPECT_EQ(transfer_.waits_for(), Set({kServer}));
  Tick(Slots(0, 2, 700));
  EXPECT_TRUE(transfer_.waits_for().empty());
}

TEST_F(StateTransferTest, WaitsForAllThatWereLostWhileTheyServed) {
  ASSERT_TRUE(BeginsWhenPassed(Slots(0, 900, 0)));
  executed_.Hear(kThird, Slots(0, 950, 0));
  Suspect(kServer);
  EXPECT_FALSE(transfer_.under_way());
  Suspect(kThird);
  Tick(Slots(0, 2, 0), 100);
  EXPECT_EQ(transfer_.waits_for(), Set({kServer, kThird}));
}

}  // namespace
}  // namespace quorate
