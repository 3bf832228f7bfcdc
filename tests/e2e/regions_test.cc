// What a user of emulated regions may rely on: nobody hears anything before it
// could have come so far, a way that is cut carries nothing, and results say
// how exact it was. That nothing comes late is for `experiments`: a busy
// machine may be as slow as it likes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

constexpr char kMatrix[] =
    "# three sites that nobody has ever seen\n"
    "one-way,near,mid,far\n"
    "near,0,5,20\n"
    "mid,7,0,25\n"
    "far,22,27,0\n";

// Round trip from each site to the nearest other one: its fast quorum of two.
constexpr double kOptimumMs[] = {12, 12, 42};
constexpr const char* kSites[] = {"near", "mid", "far"};

class RegionsTest : public testing::Test {
 protected:
  RegionsTest() { folder_.Write("m.csv", kMatrix); }

  std::vector<std::string> Up() const {
    return {"--durability", "memory", "--wan", folder_.path("m.csv")};
  }
  nlohmann::json Bench(const Cluster& cluster,
                       std::vector<std::string> flags) const {
    const std::string out = folder_.path("result.json");
    std::vector<std::string> all = {
        "bench",        "--config", cluster.config_path(),
        "--operations", "60",       "--quiet",
        "--force",      "--out",    out};
    all.insert(all.end(), flags.begin(), flags.end());
    ExpectDone(Quorate(all));
    std::ifstream file(out);
    return nlohmann::json::parse(file, nullptr, false);
  }

  Folder folder_;
};

TEST_F(RegionsTest, NobodyIsAnsweredBeforeTheDistanceAllows) {
  const Cluster cluster(Up());
  const nlohmann::json result = Bench(cluster, {"--clients", "3"});
  ASSERT_TRUE(result.is_object());
  for (std::size_t i = 0; i < 3; ++i) {
    const nlohmann::json& latency = result["sites"][kSites[i]]["latency_ms"];
    EXPECT_GE(latency["commit"]["p50"], 0.99 * kOptimumMs[i]) << kSites[i];
    EXPECT_GE(latency["execute"]["p50"], 0.99 * kOptimumMs[i]) << kSites[i];
  }
  // It says how exact it was, and what the distances were.
  EXPECT_GT(result["wan"]["late_ms"]["nodes"]["r1"]["max"], 0);
  EXPECT_NE(result["wan"]["csv"].get<std::string>().find("far,22,27,0"),
            std::string::npos);
  EXPECT_EQ(result["wan"]["client_site"], nullptr);
}

TEST_F(RegionsTest, AClientAtASiteIsAsFarFromItsNode) {
  const Cluster cluster(Up());
  const nlohmann::json result =
      Bench(cluster, {"--clients", "2", "--site", "far", "--node", "r1"});
  ASSERT_TRUE(result.is_object());
  // To r1 and back, and r1's own quorum.
  EXPECT_GE(result["sites"]["far"]["latency_ms"]["execute"]["p50"],
            0.99 * (22 + 20 + kOptimumMs[0]));
  EXPECT_EQ(result["sites"].size(), 1u);
  const Output nowhere =
      Quorate({"bench", "--config", cluster.config_path(), "--site", "moon"});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_NE(nowhere.err.find("near, mid, far"), std::string::npos)
      << nowhere.err;
}

TEST_F(RegionsTest, WaysAreCutSlowedAndHealedWhileNodesRun) {
  const Cluster cluster;
  ExpectDone(cluster.Kv({"put", "k", "1"}));
  // r3 hears nobody and is heard by nobody: it alone is no quorum.
  Output cut = cluster.Local({"partition", "r3"});
  ExpectDone(cut);
  EXPECT_NE(cut.out.find("r3 r1 cut"), std::string::npos) << cut.out;
  EXPECT_NE(cut.out.find("r1 r3 cut"), std::string::npos) << cut.out;
  ExpectDone(cluster.Kv({"put", "k", "2", "--node", "r1"}));
  const nlohmann::json status = cluster.Status();
  for (const nlohmann::json& node : status) {
    EXPECT_EQ(node["wan"]["trouble"].size(), 4u) << node["wan"];
  }
  // One line is healed, the other way round stays cut.
  ExpectDone(cluster.Local({"heal", "r3", "r1", "--one-way"}));
  const Output slow =
      cluster.Local({"slow", "r1", "r2", "--by", "30ms", "--one-way"});
  ExpectDone(slow);
  EXPECT_EQ(slow.out, "r1 r2 slow 30\nr1 r3 cut\nr2 r3 cut\nr3 r2 cut\n");
  ExpectDone(cluster.Local({"heal"}));
  EXPECT_TRUE(cluster.Settles(3));
  const Output late = cluster.Kv({"get", "k", "--node", "r3"});
  ExpectDone(late);
  EXPECT_EQ(late.out, "2\n");
}

TEST_F(RegionsTest, ARestartedNodeFindsTheTroubleThatThereIs) {
  const Cluster cluster;
  ExpectDone(cluster.Local({"partition", "r1", "r2"}));
  ExpectDone(cluster.Local({"kill", "r1"}));
  ExpectDone(cluster.Local({"start", "r1"}));
  EXPECT_TRUE(cluster.OfEachNode([](const nlohmann::json& node) {
    return node["wan"]["trouble"].size() == 2;
  }));
}

TEST_F(RegionsTest, GarbageInTheFileOfTroublesChangesNothing) {
  const Cluster cluster;
  ExpectDone(cluster.Local({"slow", "r1", "r2", "--by", "5ms"}));
  // Replaced as a whole: what is written in place is read while it is empty.
  const std::string draft = cluster.directory() + "/draft";
  std::ofstream(draft) << "r1 r2 \xff\xfe cut ?\n";
  std::filesystem::rename(draft, cluster.directory() + "/trouble");
  EXPECT_TRUE(Eventually([&] {
    return cluster.OfEachNode([](const nlohmann::json& node) {
      return !node["wan"]["trouble_problem"].get<std::string>().empty() &&
             node["wan"]["trouble"].size() == 2;
    });
  }));
  ExpectDone(cluster.Local({"heal"}));
  EXPECT_TRUE(cluster.OfEachNode([](const nlohmann::json& node) {
    return node["wan"]["trouble_problem"] == "" &&
           node["wan"]["trouble"].empty();
  }));
}

TEST_F(RegionsTest, SaysWhatItDoesNotUnderstand) {
  const Cluster cluster;
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"partition", "r1", "r9"},
                                             {"partition", "r1", "r1"},
                                             {"slow", "r1", "--by", "50"},
                                             {"slow", "r1", "--by", "-5ms"},
                                             {"flap", "r1", "--times", "5ms"},
                                             {"stall", "r1"}}) {
    const Output output = cluster.Local(wrong);
    EXPECT_EQ(output.exit_code, 2) << wrong[0];
    EXPECT_FALSE(output.err.empty());
  }
}

}  // namespace
}  // namespace quorate::e2e
