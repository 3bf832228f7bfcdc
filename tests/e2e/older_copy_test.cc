// An older copy of a node's directory, and two processes with copies of one:
// neither takes part, and what was acknowledged stays.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "replica/base/settings.h"
#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

namespace fs = std::filesystem;

void Copy(const std::string& from, const std::string& to) {
  fs::copy(from, to, fs::copy_options::recursive);
}

// Under every protocol.
class OlderCopyTest : public testing::TestWithParam<Protocol> {
 protected:
  // Copies r3's directory while it stands still in the middle of its life.
  void CopyWhileItRuns(const std::string& to) {
    ExpectDone(cluster_.Local({"pause", "3"}));
    Copy(cluster_.directory() + "/r3", to);
    ExpectDone(cluster_.Local({"resume", "3"}));
  }

  const Cluster cluster_{{"--protocol", std::string(Name(GetParam()))}};
  const Folder folder_;
};

TEST_P(OlderCopyTest, IsRefusedAndNothingAcknowledgedIsLost) {
  ExpectDone(cluster_.Kv({"put", "before", "1", "--node", "r3"}));
  const std::string original = cluster_.directory() + "/r3";
  CopyWhileItRuns(folder_.path("old"));
  ExpectDone(cluster_.Kv({"put", "own", "2", "--node", "r3"}));
  ExpectDone(cluster_.Kv({"put", "vote", "3", "--node", "r1"}));
  // With one more node down, nobody else would know.
  ExpectDone(cluster_.Local({"kill", "3"}));
  ExpectDone(cluster_.Local({"kill", "1"}));
  fs::rename(original, folder_.path("newest"));
  Copy(folder_.path("old"), original);
  Running copy({"serve", "--config", cluster_.config_path(), "--node", "r3"});
  const Output ended = copy.Wait();
  EXPECT_EQ(ended.exit_code, 74);
  EXPECT_NE(ended.err.find("node r3 is in life 2"), std::string::npos);
  EXPECT_NE(ended.err.find("node r2 has met another process of it in life 1"),
            std::string::npos)
      << ended.err;
  EXPECT_NE(ended.err.find("bring back the whole directory"),
            std::string::npos);
  // The one that knows can do nothing alone, and says so: not "not found".
  EXPECT_EQ(cluster_.Kv({"get", "own", "--node", "r2", "--timeout-ms", "300"})
                .exit_code,
            3);
  ExpectDone(cluster_.Local({"start", "1"}));
  EXPECT_EQ(cluster_.Kv({"get", "own"}).out, "2\n");
  EXPECT_EQ(cluster_.Kv({"get", "vote"}).out, "3\n");
  // The newest directory may come back.
  fs::remove_all(original);
  fs::rename(folder_.path("newest"), original);
  ExpectDone(cluster_.Local({"start", "3"}));
  EXPECT_TRUE(cluster_.Settles(3));
  EXPECT_EQ(cluster_.Kv({"get", "own", "--node", "r3"}).out, "2\n");
}

TEST_P(OlderCopyTest, BesideTheOriginalIsRefusedAndHarmsNobody) {
  ExpectDone(cluster_.Kv({"add", "n", "1", "--node", "r3"}));
  CopyWhileItRuns(folder_.path("twin"));
  ClusterConfig config = cluster_.config();
  for (NodeConfig& node : config.nodes) {
    node.directory = folder_.path("unused-" + node.name);
  }
  NodeConfig& twin = config.nodes[2];
  twin.directory = folder_.path("twin");
  twin.peer.port = FreePort();
  twin.client.port = FreePort();
  folder_.Write("cluster.toml", FormatConfig(config));
  const std::vector<cli::ProcessId> processes = cluster_.Processes();
  Running second(
      {"serve", "--config", folder_.path("cluster.toml"), "--node", "r3"});
  // It has all that the original has, or a record less.
  EXPECT_TRUE(second.Says("another process of it"));
  for (int round = 0; round < 3; ++round) {
    for (const char* node : {"r1", "r2", "r3"}) {
      ExpectDone(cluster_.Kv({"add", "n", "1", "--node", node}));
    }
  }
  EXPECT_EQ(cluster_.Kv({"get", "n"}).out, "10\n");
  EXPECT_TRUE(cluster_.Settles(3));
  for (const cli::ProcessId& process : processes) {
    EXPECT_EQ(cli::StateOf(process), cli::ProcessState::kRunning);
  }
  // Now it has less than the original, and cannot take its place either.
  ExpectDone(cluster_.Local({"kill", "3"}));
  EXPECT_EQ(second.Wait().exit_code, 74);
  ExpectDone(cluster_.Local({"start", "3"}));
  EXPECT_TRUE(cluster_.Settles(3));
  EXPECT_EQ(cluster_.Kv({"get", "n", "--node", "r3"}).out, "10\n");
}

