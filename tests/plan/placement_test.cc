#include "experiments/plan/placement.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

using wan::RegionMatrix;

Predictor Of(Protocol protocol, int n) {
  return Predictor::Create({.protocol = protocol, .replicas = n}).value();
}

PlacementResult Find(const RegionMatrix& matrix, int n, PlacementSearch search,
                     Protocol protocol = Protocol::kEpaxos) {
  if (search.candidates.empty()) {
    search.candidates.resize(matrix.size());
    std::iota(search.candidates.begin(), search.candidates.end(), 0);
  }
  return FindPlacements(Distances(matrix), Of(protocol, n),
                        Of(Protocol::kMultipaxos, n), search,
                        [](std::uint64_t) {});
}

double Percent(std::uint64_t count, std::uint64_t of) {
  return std::round(1e4 * static_cast<double>(count) /
                    static_cast<double>(of)) /
         100;
}

TEST(PlacementTest, ChoicesAreCounted) {
  EXPECT_EQ(Choices(13, 7), 1716u);
  EXPECT_EQ(Choices(20, 7), 77520u);
  EXPECT_EQ(Choices(3, 3), 1u);
  EXPECT_EQ(Choices(3, 4), 0u);
}

TEST(PlacementTest, NothingIsBetterThanWhatIsFound) {
  const RegionMatrix matrix = wan::Load("world7").value();
  const Distances distances(matrix);
  const std::vector<Client> clients = {
      {.site = 0}, {.site = 2, .weight = 4}, {.site = 6}};
  for (const Protocol protocol : kProtocols) {
    for (const Objective objective : {Objective::kMean, Objective::kWorst}) {
      const PlacementResult found = Find(
          matrix, 3, {.clients = clients, .objective = objective}, protocol);
      ASSERT_EQ(found.best.size(), 5u);
      EXPECT_EQ(found.placements, 35u);
      const auto value = [&](const Prediction& at) {
        return objective == Objective::kMean ? at.mean_ns
                                             : static_cast<double>(at.worst_ns);
      };
      int not_worse = 0;
      for (unsigned set = 0; set < 128; ++set) {
        if (std::popcount(set) != 3) continue;
        std::vector<std::size_t> nodes;
        for (std::size_t site = 0; site < 7; ++site) {
          if ((set >> site & 1u) != 0) nodes.push_back(site);
        }
        const Prediction at =
            Of(protocol, 3).Predict(distances, nodes, clients, Asks::kNearest);
        EXPECT_GE(value(at), value(found.best[0].prediction));
        if (value(at) <= value(found.best[4].prediction)) ++not_worse;
      }
      EXPECT_GE(not_worse, 5);
      for (std::size_t i = 1; i < 5; ++i) {
        EXPECT_LE(value(found.best[i - 1].prediction),
                  value(found.best[i].prediction));
      }
    }
  }
}

// Five of seven are a fast quorum, four a leader's: the price of the fifth. Of
// five, three are either, and only detours make the leader faster.
TEST(PlacementTest, LeaderlessLosesMoreOftenWithSevenThanWithFive) {
  const RegionMatrix matrix = wan::Load("gcp20").value();
  const PlacementResult seven = Find(matrix, 7, {});
  EXPECT_EQ(seven.placements, 77520u);
  EXPECT_EQ(Percent(seven.losses.mean, seven.placements), 28.33);
  // The leader's own site is worse in all.
  EXPECT_EQ(seven.losses.some, seven.placements);
  EXPECT_EQ(Percent(seven.losses.some_by_1_ms, seven.placements), 98.77);
  const PlacementResult five = Find(matrix, 5, {});
  EXPECT_EQ(five.placements, 15504u);
  EXPECT_EQ(five.losses.mean, 0u);
  EXPECT_EQ(Percent(five.losses.some, five.placements), 5.05);
  EXPECT_EQ(Percent(five.losses.some_by_1_ms, five.placements), 2.83);
}

TEST(PlacementTest, OnlyCountedQuorumsAreAlikeEverywhere) {
  Settings settings{.protocol = Protocol::kMultipaxos, .replicas = 5};
  EXPECT_TRUE(IsSymmetric(settings));
  settings.phase2 = ParseQuorumSpec("size 4").value();
  EXPECT_TRUE(IsSymmetric(settings));
  settings.phase1 = ParseQuorumSpec("weights 3 1 1 1 1").value();
  EXPECT_FALSE(IsSymmetric(settings));
}

}  // namespace
}  // namespace quorate::plan
