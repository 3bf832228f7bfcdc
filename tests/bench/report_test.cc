#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/plot/latency_curve.h"
#include "experiments/plot/pictures.h"
#include "experiments/plot/result_text.h"
#include "experiments/plot/terminal_plot.h"
#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;

// 90 commands of about 1 ms, 9 of 10 ms, one of 100 ms.
Json SomeBuckets() {
  return {{990'000, 1'000'000, 90},
          {9'900'000, 10'000'000, 9},
          {99'000'000, 100'000'000, 1}};
}

Json SomeResult() {
  Json result;
  result["schema"] = 1;
  result["protocol"] = "epaxos";
  result["nodes"] = 3;
  result["durability"] = "memory";
  result["clients"] = 8;
  result["pipeline"] = 2;
  result["throughput_ops_s"] = 12345.0;
  result["errors"] = 3;
  result["errors_by_kind"] = {{"busy", 3}};
  result["bottleneck"] = "client";
  result["histogram_ns"] = {{"commit", SomeBuckets()},
                            {"execute", SomeBuckets()}};
  result["timeline"] = Json::array({{{"at_s", 0.0},
                                     {"ops_s", 100.0},
                                     {"p50_ms", 1.0},
                                     {"p99_ms", 10.0},
                                     {"errors", 2}}});
  return result;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LatencyCurveTest, GivesSharesAndLatencies) {
  const LatencyCurve curve(SomeBuckets());
  EXPECT_EQ(curve.count(), 100u);
  EXPECT_DOUBLE_EQ(curve.ShareAt(0.5), 0);
  EXPECT_DOUBLE_EQ(curve.ShareAt(5), 0.9);
  EXPECT_DOUBLE_EQ(curve.ShareAt(100), 1);
  EXPECT_DOUBLE_EQ(curve.LatencyAt(0.5), 1);
  EXPECT_DOUBLE_EQ(curve.LatencyAt(0.99), 10);
  EXPECT_DOUBLE_EQ(curve.LatencyAt(1), 100);
}

TEST(LatencyCurveTest, WhatIsNoHistogramIsEmpty) {
  EXPECT_TRUE(LatencyCurve(Json()).empty());
  EXPECT_TRUE(LatencyCurve(Json::array({1, 2})).empty());
  EXPECT_TRUE(LatencyCurve(Json::array({Json::array({1, 2})})).empty());
}

TEST(LatencyCurveTest, NinesOpenUpTheTail) {
  EXPECT_DOUBLE_EQ(Nines(0, 5), 0);
  EXPECT_NEAR(Nines(0.9, 5), 1, 1e-9);
  EXPECT_NEAR(Nines(0.999, 5), 3, 1e-9);
  EXPECT_DOUBLE_EQ(Nines(1, 5), 5);
}

TEST(LatencyCurveTest, AxisLabelsAreRound) {
  EXPECT_EQ(RoundLatencies(0.4, 3), (std::vector<double>{0.5, 1, 2}));
  EXPECT_EQ(FormatLatency(0.05), "50 us");
  EXPECT_EQ(FormatLatency(2), "2 ms");
  EXPECT_EQ(FormatLatency(1000), "1 s");
}

TEST(ResultTextTest, SaysWhatMatters) {
  const std::string text = FormatResult(SomeResult());
  EXPECT_TRUE(Contains(text, "12,345 commands/s")) << text;
  EXPECT_TRUE(Contains(text, "errors 3 (3 busy)")) << text;
  EXPECT_TRUE(Contains(text, "NOT durable")) << text;
  EXPECT_TRUE(Contains(text, "the load generator had no more CPU")) << text;
}

TEST(ResultTextTest, WhatIsMissingIsNotAvailable) {
  EXPECT_TRUE(Contains(FormatResult(Json::object()), "n/a"));
  EXPECT_TRUE(Contains(FormatResult(SomeResult()), "fast path n/a"));
}

TEST(ResultTextTest, AnOverloadIsSaidInWords) {
  Json result = SomeResult();
  result["rate"] = 50000;
  result["overloaded"] = true;
  result["offered_ops_s"] = 50000.0;
  EXPECT_TRUE(Contains(FormatResult(result),
                       "overloaded: offered 50,000/s, done 12,345/s"));
}

TEST(ResultTextTest, SaysWhichReadsFoundNothing) {
  Json result = SomeResult();
  EXPECT_FALSE(Contains(FormatResult(result), "found"));
  result["operations"] = {{"put", {{"done", 9}, {"missed", 0}}},
                          {"get", {{"done", 2000}, {"missed", 500}}},
                          {"cas", {{"done", 10}, {"missed", 1}}}};
  result["miss_share"] = 0.25;
  const std::string text = FormatResult(result);
  EXPECT_TRUE(Contains(text, "2,000 get: 25 % found no such key")) << text;
  EXPECT_TRUE(Contains(text, "10 cas: 10 % met another value")) << text;
  EXPECT_TRUE(Contains(text, "no key was preloaded")) << text;
}

TEST(ResultTextTest, SaysThatARunEndedEarly) {
  Json result = SomeResult();
  result["interrupted_by"] = "SIGINT";
  result["duration_s"] = 3.5;
  result["planned_duration_s"] = 10;
  EXPECT_TRUE(
      Contains(FormatResult(result), "early, by SIGINT, after 3.5 s of 10"));
  const NamedResult results[] = {{"one", result}};
  EXPECT_TRUE(Contains(FormatTable(results), "| one (ended early)"));
}

TEST(ResultTextTest, NamesAGeneratorThatWasLate) {
  Json result = SomeResult();
  result["generator"] = {{"late", true},
                         {"pause_count", 1},
                         {"paused_ms", 3000.0},
                         {"lateness_ms", {{"p50", 1.0}, {"p99", 2950.0}}},
                         {"pauses", {{{"at_s", 0.2}, {"length_s", 0.1}}}},
                         {"longest_silence_paused_ms", 2990.0}};
  const std::string text = FormatResult(result);
  EXPECT_TRUE(Contains(text, "the load generator itself was late")) << text;
  EXPECT_TRUE(Contains(text, "it stood still 1 times, 3,000 ms in all"))
      << text;
  EXPECT_TRUE(Contains(text, "itself stood still for 2,990 ms of it")) << text;
  EXPECT_TRUE(Contains(TimelineScript(result),
                       "set object rectangle from first 0.2, graph 0 to first "
                       "0.3, graph 1"));
}

TEST(ResultTextTest, NamesTheCostsOfRolesAndTheOneThatLimits) {
  Json result = SomeResult();
  result["cost_by_role"]["all"] = {{"cpu_us_per_command", 0.5}};
  result["busiest_role"] = "all";
  EXPECT_FALSE(Contains(FormatResult(result), "busiest"));
  result["cost_by_role"] = {{"depsvc",
                             {{"parts", 2},
                              {"cpu_us_per_command", 0.5},
                              {"messages_per_command", 0.25}}},
                            {"leader",
                             {{"parts", 1},
                              {"cpu_us_per_command", 0.75},
                              {"messages_per_command", 0.125}}}};
  result["busiest_role"] = "depsvc, shard 2 of 2";
  const std::string text = FormatResult(result);
  EXPECT_TRUE(Contains(text, "depsvc in 2 parts 0.50, 0.25")) << text;
  EXPECT_TRUE(Contains(text, "leader 0.75, 0.12")) << text;
  EXPECT_TRUE(Contains(text, "busiest: depsvc, shard 2 of 2")) << text;
}

TEST(ResultTextTest, ATableHasARowForEachResult) {
  const NamedResult results[] = {{"one", SomeResult()}, {"two", SomeResult()}};
  const std::string table = FormatTable(results);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
  EXPECT_TRUE(Contains(table, "| one"));
  EXPECT_TRUE(Contains(table, "8 x 2"));
}

// Older results have 0 for the latencies of nothing.
TEST(ResultTextTest, ARunWithoutAnswersHasNoLatencies) {
  Json result = SomeResult();
  result["latency_ms"]["execute"] = {
      {"p50", 0.0}, {"p99", 0.0}, {"mean", 0.0}, {"count", 0}};
  const NamedResult results[] = {{"one", result}, {"two", result}};
  const std::string table = FormatTable(results);
  EXPECT_FALSE(Contains(table, "0.000")) << table;
  EXPECT_TRUE(Contains(table, "n/a")) << table;
}

TEST(ResultTextTest, SaysWhyNobodyWasAnswered) {
  Json result = SomeResult();
  result["bottleneck"] = "no answer";
  result["generator"] = {{"late", true}};
  EXPECT_TRUE(Contains(FormatResult(result),
                       "no answer - nobody was answered: look at quorate "
                       "status"));
  result["no_quorum"] = "1 of 3 nodes up: no quorum (2 needed)";
  EXPECT_TRUE(Contains(FormatResult(result),
                       "no answer - only 1 of 3 nodes up: no quorum (2 "
                       "needed)"))
      << FormatResult(result);
}

TEST(TerminalPlotTest, DrawsBothCurvesWithPlainCharacters) {
  const std::string plot = DrawLatencyCdf(SomeResult(), {.utf8 = false});
  EXPECT_TRUE(Contains(plot, "#"));
  EXPECT_TRUE(Contains(plot, "99 %"));
  EXPECT_TRUE(Contains(plot, "10 ms"));
  for (const char c : plot) EXPECT_GT(c, 0);
}

TEST(TerminalPlotTest, LinesFitTheColumns) {
  const TerminalStyle style{.columns = 40, .rows = 8, .utf8 = false};
  std::istringstream lines(DrawLatencyCdf(SomeResult(), style));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 70u) << line;
  }
}

TEST(TerminalPlotTest, NothingIsDrawnFromNothing) {
  EXPECT_EQ(DrawLatencyCdf(Json::object(), {}), "");
}

TEST(PicturesTest, ScriptsCarryTheirData) {
  const std::string latency = LatencyScript(SomeResult());
  EXPECT_TRUE(Contains(latency, "$curve0 << EOD"));
  EXPECT_TRUE(Contains(latency, "execute"));
  EXPECT_TRUE(Contains(TimelineScript(SomeResult()), "title \"errors\""));
}

TEST(PicturesTest, MarksWhatHappenedMeanwhile) {
  Json result = SomeResult();
  result["marks"] = {{{"at_s", 1.5}, {"text", "r2 killed"}}};
  const std::string script = TimelineScript(result);
  EXPECT_TRUE(Contains(script, "set arrow from first 1.5"));
  EXPECT_TRUE(Contains(script, "set label \"r2 killed\" at first 1.5"));
}

TEST(PicturesTest, AResultWithoutLatenciesIsAnError) {
  EXPECT_FALSE(DrawPictures(Json::object(), testing::TempDir()).ok());
}

}  // namespace
}  // namespace quorate::bench
