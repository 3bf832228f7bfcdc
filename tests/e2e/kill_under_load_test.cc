// Nodes are killed with SIGKILL while clients work, one after the other and
// then all at once; what the clients saw must be linearizable, and what was
// acknowledged must still be there.
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "replica/base/settings.h"
#include "tests/e2e/program.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"

namespace quorate::e2e {
namespace {

class Load {
 public:
  // Clients on a few hot keys, for `seconds`, in the background.
  Load(const Cluster& cluster, const Folder& folder, const char* seconds)
      : history_(folder.path("history.jsonl")) {
    done_ = std::async(std::launch::async, [&cluster, &folder, seconds, this] {
      return Quorate({"bench",     "--config",   cluster.config_path(),
                      "--rate",    "1500",       "--clients",
                      "24",        "--duration", seconds,
                      "--warmup",  "0",          "--zipf",
                      "0.9",       "--keys",     "24",
                      "--reads",   "40",         "--cas",
                      "10",        "--adds",     "2",
                      "--appends", "5",          "--history",
                      history_,    "--out",      folder.path("result.json"),
                      "--quiet"});
    });
  }

  void ExpectLinearizable() {
    ExpectDone(done_.get());
    std::ifstream file(history_);
    const auto history = lincheck::ParseHistory(file);
    ASSERT_TRUE(history.ok()) << history.status();
    // How many there are depends on the machine; one would not show much.
    EXPECT_GT(history->size(), 100u);
    const lincheck::CheckReport report = lincheck::CheckHistory(*history);
    EXPECT_EQ(report.outcome, lincheck::Outcome::kLinearizable)
        << "on key " << (report.keys.empty() ? "?" : report.keys[0]);
  }

 private:
  std::string history_;
  std::future<Output> done_;
};

TEST(KillUnderLoadTest, EachNodeInTurn) {
  const Cluster cluster;
  const Folder folder;
  Load load(cluster, folder, "6");
  for (const auto& [victim, other] :
       {std::pair{"1", "r2"}, std::pair{"2", "r3"}, std::pair{"3", "r1"}}) {
    ExpectDone(cluster.Kv({"put", std::string("acknowledged") + victim, "yes",
                           "--node", std::string("r") + victim}));
    ExpectDone(cluster.Local({"kill", victim}));
    // The others go on at once, also with what the victim left unfinished.
    ExpectDone(cluster.Kv(
        {"get", std::string("acknowledged") + victim, "--node", other}));
    ExpectDone(cluster.Local({"start", victim}));
  }
  load.ExpectLinearizable();
  EXPECT_TRUE(cluster.Settles(3));
  for (const char* key : {"acknowledged1", "acknowledged2", "acknowledged3"}) {
    EXPECT_EQ(cluster.Kv({"get", key}).out, "yes\n");
  }
}

TEST(KillUnderLoadTest, AllNodesAtOnce) {
  const Cluster cluster;
  const Folder folder;
  Load load(cluster, folder, "5");
  for (int round = 0; round < 3; ++round) {
    const std::string key = "round" + std::to_string(round);
    ExpectDone(cluster.Kv({"put", key, "acknowledged", "--node", "r2"}));
    for (const char* node : {"1", "2", "3"}) {
      ExpectDone(cluster.Local({"kill", node}));
    }
    ExpectDone(cluster.Local({"up"}));
    EXPECT_EQ(cluster.Kv({"get", key, "--node", "r3"}).out, "acknowledged\n");
  }
  load.ExpectLinearizable();
  EXPECT_TRUE(cluster.Settles(3));
}

// A checkpoint every few hundredths of a second: kills fall within them, and
// every restart reads one and the journal behind it.
TEST(KillUnderLoadTest, WithinCheckpoints) {
  const Cluster cluster;
  cluster.Reconfigure("journal_bytes = 67108864", "journal_bytes = 10000");
  const Folder folder;
  Load load(cluster, folder, "5");
  const auto put = [&] {
    ExpectDone(cluster.Kv({"put", "filler", std::string(5000, 'x')}));
  };
  for (const char* victim : {"1", "2", "3", "1", "3"}) {
    const std::string key = std::string("acknowledged") + victim;
    ExpectDone(
        cluster.Kv({"put", key, "yes", "--node", std::string("r") + victim}));
    ExpectDone(cluster.Local({"kill", victim}));
    ExpectDone(cluster.Local({"start", victim}));
    // The next one is killed when there are checkpoints to read.
    EXPECT_TRUE(Eventually([&] {
      put();
      return cluster.OfEachNode([](const nlohmann::json& node) {
        return node["checkpoint"]["through"].get<std::uint64_t>() > 0;
      });
    }));
  }
  load.ExpectLinearizable();
  EXPECT_TRUE(Eventually([&] {
    put();
    return cluster.OfEachNode([](const nlohmann::json& node) {
      const nlohmann::json& checkpoint = node["checkpoint"];
      return checkpoint["finished"] > 3 &&
             checkpoint["journal_bytes_since"] < 1000000;
    });
  })) << cluster.Status();
  EXPECT_TRUE(cluster.Settles(3));
  // All at once, and everything is there again from the checkpoints.
  const auto before = cluster.Status();
  for (const char* node : {"1", "2", "3"}) {
    ExpectDone(cluster.Local({"kill", node}));
  }
  ExpectDone(cluster.Local({"up"}));
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Status()[0]["state_hash"], before[0]["state_hash"]);
}

// Under every protocol.
class LeftOutUnderLoadTest : public testing::TestWithParam<Protocol> {};

// A node stands still while the others forget what it lacks; it comes back with
// a snapshot, while clients work.
TEST_P(LeftOutUnderLoadTest, AStoppedNodeComesBackWithASnapshot) {
  const Cluster cluster({"--protocol", std::string(Name(GetParam()))});
  cluster.Reconfigure("retained_bytes = 33554432", "retained_bytes = 20000");
  const Folder folder;
  // No history: what waits for the stopped node for seconds leaves more orders
  // open than can be searched.
  std::future<Output> load = std::async(std::launch::async, [&] {
    return Quorate({"bench", "--config", cluster.config_path(), "--rate",
                    "1500", "--duration", "2", "--warmup", "0", "--out",
                    folder.path("result.json"), "--quiet"});
  });
  ExpectDone(cluster.Kv({"put", "before", "1"}));
  ExpectDone(cluster.Local({"pause", "3"}));
  // Long enough for the others to suspect it, to finish what it had begun and
  // to forget what is above 20 kB.
  const char* column = GetParam() == Protocol::kMultipaxos ? "log" : "r1";
  const auto at_pause = cluster.Status()[0]["committed"][column];
  EXPECT_TRUE(Eventually([&] {
    for (int i = 0; i < 20; ++i) {
      ExpectDone(cluster.Kv({"put", "round", "x", "--node", "r1"}));
    }
    return cluster.Status()[0]["drop_floor"][column] > at_pause;
  }));
  ExpectDone(cluster.Local({"resume", "3"}));
  load.wait();
  EXPECT_TRUE(cluster.Settles(3));
  const auto status = cluster.Status();
  EXPECT_GE(status[2]["snapshot"]["installed"], 1) << status[2];
  EXPECT_EQ(status[2]["state_hash"], status[0]["state_hash"]);
  // What it has on its disk is all it needs.
  ExpectDone(cluster.Local({"kill", "3"}));
  ExpectDone(cluster.Local({"start", "3"}));
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Kv({"get", "before", "--node", "r3"}).out, "1\n");
}

