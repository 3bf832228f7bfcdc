// An emulated way: when bytes arrive on it, and in which order.
#include "wire/wan/way.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "wire/wan/delay_line.h"

namespace quorate {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

TEST(WayTest, AddsItsDelay) {
  Way way({.delay_ns = 30 * kMs});
  EXPECT_EQ(way.Arrival(5 * kMs, 100), 35 * kMs);
  EXPECT_EQ(way.Arrival(6 * kMs, 100), 36 * kMs);
  EXPECT_FALSE(way.direct());
  EXPECT_TRUE(Way(WayOptions()).direct());
}

TEST(WayTest, ABandwidthIsSharedByWhatIsSentTogether) {
  // A byte a microsecond.
  Way way({.delay_ns = kMs, .bits_per_second = 8'000'000});
  EXPECT_EQ(way.Arrival(0, 1000), 2 * kMs);
  EXPECT_EQ(way.Arrival(0, 1000), 3 * kMs);
  // Once it is free again nothing waits.
  EXPECT_EQ(way.Arrival(10 * kMs, 1000), 12 * kMs);
}

TEST(WayTest, NothingOvertakesWhateverTheJitter) {
  for (const char* text : {"uniform 20", "lognormal 5 1.5"}) {
    Way way({.delay_ns = kMs, .jitter = *ParseJitter(text), .seed = 7});
    std::uint64_t last = 0;
    bool varies = false;
    for (std::uint64_t now = 0; now < 1000 * kMs; now += kMs / 2) {
      const std::uint64_t arrives = way.Arrival(now, 1);
      EXPECT_GE(arrives, last);
      EXPECT_GE(arrives, now + kMs);
      varies = varies || arrives > std::max(last, now + 2 * kMs);
      last = arrives;
    }
    EXPECT_TRUE(varies) << text;
  }
}

// Far apart, so that none waits for another.
std::vector<std::uint64_t> Delays(Way way, int count) {
  std::vector<std::uint64_t> delays;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t now = static_cast<std::uint64_t>(i) * 10'000'000 * kMs;
    delays.push_back(way.Arrival(now, 1) - now);
  }
  return delays;
}

