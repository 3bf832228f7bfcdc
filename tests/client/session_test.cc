#include "replica/client/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "wire/limits.h"

namespace quorate {
namespace {

constexpr RetryPolicy kPolicy{.retry_timeout_ms = 100,
                              .give_up_timeout_ms = 1000,
                              .first_backoff_ms = 5,
                              .largest_backoff_ms = 40};

Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

ClientReply Reply(const Command& command, ReplyStatus status,
                  RefusalReason reason = RefusalReason::kNone) {
  return {.id = command.id, .status = status, .reason = reason};
}

class SessionsTest : public testing::Test {
 protected:
  std::uint64_t Submit(std::uint64_t tag, std::int64_t now_ms = 0) {
    const std::string key = "key" + std::to_string(tag);
    const Operation put = Put(key, "value");
    return sessions_.Submit(session_, {&put, 1}, tag, now_ms);
  }

  // Submits one command and sends it, as the only one of its batch.
  Command SubmitAndSend(std::uint64_t tag, std::int64_t now_ms = 0) {
    Submit(tag, now_ms);
    return SendOne(now_ms);
  }

  Command SendOne(std::int64_t now_ms) {
    const CommandBatchPtr batch = sessions_.NextBatch(now_ms);
    if (batch == nullptr || batch->commands().size() != 1) {
      ADD_FAILURE() << "expected a batch of one command";
      return {};
    }
    return batch->commands()[0];
  }

  void Answer(const Command& command, ReplyStatus status,
              RefusalReason reason = RefusalReason::kNone,
              std::int64_t now_ms = 0) {
    std::vector<ClientReply> replies{Reply(command, status, reason)};
    sessions_.HandleReplies(replies, now_ms, completed_);
  }

  void AnswerNotLeader(const Command& command, ReplicaId leader,
                       std::int64_t now_ms) {
    std::vector<ClientReply> replies{
        Reply(command, ReplyStatus::kRefused, RefusalReason::kNotLeader)};
    replies[0].instance = {leader, 0};
    sessions_.HandleReplies(replies, now_ms, completed_);
  }

  std::vector<std::uint64_t> CompletedTags() const {
    std::vector<std::uint64_t> tags;
    for (const Completion& completion : completed_) {
      tags.push_back(completion.tag);
    }
    return tags;
  }

