// What the program refuses, with which exit code and which words.
#include <gtest/gtest.h>
#include <unistd.h>

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
  EXPECT_EQ(changed.exit_code, 1);
  EXPECT_NE(changed.err.find("protocol.fast_path = \"atlas\""),
            std::string::npos)
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

TEST(RefusalTest, WhatIsNoFileToReadIsNamed) {
  const Folder folder;
  const Output directory = Quorate({"status", "--config", folder.path()});
  EXPECT_EQ(directory.exit_code, 2);
  EXPECT_NE(directory.err.find("it is a directory"), std::string::npos)
      << directory.err;
  const Output endless = Quorate({"status", "--config", "/dev/zero"});
  EXPECT_EQ(endless.exit_code, 2);
  EXPECT_NE(endless.err.find("more than 1048576 bytes"), std::string::npos)
      << endless.err;
  EXPECT_EQ(Quorate({"kv", "batch", folder.path()}).exit_code, 2);
  EXPECT_EQ(Quorate({"kv", "batch", "/dev/zero"}).exit_code, 2);
  folder.Write("cluster.toml",
               "[cluster]\nid = \"c\"\n[[node]]\nname = \"r1\"\n"
               "peer = \"127.0.0.1:1\"\nclient = \"127.0.0.1:2\"\ndir = "
               "\"1\"\n[[node]]\nname = \"r2\"\npeer = \"127.0.0.1:3\"\n"
               "client = \"127.0.0.1:4\"\ndir = \"2\"\n[[node]]\nname = "
               "\"r3\"\npeer = \"127.0.0.1:5\"\nclient = \"127.0.0.1:6\"\n"
               "dir = \"3\"\n");
  for (const char* workload : {".", "/dev/zero", "/dev/null"}) {
    EXPECT_EQ(Quorate({"bench", "--config", folder.path("cluster.toml"),
                       "--workload", workload})
                  .exit_code,
              2)
        << workload;
  }
  const Output report = Quorate({"report", folder.path()});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_NE(report.err.find("it is a directory"), std::string::npos)
      << report.err;
}

TEST(RefusalTest, AFolderThatMayNotBeSeenIsNamed) {
  if (geteuid() == 0) {
    // Root sees everything, but not below a file.
    const Folder folder;
    folder.Write("file", "");
    const Output output =
        Quorate({"local", "up", "--dir", folder.path("file/cluster")});
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_NE(output.err.find("file/cluster"), std::string::npos) << output.err;
    return;
  }
  const Output output = Quorate({"local", "up", "--dir", "/root/cluster"});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_NE(output.err.find("/root/cluster"), std::string::npos) << output.err;
}

TEST(RefusalTest, AnEmptyPathIsNoFolder) {
  for (const char* command : {"up", "status", "down"}) {
    const Output output = Quorate({"local", command, "--dir", ""});
    EXPECT_EQ(output.exit_code, 2) << output.err;
    EXPECT_NE(output.err.find("--dir"), std::string::npos) << output.err;
  }
}

TEST(RefusalTest, WhatIsNoNumberIsWrongUsage) {
  for (const char* number : {"", " 5", "1e3", "0x10", "5s", "-5", "+5", "nan",
                             "99999999999999999999"}) {
    const std::string word(number);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"status", "--timeout-ms=" + word},
          {"kv", "get", "k", "--timeout-ms=" + word},
          {"kv", "scan", "a", "--limit=" + word},
          {"local", "up", "--dir", "/nowhere", "--nodes=" + word},
          {"local", "up", "--dir", "/nowhere", "--batch=" + word},
          {"bench", "--config", "none", "--operations=" + word},
          {"bench", "--config", "none", "--seed=" + word},
          {"bench", "--config", "none", "--clients=" + word}}) {
      const Output output = Quorate(command);
      EXPECT_EQ(output.exit_code, 2) << command.back() << output.err;
      const std::string& option = command.back();
      EXPECT_NE(output.err.find(option.substr(0, option.find('='))),
                std::string::npos)
          << option << output.err;
    }
  }
  for (const char* number : {"nan", "inf", "-1", "", "1e300"}) {
    EXPECT_EQ(
        Quorate({"bench", "--config", "none", "--rate=" + std::string(number)})
            .exit_code,
        2)
        << number;
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
