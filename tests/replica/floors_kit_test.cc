// The bookkeeping by which members forget: witnesses, repair, readers.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "replica/base/floors/readers.h"
#include "replica/base/floors/repair.h"
#include "replica/base/floors/witnesses.h"

namespace quorate {
namespace {

DependencySet Slots(std::uint64_t first, std::uint64_t second) {
  DependencySet slots(2);
  slots.Set(ReplicaAt(0), first);
  slots.Set(ReplicaAt(1), second);
  return slots;
}

// ---- witnesses --------------------------------------------------------------

TEST(WitnessesTest, WhatAMajorityHadAtOneMomentMayBePassed) {
  Witnesses witnesses(2, ReplicaSet::FirstN(3), ReplicaAt(0), 2);
  witnesses.Hear(ReplicaAt(0), Slots(9, 9));
  witnesses.Hear(ReplicaAt(1), Slots(7, 8));
  EXPECT_EQ(witnesses.HeldByEnough(), Slots(0, 0));  // Just heard.
  EXPECT_EQ(witnesses.HeldByEnough(), Slots(7, 8));
}

TEST(WitnessesTest, WhoKnewMoreThanThisOneDoesNotWitness) {
  Witnesses witnesses(2, ReplicaSet::FirstN(3), ReplicaAt(0), 2);
  witnesses.Hear(ReplicaAt(0), Slots(9, 2));
  witnesses.Hear(ReplicaAt(2), Slots(9, 9));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(witnesses.HeldByEnough(), Slots(0, 0));
  witnesses.Hear(ReplicaAt(0), Slots(9, 9));
  EXPECT_EQ(witnesses.HeldByEnough(), Slots(9, 9));
}

TEST(WitnessesTest, OfFiveItTakesThree) {
  Witnesses witnesses(2, ReplicaSet::FirstN(5), ReplicaAt(4), 3);
  witnesses.Hear(ReplicaAt(4), Slots(9, 9));
  witnesses.Hear(ReplicaAt(0), Slots(9, 9));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(witnesses.HeldByEnough(), Slots(0, 0));
  witnesses.Hear(ReplicaAt(1), Slots(5, 9));
  witnesses.HeldByEnough();
  EXPECT_EQ(witnesses.HeldByEnough(), Slots(5, 9));
}

// ---- repair -----------------------------------------------------------------

class RepairTest : public testing::Test {
 protected:
  // A period in which the third member says how far it is.
  void Period(const DependencySet& committed) {
    repair_.Hear(ReplicaAt(2), committed);
    repair_.BeginPeriod(Slots(9, 9));
  }
  bool IsOurs(ReplicaSet suspected = {}) {
    return repair_.IsOverdue(ReplicaAt(2), ReplicaAt(0)) &&
           repair_.IsOurs(ReplicaAt(2), ReplicaAt(0), suspected);
  }

