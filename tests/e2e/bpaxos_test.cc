// BPaxos as real processes: every node with every role, and a node a role. One
// node of each role is killed while clients work; nothing acknowledged is lost,
// work goes on, what clients saw is linearizable, and the executors agree.
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "tests/e2e/program.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"

namespace quorate::e2e {
namespace {

void KillInTurn(const Cluster& cluster, const std::vector<std::string>& victims,
                const char* seconds) {
  const Folder folder;
  const std::string history = folder.path("history.jsonl");
  std::future<Output> load = std::async(std::launch::async, [&] {
    return Quorate({"bench",
                    "--config",
                    cluster.config_path(),
                    "--rate",
                    "800",
                    "--clients",
                    "16",
                    "--duration",
                    seconds,
                    "--warmup",
                    "0",
                    "--zipf",
                    "0.9",
                    "--keys",
                    "24",
                    "--reads",
                    "40",
                    "--cas",
                    "10",
                    "--appends",
                    "5",
                    "--history",
                    history,
                    "--out",
                    folder.path("result.json"),
                    "--quiet"});
  });
  for (const std::string& victim : victims) {
    ExpectDone(cluster.Kv({"put", "acknowledged" + victim, "yes"}));
    ExpectDone(cluster.Local({"kill", victim}));
    // The others go on, also with what the victim left unfinished.
    EXPECT_EQ(cluster.Kv({"get", "acknowledged" + victim}).out, "yes\n");
    ExpectDone(cluster.Local({"start", victim}));
  }
  ExpectDone(load.get());
  std::ifstream file(history);
  const auto parsed = lincheck::ParseHistory(file);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_GT(parsed->size(), 100u);
  const lincheck::CheckReport report = lincheck::CheckHistory(*parsed);
  EXPECT_EQ(report.outcome, lincheck::Outcome::kLinearizable)
      << "on key " << (report.keys.empty() ? "?" : report.keys[0]);
  for (const std::string& victim : victims) {
    EXPECT_EQ(cluster.Kv({"get", "acknowledged" + victim}).out, "yes\n");
  }
}

TEST(BpaxosTest, NodesWithAllRolesAreKilledUnderLoad) {
  const Cluster cluster({"--protocol", "bpaxos"});
  KillInTurn(cluster, {"1", "2", "3"}, "5");
  EXPECT_TRUE(cluster.Settles(3));
}

TEST(BpaxosTest, OneNodeOfEachRoleIsKilledUnderLoad) {
  const Cluster cluster({"--protocol", "bpaxos", "--leaders", "2", "--depsvc",
                         "3", "--acceptors", "3", "--executors", "2"});
  // Executors last: see the README of replica/bpaxos.
  KillInTurn(cluster, {"1", "3", "6", "9"}, "6");
  EXPECT_TRUE(cluster.Settles(10));
  const auto status = cluster.Status();
  EXPECT_EQ(status[8]["state_hash"], status[9]["state_hash"]);
  EXPECT_EQ(status[0]["protocol"], "bpaxos");
  EXPECT_EQ(status[0]["roles"], nlohmann::json({"leader"}));
  EXPECT_EQ(status[9]["roles"], nlohmann::json({"executor"}));
}

TEST(BpaxosTest, ANodeOfEachShardAndGroupIsKilledUnderLoad) {
  const Cluster cluster({"--protocol", "bpaxos", "--nodes", "6",
                         "--depsvc-shards", "2", "--acceptor-groups", "2"});
  KillInTurn(cluster, {"2", "5"}, "4");
  EXPECT_TRUE(cluster.Settles(6));
  const auto status = cluster.Status();
  EXPECT_EQ(status[0]["depsvc_shard"], 1);
  EXPECT_EQ(status[5]["depsvc_shard"], 2);
  EXPECT_EQ(status[5]["acceptor_group"], 2);
  EXPECT_EQ(status[5]["acceptor_groups"], 2);
}

TEST(BpaxosTest, TooFewNodesOfARoleAreRefusedWithTheArithmetic) {
  const Folder folder;
  const Output up = Quorate({"local", "up", "--protocol", "bpaxos", "--leaders",
                             "1", "--dir", folder.path("c")});
  EXPECT_EQ(up.exit_code, 2);
  EXPECT_NE(up.err.find("f+1 = 2 nodes with the role \"leader\", not 1"),
            std::string::npos)
      << up.err;
}

TEST(BpaxosTest, TooFewNodesForTheShardsAreRefusedWithTheArithmetic) {
  const Folder folder;
  const Output up =
      Quorate({"local", "up", "--protocol", "bpaxos", "--nodes", "5",
               "--depsvc-shards", "2", "--dir", folder.path("c")});
  EXPECT_EQ(up.exit_code, 2);
  EXPECT_NE(up.err.find("2f+1 = 3 nodes in depsvc shard 2 of 2, not 2"),
            std::string::npos)
      << up.err;
}

TEST(BpaxosTest, ANodeThatDoesNotLeadTakesNoCommands) {
  const Cluster cluster({"--protocol", "bpaxos", "--leaders", "2", "--depsvc",
                         "3", "--acceptors", "3", "--executors", "2"});
  const Output put = cluster.Kv({"put", "a", "1", "--node", "r5"});
  EXPECT_EQ(put.exit_code, 2);
  EXPECT_NE(put.err.find("lacks the role \"leader\""), std::string::npos)
      << put.err;
}

}  // namespace
}  // namespace quorate::e2e
