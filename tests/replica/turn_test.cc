#include "replica/host/turn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quorate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a machine is to a turn: a number of records, and perhaps a checkpoint.
class TurnReplica final : public Replica {
 public:
  void Step(const Event&, Actions&) override {}
  void Restore(std::span<const Record>) override {}
  std::unique_ptr<Machine> Clone() const override { return nullptr; }
  std::uint64_t Fingerprint() const override { return 0; }
  absl::Status CheckInvariants() const override { return absl::OkStatus(); }
  RecordSequence last_record() const override { return last; }
  std::optional<RecordSequence> BeginCheckpoint() override {
    slices_left = slices;
    return last;
  }
  bool NextCheckpointRecords(std::size_t bytes,
                             std::vector<Record>& records) override {
    slice_bytes = bytes;
    records.emplace_back(FloorRecord{});
    return --slices_left > 0;
  }
  bool wants_checkpoint() const override { return wants; }
  bool holds_checkpoint() const override { return holds; }
  ReplicaStatus Status() const override { return {}; }
  const Executor& executor() const override { return executor_; }

  RecordSequence last = 0;
  int slices = 2;
  int slices_left = 0;
  std::size_t slice_bytes = 0;
  bool wants = false;
  bool holds = false;

 private:
  Executor executor_{3, ConflictMode::kOperation, ResultLimits()};
};

std::string TextOf(const Event& event) {
  if (const auto* durable = std::get_if<RecordsDurable>(&event)) {
    return "durable " + std::to_string(durable->through);
  }
  if (std::holds_alternative<ClientCommands>(event)) return "commands";
  if (std::holds_alternative<SnapshotDurable>(event)) return "snapshot durable";
  return std::holds_alternative<Tick>(event) ? "tick" : "event";
}

// Writes down what it is told, in order.
class RecordingWorld final : public TurnWorld, public TurnDisk {
 public:
  std::vector<std::string> Take() { return std::exchange(log, {}); }

  Replica& replica() override { return machine; }
  void Step(const Event& event, Actions& actions) override {
    log.push_back("step " + TextOf(event));
    if (scripts.empty()) return;
    const auto script = std::move(scripts.front());
    scripts.erase(scripts.begin());
    const std::size_t before = actions.persist.size();
    script(actions);
    machine.last += actions.persist.size() - before;
  }
  ClientCommands TakeCommands() override { return std::exchange(commands, {}); }
  void Send(const OutgoingMessage& message) override {
    log.push_back("send " + std::string(Name(message.message)));
  }
  void Flush() override { log.push_back("flush"); }
  void Reply(std::vector<OutgoingReply>& replies,
             std::span<const CommittedInstance>) override {
    if (!replies.empty()) {
      log.push_back("reply " + std::to_string(replies.size()));
    }
  }
  void SetReading(bool reads) override {
    if (std::exchange(reading, reads) != reads) {
      log.push_back(reads ? "listen" : "do not listen");
    }
  }
  bool stays_awake() const override { return awake; }

  RecordSequence durable() const override { return on_disk; }
  void Append(std::vector<Record>& records, RecordSequence last) override {
    Note("append", records, last);
  }
  bool AppendNow(std::vector<Record>& records, RecordSequence last) override {
    Note("append now", records, last);
    if (quick) on_disk = last;
    return quick;
  }
  std::size_t unwritten_bytes() const override { return unwritten; }
  bool takes_slice() const override { return takes; }
  void WriteSlice(SnapshotWrite slice, bool of_peer) override {
    log.push_back(std::string(of_peer ? "peer's slice" : "slice") +
                  (slice.begins ? ", first" : "") +
                  (slice.ends.has_value()
                       ? ", last, through " + std::to_string(*slice.ends)
                       : ""));
  }
  bool checkpoint_is_due() const override { return due; }
  void ReadChunks(const SnapshotRead&) override { log.push_back("read"); }
  std::vector<OutgoingMessage> TakeChunks() override {
    return std::exchange(chunks, {});
  }