  // The second of three, asked about the first one's column.
  Repair repair_{2, ReplicaSet::FirstN(3), ReplicaAt(1)};
};

TEST_F(RepairTest, TheColumnsOwnMemberIsFirst) {
  repair_.Hear(ReplicaAt(0), Slots(9, 9));
  for (int i = 0; i < 3; ++i) Period(Slots(1, 9));
  EXPECT_FALSE(IsOurs());
  ReplicaSet first;
  first.Insert(ReplicaAt(0));
  EXPECT_TRUE(IsOurs(/*suspected=*/first));
  EXPECT_EQ(repair_.relays(), 0u);
}

TEST_F(RepairTest, AnotherOneHelpsWhoStandsStill) {
  repair_.Hear(ReplicaAt(0), Slots(9, 9));
  for (int i = 0; i < 8; ++i) Period(Slots(1, 9));
  EXPECT_TRUE(IsOurs());
  EXPECT_EQ(repair_.relays(), 1u);
  Period(Slots(5, 9));  // It moves, and is helped until it lacks nothing.
  EXPECT_TRUE(IsOurs());
  Period(Slots(9, 9));
  EXPECT_FALSE(IsOurs());
}

TEST_F(RepairTest, WhoIsNotHeardDoesNotStandStill) {
  repair_.Hear(ReplicaAt(0), Slots(9, 9));
  Period(Slots(1, 9));
  for (int i = 0; i < 20; ++i) repair_.BeginPeriod(Slots(9, 9));
  EXPECT_FALSE(IsOurs());
}

TEST_F(RepairTest, SendsOnceAPeriodAndNoMoreThanAShare) {
  for (int i = 0; i < 3; ++i) Period(Slots(1, 9));
  std::vector<std::uint64_t> sent;
  const auto send = [&](InstanceId id) -> std::optional<std::size_t> {
    if (id.slot == 4) return std::nullopt;  // Undecided.
    sent.push_back(id.slot);
    return 400'000;
  };
  repair_.Resend(ReplicaAt(2), ReplicaAt(0), send);
  EXPECT_EQ(sent, (std::vector<std::uint64_t>{2, 3, 5}));
  repair_.Resend(ReplicaAt(2), ReplicaAt(0), send);
  EXPECT_EQ(sent.size(), 6u);
  repair_.Resend(ReplicaAt(2), ReplicaAt(0), send);
  EXPECT_EQ(sent.size(), 7u);
  repair_.Resend(ReplicaAt(2), ReplicaAt(0), send);
  EXPECT_EQ(sent.size(), 7u);
}

// ---- readers ----------------------------------------------------------------

class ReadersTest : public testing::Test {
 protected:
  // `forgotten`: here, and by the asker.
  void Request(const DependencySet& forgotten,
               const DependencySet& by_asker = Slots(0, 0)) {
    actions_.Clear();
    readers_.HandleRequest(ReplicaAt(1), {.forgotten = by_asker}, forgotten,
                           actions_);
  }
  void Announce(const DependencySet& committed) {
    readers_.HandleFrontier(ReplicaAt(1), committed, /*enough=*/Slots(8, 8));
  }

  Actions actions_;
  Readers readers_{2, ReplicaSet::FirstN(3)};
};

TEST_F(ReadersTest, ACheckpointBelowWhatIsForgottenHereIsOfNoUse) {
  readers_.NoteCheckpoint(7, Slots(3, 3));
  Request(Slots(3, 4));
  EXPECT_TRUE(actions_.snapshot_reads.empty());
  EXPECT_TRUE(readers_.wants_checkpoint());
  readers_.NoteCheckpoint(9, Slots(4, 4));
  EXPECT_FALSE(readers_.wants_checkpoint());
  Request(Slots(3, 4));
  ASSERT_EQ(actions_.snapshot_reads.size(), 1u);
  EXPECT_EQ(actions_.snapshot_reads[0].through, 9u);
}

TEST_F(ReadersTest, NorIsOneBelowWhatTheReaderHasForgotten) {
  readers_.NoteCheckpoint(7, Slots(3, 3));
  Request(Slots(0, 0), /*by_asker=*/Slots(0, 4));
  EXPECT_TRUE(actions_.snapshot_reads.empty());
  EXPECT_TRUE(readers_.wants_checkpoint());
}

TEST_F(ReadersTest, AReaderThatHasCaughtUpIsNone) {
  Request(Slots(0, 0));
  EXPECT_TRUE(readers_.Contains(ReplicaAt(1)));
  Announce(Slots(7, 9));
  EXPECT_TRUE(readers_.Contains(ReplicaAt(1)));
  Announce(Slots(8, 9));
  EXPECT_TRUE(readers_.empty());
}

TEST_F(ReadersTest, NorIsOneThatIsSilentForLong) {
  Request(Slots(0, 0));
  for (int tick = 0; tick < 400; ++tick) readers_.HandleTick();
  Announce(Slots(1, 1));  // It gets on.
  for (int tick = 0; tick < 400; ++tick) readers_.HandleTick();
  EXPECT_FALSE(readers_.empty());
  for (int tick = 0; tick < 200; ++tick) readers_.HandleTick();
  EXPECT_TRUE(readers_.empty());
}

}  // namespace
}  // namespace quorate
