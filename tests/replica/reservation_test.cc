#include "replica/base/reservation.h"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(ReservationTest, TheNextBlockComesBeforeTheLastRunsOut) {
  Reservation slots;
  ASSERT_TRUE(slots.IsShort(1, 4));
  slots.Extend(Reservation::BlockFor(1, 4), /*record=*/1);
  EXPECT_EQ(slots.through(), 9u);
  for (std::uint64_t slot = 1; slot <= 5; ++slot) {
    EXPECT_FALSE(slots.IsShort(slot, 4)) << slot;
  }
  EXPECT_TRUE(slots.IsShort(6, 4)) << "three slots before its end";
}

TEST(ReservationTest, ASlotRestsOnTheFirstRecordThatReservesIt) {
  Reservation slots;
  EXPECT_FALSE(slots.has_record());
  slots.Extend(9, /*record=*/3);
  EXPECT_EQ(slots.RecordOf(9), 3u);
  slots.Extend(14, /*record=*/8);
  EXPECT_EQ(slots.RecordOf(9), 3u) << "it need not wait for the newer one";
  EXPECT_EQ(slots.RecordOf(10), 8u);
  slots.Extend(20, /*record=*/11);
  EXPECT_EQ(slots.RecordOf(14), 8u);
  EXPECT_EQ(slots.RecordOf(15), 11u);
  EXPECT_TRUE(slots.has_record());
}

}  // namespace
}  // namespace quorate
