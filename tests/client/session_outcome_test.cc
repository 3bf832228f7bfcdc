// Retries, refusals, eras, giving up.
#include <vector>

#include "tests/client/session_harness.h"

namespace quorate {
namespace {

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
}

// A node that wakes with it in its backlog must not undo what the session does
// from here on.
TEST_F(SessionsTest, WithdrawsWhatItGaveUpBeforeTheSessionGoesOn) {
  const Command given_up = SubmitAndSend(1, 0);
  sessions_.HandleTime(1000, completed_);
  Submit(2, 1000);
  Submit(3, 1000);
  const CommandBatchPtr batch = sessions_.NextBatch(1000);
  ASSERT_EQ(batch->commands().size(), 1u);
  const Command& withdrawal = batch->commands()[0];
  EXPECT_EQ(withdrawal.id.client, given_up.id.client);
  EXPECT_LT(withdrawal.acknowledged, given_up.id.sequence);
  EXPECT_EQ(batch->operations()[0].kind, OperationKind::kWithdraw);
  EXPECT_EQ(batch->operations()[0].key, "key1");
  EXPECT_EQ(batch->operations()[0].number,
            static_cast<std::int64_t>(given_up.id.sequence));
  EXPECT_TRUE(MayWithdraw(withdrawal, batch->operations()[0]));
  EXPECT_EQ(sessions_.NextBatch(1000), nullptr) << "the others wait for it";
  // It is a command like any other: sent again, retried when refused.
  sessions_.HandleDisconnect();
  EXPECT_EQ(SendOne(1001).id, withdrawal.id);
  Answer(withdrawal, ReplyStatus::kRefused, RefusalReason::kBusy, 1001);
  sessions_.HandleTime(1006, completed_);
  EXPECT_EQ(SendOne(1006).id, withdrawal.id);
  Answer(withdrawal, ReplyStatus::kDone);
  EXPECT_EQ(sessions_.NextBatch(1006)->commands().size(), 2u);
  EXPECT_EQ(CompletedTags(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(sessions_.stats().completed, 1u);
}

TEST_F(SessionsTest, OtherSessionsDoNotWaitForAWithdrawal) {
  SubmitAndSend(1, 0);
  sessions_.HandleTime(1000, completed_);
  const std::size_t other = sessions_.Open();
  const Operation put = Put("k", "v");
  sessions_.Submit(other, {&put, 1}, 2, 1000);
  EXPECT_EQ(sessions_.NextBatch(1000)->commands().size(), 2u);
}

TEST_F(SessionsTest, WhatWaitsForAWithdrawalForTooLongIsRefusedNotUnknown) {
  SubmitAndSend(1, 0);
  sessions_.HandleTime(1000, completed_);
  const Command withdrawal = SendOne(1000);
  Submit(2, 1000);
  Submit(3, 1500);
  EXPECT_EQ(sessions_.NextDeadline(), 1100);
  sessions_.HandleTime(2000, completed_);
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(completed_[1].status, ReplyStatus::kRefused);
  // The withdrawal itself is never given up.
  Answer(withdrawal, ReplyStatus::kDone);
  Answer(SendOne(2000), ReplyStatus::kDone);
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(sessions_.outstanding(), 0u);
}

TEST_F(SessionsTest, AForgottenSessionHasNothingToWithdraw) {
  SubmitAndSend(1, 0);
  sessions_.HandleTime(1000, completed_);
  const Command withdrawal = SendOne(1000);
  Submit(2, 1000);
  Answer(withdrawal, ReplyStatus::kRefused, RefusalReason::kSessionExpired);
  Answer(SendOne(1000), ReplyStatus::kDone);
  EXPECT_EQ(CompletedTags(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(SessionsTest, ReadsAreNotWithdrawn) {
  const Operation get{.kind = OperationKind::kGet, .key = "k"};
  sessions_.Submit(session_, {&get, 1}, 1, 0);
  SendOne(0);
  sessions_.HandleTime(1000, completed_);
  EXPECT_EQ(sessions_.NextBatch(1000), nullptr);
  EXPECT_EQ(sessions_.outstanding(), 0u);
}

TEST_F(SessionsTest, GivesUpACommandThatWasNeverSentAsRefused) {
  Submit(1, 0);
  EXPECT_EQ(sessions_.NextDeadline(), 1000);
  sessions_.HandleTime(1000, completed_);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kNone);
}

TEST_F(SessionsTest, ARetryMayHearThatItWasDoneAndNoMore) {
  SubmitAndSend(1);
  sessions_.HandleDisconnect();
  const ClientId id = sessions_.id(session_);
  Answer(SendOne(10), ReplyStatus::kResultGone);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kResultGone);
  EXPECT_TRUE(completed_[0].results.empty());
  EXPECT_EQ(sessions_.id(session_), id) << "it is certain, nothing is given up";
}

// The refusal is the outcome of the command, whichever sending of it executed.
TEST_F(SessionsTest, AResultThatIsTooLargeIsCertainThoughItWasSentTwice) {
  SubmitAndSend(1);
  sessions_.HandleDisconnect();
  Answer(SendOne(10), ReplyStatus::kRefused, RefusalReason::kResultTooLarge);
  ASSERT_EQ(completed_.size(), 1u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kResultTooLarge);
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
  Answer(SendOne(1000), ReplyStatus::kDone);  // The withdrawal.
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

}  // namespace
}  // namespace quorate
