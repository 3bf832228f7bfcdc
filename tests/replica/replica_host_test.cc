// What a protocol needs to be hosted: a fourth one, in this file alone.
#include "replica/host/replica_host.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/host/answers.h"

namespace quorate {
namespace {

// Decides alone whatever its disk holds: no protocol at all, but all that the
// host asks of one.
class ToyReplica final : public ReplicaHost {
 public:
  explicit ToyReplica(const Settings& settings)
      : ReplicaHost(settings, settings.replicas),
        readers_(settings.replicas, ReplicaSet::FirstN(settings.replicas)),
        executed_by_(settings.replicas, ReplicaSet::FirstN(settings.replicas)) {
  }

  std::unique_ptr<Machine> Clone() const override {
    return std::make_unique<ToyReplica>(*this);
  }
  absl::Status CheckInvariants() const override { return absl::OkStatus(); }
  RecordSequence last_record() const override { return last_record_; }

 private:
  void HandleMessage(ReplicaId, const Message&, Actions&) override {}
  void HandleDurable(RecordSequence through, Actions& actions) override {
    while (!waiting_.empty() && waiting_.front().first <= through) {
      actions.committed.push_back(std::move(waiting_.front().second));
      waiting_.erase(waiting_.begin());
    }
  }
  void HandleTick(const Tick&, Actions& actions) override { EndEra(actions); }
  void HandleSuspicion(ReplicaId, bool, Actions&) override {}
  void Install(SnapshotFetch& fetched, Actions&) override {
    executor_ = std::move(fetched.executor());
  }
  void FinishStep(const Before& before, Actions& actions) override {
    for (std::size_t i = before.committed; i < actions.committed.size(); ++i) {
      Execute(actions.committed[i]);
    }
    AnswerExecuted([](InstanceId) { return true; }, executed_, actions);
    while (!queue_.empty()) ProposeNow(queue_.Take(), actions);
  }
  void RestoreRecord(const Record& record) override {
    if (!reader_.is_inside()) ++last_record_;
    if (const auto* begun = std::get_if<CheckpointBegunRecord>(&record)) {
      last_record_ = begun->through;
    }
    if (const auto* committed = std::get_if<CommittedRecord>(&record)) {
      slot_ = committed->instance.slot;
      restored_.push_back({.instance = committed->instance,
                           .value = committed->value,
                           .deps = committed->deps});
    }
  }
  void Save(std::vector<Record>& records) const override {
    records.emplace_back(FloorRecord{DependencySet(settings_.replicas),
                                     DependencySet(settings_.replicas)});
  }
  void NoteCheckpoint(RecordSequence through) override {
    readers_.NoteCheckpoint(through, executor_.executed_frontier());
  }
  const Readers& readers() const override { return readers_; }
  StateTransfer::Progress Progress() const override {
    return {.committed = executor_.committed_frontier(),
            .forgotten = DependencySet(settings_.replicas),
            .executed = executed_by_,
            .suspected = {}};
  }
  void MixInto(quorate::Fingerprint& print) const override {
    print.Mix(last_record_);
  }
  void Describe(ReplicaStatus& status) const override {
    status.slow_commits = slot_;
  }
  bool MayEndEra() const override { return true; }
  void ProposeNow(CommandBatchPtr batch, Actions& actions) override {
    DependencySet deps(settings_.replicas);
    if (slot_ > 0) deps.Add({settings_.self, slot_});
    const CommittedInstance decision{.instance = {settings_.self, ++slot_},
                                     .value = Value::Commands(std::move(batch)),
                                     .deps = deps};
    actions.persist.emplace_back(CommittedRecord{.instance = decision.instance,
                                                 .value = decision.value,
                                                 .deps = decision.deps});
    actions.persist_is_lazy = false;
    waiting_.emplace_back(++last_record_, decision);
  }

  RecordSequence last_record_ = 0;
  std::uint64_t slot_ = 0;
  std::vector<std::pair<RecordSequence, CommittedInstance>> waiting_;
  Readers readers_;
  Reports executed_by_;
};

CommandBatchPtr Add(const std::string& key, std::uint64_t sequence) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{7}, sequence}, 0, /*origin=*/9);
  builder.AddOperation({.kind = OperationKind::kAdd, .key = key, .number = 5});
  return builder.Finish();
}

class ReplicaHostTest : public testing::Test {
 protected:
  // Steps, and makes durable what the step asks for.
  std::vector<OutgoingReply> Ask(ReplicaHost& replica, CommandBatchPtr batch) {
    Actions actions;
    replica.Step(ClientCommands{.batches = {std::move(batch)}}, actions);
    EXPECT_TRUE(actions.replies.empty()) << "nothing is durable yet";
    journal_.insert(journal_.end(), actions.persist.begin(),
                    actions.persist.end());
    replica.Step(RecordsDurable{replica.last_record()}, actions);
    return std::move(actions.replies);
  }

  ToyReplica toy_{Settings{}};
  std::vector<Record> journal_;
};

TEST_F(ReplicaHostTest, ExecutesAndAnswersWhatAProtocolDecides) {
  const std::vector<OutgoingReply> replies = Ask(toy_, Add("k", 1));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].reply.status, ReplyStatus::kDone);
  const std::vector<OutgoingReply> again = Ask(toy_, Add("k", 1));
  ASSERT_EQ(again.size(), 1u) << "a retry is answered";
  EXPECT_EQ(toy_.Status().keys, 1u);
  EXPECT_EQ(toy_.Status().slow_commits, 2u);
}

TEST_F(ReplicaHostTest, RestartsFromItsJournalAndFromACheckpoint) {
  for (std::uint64_t i = 1; i <= 20; ++i) {
    Ask(toy_, Add("k" + std::to_string(i % 3), i));
  }
  ToyReplica from_journal{Settings{}};
  from_journal.Restore(journal_);
  EXPECT_EQ(from_journal.Status().state_hash, toy_.Status().state_hash);

  ASSERT_EQ(toy_.BeginCheckpoint(), std::optional(toy_.last_record()));
  std::vector<Record> checkpoint;
  while (toy_.NextCheckpointRecords(100, checkpoint)) {
  }
  ToyReplica from_checkpoint{Settings{}};
  from_checkpoint.Restore(checkpoint);
  EXPECT_EQ(from_checkpoint.Status().state_hash, toy_.Status().state_hash);
  EXPECT_EQ(from_checkpoint.last_record(), toy_.last_record());
}

TEST_F(ReplicaHostTest, AnAbandonedCheckpointLeavesTheMachineAsItWas) {
  Ask(toy_, Add("k", 1));
  const std::uint64_t before = toy_.Fingerprint();
  ASSERT_TRUE(toy_.BeginCheckpoint().has_value());
  toy_.AbandonCheckpoint();
  std::vector<Record> records;
  EXPECT_FALSE(toy_.NextCheckpointRecords(100, records));
  EXPECT_EQ(toy_.Fingerprint(), before);
}

}  // namespace
}  // namespace quorate
