// What a user of the load generator may rely on: results that are whole, its
// own faults named as such, and files of strangers that stay files.
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"

namespace quorate::e2e {
namespace {

namespace fs = std::filesystem;

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file, nullptr, false);
}

std::vector<std::string> Bench(const Cluster& cluster,
                               std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"bench", "--config", cluster.config_path()});
  return flags;
}

TEST(BenchTest, ASignalEndsARunAndSavesWhatItMeasured) {
  const Cluster cluster;
  const Folder folder;
  const std::string result = folder.path("result.json");
  const std::string history = folder.path("h.jsonl");
  Running bench(
      Bench(cluster, {"--rate",  "500",  "--clients",  "16",   "--keys",   "20",
                      "--reads", "40",   "--adds",     "10",   "--maxima", "10",
                      "--zipf",  "0.5",  "--duration", "600",  "--warmup", "0",
                      "--out",   result, "--history",  history}));
  ASSERT_TRUE(bench.Says("1 s "));
  EXPECT_FALSE(fs::exists(history));  // not before it is whole
  bench.Signal(SIGINT);
  const Output ended = bench.Wait();
  EXPECT_EQ(ended.exit_code, 130) << ended.err;
  EXPECT_NE(ended.out.find("early, by SIGINT"), ended.out.npos) << ended.out;
  const nlohmann::json json = ReadJson(result);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["interrupted_by"], "SIGINT");
  EXPECT_GE(json["duration_s"], 0.9);
  EXPECT_LT(json["duration_s"], 600);
  EXPECT_GT(json["throughput_ops_s"], 0);
  std::ifstream file(history);
  const auto parsed = lincheck::ParseHistory(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), json["submitted"]);
  EXPECT_EQ(lincheck::CheckHistory(*parsed).outcome,
            lincheck::Outcome::kLinearizable);
  // Neither of the two is replaced by the next run.
  const Output again =
      Quorate(Bench(cluster, {"--operations", "10", "--out", result}));
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("--force"), again.err.npos) << again.err;
  const Output other = Quorate(
      Bench(cluster, {"--operations", "10", "--out", folder.path("other.json"),
                      "--history", history}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_FALSE(fs::exists(folder.path("other.json")));
  EXPECT_EQ(ReadJson(result), json);
}

TEST(BenchTest, ASignalBeforeTheWindowLeavesNothing) {
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  Running bench(
      Bench(cluster, {"--reads", "50", "--keys", "20000000", "--duration",
                      "600", "--out", folder.path("result.json")}));
  ASSERT_TRUE(bench.Says("preload "));
  bench.Signal(SIGTERM);
  const Output ended = bench.Wait();
  EXPECT_EQ(ended.exit_code, 143) << ended.err;
  EXPECT_NE(ended.err.find("before anything was measured"), ended.err.npos);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(BenchTest, ASignalInTheWarmUpLeavesNothing) {
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  Running bench(Bench(cluster, {"--warmup", "600", "--duration", "600", "--out",
                                folder.path("result.json")}));
  ASSERT_TRUE(bench.Says("(warm-up)"));
  bench.Signal(SIGINT);
  const Output ended = bench.Wait();
  EXPECT_EQ(ended.exit_code, 130) << ended.err;
  EXPECT_NE(ended.err.find("before anything was measured"), ended.err.npos);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(BenchTest, AStoppedGeneratorDoesNotBlameTheCluster) {
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  const std::string result = folder.path("result.json");
  Running bench(Bench(cluster, {"--rate", "500", "--duration", "3", "--warmup",
                                "0", "--out", result}));
  ASSERT_TRUE(bench.Says("1 s "));
  bench.Signal(SIGSTOP);
  poll(nullptr, 0, 600);  // how long it stands still is the point
  bench.Signal(SIGCONT);
  const Output ended = bench.Wait();
  ExpectDone(ended);
  const nlohmann::json json = ReadJson(result);
  EXPECT_EQ(json["bottleneck"], "client");
  EXPECT_GE(json["generator"]["longest_pause_ms"], 400);
  EXPECT_GE(json["generator"]["lateness_ms"]["max"], 400);
  EXPECT_GE(json["generator"]["longest_silence_paused_ms"], 400);
  EXPECT_NE(ended.out.find("the load generator itself was late"),
            ended.out.npos)
      << ended.out;
  EXPECT_EQ(ended.out.find("offer more"), ended.out.npos) << ended.out;
}

TEST(BenchTest, PreloadsValuesOfEverySizeAndReadsThem) {
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  for (const char* size : {"16400", "524288"}) {
    const std::string result = folder.path(std::string(size) + ".json");
    ExpectDone(Quorate(
        Bench(cluster, {"--workload", "c", "--keys", "70", "--value-size", size,
                        "--operations", "100", "--quiet", "--out", result})));
    const nlohmann::json json = ReadJson(result);
    EXPECT_EQ(json["operations"]["get"]["done"], 100);
    EXPECT_EQ(json["miss_share"], 0) << size;
  }
  const std::string latest = folder.path("d.json");
  ExpectDone(Quorate(Bench(
      cluster, {"--workload", "d", "--keys", "500", "--operations", "5000",
                "--clients", "64", "--pipeline", "8", "--out", latest})));
  EXPECT_EQ(ReadJson(latest)["miss_share"], 0);
}

TEST(BenchTest, RunsBesideEachOtherHaveKeysAndResultsOfTheirOwn) {
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  std::set<std::string> keys;
  std::set<std::uint64_t> seeds;
  for (const char* run : {"1", "2"}) {
    const std::string history = folder.path(std::string("h") + run);
    const std::string result = folder.path(std::string("r") + run);
    ExpectDone(Quorate(Bench(cluster, {"--operations", "50", "--history",
                                       history, "--out", result})));
    seeds.insert(ReadJson(result)["seed"].get<std::uint64_t>());
    std::ifstream lines(history);
    for (std::string line; std::getline(lines, line);) {
      keys.insert(nlohmann::json::parse(line)["k"].get<std::string>());
    }
  }
  EXPECT_EQ(seeds.size(), 2u);
  EXPECT_EQ(keys.size(), 100u);
}

TEST(BenchTest, AReportOfAStrangersResultRunsNothing) {
  const Folder folder;
  const std::string made = folder.path("made");
  const std::string evil =
      "`touch " + made + "`' ; system '" + made + "' ; $(touch " + made + ")";
  const nlohmann::json result = {
      {"schema", 1},
      {"protocol", evil},
      {"durability", evil},
      {"workload_settings", {{"description", evil}}},
      {"duration_s", 1},
      {"timeline", {{{"at_s", 0}, {"ops_s", 10}, {"p99_ms", 1}}}},
      {"marks", {{{"at_s", 0.5}, {"text", evil}}}},
      {"histogram_ns", {{"execute", {{1000, 2000, 10}}}}}};
  folder.Write("theirs.json", result.dump());
  const std::string pictures = folder.path("`touch made` it's");
  ExpectDone(
      Quorate({"report", folder.path("theirs.json"), "--out", pictures}));
  EXPECT_TRUE(fs::exists(pictures + "/latency.png"));
  EXPECT_FALSE(fs::exists(made));
  EXPECT_FALSE(fs::exists(pictures + "/made"));
  nlohmann::json wrong = result;
  wrong["workload_settings"]["description"] = 5;
  folder.Write("wrong.json", wrong.dump());
  const Output refused = Quorate({"report", folder.path("wrong.json")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("workload_settings.description"), refused.err.npos)
      << refused.err;
}

}  // namespace
}  // namespace quorate::e2e
