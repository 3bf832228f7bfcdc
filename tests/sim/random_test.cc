#include "tests/sim/random.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/sim/event_queue.h"

namespace quorate::sim {
namespace {

TEST(Random, GivesTheNumbersOfItsPublishedAlgorithm) {
  // splitmix64 from seed 1234567, as its author's reference code prints it.
  std::uint64_t state = 1234567;
  EXPECT_EQ(SplitMix64(state), 6457827717110365317u);
  EXPECT_EQ(SplitMix64(state), 3203168211198807973u);
  EXPECT_EQ(SplitMix64(state), 9817491932198370423u);
}

TEST(Random, EqualSeedsGiveEqualNumbersAndOthersDiffer) {
  Random a(7), b(7), c(8);
  const std::uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
}

TEST(Random, AForkDoesNotDependOnDrawsFromItsParentsOtherForks) {
  const Random parent(7);
  Random one = parent.Fork(1);
  Random two = parent.Fork(2);
  one.Next();
  Random again = parent.Fork(2);
  EXPECT_EQ(two.Next(), again.Next());
  EXPECT_NE(parent.Fork(1).Next(), parent.Fork(2).Next());
}

TEST(Random, DrawsCoverTheirRangeAndStayInside) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Between(3, 7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{3, 4, 5, 6, 7}));
}

TEST(Random, ATailMakesSomeDrawsManyTimesLarger) {
  Random random(1);
  std::uint64_t largest = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LE(random.HeavyTailed(100, 0), 150u);
    largest = std::max(largest, random.HeavyTailed(100, 300));
  }
  EXPECT_GT(largest, 1000u);
}

TEST(EventQueue, RunsInOrderOfTimeAndThenOfScheduling) {
  EventQueue queue;
  std::string order;
  queue.After(5, [&] { order += 'c'; });
  queue.After(1, [&] {
    order += 'a';
    queue.After(4, [&] { order += 'd'; });
    queue.After(0, [&] { order += 'b'; });
  });
  while (!queue.empty()) queue.RunNext();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(queue.now(), 5u);
}

}  // namespace
}  // namespace quorate::sim
