#include "experiments/bench/arrivals.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "experiments/bench/recorder.h"
#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(ArrivalsTest, UniformArrivalsAreEvenlySpaced) {
  Arrivals arrivals(1000, ArrivalKind::kUniform, 1, 0);
  std::int64_t intended = 0;
  for (std::int64_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(arrivals.PopDue(kSecond, intended));
    EXPECT_EQ(intended, i * 1'000'000);
  }
}

TEST(ArrivalsTest, PoissonArrivalsHaveTheRateAndItsSpread) {
  Arrivals arrivals(10'000, ArrivalKind::kPoisson, 1, 0);
  std::vector<double> per_second;
  std::int64_t intended = 0;
  for (std::int64_t second = 1; second <= 50; ++second) {
    double count = 0;
    while (arrivals.PopDue(second * kSecond, intended)) ++count;
    per_second.push_back(count);
  }
  double mean = 0;
  for (double count : per_second) mean += count / 50;
  double variance = 0;
  for (double count : per_second) {
    variance += (count - mean) * (count - mean) / 49;
  }
  EXPECT_NEAR(mean, 10'000, 5 * 100 / std::sqrt(50.0));
  // A Poisson count varies as much as it is large.
  EXPECT_GT(variance, 4'000);
  EXPECT_LT(variance, 20'000);
}

TEST(ArrivalsTest, NothingIsDueBeforeItsTime) {
  Arrivals arrivals(1, ArrivalKind::kUniform, 1, 5 * kSecond);
  std::int64_t intended = 0;
  EXPECT_FALSE(arrivals.PopDue(6 * kSecond - 1, intended));
  EXPECT_TRUE(arrivals.PopDue(6 * kSecond, intended));
}

// A store that answers at once, except that it stands still for the second half
// of a two-second run. Measured from the submissions nobody would notice: only
// one client at a time waits. From the intended starts every command that was
// due meanwhile has waited, half a second on average.
TEST(ArrivalsTest, AStallCountsAgainstEveryCommandThatWasDue) {
  Arrivals arrivals(1000, ArrivalKind::kUniform, 1, 0);
  Recorder recorder({.start_ns = 0, .end_ns = 2 * kSecond}, 1);
  std::int64_t intended = 0;
  for (std::int64_t now = 0; now <= kSecond; now += 1'000'000) {
    recorder.Advance(now);
    while (arrivals.PopDue(now, intended)) recorder.Answer(0, intended, 0);
  }
  recorder.Advance(2 * kSecond);
  while (arrivals.PopDue(2 * kSecond, intended)) {
    recorder.Answer(0, intended, 0);
  }
  recorder.Finish(2 * kSecond);
  const SiteLatency all = recorder.AllSites();
  EXPECT_EQ(all.execute.count(), 1999u);  // the 2000th is due at the end
  EXPECT_LE(all.execute.Quantile(0.49), 1'000'000u);
  EXPECT_NEAR(static_cast<double>(all.execute.Quantile(0.75)), 0.5e9, 0.01e9);
  EXPECT_NEAR(static_cast<double>(all.execute.max()), 1e9, 0.01e9);
}

}  // namespace
}  // namespace quorate::bench
