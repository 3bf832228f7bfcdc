#include "experiments/bench/punctuality.h"

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// A second that was answered every millisecond, but for `silent_ms` from 400.
Recorder Records(std::int64_t silent_ms) {
  Recorder recorder({.start_ns = 0, .end_ns = 1000 * kMillisecond}, 1);
  for (std::int64_t ms = 1; ms < 1000; ++ms) {
    if (ms > 400 && ms < 400 + silent_ms) continue;
    recorder.Advance(ms * kMillisecond);
    recorder.Answer(0, (ms - 1) * kMillisecond, 0);
  }
  recorder.Finish(1000 * kMillisecond);
  return recorder;
}

TEST(PunctualityTest, ATurnThatComesInTimeIsNoPause) {
  Punctuality own(0);
  own.Turn(10 * kMillisecond, 4 * kMillisecond);   // woken by an answer
  own.Turn(10 * kMillisecond, 11 * kMillisecond);  // a little late
  EXPECT_EQ(own.pause_count(), 0u);
  EXPECT_EQ(own.turns().count(), 1u);
  EXPECT_FALSE(GeneratorIsTheLimit(own, Records(1), 1 * kMillisecond));
}

TEST(PunctualityTest, ALateTurnIsAPause) {
  Punctuality own(0);
  own.Turn(410 * kMillisecond, 700 * kMillisecond);
  EXPECT_EQ(own.pause_count(), 1u);
  EXPECT_EQ(own.paused_ns(), 290 * kMillisecond);
  EXPECT_EQ(own.PausedBetween(0, 500 * kMillisecond), 90 * kMillisecond);
  EXPECT_EQ(own.PausedBetween(600 * kMillisecond, 2000 * kMillisecond),
            100 * kMillisecond);
  EXPECT_EQ(own.PausedBetween(700 * kMillisecond, 2000 * kMillisecond), 0);
  EXPECT_TRUE(GeneratorIsTheLimit(own, Records(300), 1 * kMillisecond));
}

TEST(PunctualityTest, WhatHappenedBeforeTheWindowDoesNotCount) {
  Punctuality own(1000 * kMillisecond);
  own.Turn(100 * kMillisecond, 900 * kMillisecond);
  own.Leave(100 * kMillisecond, 900 * kMillisecond);
  EXPECT_EQ(own.pause_count(), 0u);
  EXPECT_EQ(own.lateness().count(), 0u);
  own.Turn(100 * kMillisecond, 1200 * kMillisecond);
  EXPECT_EQ(own.paused_ns(), 200 * kMillisecond);
}

// A short pause in a long run moves no percentile, but it is the silence.
TEST(PunctualityTest, TheLongestSilenceMayBeTheGenerators) {
  Recorder records({.start_ns = 0, .end_ns = 100'000 * kMillisecond}, 1);
  for (std::int64_t ms = 1; ms < 100'000; ms += 10) {
    if (ms > 5000 && ms < 5200) continue;
    records.Advance(ms * kMillisecond);
    records.Answer(0, (ms - 1) * kMillisecond, 0);
  }
  records.Finish(100'000 * kMillisecond);
  Punctuality elsewhere(0);
  elsewhere.Turn(9000 * kMillisecond, 9150 * kMillisecond);
  EXPECT_FALSE(GeneratorIsTheLimit(elsewhere, records, kMillisecond));
  Punctuality there(0);
  there.Turn(5010 * kMillisecond, 5190 * kMillisecond);
  EXPECT_TRUE(GeneratorIsTheLimit(there, records, kMillisecond));
}

TEST(PunctualityTest, CommandsThatLeftLateAreTheGenerators) {
  Punctuality own(0);
  for (std::int64_t i = 0; i < 100; ++i) {
    own.Leave(i * kMillisecond,
              i * kMillisecond + (i < 95 ? 1000 : 20 * kMillisecond));
  }
  EXPECT_TRUE(GeneratorIsTheLimit(own, Records(1), 21 * kMillisecond));
  // A fifth of what clients waited: the rest was the cluster.
  EXPECT_FALSE(GeneratorIsTheLimit(own, Records(1), 100 * kMillisecond));
}

}  // namespace
}  // namespace quorate::bench
