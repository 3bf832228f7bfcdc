#include "depsvc/interval_marks.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "wire/dependency_set.h"

namespace quorate {
namespace {

constexpr int kColumns = 3;
constexpr AccessClass kRead = AccessClass::kRead;
constexpr AccessClass kWrite = AccessClass::kWrite;

std::string Key(int number) {
  char text[16];
  std::snprintf(text, sizeof text, "key%05d", number);
  return text;
}

InstanceId Id(int replica, int slot) {
  return {ReplicaAt(replica), static_cast<std::uint64_t>(slot)};
}

std::uint64_t Scan(const IntervalMarks& marks, int first, int end) {
  DependencySet deps(kColumns);
  marks.CollectRange({Key(first), Key(end)}, kRead, deps);
  return deps[ReplicaAt(0)];
}

TEST(IntervalMarksTest, IsExactWhileThereIsRoom) {
  IntervalMarks marks(kColumns);
  const DependencySet floor(kColumns);
  for (int i = 1; i <= 100; ++i) marks.MarkKey(Key(i), kWrite, Id(0, i), floor);
  EXPECT_EQ(Scan(marks, 1, 51), 50u);
  EXPECT_EQ(Scan(marks, 7, 8), 7u);
  EXPECT_EQ(Scan(marks, 101, 200), 0u);
  DependencySet deps(kColumns);
  marks.CollectKey(Key(5), kWrite, deps);
  EXPECT_EQ(deps, DependencySet(kColumns));  // No range has it.
}

// Thousands of keys that nobody has executed yet: a scan meets neighbours of
// its range, but not everybody.
TEST(IntervalMarksTest, WithMoreKeysAScanMeetsNeighboursButNotAll) {
  IntervalMarks marks(kColumns);
  const DependencySet floor(kColumns);
  constexpr int kKeys = 6000;
  for (int i = 1; i <= kKeys; ++i) {
    marks.MarkKey(Key(i), kWrite, Id(0, i), floor);
  }
  EXPECT_LE(marks.intervals(), IntervalMarks::kMostIntervals + 2);
  for (int first = 1; first + 10 < kKeys; first += 97) {
    const std::uint64_t found = Scan(marks, first, first + 10);
    EXPECT_GE(found, static_cast<std::uint64_t>(first + 9));
    EXPECT_LE(found, static_cast<std::uint64_t>(first + 300));
  }
}

// What all have executed makes room for what is new.
TEST(IntervalMarksTest, IsExactForWhatLiesAboveTheFloor) {
  IntervalMarks marks(kColumns);
  DependencySet floor(kColumns);
  for (int i = 1; i <= 20'000; ++i) {
    marks.MarkKey(Key(i % 9000), kWrite, Id(0, i), floor);
    if (i > 200) floor.Raise(ReplicaAt(0), static_cast<std::uint64_t>(i - 200));
  }
  EXPECT_LE(marks.intervals(), IntervalMarks::kMostIntervals + 2);
  EXPECT_EQ(Scan(marks, 1900, 1950), 19949u);
  EXPECT_EQ(Scan(marks, 1900, 1901), 19900u);
}

TEST(IntervalMarksTest, ARangeIsMetByItsKeysAfterRoomWasMade) {
  IntervalMarks marks(kColumns);
  const DependencySet floor(kColumns);
  marks.MarkRange({Key(100), Key(200)}, kRead, Id(1, 7), floor);
  for (int i = 1; i <= 3000; ++i) {
    marks.MarkKey(Key(i), kWrite, Id(0, i), floor);
  }
  for (int i = 100; i < 200; ++i) {
    DependencySet deps(kColumns);
    marks.CollectKey(Key(i), kWrite, deps);
    EXPECT_EQ(deps[ReplicaAt(1)], 7u) << i;
  }
  DependencySet deps(kColumns);
  marks.CollectKey(Key(2500), kWrite, deps);
  EXPECT_EQ(deps[ReplicaAt(1)], 0u);
}

}  // namespace
}  // namespace quorate
