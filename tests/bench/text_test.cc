#include "experiments/bench/text.h"

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

TEST(TextTest, GroupsThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
}

TEST(TextTest, KeepsThreeDigits) {
  EXPECT_EQ(FormatSignificant(0.0123), "0.012");
  EXPECT_EQ(FormatSignificant(0.5), "0.50");
  EXPECT_EQ(FormatSignificant(9.999), "10.0");
  EXPECT_EQ(FormatSignificant(12.345), "12.3");
  EXPECT_EQ(FormatSignificant(123.4), "123");
  EXPECT_EQ(FormatSignificant(1234.5), "1,235");
}

TEST(TextTest, TrimsZerosBehindThePointOnly) {
  EXPECT_EQ(FormatTrimmed(5.0), "5");
  EXPECT_EQ(FormatTrimmed(0.5), "0.5");
  EXPECT_EQ(FormatTrimmed(100), "100");
  EXPECT_EQ(FormatTrimmed(0), "0");
}

TEST(TextTest, WritesWholePercentagesWithoutDecimals) {
  EXPECT_EQ(FormatPercent(50), "50 %");
  EXPECT_EQ(FormatPercent(99.5), "99.50 %");
}

}  // namespace
}  // namespace quorate::bench