INSTANTIATE_TEST_SUITE_P(AllProtocols, LeftOutUnderLoadTest,
                         testing::ValuesIn(kProtocols),
                         [](const auto& protocol) {
                           return std::string(Name(protocol.param));
                         });

// The index of the node that leads; nodes that are down say nothing.
std::size_t LeaderOf(const Cluster& cluster) {
  std::size_t leader = 0;
  EXPECT_TRUE(Eventually([&] {
    const nlohmann::json nodes = cluster.Status();
    for (leader = 0; leader < nodes.size(); ++leader) {
      if (nodes[leader].value("leads", false)) return true;
    }
    return false;
  })) << "nobody leads";
  return leader;
}

TEST(KillUnderLoadTest, TheLeaderOfALogAgainAndAgain) {
  const Cluster cluster({"--protocol", "multipaxos"});
  cluster.Reconfigure("reads = \"log\"", "reads = \"leader\"");
  const Folder folder;
  Load load(cluster, folder, "6");
  for (int round = 0; round < 3; ++round) {
    const std::string key = "acknowledged" + std::to_string(round);
    const std::size_t leader = LeaderOf(cluster);
    const std::size_t follower = (leader + 1) % 3;
    const std::string other = "r" + std::to_string(follower + 1);
    // By way of a follower, which names the leader.
    ExpectDone(cluster.Kv({"put", key, "yes", "--node", other}));
    ExpectDone(cluster.Local({"kill", std::to_string(leader + 1)}));
    EXPECT_EQ(cluster.Kv({"get", key, "--node", other}).out, "yes\n");
    EXPECT_NE(LeaderOf(cluster), leader);
    ExpectDone(cluster.Local({"start", std::to_string(leader + 1)}));
  }
  load.ExpectLinearizable();
  EXPECT_TRUE(cluster.Settles(3));
  for (const char* key : {"acknowledged0", "acknowledged1", "acknowledged2"}) {
    EXPECT_EQ(cluster.Kv({"get", key}).out, "yes\n");
  }
}

}  // namespace
}  // namespace quorate::e2e
