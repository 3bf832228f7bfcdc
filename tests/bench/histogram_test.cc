#include "experiments/bench/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "experiments/bench/random.h"
#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

std::uint64_t NearestRank(const std::vector<std::uint64_t>& sorted,
                          double quantile) {
  const double rank = std::ceil(quantile * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

// Values over ten orders of magnitude, as latencies with a bad tail are.
std::vector<std::uint64_t> DrawValues(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(random.Next() >> (24 + random.Below(40)));
  }
  return values;
}

TEST(HistogramTest, QuantilesAreWithinOnePercentOfSorting) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::vector<std::uint64_t> values =
        DrawValues(seed, 1 + static_cast<std::size_t>(seed) * 97);
    Histogram histogram;
    for (std::uint64_t value : values) histogram.Record(value);
    std::ranges::sort(values);
    for (double quantile : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto exact = static_cast<double>(NearestRank(values, quantile));
      EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile)), exact,
                  0.01 * exact)
          << "seed " << seed << " quantile " << quantile;
    }
  }
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 256; ++value) histogram.Record(value);
  for (int i = 1; i <= 256; ++i) {
    EXPECT_EQ(histogram.Quantile(i / 256.0), static_cast<std::uint64_t>(i - 1));
  }
}

TEST(HistogramTest, MergedPartsEqualTheWhole) {
  Histogram whole;
  Histogram parts[3];
  for (std::uint64_t value : DrawValues(7, 10'000)) {
    whole.Record(value);
    parts[value % 3].Record(value);
  }
  Histogram merged;
  for (const Histogram& part : parts) merged.Merge(part);
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  EXPECT_DOUBLE_EQ(merged.Mean(), whole.Mean());
  for (double quantile : {0.001, 0.5, 0.999}) {
    EXPECT_EQ(merged.Quantile(quantile), whole.Quantile(quantile));
  }
}

TEST(HistogramTest, BucketsHoldEveryValueOnceAndDoNotOverlap) {
  Histogram histogram;
  const std::vector<std::uint64_t> values = DrawValues(3, 5'000);
  for (std::uint64_t value : values) histogram.Record(value);
  std::uint64_t sum = 0;
  std::uint64_t next = 0;
  for (const Histogram::Bucket& bucket : histogram.Buckets()) {
    EXPECT_LE(next, bucket.lowest);
    EXPECT_LE(bucket.lowest, bucket.highest);
    const auto inside = std::ranges::count_if(values, [&](std::uint64_t v) {
      return v >= bucket.lowest && v <= bucket.highest;
    });
    EXPECT_EQ(static_cast<std::uint64_t>(inside), bucket.count);
    next = bucket.highest + 1;
    sum += bucket.count;
  }
  EXPECT_EQ(sum, histogram.count());
}

TEST(HistogramTest, HugeValuesKeepAnExactMaximum) {
  Histogram histogram;
  histogram.Record(1);
  histogram.Record(~0ull);
  EXPECT_EQ(histogram.max(), ~0ull);
  EXPECT_GE(histogram.Quantile(1), (1ull << 39));
}

TEST(HistogramTest, ClearedHistogramIsLikeANewOne) {
  Histogram histogram;
  for (std::uint64_t value : DrawValues(9, 1'000)) histogram.Record(value);
  histogram.Clear();
  EXPECT_TRUE(histogram.empty());
  EXPECT_TRUE(histogram.Buckets().empty());
  EXPECT_EQ(histogram.Quantile(0.5), 0u);
  histogram.Record(42);
  EXPECT_EQ(histogram.min(), 42u);
  EXPECT_EQ(histogram.max(), 42u);
}

}  // namespace
}  // namespace quorate::bench
