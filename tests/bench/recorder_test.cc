#include "experiments/bench/recorder.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

constexpr std::int64_t kMs = 1'000'000;

Recorder TenSeconds() {
  return Recorder({.start_ns = 0, .end_ns = 10'000 * kMs}, 2);
}

TEST(RecorderTest, CommandsOfTheWarmUpAreNoLatencies) {
  Recorder recorder({.start_ns = 100 * kMs, .end_ns = 200 * kMs}, 1);
  recorder.Advance(101 * kMs);
  recorder.Answer(0, 99 * kMs, 0);   // started before the window
  recorder.Answer(0, 100 * kMs, 0);  // inside
  EXPECT_EQ(recorder.AllSites().execute.count(), 1u);
  EXPECT_EQ(recorder.answers(), 2u);  // both were answered inside
}

TEST(RecorderTest, LateAnswersAreLatenciesButNoThroughput) {
  Recorder recorder({.start_ns = 0, .end_ns = 100 * kMs}, 1);
  recorder.Finish(100 * kMs);
  recorder.Advance(500 * kMs);
  recorder.Answer(0, 90 * kMs, 0);
  EXPECT_EQ(recorder.answers(), 0u);
  EXPECT_EQ(recorder.AllSites().execute.max(),
            static_cast<std::uint64_t>(410 * kMs));
}

TEST(RecorderTest, SitesAreKeptApartAndAddUp) {
  Recorder recorder = TenSeconds();
  recorder.Advance(50 * kMs);
  recorder.Answer(0, 49 * kMs, 300);
  recorder.Answer(1, 10 * kMs, 900);
  EXPECT_EQ(recorder.sites()[0].execute.max(), 1'000'000u);
  EXPECT_EQ(recorder.sites()[1].execute.max(), 40'000'000u);
  EXPECT_EQ(recorder.sites()[1].commit.max(), 900'000u);
  EXPECT_EQ(recorder.AllSites().commit.count(), 2u);
}

TEST(RecorderTest, TheTimelineHasAPointForEveryIntervalEvenASilentOne) {
  Recorder recorder = TenSeconds();
  recorder.Advance(500 * kMs);
  recorder.Answer(0, 490 * kMs, 0);
  recorder.Advance(2500 * kMs);
  recorder.Answer(0, 2400 * kMs, 0);
  recorder.Error();
  recorder.Finish(10'000 * kMs);
  ASSERT_EQ(recorder.timeline().size(), 10u);
  EXPECT_EQ(recorder.timeline()[0].answers, 1u);
  EXPECT_EQ(recorder.timeline()[1].answers, 0u);
  EXPECT_EQ(recorder.timeline()[2].answers, 1u);
  EXPECT_EQ(recorder.timeline()[2].errors, 1u);
  EXPECT_DOUBLE_EQ(recorder.timeline()[2].at_s, 2.0);
}

TEST(RecorderTest, ARunThatEndsEarlyHasAShorterWindow) {
  Recorder recorder = TenSeconds();
  recorder.Advance(2000 * kMs);
  recorder.Answer(0, 1999 * kMs, 0);
  recorder.Finish(2500 * kMs);
  EXPECT_DOUBLE_EQ(recorder.window_s(), 2.5);
  ASSERT_EQ(recorder.timeline().size(), 3u);
  EXPECT_DOUBLE_EQ(recorder.timeline()[2].length_s, 0.5);
}

TEST(RecorderTest, CountsWhatFoundNothingInsideTheWindow) {
  Recorder recorder({.start_ns = 100 * kMs, .end_ns = 200 * kMs}, 1);
  recorder.Advance(50 * kMs);
  recorder.Operation(OperationKind::kGet, true);  // warm-up
  recorder.Advance(150 * kMs);
  recorder.Operation(OperationKind::kGet, true);
  recorder.Operation(OperationKind::kGet, false);
  recorder.Operation(OperationKind::kScan, false);
  EXPECT_EQ(recorder.operations(OperationKind::kGet).done, 2u);
  EXPECT_EQ(recorder.operations(OperationKind::kGet).missed, 1u);
  EXPECT_EQ(recorder.operations(OperationKind::kScan).done, 1u);
  EXPECT_EQ(recorder.operations(OperationKind::kPut).done, 0u);
}

TEST(RecorderTest, TheLongestSilenceIncludesBothEnds) {
  Recorder early = TenSeconds();
  early.Advance(4000 * kMs);
  early.Answer(0, 3999 * kMs, 0);
  early.Advance(9000 * kMs);
  early.Answer(0, 8999 * kMs, 0);
  early.Finish(10'000 * kMs);
  EXPECT_EQ(early.longest_silence_ns(), 5000 * kMs);
  EXPECT_EQ(early.silence_start_ns(), 4000 * kMs);

  Recorder late = TenSeconds();
  late.Advance(1000 * kMs);
  late.Answer(0, 999 * kMs, 0);
  late.Finish(10'000 * kMs);
  EXPECT_EQ(late.longest_silence_ns(), 9000 * kMs);

  Recorder never = TenSeconds();
  never.Finish(10'000 * kMs);
  EXPECT_EQ(never.longest_silence_ns(), 10'000 * kMs);
}

}  // namespace
}  // namespace quorate::bench