// Whoever starts it is told, whether the node ends before or after it is ready,
// and the others are left alone.
TEST(KeptOutTest, UpAndStartSayWhoIsKeptOutAndLeaveTheOthersRunning) {
  const Cluster cluster;
  const std::string directory = cluster.directory() + "/r1";
  const Folder folder;
  ExpectDone(cluster.Local({"kill", "1"}));
  Copy(directory, folder.path("old"));
  ExpectDone(cluster.Local({"start", "1"}));
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r1"}));
  ExpectDone(cluster.Local({"down"}));
  const auto expect_kept_out = [](const Output& output, const char* why) {
    EXPECT_EQ(output.exit_code, 74) << output.out;
    for (const char* part : {why, "bring back the whole directory"}) {
      EXPECT_NE(output.err.find(part), std::string::npos) << output.err;
    }
  };
  const auto expect_others_serve = [&] {
    EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r2"}).out, "v\n");
    EXPECT_EQ(cluster.Processes().size(), 2u);
  };
  fs::rename(directory, folder.path("newest"));
  const Output up = cluster.Local({"up"});
  expect_kept_out(up, "node r1 comes with a new directory");
  EXPECT_NE(up.err.find("left running: r2, r3"), std::string::npos) << up.err;
  expect_others_serve();
  expect_kept_out(cluster.Local({"start", "1"}),
                  "node r1 comes with a new directory");
  fs::remove_all(directory);
  Copy(folder.path("old"), directory);
  expect_kept_out(cluster.Local({"start", "1"}), "node r1 is in life");
  expect_others_serve();
  fs::remove_all(directory);
  fs::rename(folder.path("newest"), directory);
  ExpectDone(cluster.Local({"start", "1"}));
  EXPECT_TRUE(cluster.Settles(3));
}

// One flipped bit of r1's memory of whom it has met ended the healthy r2.
TEST(KeptOutTest, ANodeWhoseMemoryOfItsPeersIsDamagedStopsItself) {
  const Cluster cluster;
  ExpectDone(cluster.Local({"kill", "1"}));
  const std::string path = cluster.directory() + "/r1/peers";
  std::string text;
  {
    std::ifstream file(path, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::size_t second = text.find("\n2 ");
  ASSERT_NE(second, std::string::npos) << text;
  text[second + 3] = static_cast<char>(text[second + 3] ^ 1);
  std::ofstream(path, std::ios::binary) << text;
  const Output start = cluster.Local({"start", "1"});
  EXPECT_EQ(start.exit_code, 74);
  EXPECT_NE(start.err.find("/r1/peers\": it is damaged"), std::string::npos)
      << start.err;
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r2"}));
  EXPECT_EQ(cluster.Processes().size(), 2u);
}

// Two nodes of three whose last votes were damaged after a kill: acknowledged
// keys were "not found" when both had dropped the end of their logs.
TEST(DamagedJournalTest, TwoOfThreeDoNotForgetTogether) {
  const Cluster cluster;
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r2"}));
  for (const char* node : {"1", "2", "3"}) {
    ExpectDone(cluster.Local({"kill", node}));
  }
  for (const char* name : {"r2", "r3"}) {
    const std::string log = cluster.directory() + "/" + name + "/node.db-wal";
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-100, std::ios::end);
    const int byte = file.peek();
    file.seekp(-100, std::ios::end);
    file.put(static_cast<char>(byte ^ 4));
    file.close();
    Running damaged(
        {"serve", "--config", cluster.config_path(), "--node", name});
    const Output ended = damaged.Wait();
    EXPECT_EQ(ended.exit_code, 74);
    EXPECT_NE(ended.err.find("but this node had synced group"),
              std::string::npos)
        << ended.err;
    EXPECT_NE(ended.err.find("bring back the whole directory"),
              std::string::npos);
  }
  ExpectDone(cluster.Local({"start", "1"}));
  EXPECT_EQ(
      cluster.Kv({"get", "k", "--node", "r1", "--timeout-ms", "300"}).exit_code,
      3);
}

INSTANTIATE_TEST_SUITE_P(AllProtocols, OlderCopyTest,
                         testing::ValuesIn(kProtocols),
                         [](const auto& protocol) {
                           return std::string(Name(protocol.param));
                         });

}  // namespace
}  // namespace quorate::e2e
