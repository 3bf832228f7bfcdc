#include "replica/config/standing.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace quorate {
namespace {

ClusterConfig OfNodes(std::size_t count) {
  ClusterConfig config;
  for (std::size_t i = 0; i < count; ++i) {
    config.nodes.push_back({.name = "r" + std::to_string(i + 1)});
  }
  config.settings.replicas = static_cast<int>(count);
  return config;
}

ReplicaSet Some(std::size_t first, std::size_t last) {
  ReplicaSet set;
  for (std::size_t i = first; i <= last; ++i) {
    set.Insert(ReplicaAt(static_cast<int>(i) - 1));
  }
  return set;
}

TEST(StandingTest, AMajorityIsEnough) {
  const ClusterConfig config = OfNodes(3);
  const Standing standing = StandingOf(config, {true, false, true});
  EXPECT_TRUE(standing.quorum());
  EXPECT_EQ(standing.lack, "");
  EXPECT_EQ(standing.remedy, "");
}

TEST(StandingTest, NamesWhatIsMissingAndWhoBringsItBack) {
  const ClusterConfig config = OfNodes(5);
  const Standing standing =
      StandingOf(config, {true, false, false, true, false});
  EXPECT_FALSE(standing.quorum());
  EXPECT_EQ(standing.lack, "2 of 5 nodes up: no quorum (3 needed)");
  EXPECT_EQ(standing.remedy, "start r2, r3 and r5");
  EXPECT_EQ(StandingOf(OfNodes(3), {false, false, false}).lack,
            "0 of 3 nodes up: no quorum (2 needed)");
}

// Who has ended there may not come back alone.
TEST(StandingTest, WithoutADiskAllAreStartedAnew) {
  ClusterConfig config = OfNodes(3);
  config.durability = Durability::kMemory;
  const Standing standing = StandingOf(config, {true, false, false});
  EXPECT_NE(standing.remedy.find("r2 and r3"), std::string::npos);
  EXPECT_NE(standing.remedy.find("quorate local down, quorate local up"),
            std::string::npos)
      << standing.remedy;
}

// faults = 1 of 5: a recovery hears four.
TEST(StandingTest, CountsByTheSettings) {
  ClusterConfig config = OfNodes(5);
  config.settings.faults = 1;
  EXPECT_EQ(StandingOf(config, {true, true, true, false, false}).lack,
            "3 of 5 nodes up: no quorum (4 needed)");
  config.settings.faults = 0;
  EXPECT_TRUE(StandingOf(config, {true, true, true, false, false}).quorum());

  config.settings.protocol = Protocol::kMultipaxos;
  config.settings.phase1 = {.kind = QuorumSpec::Kind::kSize, .size = 4};
  config.settings.phase2 = {.kind = QuorumSpec::Kind::kSize, .size = 2};
  EXPECT_EQ(StandingOf(config, {true, true, true, false, false}).lack,
            "3 of 5 nodes up: no quorum (4 needed)");
}

TEST(StandingTest, NamesTheRoleThatLacksOne) {
  ClusterConfig config = OfNodes(10);
  config.settings.protocol = Protocol::kBpaxos;
  config.settings.roles = {.leaders = Some(1, 2),
                           .dependency_nodes = Some(3, 5),
                           .acceptors = Some(6, 8),
                           .executors = Some(9, 10)};
  std::vector<bool> up(10, true);
  up[0] = up[3] = up[6] = up[9] = false;
  EXPECT_EQ(StandingOf(config, up).lack, "") << "one of each role is down";
  up[7] = false;
  EXPECT_EQ(StandingOf(config, up).lack,
            "5 of 10 nodes up: no quorum of the acceptors r6, r7 and r8 (1 up, "
            "2 needed)");
  EXPECT_EQ(StandingOf(config, up).remedy, "start r7 and r8");
  up[7] = true;
  up[1] = false;
  EXPECT_EQ(StandingOf(config, up).lack,
            "5 of 10 nodes up: no quorum of the leaders r1 and r2 (0 up, 1 "
            "needed)");
}

}  // namespace
}  // namespace quorate
