#include "replica/node/commit_clock.h"

#include <gtest/gtest.h>

#include <memory>

namespace quorate {
namespace {

constexpr ReplicaId kSelf = ReplicaAt(1);

ClientReply ReplyFor(std::uint32_t origin, InstanceId instance) {
  return {.origin = origin, .instance = instance};
}

class CommitClockTest : public testing::Test {
 protected:
  void Commit(InstanceId instance) {
    const CommittedInstance decision{.instance = instance};
    clock_.NoteCommits({&decision, 1});
  }
  // The clock stands still until Advance: spins until a real tick has passed.
  void PassTime(std::uint64_t us) {
    const std::uint64_t start = clock_.now_us();
    do {
      clock_.Advance();
    } while (clock_.now_us() < start + us);
  }

  CommitClock clock_{kSelf};
};

TEST_F(CommitClockTest, KeepsTheConnectionInTheOrigin) {
  for (const std::uint32_t connection : {1u, 2u, 1000u, kMostConnections}) {
    const std::uint32_t origin = clock_.OriginOf(connection);
    EXPECT_NE(origin, 0u);
    EXPECT_EQ(CommitClock::ConnectionOf(origin), connection);
  }
}

TEST_F(CommitClockTest, StandsStillUntilItIsAdvanced) {
  const std::uint64_t now = clock_.now_us();
  EXPECT_EQ(clock_.now_us(), now);
}

TEST_F(CommitClockTest, LeavesOutTheTimeAfterTheCommit) {
  const std::uint32_t origin = clock_.OriginOf(1);
  PassTime(100);
  Commit({kSelf, 7});
  const std::uint32_t at_commit =
      clock_.CommitLatencyUs(ReplyFor(origin, {kSelf, 7}));
  EXPECT_GE(at_commit, 100u - CommitClock::kMicrosecondsAUnit);
  PassTime(200);
  const std::uint32_t later =
      clock_.CommitLatencyUs(ReplyFor(origin, {kSelf, 7}));
  EXPECT_NEAR(later, at_commit, CommitClock::kMicrosecondsAUnit);
}

TEST_F(CommitClockTest, CountsUntilNowForASlotThatTheRingHasPassed) {
  const std::uint32_t origin = clock_.OriginOf(1);
  Commit({kSelf, 7});
  Commit({kSelf, 7 + 8192});
  PassTime(200);
  EXPECT_GE(clock_.CommitLatencyUs(ReplyFor(origin, {kSelf, 7})),
            200u - CommitClock::kMicrosecondsAUnit);
}

TEST_F(CommitClockTest, NotesOwnInstancesOnly) {
  const std::uint32_t origin = clock_.OriginOf(1);
  Commit({ReplicaAt(0), 7});
  PassTime(200);
  EXPECT_GE(clock_.CommitLatencyUs(ReplyFor(origin, {kSelf, 7})),
            200u - CommitClock::kMicrosecondsAUnit);
}

TEST_F(CommitClockTest, GivesZeroWhereNoInstanceCarriedTheCommand) {
  EXPECT_EQ(clock_.CommitLatencyUs(ReplyFor(clock_.OriginOf(1), {})), 0u);
}

}  // namespace
}  // namespace quorate