  Sessions sessions_{42, kPolicy};
  std::size_t session_ = sessions_.Open();
  std::vector<Completion> completed_;
};

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

TEST_F(SessionsTest, WantsAnotherNodeWhenACommandStaysUnanswered) {
  const Command first = SubmitAndSend(1, 50);
  SubmitAndSend(2, 80);
  EXPECT_EQ(sessions_.NextDeadline(), 150);
  EXPECT_FALSE(sessions_.WantsOtherNode(149));
  EXPECT_TRUE(sessions_.WantsOtherNode(150));
  Answer(first, ReplyStatus::kDone);
  EXPECT_FALSE(sessions_.WantsOtherNode(150));
  EXPECT_TRUE(sessions_.WantsOtherNode(180));
}

TEST_F(SessionsTest, TheRetryClockStartsAgainAtEachNode) {
  SubmitAndSend(1, 0);
  sessions_.HandleDisconnect();
  EXPECT_FALSE(sessions_.WantsOtherNode(500));
  SendOne(500);
  EXPECT_FALSE(sessions_.WantsOtherNode(599));
  EXPECT_TRUE(sessions_.WantsOtherNode(600));
}

TEST_F(SessionsTest, GivesUpASentCommandAsUnknown) {
  SubmitAndSend(1, 0);
  sessions_.HandleTime(999, completed_);
  EXPECT_TRUE(completed_.empty());
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
  EXPECT_EQ(sessions_.NextDeadline(), Sessions::kNever);
}

TEST_F(SessionsTest, GivesUpACommandThatWasNeverSentAsRefused) {
  Submit(1, 0);
  EXPECT_EQ(sessions_.NextDeadline(), 1000);
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kNone);
}

TEST_F(SessionsTest, NeverSendsWhatWasGivenUpAsRefused) {
  Submit(1, 0);
  Submit(2, 500);
  sessions_.HandleTime(1000, completed_);
  EXPECT_EQ(CompletedTags(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(SendOne(1001).id.sequence, 2u);
}

TEST_F(SessionsTest, GivesUpOnlyWhatIsOldEnough) {
  Submit(1, 0);
  Submit(2, 10);
  sessions_.NextBatch(10);
  sessions_.HandleTime(1005, completed_);
  EXPECT_EQ(CompletedTags(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(sessions_.NextDeadline(), 110);
  sessions_.HandleDisconnect();
  EXPECT_EQ(sessions_.NextDeadline(), 1010);
}

TEST_F(SessionsTest, ASessionStartsOverAfterACommandWasGivenUp) {
  SubmitAndSend(1, 0);
  const ClientId old_id = sessions_.id(session_);
  const Command late = SubmitAndSend(2, 600);
  sessions_.HandleTime(1000, completed_);
  const Command next = SubmitAndSend(3, 1000);
  EXPECT_NE(next.id.client, old_id);
  EXPECT_EQ(next.id.sequence, 1u);
  EXPECT_EQ(next.acknowledged, 0u);
  EXPECT_EQ(sessions_.id(session_), next.id.client);
  // What is under way under the old id goes on, and never acknowledges the
  // command that was given up.
  sessions_.HandleDisconnect();
  EXPECT_EQ(SendOne(1001).id, late.id);
  Answer(late, ReplyStatus::kDone);
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(completed_[1].session, session_);
}

TEST_F(SessionsTest, RetriesABusyRefusalAfterABackoff) {
  const Command command = SubmitAndSend(1, 0);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, 10);
  EXPECT_TRUE(completed_.empty());
  EXPECT_FALSE(sessions_.WantsOtherNode(10));
  EXPECT_EQ(sessions_.NextBatch(10), nullptr);
  EXPECT_EQ(sessions_.UrgentDeadline(), 15);
  EXPECT_EQ(sessions_.NextDeadline(), 15);
  sessions_.HandleTime(15, completed_);
  EXPECT_EQ(SendOne(15).id, command.id);
  Answer(command, ReplyStatus::kDone, RefusalReason::kNone, 16);
  EXPECT_EQ(completed_.size(), 1u);
  EXPECT_EQ(sessions_.stats().retried, 1u);
}

TEST_F(SessionsTest, BacksOffLongerWithEveryRefusalInARow) {
  const Command command = SubmitAndSend(1, 0);
  std::int64_t now_ms = 0;
  for (const std::int64_t wait_ms : {5, 10, 20, 40, 40}) {
    Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, now_ms);
    EXPECT_EQ(sessions_.UrgentDeadline(), now_ms + wait_ms);
    now_ms += wait_ms;
    sessions_.HandleTime(now_ms, completed_);
    SendOne(now_ms);
  }
  Answer(command, ReplyStatus::kDone, RefusalReason::kNone, now_ms);
  const Command next = SubmitAndSend(2, now_ms);
  Answer(next, ReplyStatus::kRefused, RefusalReason::kBusy, now_ms);
  EXPECT_EQ(sessions_.UrgentDeadline(), now_ms + 5);
}

TEST_F(SessionsTest, ABusyClusterRefusesInTheEndWithItsReason) {
  const Command command = SubmitAndSend(1, 0);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, 998);
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kBusy);
  EXPECT_EQ(sessions_.NextBatch(1000), nullptr);
}

TEST_F(SessionsTest, LeavesANodeThatShutsDown) {
  const Command command = SubmitAndSend(1, 0);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kShuttingDown, 1);
  EXPECT_TRUE(sessions_.WantsOtherNode(1));
  sessions_.HandleDisconnect();
  EXPECT_FALSE(sessions_.WantsOtherNode(1));
  sessions_.HandleTime(6, completed_);
  EXPECT_EQ(SendOne(6).id, command.id);
}

TEST_F(SessionsTest, GoesToTheLeaderThatANodeNames) {
  const Command command = SubmitAndSend(1, 0);
  AnswerNotLeader(command, ReplicaAt(2), 1);
  EXPECT_TRUE(completed_.empty());
  EXPECT_TRUE(sessions_.WantsOtherNode(1));
  EXPECT_EQ(sessions_.leader(), ReplicaAt(2));
  sessions_.HandleDisconnect();
  EXPECT_EQ(sessions_.leader(), std::nullopt);
  sessions_.HandleTime(6, completed_);
  EXPECT_EQ(SendOne(6).id, command.id);
}

TEST_F(SessionsTest, WhatOnlyFollowersHaveSeenIsDefinitelyNotDone) {
  const Command command = SubmitAndSend(1, 0);
  AnswerNotLeader(command, ReplicaAt(2), 1);
  sessions_.HandleDisconnect();
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kNotLeader);
}

TEST_F(SessionsTest, WaitsForALeaderBeforeItAsksAnotherNode) {
  Command command = SubmitAndSend(1, 0);
  std::int64_t now_ms = 0;
  int refusals = 0;
  while (!sessions_.WantsOtherNode(now_ms)) {
    ASSERT_LT(++refusals, 20);
    Answer(command, ReplyStatus::kRefused, RefusalReason::kNoLeader, now_ms);
    if (sessions_.WantsOtherNode(now_ms)) break;
    now_ms = sessions_.UrgentDeadline();
    sessions_.HandleTime(now_ms, completed_);
    command = SendOne(now_ms);
  }
  EXPECT_GT(refusals, 2);
  EXPECT_TRUE(completed_.empty());
}

