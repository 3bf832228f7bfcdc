// A second node is asked beside a silent one.
#include <algorithm>
#include <vector>

#include "tests/client/session_harness.h"

namespace quorate {
namespace {

// Of kPolicy.
constexpr std::int64_t kHedgeMs = 80;

class HedgeTest : public SessionsTest {
 protected:
  bool AnswerHedge(const Command& command, ReplyStatus status,
                   RefusalReason reason, std::int64_t now_ms) {
    std::vector<ClientReply> replies{Reply(command, status, reason)};
    return sessions_.HandleHedgeReplies(replies, now_ms, completed_);
  }
  bool HedgeIsDone(const Command& command, std::int64_t now_ms) {
    return AnswerHedge(command, ReplyStatus::kDone, RefusalReason::kNone,
                       now_ms);
  }
};

TEST_F(HedgeTest, AsksASecondNodeUnderTheSameNumber) {
  const Command command = SubmitAndSend(1, 0);
  EXPECT_EQ(sessions_.HedgeDeadline(), kHedgeMs);
  EXPECT_FALSE(sessions_.WantsHedge(kHedgeMs - 1));
  ASSERT_TRUE(sessions_.WantsHedge(kHedgeMs));
  const CommandBatchPtr hedge = sessions_.NextHedge(kHedgeMs);
  ASSERT_EQ(hedge->commands().size(), 1u);
  EXPECT_EQ(hedge->commands()[0].id, command.id);
  EXPECT_TRUE(HedgeIsDone(command, kHedgeMs + 1));
  EXPECT_EQ(CompletedTags(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(sessions_.stats().hedged, 1u);
  EXPECT_EQ(sessions_.stats().hedges_won, 1u);
}

TEST_F(HedgeTest, TheFirstAnswerCountsAndOnlyOnce) {
  const Command first = SubmitAndSend(1, 0);
  sessions_.NextHedge(kHedgeMs);
  Answer(first, ReplyStatus::kDone, RefusalReason::kNone, 90);
  EXPECT_FALSE(sessions_.hedging());
  EXPECT_FALSE(HedgeIsDone(first, 91));
  EXPECT_EQ(completed_.size(), 1u);
  const Command second = SubmitAndSend(2, 1000);
  sessions_.NextHedge(5000);
  EXPECT_TRUE(HedgeIsDone(second, 5001));
  Answer(second, ReplyStatus::kDone, RefusalReason::kNone, 5002);
  EXPECT_EQ(completed_.size(), 2u);
  EXPECT_EQ(sessions_.stats().completed, 2u);
}

TEST_F(HedgeTest, ANodeThatSpeaksIsNotLeftForOneSlowCommand) {
  const Command slow = SubmitAndSend(1, 0);
  const Command quick = SubmitAndSend(2, 0);
  sessions_.NextHedge(kHedgeMs);
  Answer(quick, ReplyStatus::kDone, RefusalReason::kNone, kHedgeMs + 1);
  EXPECT_FALSE(HedgeIsDone(slow, kHedgeMs + 2));
  EXPECT_EQ(completed_.size(), 2u);
}

// The copy at the connected node may still be done.
TEST_F(HedgeTest, ARefusalOfTheSecondNodeSaysNothing) {
  const Command command = SubmitAndSend(1, 0);
  sessions_.NextHedge(kHedgeMs);
  EXPECT_FALSE(AnswerHedge(command, ReplyStatus::kRefused,
                           RefusalReason::kMalformed, 90));
  EXPECT_TRUE(completed_.empty());
  // And the refusal of the connected node is no longer the whole truth.
  Answer(command, ReplyStatus::kRefused, RefusalReason::kMalformed, 91);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
}

TEST_F(HedgeTest, PassesOnWhomTheSecondNodeNamesAsTheLeader) {
  const Command command = SubmitAndSend(1, 0);
  sessions_.NextHedge(kHedgeMs);
  std::vector<ClientReply> replies{
      Reply(command, ReplyStatus::kRefused, RefusalReason::kNotLeader)};
  replies[0].instance = {ReplicaAt(2), 0};
  EXPECT_FALSE(sessions_.HandleHedgeReplies(replies, 90, completed_));
  EXPECT_EQ(sessions_.hedge_leader(), ReplicaAt(2));
  sessions_.HandleHedgeLost(90, /*at_once=*/true);
  EXPECT_TRUE(sessions_.WantsHedge(90));
}

TEST_F(HedgeTest, ASilentSecondNodeIsFollowedByAnotherAndThenLessAndLessOften) {
  SubmitAndSend(1, 0);
  std::int64_t now_ms = sessions_.HedgeDeadline();
  std::vector<std::int64_t> waits_ms;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(sessions_.WantsHedge(now_ms));
    ASSERT_NE(sessions_.NextHedge(now_ms), nullptr);
    now_ms = sessions_.HedgeDeadline();
    sessions_.HandleHedgeLost(now_ms);
    waits_ms.push_back(sessions_.HedgeDeadline() - now_ms);
    now_ms = sessions_.HedgeDeadline();
  }
  EXPECT_EQ(waits_ms.front(), 0);
  EXPECT_TRUE(std::ranges::is_sorted(waits_ms));
  EXPECT_EQ(waits_ms.back(), 8 * kHedgeMs);
}

TEST_F(HedgeTest, AsksForFewOfManyCommands) {
  for (std::uint64_t tag = 1; tag <= 1000; ++tag) Submit(tag);
  sessions_.NextBatch(0);
  EXPECT_EQ(sessions_.NextHedge(kHedgeMs)->commands().size(), 16u);
}

// Every command takes 200 ms, and one in ten twice as long: once that has been
// seen, it is nothing to be impatient about.
TEST_F(HedgeTest, ASlowButHealthyClusterIsNotAskedTwice) {
  std::int64_t now_ms = 0;
  for (std::uint64_t tag = 1; tag <= 500; ++tag) {
    const Command command = SubmitAndSend(tag, now_ms);
    const std::int64_t done_ms = now_ms + (tag % 10 == 0 ? 400 : 200);
    if (sessions_.WantsHedge(done_ms - 1)) sessions_.NextHedge(done_ms - 1);
    Answer(command, ReplyStatus::kDone, RefusalReason::kNone, done_ms);
    now_ms = done_ms;
  }
  EXPECT_LE(sessions_.stats().hedged, 3u);
  EXPECT_FALSE(sessions_.WantsOtherNode(now_ms));
}

// Slower than the policy's retry timeout, which no policy could know.
TEST_F(HedgeTest, ASlowButHealthyClusterIsNotLeftForever) {
  std::int64_t now_ms = 0;
  int left = 0;
  for (std::uint64_t tag = 1; tag <= 100; ++tag) {
    const Command command = SubmitAndSend(tag, now_ms);
    left += sessions_.WantsOtherNode(now_ms + 239) ? 1 : 0;
    Answer(command, ReplyStatus::kDone, RefusalReason::kNone, now_ms + 240);
    now_ms += 240;
  }
  EXPECT_LE(left, 1);
}

// Answers that vary as wildly as can be: still a small share is asked twice.
TEST_F(HedgeTest, NoStorm) {
  std::int64_t now_ms = 0;
  std::uint64_t state = 1;
  constexpr std::uint64_t kCommands = 20'000;
  for (std::uint64_t tag = 1; tag <= kCommands; ++tag) {
    const Command command = SubmitAndSend(tag, now_ms);
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const std::int64_t done_ms = now_ms + ((state >> 33) % 20 == 0 ? 900 : 0);
    if (sessions_.WantsHedge(done_ms)) sessions_.NextHedge(done_ms);
    Answer(command, ReplyStatus::kDone, RefusalReason::kNone, done_ms);
    now_ms = done_ms + 1;
  }
  EXPECT_LE(sessions_.stats().hedged, 256 + kCommands / 20);
}

TEST_F(HedgeTest, WhatTheFirstNodeHadGoesToTheSecondWhenItIsLeft) {
  for (std::uint64_t tag = 1; tag <= 20; ++tag) Submit(tag);
  const CommandBatchPtr sent = sessions_.NextBatch(0);
  const CommandBatchPtr hedge = sessions_.NextHedge(kHedgeMs);
  EXPECT_TRUE(HedgeIsDone(hedge->commands()[0], kHedgeMs + 1));
  sessions_.HandleDisconnect();
  const CommandBatchPtr rest = sessions_.NextBatch(kHedgeMs + 1);
  ASSERT_EQ(rest->commands().size(), 19u);
  EXPECT_EQ(rest->commands()[0].id, sent->commands()[1].id);
}

}  // namespace
}  // namespace quorate
