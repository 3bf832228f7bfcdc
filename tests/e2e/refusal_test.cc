// What the program refuses, with which exit code and which words.
#include <gtest/gtest.h>

#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

TEST(RefusalTest, ASecondProcessOnOneDirectoryIsRefused) {
  const Cluster cluster;
  ClusterConfig config = cluster.config();
  // The same data under other addresses.
  const Folder folder;
  std::uint16_t port = 7;
  for (NodeConfig& node : config.nodes) {
    node.peer.port = port++;
    node.client.port = port++;
  }
  folder.Write("cluster.toml", FormatConfig(config));
  const Output second = Quorate(
      {"serve", "--config", folder.path("cluster.toml"), "--node", "r1"});
  EXPECT_NE(second.exit_code, 0);
  EXPECT_NE(second.err.find("r1"), std::string::npos) << second.err;
  EXPECT_EQ(cluster.Kv({"put", "k", "v", "--node", "r1"}).exit_code, 0);
}

// What was voted under one rule must not be recovered under another.
TEST(RefusalTest, ADirectoryOfAnotherFastPathRuleIsRefused) {
  Cluster cluster({"--fast-path", "atlas"});
  EXPECT_EQ(cluster.Kv({"put", "k", "v"}).exit_code, 0);
  Quorate({"local", "down", "--dir", cluster.directory()});
  ClusterConfig config = cluster.config();
  config.settings.fast_path = FastPathRule::kEpaxos;
  const Folder folder;
  for (NodeConfig& node : config.nodes) {
    node.directory = cluster.directory() + "/" + node.name;
  }
  folder.Write("cluster.toml", FormatConfig(config));
  const Output changed = Quorate(
      {"serve", "--config", folder.path("cluster.toml"), "--node", "r1"});
  EXPECT_NE(changed.exit_code, 0);
  EXPECT_NE(changed.err.find("fast path atlas"), std::string::npos)
      << changed.err;
}

TEST(RefusalTest, APortInUseIsNamed) {
  const Cluster cluster({"--durability", "memory"});
  const ClusterConfig config = cluster.config();
  const Output second =
      Quorate({"serve", "--config", cluster.config_path(), "--node", "r1"});
  EXPECT_EQ(second.exit_code, 1);
  const bool names_port =
      second.err.find(ToString(config.nodes[0].peer)) != std::string::npos ||
      second.err.find(ToString(config.nodes[0].client)) != std::string::npos;
  EXPECT_TRUE(names_port) << second.err;
  EXPECT_EQ(second.out, "") << "a node that does not serve is not ready";
}

TEST(RefusalTest, ABrokenConfigurationIsWrongUsage) {
  const Folder folder;
  folder.Write("cluster.toml", "[cluster\nid = 1\n");
  for (const char* command : {"serve", "status", "kv"}) {
    std::vector<std::string> arguments = {command};
    if (arguments[0] == "kv") arguments.insert(arguments.end(), {"get", "k"});
    arguments.insert(arguments.end(),
                     {"--config", folder.path("cluster.toml")});
    if (arguments[0] == "serve") {
      arguments.insert(arguments.end(), {"--node", "r1"});
    }
    const Output output = Quorate(arguments);
    EXPECT_EQ(output.exit_code, 2) << command << ": " << output.err;
    EXPECT_NE(output.err.find("line"), std::string::npos) << output.err;
  }
}

TEST(RefusalTest, UnknownWordsGetASuggestion) {
  const Output command = Quorate({"statsu"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_NE(command.err.find("did you mean \"status\"?"), std::string::npos);
  const Output flag = Quorate({"status", "--jsno"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_NE(flag.err.find("did you mean \"--json\"?"), std::string::npos)
      << flag.err;
  const Output sub = Quorate({"local", "pauze", "1"});
  EXPECT_EQ(sub.exit_code, 2);
  EXPECT_NE(sub.err.find("did you mean \"pause\"?"), std::string::npos)
      << sub.err;
  EXPECT_EQ(Quorate({}).exit_code, 2);
  EXPECT_EQ(Quorate({"kv"}).exit_code, 2);
}

TEST(RefusalTest, HelpIsNoError) {
  for (const char* command : {"serve", "local", "kv", "status", "conflicts"}) {
    const Output help = Quorate({command, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_NE(help.out.find("Example"), std::string::npos) << command;
  }
  EXPECT_NE(Quorate({"--help"}).out.find("kv"), std::string::npos);
  EXPECT_EQ(Quorate({"--version"}).out.find("quorate "), 0u);
}

TEST(RefusalTest, AFolderWithoutAClusterIsNamed) {
  const Folder folder;
  for (const char* command : {"status", "down"}) {
    const Output output = Quorate({"local", command, "--dir", folder.path()});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_NE(output.err.find("there is no cluster"), std::string::npos);
  }
}

TEST(RefusalTest, ANodeThatCannotStartIsShownAndNothingStays) {
  const Folder folder;
  folder.Write("r2", "a file where the data should be");
  const Output up = Quorate({"local", "up", "--dir", folder.path()});
  EXPECT_NE(up.exit_code, 0);
  EXPECT_NE(up.err.find("r2"), std::string::npos) << up.err;
  const Output status =
      Quorate({"local", "status", "--dir", folder.path(), "--json"});
  EXPECT_EQ(status.out.find("running"), std::string::npos) << status.out;
}

}  // namespace
}  // namespace quorate::e2e