  std::vector<std::string> log;
  TurnReplica machine;
  // What the next steps give.
  std::vector<std::function<void(Actions&)>> scripts;
  ClientCommands commands;
  std::vector<OutgoingMessage> chunks;
  RecordSequence on_disk = 0;
  std::size_t unwritten = 0;
  bool quick = false;
  bool takes = true;
  bool due = false;
  bool awake = true;
  bool reading = true;

 private:
  void Note(const char* how, std::vector<Record>& records,
            RecordSequence last) {
    EXPECT_FALSE(records.empty());
    log.push_back(std::string(how) + " " + std::to_string(records.size()) +
                  ", through " + std::to_string(last));
    records.clear();
  }
};

class TurnTest : public testing::Test {
 protected:
  using Script = std::function<void(Actions&)>;

  static Script Records(int count, bool lazy) {
    return [=](Actions& actions) {
      for (int i = 0; i < count; ++i) actions.persist.emplace_back();
      if (!lazy) actions.persist_is_lazy = false;
    };
  }
  template <typename Kind>
  static Script Says() {
    return [](Actions& actions) {
      actions.messages.push_back({.message = Kind{}});
    };
  }
  static Script Replies(std::size_t result_bytes = 0) {
    return [=](Actions& actions) {
      actions.replies.emplace_back();
      actions.result_bytes += result_bytes;
    };
  }
  static Script All(std::vector<Script> scripts) {
    return [scripts = std::move(scripts)](Actions& actions) {
      for (const Script& script : scripts) script(actions);
    };
  }

  // A turn of one event, and what it came to.
  std::vector<std::string> TurnOf(const Event& event, Script script) {
    world_.scripts.insert(world_.scripts.begin(), std::move(script));
    turn_.Step(event);
    turn_.End();
    return world_.Take();
  }
  std::vector<std::string> TurnOf(Script script) {
    return TurnOf(PeerSuspected{}, std::move(script));
  }
  std::vector<std::string> EmptyTurn() {
    turn_.End();
    return world_.Take();
  }

  RecordingWorld world_;
  Turn turn_{world_, &world_, /*durable=*/0,
             TurnLimits{.most_lazy_records = 4,
                        .slice_bytes = 100,
                        .most_unwritten_bytes = 1000,
                        .most_result_bytes = 50}};
};

TEST_F(TurnTest, GathersAllThatComesInAndThenTheCommands) {
  world_.commands.batches.push_back(nullptr);
  world_.scripts = {Says<Accept>(), Replies(), Says<Accept>()};
  turn_.Step(PeerSuspected{});
  turn_.Step(PeerSuspected{});
  EXPECT_THAT(world_.Take(), ElementsAre("step event", "step event"));
  EXPECT_THAT(EmptyTurn(), ElementsAre("step commands", "send Accept",
                                       "send Accept", "flush", "reply 1"));
  EXPECT_EQ(turn_.turns(), 1u);
  EXPECT_THAT(EmptyTurn(), IsEmpty());
  EXPECT_EQ(turn_.turns(), 1u);
}

TEST_F(TurnTest, WhatMayLeaveDoesNotWaitForTheDisk) {
  EXPECT_THAT(
      TurnOf(All({Says<Accept>(), Replies(), Records(2, /*lazy=*/false)})),
      ElementsAre("step event", "send Accept", "flush", "reply 1",
                  "append now 2, through 2"));
  world_.on_disk = 2;
  world_.scripts = {Says<AcceptReply>()};
  EXPECT_THAT(EmptyTurn(),
              ElementsAre("step durable 2", "send AcceptReply", "flush"));
  EXPECT_THAT(EmptyTurn(), IsEmpty()) << "told once";
}

TEST_F(TurnTest, WhatAQuickDiskReleasesLeavesInTheSameTurn) {
  world_.quick = true;
  world_.scripts = {All({Says<AcceptReply>(), Records(1, /*lazy=*/false)}),
                    Says<Accept>()};
  EXPECT_THAT(
      TurnOf(Records(1, /*lazy=*/false)),
      ElementsAre("step event", "append now 1, through 1", "step durable 1",
                  "send AcceptReply", "flush", "append now 1, through 2",
                  "step durable 2", "send Accept", "flush"));
}

