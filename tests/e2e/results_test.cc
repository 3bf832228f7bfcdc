// Results that are large, on real nodes: scans over many pages, commands that
// read more than they may, and what is kept of all that.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

constexpr int kRows = 2500;

long Lines(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST(ResultsTest, AScanGoesOnPageByPageOrSaysSo) {
  const Cluster cluster({"--durability", "memory"});
  for (int row = 0; row < kRows;) {
    std::string puts;
    for (int i = 0; i < 125; ++i) {
      puts += "put k" + std::to_string(row++) + " v\n";
    }
    ExpectDone(cluster.Kv({"batch", "-"}, puts));
  }
  const Output all = cluster.Kv({"scan", "k", "l"});
  ExpectDone(all);
  EXPECT_EQ(Lines(all.out), kRows);
  EXPECT_EQ(all.err, "");
  const Output some = cluster.Kv({"scan", "k", "l", "--limit", "1500"});
  ExpectDone(some);
  EXPECT_EQ(Lines(some.out), 1500);
  EXPECT_NE(some.err.find("there are more rows, from key \"k"),
            std::string::npos)
      << some.err;
  const auto whole =
      nlohmann::json::parse(cluster.Kv({"scan", "k", "l", "--json"}).out);
  EXPECT_EQ(whole["results"][0]["rows"].size(), std::size_t{kRows});
  EXPECT_EQ(whole["results"][0]["more"], false);
  EXPECT_EQ(whole["pages"], 3);
  const auto part = nlohmann::json::parse(
      cluster.Kv({"scan", "k", "l", "--limit", "1500", "--json"}).out);
  EXPECT_EQ(part["results"][0]["rows"].size(), 1500u);
  EXPECT_EQ(part["results"][0]["more"], true);
  const std::string next = part["results"][0]["next"];
  const Output rest = cluster.Kv({"scan", next, "l"});
  EXPECT_EQ(some.out + rest.out, all.out);
  // In a batch there is one page, and the answer says what follows.
  const Output batch = cluster.Kv({"batch", "-"}, "scan k l 10\n");
  EXPECT_EQ(Lines(batch.out), 10);
  EXPECT_NE(batch.err.find("there are more rows"), std::string::npos);
}

std::string PutLarge() { return "put large " + std::string(500'000, 'v'); }
std::string Reads(int count) {
  std::string text = "put small v\n";
  for (int i = 0; i < count; ++i) text += "get large\n";
  return text;
}

// One legal command of 20 gets of 500 KB gave a message that no peer took, and
// nothing was ever answered again.
void ReadTooMuch(const Cluster& cluster) {
  ExpectDone(cluster.Kv({"batch", "-"}, PutLarge()));
  const Output fits = cluster.Kv({"batch", "-"}, Reads(7));
  ExpectDone(fits);
  EXPECT_EQ(fits.out.size(), 3 + 7 * 500'001u);
  ExpectDone(cluster.Kv({"del", "small"}));
  const Output large = cluster.Kv({"batch", "-"}, Reads(20));
  EXPECT_EQ(large.exit_code, 1);
  EXPECT_NE(large.err.find("4194304 bytes"), std::string::npos) << large.err;
  const Output json = cluster.Kv({"batch", "-", "--json"}, Reads(20));
  EXPECT_EQ(nlohmann::json::parse(json.out)["outcome"], "refused");
  EXPECT_EQ(cluster.Kv({"get", "small"}).exit_code, 1)
      << "nothing of it was executed";
  ExpectDone(cluster.Kv({"put", "small", "v"}));
}

TEST(ResultsTest, ACommandThatReadsTooMuchIsRefused) {
  ReadTooMuch(Cluster({"--durability", "memory"}));
}

TEST(ResultsTest, ACommandThatReadsTooMuchIsRefusedWithRolesApart) {
  ReadTooMuch(
      Cluster({"--durability", "memory", "--protocol", "bpaxos", "--leaders",
               "2", "--depsvc", "3", "--acceptors", "3", "--executors", "2"}));
}

// Clients that come once and never say that they have had their answer.
TEST(ResultsTest, ANodeThatWasLeftOutComesBackWhateverResultsAreKept) {
  const Cluster cluster;
  cluster.Reconfigure("retained_bytes = 33554432", "retained_bytes = 20000");
  cluster.Reconfigure("kept_bytes = 67108864", "kept_bytes = 10000000");
  ExpectDone(cluster.Kv({"batch", "-"}, PutLarge()));
  ExpectDone(cluster.Local({"pause", "3"}));
  const auto at_pause = cluster.Status()[0]["committed"]["r1"];
  for (int round = 0; round < 20; ++round) {
    ExpectDone(cluster.Kv({"batch", "-", "--node", "r1"}, Reads(7)));
    for (int i = 0; i < 10; ++i) {
      ExpectDone(
          cluster.Kv({"put", "round", std::string(3000, 'x'), "--node", "r1"}));
    }
    if (cluster.Status()[0]["drop_floor"]["r1"] > at_pause && round > 4) break;
  }
  ExpectDone(cluster.Local({"resume", "3"}));
  EXPECT_TRUE(cluster.Settles(3));
  const auto status = cluster.Status();
  EXPECT_GE(status[2]["snapshot"]["installed"], 1) << status[2];
  for (const auto& node : status) {
    EXPECT_LE(node["results"]["kept_bytes"], 10'000'000) << node;
  }
  EXPECT_GE(status[0]["results"]["no_longer_kept"], 1);
}

}  // namespace
}  // namespace quorate::e2e
