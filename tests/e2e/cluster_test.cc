// What users rely on, tried on real processes: answers and exit codes, kill -9,
// restarts, and that nothing is left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

TEST(ClusterTest, EveryNodeTakesEveryCommand) {
  const Cluster cluster({"--durability", "memory"});
  EXPECT_EQ(cluster.Kv({"put", "k", "v1", "--node", "r1"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r2"}).out, "v1\n");
  EXPECT_EQ(cluster.Kv({"cas", "k", "v1", "v2", "--node", "r3"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"append", "k", "+", "--node", "r1"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r3"}).out, "v2+\n");
  EXPECT_EQ(cluster.Kv({"add", "n", "7", "--node", "r2"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"add", "n", "-9", "--node", "r3"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"get", "n", "--node", "r1"}).out, "-2\n");
  EXPECT_EQ(cluster.Kv({"max", "m", "5", "--node", "r1"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"max", "m", "3", "--node", "r2"}).out, "OK\n");
  EXPECT_EQ(cluster.Kv({"get", "m", "--node", "r3"}).out, "5\n");
  EXPECT_EQ(cluster.Kv({"max", "k", "5", "--node", "r3"}).exit_code, 1);
  EXPECT_EQ(cluster.Kv({"scan", "a", "z", "--node", "r2"}).out,
            "k\tv2+\nm\t5\nn\t-2\n");
  EXPECT_EQ(cluster.Kv({"scan", "a", "--limit", "1"}).out, "k\tv2+\n");
  EXPECT_EQ(cluster.Kv({"del", "k", "--node", "r1"}).out, "OK\n");
  EXPECT_TRUE(cluster.Settles(3));
}

TEST(ClusterTest, ExitCodesTellWhatHappened) {
  const Cluster cluster({"--durability", "memory"});
  const Output missing = cluster.Kv({"get", "nothing"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_NE(missing.err.find("not found"), std::string::npos);

  cluster.Kv({"put", "k", "found"});
  const Output mismatch = cluster.Kv({"cas", "k", "expected", "new"});
  EXPECT_EQ(mismatch.exit_code, 1);
  EXPECT_EQ(mismatch.out, "found\n");
  EXPECT_EQ(cluster.Kv({"add", "k", "1"}).exit_code, 1);

  const Output large = cluster.Kv({"put", std::string(5000, 'k'), "v"});
  EXPECT_EQ(large.exit_code, 1);
  EXPECT_NE(large.err.find("4096"), std::string::npos);

  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r9"}).exit_code, 2);
  EXPECT_EQ(cluster.Kv({"gte", "k"}).exit_code, 2);
  EXPECT_EQ(cluster.Kv({"put", "k"}).exit_code, 2);
}

TEST(ClusterTest, ABatchIsOneCommand) {
  const Cluster cluster({"--durability", "memory"});
  const Output batch = cluster.Kv({"batch", "-"},
                                  "put a 10\nput b 0\n# five from a to b\n"
                                  "add a -5\nadd b 5\nmax b 4\nget a\nget b\n"
                                  "get \"no such\"\n");
  EXPECT_EQ(batch.out, "OK\nOK\nOK\nOK\nOK\n5\n5\n");
  EXPECT_EQ(batch.exit_code, 1);
  const Output json = cluster.Kv({"batch", "-", "--json"}, "get a\nget b\n");
  const auto parsed = nlohmann::json::parse(json.out, nullptr, false);
  ASSERT_TRUE(parsed.is_object()) << json.out << json.err;
  EXPECT_EQ(parsed["outcome"], "done");
  EXPECT_EQ(parsed["results"][1]["value"], "5");
  EXPECT_EQ(cluster.Kv({"batch", "-"}, "put a\n").exit_code, 2);
}

TEST(ClusterTest, ValuesComeBackAsTheyWent) {
  const Cluster cluster({"--durability", "memory"});
  for (const std::string value : {"", "[1,2]", "a b", "\xff\xfe", "{}"}) {
    EXPECT_EQ(cluster.Kv({"put", "k", value}).exit_code, 0) << value;
    EXPECT_EQ(cluster.Kv({"get", "k"}).out, value + "\n");
  }
  EXPECT_EQ(cluster.Kv({"put", "k", "--", "-v"}).exit_code, 0);
  EXPECT_EQ(cluster.Kv({"get", "k"}).out, "-v\n");
  const std::string large(100000, 'x');
  EXPECT_EQ(cluster.Kv({"batch", "-"}, "put large " + large).exit_code, 0);
  EXPECT_TRUE(cluster.Kv({"get", "large"}).out == large + "\n");
}

TEST(ClusterTest, OthersGoOnWhenANodeIsKilledAndItCatchesUp) {
  const Cluster cluster;
  EXPECT_EQ(cluster.Kv({"put", "before", "1", "--node", "r2"}).exit_code, 0);
  EXPECT_EQ(cluster.Local({"kill", "2"}).exit_code, 0);
  for (const char* node : {"r1", "r3"}) {
    EXPECT_EQ(cluster.Kv({"add", "during", "1", "--node", node}).exit_code, 0);
  }
  EXPECT_EQ(cluster.Kv({"get", "during", "--node", "r3"}).out, "2\n");
  EXPECT_EQ(cluster.Kv({"get", "before", "--node", "r1"}).out, "1\n");
  EXPECT_TRUE(cluster.Settles(2));
  const Output started = cluster.Local({"start", "2"});
  EXPECT_EQ(started.exit_code, 0) << started.err;
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Kv({"get", "during", "--node", "r2"}).out, "2\n");
}

TEST(ClusterTest, DataSurvivesTheKillingOfAllNodes) {
  const Cluster cluster;
  EXPECT_EQ(cluster.Kv({"put", "k", "v"}).exit_code, 0);
  EXPECT_EQ(cluster.Kv({"add", "n", "3", "--node", "r2"}).exit_code, 0);
  for (const char* node : {"1", "2", "3"}) {
    EXPECT_EQ(cluster.Local({"kill", node}).exit_code, 0);
  }
  EXPECT_EQ(cluster.Local({"kill", "3"}).exit_code, 1);
  const Output up = cluster.Local({"up"});
  EXPECT_EQ(up.exit_code, 0) << up.err;
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r3"}).out, "v\n");
  EXPECT_EQ(cluster.Kv({"get", "n", "--node", "r1"}).out, "3\n");
  EXPECT_TRUE(cluster.Settles(3));
}

TEST(ClusterTest, DataSurvivesAnOrderlyRestart) {
  const Cluster cluster;
  EXPECT_EQ(cluster.Kv({"put", "k", "v"}).exit_code, 0);
  const std::vector<cli::ProcessId> processes = cluster.Processes();
  ASSERT_EQ(processes.size(), 3u);
  const Output down = cluster.Local({"down"});
  EXPECT_EQ(down.exit_code, 0);
  EXPECT_EQ(down.err, "") << "every node stops on SIGTERM";
  for (const cli::ProcessId& process : processes) {
    EXPECT_EQ(cli::StateOf(process), cli::ProcessState::kGone);
  }
  EXPECT_EQ(cluster.Local({"up"}).exit_code, 0);
  EXPECT_EQ(cluster.Kv({"get", "k"}).out, "v\n");
}

TEST(ClusterTest, APausedNodeIsLeftOutAndComesBack) {
  const Cluster cluster({"--durability", "memory"});
  EXPECT_EQ(cluster.Local({"pause", "1"}).exit_code, 0);
  // The client begins at r1, hears nothing and goes on to r2.
  EXPECT_EQ(cluster.Kv({"put", "k", "v"}).out, "OK\n");
  EXPECT_NE(cluster.Local({"status"}).out.find("paused"), std::string::npos);
  EXPECT_EQ(cluster.Local({"resume", "1"}).exit_code, 0);
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r1"}).out, "v\n");
}

TEST(ClusterTest, WithoutAQuorumTheOutcomeIsUnknown) {
  const Cluster cluster({"--durability", "memory"});
  EXPECT_EQ(cluster.Local({"kill", "2"}).exit_code, 0);
  EXPECT_EQ(cluster.Local({"kill", "3"}).exit_code, 0);
  const Output put = cluster.Kv({"put", "k", "v", "--timeout-ms", "1500"});
  EXPECT_EQ(put.exit_code, 3);
  EXPECT_NE(put.err.find("may have been executed or not"), std::string::npos)
      << put.err;
  const Output status =
      Quorate({"status", "--config", cluster.config_path(), "--json"});
  EXPECT_EQ(status.exit_code, 3);
  const auto json = nlohmann::json::parse(status.out, nullptr, false);
  EXPECT_EQ(json["up"], 1);
  EXPECT_EQ(json["quorum"], false);
  const Output shown = Quorate({"status", "--config", cluster.config_path()});
  EXPECT_EQ(shown.exit_code, 3);
  EXPECT_NE(shown.out.find("1 of 3 nodes up: no quorum (2 needed): "),
            std::string::npos)
      << shown.out;
  EXPECT_NE(shown.out.find("quorate local down"), std::string::npos);
  // Nobody was answered: not a matter of who else uses this machine.
  const Folder folder;
  const Output bench = Quorate({"bench", "--config", cluster.config_path(),
                                "--duration", "1", "--warmup", "0", "--clients",
                                "4", "--out", folder.path("result.json")});
  EXPECT_EQ(bench.exit_code, 3) << bench.err;
  EXPECT_NE(bench.out.find("limit     no answer - only 1 of 3 nodes up: no "
                           "quorum (2 needed)"),
            std::string::npos)
      << bench.out;
  EXPECT_NE(bench.out.find("state hash not compared"), std::string::npos)
      << bench.out;

  EXPECT_EQ(cluster.Local({"kill", "1"}).exit_code, 0);
  const Output nobody = cluster.Kv({"put", "k", "v", "--timeout-ms", "300"});
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_NE(nobody.err.find("was not executed"), std::string::npos);
  EXPECT_EQ(Quorate({"status", "--config", cluster.config_path()}).exit_code,
            3);
}

TEST(ClusterTest, GarbageOnThePortsHarmsNobody) {
  const Cluster cluster({"--durability", "memory"});
  std::string garbage;
  std::uint32_t state = 1;
  while (garbage.size() < 100000) {
    state = state * 1664525 + 1013904223;
    garbage += static_cast<char>(state >> 24);
  }
  for (const NodeConfig& node : cluster.config().nodes) {
    for (const std::uint16_t port : {node.client.port, node.peer.port}) {
      Exchange(port, garbage);
      Exchange(port, "GET / HTTP/1.0\r\n\r\n");
      // A valid magic number and a length beyond all limits.
      Exchange(port, std::string("QRT1\1\0\0\0\xff\xff\xff\x7f", 12) +
                         std::string(12, '\0'));
    }
  }
  for (const char* node : {"r1", "r2", "r3"}) {
    EXPECT_EQ(cluster.Kv({"add", "n", "1", "--node", node}).exit_code, 0);
  }
  EXPECT_TRUE(cluster.Settles(3));
}

TEST(ClusterTest, ARunningClusterIsNotStartedTwice) {
  const Cluster cluster({"--durability", "memory"});
  const Output up = cluster.Local({"up"});
  EXPECT_EQ(up.exit_code, 1);
  EXPECT_NE(up.err.find("holds a running cluster"), std::string::npos);
  const Output start = cluster.Local({"start", "1"});
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_NE(start.err.find("running already"), std::string::npos);
  EXPECT_EQ(cluster.Local({"start", "9"}).exit_code, 2);
}

// The files of its processes name those of the original.
TEST(ClusterTest, ACopyOfARunningFolderActsOnNobody) {
  namespace fs = std::filesystem;
  const Cluster cluster({"--durability", "memory"});
  const Folder folder;
  const std::string copy = folder.path("copy");
  fs::copy(cluster.directory(), copy, fs::copy_options::recursive);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{
           {"down"}, {"status"}, {"kill", "1"}, {"start", "1"}, {"up"}}) {
    std::vector<std::string> words = {"local"};
    words.insert(words.end(), command.begin(), command.end());
    words.insert(words.end(), {"--dir", copy});
    const Output refused = Quorate(words);
    EXPECT_EQ(refused.exit_code, 1) << command[0];
    EXPECT_NE(refused.err.find("belongs to \"" +
                               fs::canonical(cluster.directory()).string()),
              std::string::npos)
        << refused.err;
  }
  for (const cli::ProcessId& process : cluster.Processes()) {
    EXPECT_EQ(cli::StateOf(process), cli::ProcessState::kRunning);
  }
  // One that was moved is still theirs.
  const std::string moved = folder.path("moved");
  fs::rename(cluster.directory(), moved);
  EXPECT_EQ(Quorate({"local", "down", "--dir", moved}).out,
            "stopped 3 of 3 nodes\n");
  fs::rename(moved, cluster.directory());
}

TEST(ClusterTest, ANodeThatLostItsMemoryDoesNotComeBackAlone) {
  const Cluster cluster({"--durability", "memory"});
  EXPECT_EQ(cluster.Local({"kill", "2"}).exit_code, 0);
  const Output start = cluster.Local({"start", "2"});
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_NE(start.err.find("has lost its data"), std::string::npos);
  EXPECT_NE(start.err.find("; restart all, with \"quorate local down"),
            std::string::npos)
      << start.err;
  EXPECT_EQ(cluster.Local({"down"}).exit_code, 0);
  EXPECT_EQ(cluster.Local({"up"}).exit_code, 0);
  EXPECT_EQ(cluster.Kv({"put", "k", "v", "--node", "r2"}).exit_code, 0);
}

TEST(ClusterTest, AStoppedClusterKeepsItsSettings) {
  const Cluster cluster({"--durability", "memory", "--conflicts", "rw"});
  EXPECT_EQ(cluster.Local({"down"}).exit_code, 0);
  const Output other = cluster.Local({"up", "--nodes", "5"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_NE(other.err.find("--nodes 3, not 5"), std::string::npos);
  const Output again = cluster.Local({"up", "--conflicts", "rw"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

}  // namespace
}  // namespace quorate::e2e