TEST_F(SessionsTest, RefusesAtOnceWhatNoNodeWouldTake) {
  const Command command = SubmitAndSend(1);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kKeyTooLarge);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kKeyTooLarge);
  EXPECT_EQ(SubmitAndSend(2).acknowledged, 1u);
}

TEST_F(SessionsTest, ARefusalAfterALostAnswerIsUnknown) {
  const Command command = SubmitAndSend(1);
  sessions_.HandleDisconnect();
  SendOne(1);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kMalformed);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
}

TEST_F(SessionsTest, ALostAnswerIsRememberedThroughABusyRefusal) {
  const Command command = SubmitAndSend(1, 0);
  sessions_.HandleDisconnect();
  SendOne(1);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, 1);
  sessions_.HandleTime(6, completed_);
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
}

TEST_F(SessionsTest, AStaleSequenceIsUnknownNotRefused) {
  const Command command = SubmitAndSend(1);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kStaleSequence);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
}

// ---- eras -------------------------------------------------------------------

TEST_F(SessionsTest, NumbersAnewWhatWasSubmittedBeforeANodeToldItsEra) {
  Submit(1);
  Submit(2);
  const std::size_t other = sessions_.Open();
  const Operation put = Put("k", "v");
  sessions_.Submit(other, {&put, 1}, 3, 0);
  sessions_.NoteEra(5);
  Submit(4);
  std::vector<Command> commands;
  while (const CommandBatchPtr batch = sessions_.NextBatch(0)) {
    commands.insert(commands.end(), batch->commands().begin(),
                    batch->commands().end());
  }
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[0].id.sequence, FirstSequence(5));
  EXPECT_EQ(commands[1].id.sequence, FirstSequence(5) + 1);
  EXPECT_EQ(commands[2].id.sequence, FirstSequence(5));
  EXPECT_EQ(commands[3].id.sequence, FirstSequence(5) + 2);
  for (const Command& command : commands) {
    EXPECT_EQ(command.acknowledged, FirstSequence(5) - 1);
    Answer(command, ReplyStatus::kDone);
  }
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(sessions_.outstanding(), 0u);
}

TEST_F(SessionsTest, ASessionKeepsItsNumbersOnceItHasSentSomething) {
  SubmitAndSend(1);
  sessions_.NoteEra(5);
  EXPECT_EQ(SubmitAndSend(2).id.sequence, 2u);
  const std::size_t later = sessions_.Open();
  const Operation put = Put("k", "v");
  EXPECT_EQ(sessions_.Submit(later, {&put, 1}, 3, 0), FirstSequence(5));
}

TEST_F(SessionsTest, GoesOnInAnotherSessionWhenItsOwnIsForgotten) {
  const Command first = SubmitAndSend(1);
  const Command second = SubmitAndSend(2);
  sessions_.NoteEra(4);
  Answer(first, ReplyStatus::kRefused, RefusalReason::kSessionExpired);
  Answer(second, ReplyStatus::kRefused, RefusalReason::kSessionExpired);
  EXPECT_TRUE(completed_.empty());
  const CommandBatchPtr again = sessions_.NextBatch(0);
  ASSERT_NE(again, nullptr);
  ASSERT_EQ(again->commands().size(), 2u);
  EXPECT_NE(again->commands()[0].id.client, first.id.client);
  EXPECT_EQ(again->commands()[0].id.sequence, FirstSequence(4));
  EXPECT_EQ(again->commands()[1].id.sequence, FirstSequence(4) + 1);
  EXPECT_EQ(again->operations()[0].key, "key1");
  for (const Command& command : again->commands()) {
    Answer(command, ReplyStatus::kDone);
  }
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(sessions_.outstanding(), 0u);
  EXPECT_EQ(SubmitAndSend(3).id.client, again->commands()[0].id.client);
}

TEST_F(SessionsTest, WhatMayHaveBeenDoneBeforeTheSessionWasForgottenIsUnknown) {
  const Command command = SubmitAndSend(1);
  sessions_.HandleDisconnect();
  EXPECT_EQ(SendOne(0).id, command.id);
  sessions_.NoteEra(4);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kSessionExpired);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
  EXPECT_EQ(SubmitAndSend(2).id.sequence, FirstSequence(4));
}

