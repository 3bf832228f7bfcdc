#include "experiments/bench/zipf.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

std::vector<double> Frequencies(const Zipf& zipf, int draws) {
  Random random(5);
  std::vector<double> counts(static_cast<std::size_t>(zipf.count()));
  for (int i = 0; i < draws; ++i) counts[zipf.Draw(random)] += 1.0 / draws;
  return counts;
}

TEST(ZipfTest, FrequenciesFollowTheLaw) {
  constexpr int kDraws = 1'000'000;
  for (double theta : {0.5, 0.99, 1.0, 1.5}) {
    const Zipf zipf(1000, theta);
    const std::vector<double> seen = Frequencies(zipf, kDraws);
    for (std::uint64_t rank : {0, 1, 2, 9, 99, 999}) {
      const double expected = zipf.Probability(rank);
      // Five standard deviations of a binomial count.
      const double slack = 5 * std::sqrt(expected / kDraws);
      EXPECT_NEAR(seen[rank], expected, slack)
          << "theta " << theta << " rank " << rank;
    }
  }
}

TEST(ZipfTest, ProbabilitiesFallAsPowersOfTheRank) {
  const Zipf zipf(10'000, 0.99);
  EXPECT_NEAR(zipf.Probability(0) / zipf.Probability(9), std::pow(10.0, 0.99),
              1e-9);
}

TEST(ZipfTest, ThetaZeroIsUniform) {
  const Zipf zipf(10, 0);
  for (double share : Frequencies(zipf, 100'000)) EXPECT_NEAR(share, 0.1, 0.01);
}

TEST(ZipfTest, OneKeyIsAlwaysDrawn) {
  const Zipf zipf(1, 0.99);
  Random random(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf.Draw(random), 0u);
}

}  // namespace
}  // namespace quorate::bench
