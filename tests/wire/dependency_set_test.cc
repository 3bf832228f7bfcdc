#include "wire/dependency_set.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace quorate {
namespace {

DependencySet Deps(std::initializer_list<std::uint64_t> watermarks) {
  DependencySet deps(static_cast<int>(watermarks.size()));
  int column = 0;
  for (const std::uint64_t watermark : watermarks) {
    deps.Set(ReplicaAt(column++), watermark);
  }
  return deps;
}

TEST(DependencySetTest, StartsWithoutInstances) {
  const DependencySet deps(3);
  EXPECT_EQ(deps.columns(), 3);
  EXPECT_FALSE(deps.Contains({ReplicaAt(0), 1}));
}

TEST(DependencySetTest, AnInstanceBringsEveryEarlierOneOfItsColumn) {
  DependencySet deps(3);
  deps.Add({ReplicaAt(1), 5});
  for (std::uint64_t slot = 1; slot <= 5; ++slot) {
    EXPECT_TRUE(deps.Contains({ReplicaAt(1), slot}));
  }
  EXPECT_FALSE(deps.Contains({ReplicaAt(1), 6}));
  EXPECT_FALSE(deps.Contains({ReplicaAt(0), 1}));
}

TEST(DependencySetTest, AddingAnEarlierInstanceChangesNothing) {
  DependencySet deps = Deps({0, 5, 0});
  deps.Add({ReplicaAt(1), 3});
  EXPECT_EQ(deps, Deps({0, 5, 0}));
}

TEST(DependencySetTest, UnionTakesTheLargerWatermarkOfEachColumn) {
  DependencySet deps = Deps({1, 5, 0});
  deps.UnionWith(Deps({2, 3, 0}));
  EXPECT_EQ(deps, Deps({2, 5, 0}));
}

TEST(DependencySetTest, IntersectionTakesTheSmallerWatermarkOfEachColumn) {
  DependencySet deps = Deps({1, 5, 7});
  deps.IntersectWith(Deps({2, 3, 0}));
  EXPECT_EQ(deps, Deps({1, 3, 0}));
}

TEST(DependencySetTest, CoversWhatHasNoLargerWatermark) {
  EXPECT_TRUE(Deps({1, 5}).Covers(Deps({1, 5})));
  EXPECT_TRUE(Deps({1, 5}).Covers(Deps({0, 4})));
  EXPECT_FALSE(Deps({1, 5}).Covers(Deps({2, 0})));
}

TEST(DependencySetTest, TheUnionCoversBothAndBothCoverTheIntersection) {
  const DependencySet a = Deps({1, 5, 7});
  const DependencySet b = Deps({2, 3, 7});
  DependencySet all = a;
  all.UnionWith(b);
  EXPECT_TRUE(all.Covers(a) && all.Covers(b));
  DependencySet common = a;
  common.IntersectWith(b);
  EXPECT_TRUE(a.Covers(common) && b.Covers(common));
}

TEST(DependencySetTest, ClampingLeavesOutTheInstanceItselfAndLaterOnes) {
  DependencySet deps = Deps({9, 9});
  deps.ClampOwnColumn({ReplicaAt(1), 4});
  EXPECT_EQ(deps, Deps({9, 3}));
  deps.ClampOwnColumn({ReplicaAt(0), 1});
  EXPECT_EQ(deps, Deps({0, 3}));
}

TEST(DependencySetTest, SetsOfDifferentClustersDiffer) {
  EXPECT_NE(DependencySet(3), DependencySet(5));
}

TEST(DependencySetTest, IsWrittenWithoutEmptyColumns) {
  EXPECT_EQ(ToString(Deps({3, 0, 12})), "{r1:3 r3:12}");
  EXPECT_EQ(ToString(DependencySet(3)), "{}");
}

TEST(DependencySetDeathTest, RefusesMoreColumnsThanReplicas) {
  EXPECT_DEATH(DependencySet(kMaxReplicas + 1), "at most kMaxReplicas");
}

}  // namespace
}  // namespace quorate
