#include "replica/base/distances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace quorate {
namespace {

using testing::ElementsAre;

constexpr int kTickMs = 10;

void Note(Distances& distances, int peer, std::uint64_t us, int times = 16) {
  for (int i = 0; i < times; ++i) distances.Note(ReplicaAt(peer), us);
}

std::vector<int> Order(const Distances& distances) {
  std::vector<int> order;
  for (const ReplicaId peer : distances.nearest_first()) {
    order.push_back(Index(peer));
  }
  return order;
}

TEST(DistancesTest, AreThoseOfTheRingUntilSomethingIsMeasured) {
  const Distances distances(ReplicaAt(3), 5, kTickMs);
  EXPECT_THAT(Order(distances), ElementsAre(4, 0, 1, 2));
  EXPECT_FALSE(distances.any_is_measured());
  EXPECT_EQ(distances.Ticks(ReplicaAt(0)), 0);
}

TEST(DistancesTest, PutTheNearestFirst) {
  Distances distances(ReplicaAt(1), 5, kTickMs);
  Note(distances, 0, 59910);
  Note(distances, 2, 70500);
  Note(distances, 3, 72500);
  EXPECT_THAT(Order(distances), ElementsAre(0, 2, 3, 4)) << "4 is not measured";
  Note(distances, 4, 21130);
  EXPECT_THAT(Order(distances), ElementsAre(4, 0, 2, 3));
}

// Or all nodes of a LAN would ask the same ones, whoever they take for nearest.
TEST(DistancesTest, KeepTheRingsOrderOfThoseThatAreAboutAsFar) {
  Distances distances(ReplicaAt(0), 5, kTickMs);
  Note(distances, 1, 420);
  Note(distances, 2, 90);
  Note(distances, 3, 250);
  Note(distances, 4, 110);
  EXPECT_THAT(Order(distances), ElementsAre(1, 2, 3, 4));
}

TEST(DistancesTest, ChangeTheirOrderOnlyWhenItIsWrongByMuch) {
  Distances distances(ReplicaAt(0), 3, kTickMs);
  Note(distances, 1, 50000);
  Note(distances, 2, 52000);
  EXPECT_THAT(Order(distances), ElementsAre(1, 2));
  Note(distances, 1, 54000, 100);
  EXPECT_THAT(Order(distances), ElementsAre(1, 2)) << "by less than a tenth";
  Note(distances, 1, 80000, 100);
  EXPECT_THAT(Order(distances), ElementsAre(2, 1));
}

TEST(DistancesTest, CountTheTicksThatAnAnswerMayTake) {
  Distances distances(ReplicaAt(0), 3, kTickMs);
  Note(distances, 1, 101000, 50);
  EXPECT_EQ(distances.Ticks(ReplicaAt(1)), 10);
  for (int i = 0; i < 50; ++i)
    Note(distances, 2, i % 2 == 0 ? 80000 : 120000, 1);
  EXPECT_GE(distances.Ticks(ReplicaAt(2)), 15) << "it varies";
  ReplicaSet both = ReplicaSet::FirstN(3);
  EXPECT_EQ(distances.MostTicks(both), distances.Ticks(ReplicaAt(2)));
  Note(distances, 1, 3600ull * 1000 * 1000, 1000);
  EXPECT_LE(distances.Ticks(ReplicaAt(1)), 200) << "what nobody believes";
}

TEST(DistancesTest, AreOfOthersOnly) {
  Distances distances(ReplicaAt(0), 3, kTickMs);
  Note(distances, 0, 1000);
  Note(distances, 3, 1000);
  EXPECT_FALSE(distances.any_is_measured());
}

}  // namespace
}  // namespace quorate