TEST_F(TurnTest, RecordsThatNobodyWaitsForGoAtTheNextTick) {
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"));
  EXPECT_EQ(turn_.kept_records().size(), 1u);
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"));
  EXPECT_THAT(
      TurnOf(Tick{}, Says<Accept>()),
      ElementsAre("step tick", "append 2, through 2", "send Accept", "flush"));
  EXPECT_THAT(turn_.kept_records(), IsEmpty());
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"))
      << "one tick, one write";
}

TEST_F(TurnTest, RecordsThatNobodyWaitsForGoWithTheNextOrWhenTheyAreMany) {
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"));
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/false)),
              ElementsAre("step event", "append now 2, through 2"));
  EXPECT_THAT(TurnOf(Records(3, /*lazy=*/true)), ElementsAre("step event"));
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)),
              ElementsAre("step event", "append 4, through 6"));
}

TEST_F(TurnTest, CommitsAloneLeaveAfterTheReplyWithTheNextMessage) {
  EXPECT_THAT(TurnOf(All({Says<Commit>(), Replies()})),
              ElementsAre("step event", "reply 1", "send Commit"));
  EXPECT_TRUE(turn_.holds_commits());
  EXPECT_THAT(TurnOf(Says<Accept>()),
              ElementsAre("step event", "send Accept", "flush"));
  EXPECT_FALSE(turn_.holds_commits());
}

TEST_F(TurnTest, HeldCommitsLeaveBeforeTheLoopSleepsOrSyncs) {
  EXPECT_THAT(TurnOf(Says<Commit>()), ElementsAre("step event", "send Commit"));
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/false)),
              ElementsAre("step event", "flush", "append now 1, through 1"));
  EXPECT_THAT(TurnOf(Says<Commit>()), ElementsAre("step event", "send Commit"));
  world_.awake = false;
  EXPECT_THAT(EmptyTurn(), ElementsAre("flush"));
  EXPECT_THAT(EmptyTurn(), IsEmpty());
}

TEST_F(TurnTest, MuchThatWasReadLeavesBeforeTheEnd) {
  world_.scripts = {Replies(40), Replies(11), Replies(60)};
  turn_.Step(PeerSuspected{});
  EXPECT_THAT(world_.Take(), ElementsAre("step event"));
  turn_.Step(PeerSuspected{});
  EXPECT_THAT(world_.Take(), ElementsAre("step event", "reply 2"));
  turn_.Step(PeerSuspected{}, /*may_publish=*/false);
  EXPECT_THAT(world_.Take(), ElementsAre("step event"));
  EXPECT_THAT(EmptyTurn(), ElementsAre("reply 1"));
}

TEST_F(TurnTest, WithoutADiskARecordCountsAtOnce) {
  Turn turn(world_, nullptr, 0);
  world_.scripts = {Records(2, /*lazy=*/true), Records(1, /*lazy=*/false),
                    Says<Accept>()};
  turn.Step(PeerSuspected{});
  turn.End();
  const std::vector<std::string> log = world_.Take();
  ASSERT_EQ(log.size(), 5u);
  EXPECT_EQ(log[1].substr(0, 12), "step durable");
  EXPECT_EQ(log[2].substr(0, 12), "step durable");
  EXPECT_EQ(log[3], "send Accept");
  EXPECT_THAT(turn.kept_records(), IsEmpty());
}

TEST_F(TurnTest, ASlowDiskHoldsPeersBackUntilHalfIsWritten) {
  world_.unwritten = 1001;
  EXPECT_THAT(EmptyTurn(), ElementsAre("do not listen"));
  world_.unwritten = 501;
  EXPECT_THAT(EmptyTurn(), IsEmpty());
  world_.unwritten = 500;
  EXPECT_THAT(EmptyTurn(), ElementsAre("listen"));
}

