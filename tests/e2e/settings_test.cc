// Nodes that do not mean the same do not work together, whether they differ
// from each other or from what they were themselves; and everybody is told
// which setting it is.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

// The nodes' own directories, whatever folder the file is in.
ClusterConfig WithWholePaths(const Cluster& cluster) {
  ClusterConfig config = cluster.config();
  for (NodeConfig& node : config.nodes) {
    node.directory = std::filesystem::absolute(node.directory).string();
  }
  return config;
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(SettingsTest, TheExampleIsAFileForFiveMachines) {
  const Output example = Quorate({"settings", "--example"});
  EXPECT_EQ(example.exit_code, 0);
  const auto config = ParseConfig(example.out, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->nodes.size(), 5u);
  EXPECT_TRUE(Says(Quorate({"serve", "--help"}).out, "quorate settings"));
  // A setting, a table of them, all, none.
  const Output one = Quorate({"settings", "faults"});
  EXPECT_TRUE(Says(one.out, "protocol.faults = 0\n")) << one.out;
  EXPECT_TRUE(Says(one.out, "0 to 9; all nodes alike: ")) << one.out;
  EXPECT_TRUE(Says(Quorate({"settings", "batch", "--json"}).out,
                   "\"setting\": \"batch.max_queued\""));
  const Output none = Quorate({"settings", "protocol.fault"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_TRUE(Says(none.err, "did you mean protocol.faults?")) << none.err;
}

// Each of them made a node forget, decide or order otherwise than it had.
TEST(SettingsTest, ADirectoryOfOtherSettingsIsRefusedAndTheSettingNamed) {
  struct Case {
    void (*change)(ClusterConfig& config);
    std::string had;
    std::string now;
  };
  const Case cases[] = {
      {[](ClusterConfig& c) { c.settings.lazy_fast_commit = true; },
       "protocol.lazy_fast_commit = \"false\"",
       "protocol.lazy_fast_commit = \"true\""},
      {[](ClusterConfig& c) { c.settings.faults = 1; },
       "protocol.faults = \"2\"", "protocol.faults = \"1\""},
      {[](ClusterConfig& c) { c.settings.protocol = Protocol::kMultipaxos; },
       "cluster.protocol = \"epaxos\"", "cluster.protocol = \"multipaxos\""},
      {[](ClusterConfig& c) { c.settings.conflicts = ConflictMode::kKey; },
       "protocol.conflicts = \"op\"", "protocol.conflicts = \"key\""},
      {[](ClusterConfig& c) { c.durability = Durability::kMemory; },
       "cluster.durability = \"fsync\"", "cluster.durability = \"memory\""},
      {[](ClusterConfig& c) { c.nodes.resize(4); },
       "node.name = \"r1 r2 r3 r4 r5\"", "node.name = \"r1 r2 r3 r4\""},
  };
  const Cluster cluster({"--nodes", "5"});
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r1"}));
  // A rolling restart, the others go on.
  ExpectDone(cluster.Local({"kill", "1"}));
  const Folder folder;
  for (const Case& each : cases) {
    ClusterConfig config = WithWholePaths(cluster);
    each.change(config);
    folder.Write("cluster.toml", FormatConfig(config));
    const Output changed = Quorate(
        {"serve", "--config", folder.path("cluster.toml"), "--node", "r1"});
    EXPECT_EQ(changed.exit_code, 1) << each.now;
    EXPECT_TRUE(Says(changed.err, "has written it with " + each.had))
        << changed.err;
    EXPECT_TRUE(Says(changed.err, "now means " + each.now)) << changed.err;
    EXPECT_TRUE(Says(changed.err, "another value needs another cluster"))
        << changed.err;
  }
  ExpectDone(cluster.Local({"start", "1"}));
  EXPECT_TRUE(cluster.Settles(5));
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r1"}).out, "v\n");
}

TEST(SettingsTest, ANodeWithAnotherConfigurationIsNotWorkedWith) {
  const Cluster cluster;
  cluster.Forget();
  ExpectDone(cluster.Local({"start", "1"}));
  ExpectDone(cluster.Local({"start", "2"}));
  ClusterConfig config = WithWholePaths(cluster);
  config.settings.conflicts = ConflictMode::kKey;
  const Folder folder;
  folder.Write("cluster.toml", FormatConfig(config));
  const std::string why =
      "node r1 has protocol.conflicts = \"op\", node r3 has "
      "protocol.conflicts = \"key\"";
  const Running other(
      {"serve", "--config", folder.path("cluster.toml"), "--node", "r3"});
  EXPECT_TRUE(other.Says(why));
  // The two that agree are enough.
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r1"}));
  const Output status = Quorate({"status", "--config", cluster.config_path()});
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_TRUE(Says(status.out, "r1 does not work with r3: " + why))
      << status.out;
  // The third is told apart by the file it is asked with.
  EXPECT_TRUE(Says(status.out, "node r3 at ")) << status.out;
  const Output alone =
      Quorate({"kv", "put", "k", "w", "--node", "r3", "--timeout-ms", "300",
               "--config", folder.path("cluster.toml")});
  EXPECT_EQ(alone.exit_code, 3) << alone.err;
  EXPECT_EQ(cluster.Kv({"get", "k"}).out, "v\n");
}

// Of three members two are a majority, and of five the other three: both would
// serve, and neither know of what the other has acknowledged.
TEST(SettingsTest, NodesOfAnotherListOfMembersDoNotBegin) {
  const Cluster cluster;
  cluster.Forget();
  ExpectDone(cluster.Local({"start", "1"}));
  ExpectDone(cluster.Local({"start", "3"}));
  ExpectDone(cluster.Kv({"put", "x", "1", "--node", "r1"}));
  ClusterConfig config = WithWholePaths(cluster);
  const Folder folder;
  for (const char* name : {"r4", "r5"}) {
    config.nodes.push_back({.name = name,
                            .peer = {"127.0.0.1", FreePort()},
                            .client = {"127.0.0.1", FreePort()},
                            .directory = folder.path(name)});
  }
  folder.Write("five.toml", FormatConfig(config));
  {
    Running second(
        {"serve", "--config", folder.path("five.toml"), "--node", "r2"});
    Running fourth(
        {"serve", "--config", folder.path("five.toml"), "--node", "r4"});
    Running fifth(
        {"serve", "--config", folder.path("five.toml"), "--node", "r5"});
    for (Running* node : {&second, &fourth, &fifth}) {
      const Output ended = node->Wait();
      EXPECT_EQ(ended.exit_code, 1);
      EXPECT_TRUE(Says(ended.err, "stopped before it took part")) << ended.err;
      EXPECT_TRUE(Says(ended.err, "node.name = \"r1 r2 r3\""));
      EXPECT_TRUE(Says(ended.err, "node.name = \"r1 r2 r3 r4 r5\""));
    }
  }
  const Output get = Quorate({"kv", "get", "x", "--timeout-ms", "300",
                              "--config", folder.path("five.toml")});
  EXPECT_EQ(get.exit_code, 3);
  EXPECT_TRUE(Says(get.err, "has node.name = \"r1 r2 r3\"")) << get.err;
  EXPECT_EQ(cluster.Kv({"get", "x"}).out, "1\n");
  // A mistake of the first start is free: the directory has no record.
  ExpectDone(cluster.Local({"start", "2"}));
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Kv({"get", "x", "--node", "r2"}).out, "1\n");
}

}  // namespace
}  // namespace quorate::e2e
