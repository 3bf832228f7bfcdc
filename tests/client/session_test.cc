// What is sent, when, and what comes back.
#include <string>
#include <vector>

#include "tests/client/session_harness.h"
#include "wire/limits.h"

namespace quorate {
namespace {

TEST_F(SessionsTest, NumbersCommandsOfASessionFromOne) {
  EXPECT_EQ(Submit(1), 1u);
  EXPECT_EQ(Submit(2), 2u);
  const std::size_t other = sessions_.Open();
  const Operation put = Put("k", "v");
  EXPECT_EQ(sessions_.Submit(other, {&put, 1}, 3, 0), 1u);
  EXPECT_NE(sessions_.id(session_), sessions_.id(other));
}

TEST_F(SessionsTest, SendsEverythingQueuedInOneBatch) {
  for (std::uint64_t tag = 1; tag <= 100; ++tag) Submit(tag);
  const CommandBatchPtr batch = sessions_.NextBatch(0);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->commands().size(), 100u);
  EXPECT_EQ(batch->operations()[99].key, "key100");
  EXPECT_EQ(sessions_.NextBatch(0), nullptr);
}

TEST_F(SessionsTest, CopiesKeysAndValuesAtSubmit) {
  std::string key = "before";
  const Operation put = Put(key, "v");
  sessions_.Submit(session_, {&put, 1}, 1, 0);
  key = "after!";
  EXPECT_EQ(sessions_.NextBatch(0)->operations()[0].key, "before");
}

TEST_F(SessionsTest, SplitsRequestsByFrameSize) {
  const std::string value(kMaxValueBytes, 'v');
  const Operation put = Put("k", value);
  for (int i = 0; i < 3; ++i) sessions_.Submit(session_, {&put, 1}, 0, 0);
  for (int i = 0; i < 3; ++i) {
    const CommandBatchPtr batch = sessions_.NextBatch(0);
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->commands().size(), 1u);
  }
  EXPECT_EQ(sessions_.NextBatch(0), nullptr);
}

TEST_F(SessionsTest, SplitsRequestsByNumberOfCommands) {
  const std::size_t other = sessions_.Open();
  const Operation get{.kind = OperationKind::kGet, .key = "k"};
  for (std::size_t i = 0; i < kMaxBatchCommands; ++i) {
    sessions_.Submit(session_, {&get, 1}, 0, 0);
  }
  sessions_.Submit(other, {&get, 1}, 0, 0);
  EXPECT_EQ(sessions_.NextBatch(0)->commands().size(), kMaxBatchCommands);
  EXPECT_EQ(sessions_.NextBatch(0)->commands().size(), 1u);
}

TEST_F(SessionsTest, CompletesACommandWithItsResultAndTag) {
  const Command command = SubmitAndSend(7);
  std::vector<ClientReply> replies{Reply(command, ReplyStatus::kDone)};
  replies[0].results.push_back({.value = "found"});
  replies[0].instance = {ReplicaAt(2), 9};
  replies[0].commit_latency_us = 11;
  sessions_.HandleReplies(replies, 0, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].tag, 7u);
  EXPECT_EQ(completed_[0].sequence, 1u);
  EXPECT_EQ(completed_[0].session, session_);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(completed_[0].results[0].value, "found");
  EXPECT_EQ(completed_[0].instance, (InstanceId{ReplicaAt(2), 9}));
  EXPECT_EQ(completed_[0].commit_latency_us, 11u);
  EXPECT_EQ(sessions_.outstanding(), 0u);
}

TEST_F(SessionsTest, IgnoresARepeatedReply) {
  const Command command = SubmitAndSend(1);
  Answer(command, ReplyStatus::kDone);
  Answer(command, ReplyStatus::kDone);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kMalformed);
  EXPECT_EQ(completed_.size(), 1u);
  EXPECT_EQ(sessions_.stats().completed, 1u);
}

TEST_F(SessionsTest, IgnoresRepliesToStrangersAndToCommandsNeverSent) {
  Submit(1);
  Answer({.id = {sessions_.id(session_), 1}}, ReplyStatus::kDone);
  Answer({.id = {sessions_.id(session_), 2}}, ReplyStatus::kDone);
  Answer({.id = {sessions_.id(session_), 0}}, ReplyStatus::kDone);
  Answer({.id = {static_cast<ClientId>(1), 1}}, ReplyStatus::kDone);
  EXPECT_TRUE(completed_.empty());
  Answer(SendOne(0), ReplyStatus::kDone);
  EXPECT_EQ(completed_.size(), 1u);
}