TEST(WayTest, JitterIsWhatItSays) {
  const Way uniform({.jitter = *ParseJitter("uniform 10"), .seed = 1});
  std::vector<std::uint64_t> delays = Delays(uniform, 10'000);
  EXPECT_LE(*std::ranges::max_element(delays), 10 * kMs);
  std::ranges::sort(delays);
  EXPECT_NEAR(static_cast<double>(delays[5000]), 5.0 * kMs, 0.3 * kMs);

  const Way lognormal({.jitter = *ParseJitter("lognormal 4 0.5"), .seed = 1});
  delays = Delays(lognormal, 10'000);
  std::ranges::sort(delays);
  EXPECT_NEAR(static_cast<double>(delays[5000]), 4.0 * kMs, 0.2 * kMs);
  // One sigma above the median: e^0.5 times.
  EXPECT_NEAR(static_cast<double>(delays[8413]), 6.595 * kMs, 0.4 * kMs);

  EXPECT_EQ(Delays(lognormal, 100), Delays(lognormal, 100));
  const Way other({.jitter = *ParseJitter("lognormal 4 0.5"), .seed = 2});
  EXPECT_NE(Delays(lognormal, 100), Delays(other, 100));
}

TEST(WayTest, ATraceIsReplayedAndBeginsAgain) {
  Jitter jitter = *ParseJitter("trace some file.txt");
  EXPECT_EQ(jitter.file, "some file.txt");
  jitter.trace_ns = std::make_shared<const std::vector<std::uint64_t>>(
      *ParseJitterTrace("# ms\n1\n\n2.5 # late\n"));
  EXPECT_EQ(Delays(Way({.delay_ns = kMs, .jitter = jitter}), 3),
            (std::vector<std::uint64_t>{2 * kMs, 3'500'000, 2 * kMs}));
}

TEST(WayTest, RefusesWhatIsNoJitter) {
  for (const char* text :
       {"uniform", "uniform x", "uniform -1", "uniform nan", "uniform inf",
        "uniform 1 2", "lognormal 1", "lognormal 1 -1", "lognormal 1 11",
        "lognormal 1e99 1", "trace", "trace ", "none 1", "gauss 1 2"}) {
    const auto jitter = ParseJitter(text);
    ASSERT_FALSE(jitter.ok()) << text;
    EXPECT_NE(jitter.status().message().find("lognormal MEDIAN_MS SIGMA"),
              std::string::npos);
  }
  EXPECT_TRUE(ParseJitter("").ok());
  EXPECT_TRUE(ParseJitter(" none ").ok());
  for (const char* text : {"", "# nothing\n", "1\ntwo\n", "1 2\n", "-3\n"}) {
    EXPECT_FALSE(ParseJitterTrace(text).ok()) << text;
  }
  EXPECT_NE(ParseJitterTrace("1\nx\n").status().message().find("line 2"),
            std::string::npos);
}

TEST(WayTest, AFlapClosesTheWayAgainAndAgain) {
  Way way({.delay_ns = kMs});
  way.Befall({.open_ns = 500 * kMs, .closed_ns = 200 * kMs}, 100 * kMs);
  EXPECT_EQ(way.Arrival(100 * kMs, 1), 101 * kMs);
  EXPECT_EQ(way.Arrival(599 * kMs, 1), 600 * kMs);
  EXPECT_EQ(way.Arrival(600 * kMs, 1), 801 * kMs);  // open again at 800
  EXPECT_EQ(way.Arrival(850 * kMs, 1), 851 * kMs);
}

// ---- what is on its way -----------------------------------------------------

class DelayLineTest : public testing::Test {
 protected:
  std::string Take(std::uint64_t now_ns) {
    std::string arrived;
    line_.Take(now_ns, arrived);
    return arrived;
  }

  std::shared_ptr<Way> way_ =
      std::make_shared<Way>(WayOptions{.delay_ns = 10 * kMs});
  std::shared_ptr<Lateness> lateness_ = std::make_shared<Lateness>();
  DelayLine line_{way_, lateness_};
};

TEST_F(DelayLineTest, HandsOverWhatIsDueInOrder) {
  EXPECT_EQ(line_.NextNs(), std::nullopt);
  line_.Send(0, "a");
  line_.Send(kMs, "bc");
  EXPECT_EQ(line_.bytes(), 3u);
  EXPECT_EQ(line_.NextNs(), 10 * kMs);
  EXPECT_EQ(Take(9 * kMs), "");
  EXPECT_EQ(Take(10 * kMs), "a");
  line_.Send(11 * kMs, "d");
  EXPECT_EQ(Take(30 * kMs), "bcd");
  EXPECT_EQ(line_.bytes(), 0u);
  EXPECT_EQ(lateness_->pieces(), 3u);
  EXPECT_EQ(lateness_->most_ns(), 19 * kMs);
}

TEST_F(DelayLineTest, WhatIsSentWhileCutLeavesWhenHealed) {
  line_.Send(0, "under way ");
  way_->Befall({.cut = true}, kMs);
  line_.WayChanged(kMs);
  line_.Send(2 * kMs, "held ");
  line_.Send(3 * kMs, "too ");
  // What had left arrives.
  EXPECT_EQ(Take(1000 * kMs), "under way ");
  EXPECT_EQ(line_.NextNs(), std::nullopt);
  way_->Befall({}, 2000 * kMs);
  line_.WayChanged(2000 * kMs);
  line_.Send(2000 * kMs, "later");
  EXPECT_EQ(line_.NextNs(), 2010 * kMs);
  EXPECT_EQ(Take(2010 * kMs), "held too later");
}

TEST(LatenessTest, TellsQuantilesToTenMicroseconds) {
  Lateness lateness;
  EXPECT_EQ(lateness.QuantileNs(0.5), 0u);
  for (std::uint64_t i = 1; i <= 100; ++i) lateness.Note(i * 20'000);
  EXPECT_EQ(lateness.QuantileNs(0.5), 1'000'000u);
  EXPECT_EQ(lateness.QuantileNs(0.99), 1'980'000u);
  lateness.Note(500 * kMs);
  EXPECT_EQ(lateness.QuantileNs(1), 500 * kMs);
}

}  // namespace
}  // namespace quorate