TEST_F(SessionsTest, WaitsForALaterEraBeforeItBeginsAgain) {
  const Command command = SubmitAndSend(1, 0);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kSessionExpired, 0);
  EXPECT_EQ(sessions_.NextBatch(0), nullptr);
  sessions_.HandleTime(5, completed_);
  EXPECT_EQ(SendOne(5).id, command.id);
  sessions_.NoteEra(2);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kSessionExpired, 6);
  EXPECT_EQ(SendOne(6).id.sequence, FirstSequence(2));
}

TEST_F(SessionsTest, RetriesWhatANodeCallsUnknown) {
  const Command command = SubmitAndSend(1, 0);
  Answer(command, ReplyStatus::kUnknown, RefusalReason::kNone, 1);
  EXPECT_TRUE(completed_.empty());
  sessions_.HandleTime(6, completed_);
  EXPECT_EQ(SendOne(6).id, command.id);
  Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, 7);
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
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

// Every command completes exactly once, and as refused only if no node was left
// with an unanswered copy, whatever a cluster answers and when.
TEST_F(SessionsTest, CompletesEveryCommandOnceUnderRandomTrouble) {
  std::uint64_t state = 1;
  const auto draw = [&state](std::uint64_t n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % n;
  };
  std::vector<std::size_t> numbers{session_};
  while (numbers.size() < 5) numbers.push_back(sessions_.Open());
  std::vector<Command> at_node;  // sent on this connection, unanswered
  std::map<CommandId, std::uint64_t> tags;
  std::map<std::uint64_t, std::uint64_t> last_sequence;  // by tag
  std::set<std::uint64_t> doubtful;                      // tags
  std::uint64_t era = 0;
  std::int64_t now_ms = 0;
  constexpr std::uint64_t kCommands = 20000;
  std::uint64_t tag = 0;
  const auto answer = [&] {
    const std::size_t at = draw(at_node.size());
    const Command command = at_node[at];
    at_node[at] = at_node.back();
    at_node.pop_back();
    switch (draw(12)) {
      case 0:
        Answer(command, ReplyStatus::kRefused, RefusalReason::kMalformed,
               now_ms);
        return;
      case 1:
        Answer(command, ReplyStatus::kRefused, RefusalReason::kBusy, now_ms);
        return;
      case 2:
        Answer(command, ReplyStatus::kUnknown, RefusalReason::kNone, now_ms);
        doubtful.insert(tags.at(command.id));
        return;
      case 3:
        if (draw(20) == 0) sessions_.NoteEra(++era);
        Answer(command, ReplyStatus::kRefused, RefusalReason::kSessionExpired,
               now_ms);
        return;
      default: Answer(command, ReplyStatus::kDone); return;
    }
  };
  while (tag < kCommands || sessions_.outstanding() > 0) {
    if (tag < kCommands && draw(2) == 0) {
      const std::string key = std::to_string(++tag);
      const Operation get{.kind = OperationKind::kGet, .key = key};
      const std::size_t number = numbers[draw(numbers.size())];
      sessions_.Submit(number, {&get, 1}, tag, now_ms);
    }
    if (draw(4) == 0) {
      while (const CommandBatchPtr batch = sessions_.NextBatch(now_ms)) {
        for (const Command& command : batch->commands()) {
          const std::uint64_t sent =
              std::stoull(std::string(batch->operations(command)[0].key));
          tags[command.id] = sent;
          last_sequence[sent] = command.id.sequence;
          at_node.push_back(command);
        }
      }
    }
    if (!at_node.empty() && draw(2) == 0) answer();
    if (draw(100) == 0) now_ms += static_cast<std::int64_t>(draw(80));
    sessions_.HandleTime(now_ms, completed_);
    if (sessions_.WantsOtherNode(now_ms) || draw(500) == 0) {
      for (const Command& command : at_node) {
        doubtful.insert(tags.at(command.id));
      }
      at_node.clear();
      sessions_.HandleDisconnect();
    }
  }
  ASSERT_EQ(completed_.size(), kCommands);
  std::set<std::uint64_t> completed_tags;
  std::uint64_t refused = 0;
  for (const Completion& completion : completed_) {
    completed_tags.insert(completion.tag);
    const auto sent = last_sequence.find(completion.tag);
    if (completion.status == ReplyStatus::kDone) {
      ASSERT_NE(sent, last_sequence.end());
      EXPECT_EQ(completion.sequence, sent->second);
    }
    if (completion.status != ReplyStatus::kRefused) continue;
    ++refused;
    EXPECT_FALSE(doubtful.contains(completion.tag))
        << "tag " << completion.tag;
  }
  EXPECT_EQ(completed_tags.size(), kCommands);
  EXPECT_GT(era, 5u);
  EXPECT_GT(refused, 0u);
  EXPECT_GT(sessions_.stats().unknown, 0u);
  EXPECT_GT(sessions_.stats().retried, 0u);
}

}  // namespace
}  // namespace quorate