TEST_F(SessionsTest, AcknowledgesOnlyUpToTheFirstUnansweredCommand) {
  const Command first = SubmitAndSend(1);
  const Command second = SubmitAndSend(2);
  const Command third = SubmitAndSend(3);
  EXPECT_EQ(third.acknowledged, 0u);
  Answer(first, ReplyStatus::kDone);
  Answer(third, ReplyStatus::kDone);
  EXPECT_EQ(SubmitAndSend(4).acknowledged, 1u);
  Answer(second, ReplyStatus::kDone);
  EXPECT_EQ(SubmitAndSend(5).acknowledged, 3u);
}

TEST_F(SessionsTest, SendsUnansweredCommandsAgainUnderTheirNumbers) {
  for (std::uint64_t tag = 1; tag <= 4; ++tag) Submit(tag);
  const CommandBatchPtr sent = sessions_.NextBatch(0);
  Answer(sent->commands()[1], ReplyStatus::kDone);
  Submit(5);
  sessions_.HandleDisconnect();
  const CommandBatchPtr again = sessions_.NextBatch(10);
  ASSERT_EQ(again->commands().size(), 3u);
  EXPECT_EQ(again->commands()[0].id, sent->commands()[0].id);
  EXPECT_EQ(again->commands()[1].id, sent->commands()[2].id);
  EXPECT_EQ(again->commands()[2].id, sent->commands()[3].id);
  EXPECT_EQ(again->operations()[1].key, "key3");
  EXPECT_EQ(sessions_.stats().retried, 3u);
  EXPECT_EQ(SendOne(10).id.sequence, 5u);
  EXPECT_EQ(sessions_.NextBatch(10), nullptr);
}

TEST_F(SessionsTest, TheFirstAnswerToACommandSentTwiceCounts) {
  const Command command = SubmitAndSend(1);
  sessions_.HandleDisconnect();
  SendOne(1);
  Answer(command, ReplyStatus::kDone);
  Answer(command, ReplyStatus::kDone);
  EXPECT_EQ(completed_.size(), 1u);
}

TEST_F(SessionsTest, RefusesHereWhatNoFrameCanCarry) {
  EXPECT_EQ(sessions_.Submit(session_, {}, 1, 0), 0u);
  const std::string value(kMaxValueBytes, 'v');
  const std::vector<Operation> large(3, Put("k", value));
  EXPECT_EQ(sessions_.Submit(session_, large, 2, 0), 0u);
  const std::vector<Operation> many(kMaxOperationsPerCommand + 1,
                                    Put("k", "v"));
  EXPECT_EQ(sessions_.Submit(session_, many, 3, 0), 0u);
  EXPECT_LE(sessions_.UrgentDeadline(), 0);
  EXPECT_EQ(sessions_.NextBatch(0), nullptr);
  sessions_.HandleTime(0, completed_);
  ASSERT_EQ(completed_.size(), 3u);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kTooManyOperations);
  EXPECT_EQ(completed_[1].reason, RefusalReason::kValueTooLarge);
  EXPECT_EQ(completed_[2].reason, RefusalReason::kTooManyOperations);
  EXPECT_EQ(Submit(4), 1u);
}

TEST_F(SessionsTest, RefusesMoreThanOnePipelineFull) {
  const Operation get{.kind = OperationKind::kGet, .key = "k"};
  for (std::size_t i = 0; i < kMaxPipelinePerSession; ++i) {
    ASSERT_EQ(sessions_.Submit(session_, {&get, 1}, 0, 0), i + 1);
  }
  EXPECT_EQ(sessions_.Submit(session_, {&get, 1}, 9, 0), 0u);
  sessions_.HandleTime(0, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kPipelineFull);
  EXPECT_EQ(completed_[0].tag, 9u);
}

TEST_F(SessionsTest, CompletesEverythingWhenTheClientGoesAway) {
  const Command held = SubmitAndSend(1);
  Answer(held, ReplyStatus::kRefused, RefusalReason::kBusy);
  SubmitAndSend(2);
  Submit(3);
  sessions_.GiveUpAll(completed_);
  ASSERT_EQ(completed_.size(), 3u);
  for (const Completion& completion : completed_) {
    EXPECT_EQ(completion.status, completion.tag == 2 ? ReplyStatus::kUnknown
                                                     : ReplyStatus::kRefused);
  }
  EXPECT_EQ(sessions_.outstanding(), 0u);
}

}  // namespace
}  // namespace quorate