TEST_F(TurnTest, ACheckpointGrowsByASliceATurnAsTheDiskTakesThem) {
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"));
  world_.due = true;
  world_.takes = false;
  EXPECT_THAT(EmptyTurn(), IsEmpty());
  world_.takes = true;
  EXPECT_THAT(EmptyTurn(), ElementsAre("append 1, through 1", "slice, first"))
      << "what it stands for goes first";
  EXPECT_EQ(world_.machine.slice_bytes, 100u);
  EXPECT_TRUE(turn_.writes_checkpoint());
  world_.due = false;
  // It stands for what was there when it began.
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)),
              ElementsAre("step event", "slice, last, through 1"));
  EXPECT_FALSE(turn_.writes_checkpoint());
  EXPECT_THAT(EmptyTurn(), IsEmpty());
}

TEST_F(TurnTest, ACheckpointThatAPeerReadsIsReplacedOnlyForOneThatWaits) {
  world_.due = true;
  world_.machine.holds = true;
  EXPECT_THAT(EmptyTurn(), IsEmpty());
  world_.machine.wants = true;
  EXPECT_THAT(EmptyTurn(), ElementsAre("slice, first"));
  // Begun too early for the peer that needs it.
  EXPECT_THAT(EmptyTurn(), ElementsAre("slice, first"));
  world_.machine.wants = false;
  EXPECT_THAT(EmptyTurn(), ElementsAre("slice, last, through 0"));
}

TEST_F(TurnTest, APeersStateGoesToTheDiskInOrderAndBeforeOwnCheckpoints) {
  world_.due = true;
  EXPECT_THAT(EmptyTurn(), ElementsAre("slice, first"));
  EXPECT_THAT(TurnOf([](Actions& actions) {
                actions.snapshot_writes = {{.begins = true}, {.ends = 7}};
              }),
              ElementsAre("step event", "peer's slice, first"));
  EXPECT_FALSE(turn_.writes_checkpoint());
  world_.takes = false;
  EXPECT_THAT(TurnOf(Records(1, /*lazy=*/true)), ElementsAre("step event"));
  world_.takes = true;
  EXPECT_THAT(EmptyTurn(), ElementsAre("append 1, through 1",
                                       "peer's slice, last, through 7"))
      << "the last one after every record before it";
  world_.takes = false;
  EXPECT_THAT(EmptyTurn(), IsEmpty());
  world_.takes = true;
  world_.scripts = {Says<Accept>()};
  EXPECT_THAT(EmptyTurn(), ElementsAre("step snapshot durable", "send Accept",
                                       "flush", "slice, first"));
}

TEST_F(TurnTest, ANewSnapshotTakesThePlaceOfOneThatWaits) {
  world_.takes = false;
  const auto begins = [](Actions& actions) {
    actions.snapshot_writes = {{.begins = true}, {.ends = 7}};
  };
  TurnOf(begins);
  TurnOf(begins);
  world_.takes = true;
  EXPECT_THAT(EmptyTurn(), ElementsAre("peer's slice, first"));
  EXPECT_THAT(EmptyTurn(), ElementsAre("peer's slice, last, through 7"));
  EXPECT_THAT(EmptyTurn(), ElementsAre("step snapshot durable"));
}

TEST_F(TurnTest, ChunksArePassedOnAsTheyAreRead) {
  EXPECT_THAT(
      TurnOf([](Actions& actions) { actions.snapshot_reads.emplace_back(); }),
      ElementsAre("step event", "read"));
  world_.chunks.push_back({.message = SnapshotChunk{}});
  EXPECT_THAT(EmptyTurn(), ElementsAre("send SnapshotChunk", "flush"));
}

TEST_F(TurnTest, TheLastTurnLeavesNoRecordBehind) {
  TurnOf(All({Says<Commit>(), Records(1, /*lazy=*/true)}));
  turn_.FlushHeldCommits();
  turn_.AppendRest();
  EXPECT_THAT(world_.Take(), ElementsAre("flush", "append 1, through 1"));
  turn_.AppendRest();
  EXPECT_THAT(world_.Take(), IsEmpty());
}

}  // namespace
}  // namespace quorate
