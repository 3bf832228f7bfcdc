#include "replica/config/config.h"
#include "replica/base/quorum_system.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace quorate {
namespace {

const std::string kNodes = R"(
[[node]]
name = "r1"
peer = "127.0.0.1:7101"
client = "127.0.0.1:7201"
dir = "data/r1"
[[node]]
name = "r2"
peer = "127.0.0.1:7102"
client = "127.0.0.1:7202"
dir = "data/r2"
[[node]]
name = "r3"
peer = "127.0.0.1:7103"
client = "127.0.0.1:7203"
dir = "data/r3"
site = "tokyo"
)";

const std::string kMinimal = "[cluster]\nid = \"demo\"\n" + kNodes;

std::string Replaced(std::string text, const std::string& from,
                     const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The whole message of the error that `text` gives.
std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(text, "cluster.toml");
  return config.ok() ? "no error" : std::string(config.status().message());
}

std::string WithProtocol(const std::string& line) {
  return "[cluster]\nid = \"demo\"\n[protocol]\n" + line + "\n" + kNodes;
}

TEST(ConfigTest, ReadsAMinimalFileWithDefaults) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(kMinimal, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster_id, "demo");
  EXPECT_EQ(config->settings.protocol, Protocol::kEpaxos);
  EXPECT_EQ(config->durability, Durability::kFsync);
  EXPECT_EQ(config->settings.replicas, 3);
  EXPECT_EQ(config->settings.batch_commands, Settings().batch_commands);
  ASSERT_EQ(config->nodes.size(), 3u);
  EXPECT_EQ(config->nodes[2].site, "tokyo");
  EXPECT_EQ(config->nodes[1].peer, (Endpoint{"127.0.0.1", 7102}));
  EXPECT_EQ(config->nodes[1].client, (Endpoint{"127.0.0.1", 7202}));
  EXPECT_EQ(config->nodes[0].directory, "data/r1");
}

TEST(ConfigTest, ReadsEverySetting) {
  const absl::StatusOr<ClusterConfig> config = ParseConfig(
      R"([cluster]
id = "demo"
protocol = "epaxos"
durability = "memory"
[protocol]
fast_path = "epaxos"
faults = 1
fast_faults = 1
thrifty = true
overlap_sync = false
lazy_fast_commit = true
conflicts = "rw"
retransmit_ticks = 7
tick_ms = 3
max_in_flight = 11
[paxos]
phase1 = "size 3"
phase2 = "size 1"
reads = "leader"
election_ticks = 70
[batch]
max_commands = 1
max_bytes = 4096
max_queued = 99
[checkpoint]
journal_bytes = 12345
percent = 50
[sessions]
idle_s = 7
[connections]
vanished_s = 12
)" + kNodes,
      "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->durability, Durability::kMemory);
  const Settings& settings = config->settings;
  EXPECT_EQ(settings.faults, 1);
  EXPECT_EQ(settings.fast_faults, 1);
  EXPECT_TRUE(settings.thrifty);
  EXPECT_FALSE(settings.overlap_sync);
  EXPECT_TRUE(settings.lazy_fast_commit);
  EXPECT_EQ(settings.conflicts, ConflictMode::kReadWrite);
  EXPECT_EQ(settings.retransmit_ticks, 7);
  EXPECT_EQ(settings.tick_ms, 3);
  EXPECT_EQ(settings.max_in_flight, 11u);
  EXPECT_EQ(ToString(settings.phase1), "size 3");
  EXPECT_EQ(ToString(settings.phase2), "size 1");
  EXPECT_EQ(settings.reads, ReadMode::kLeader);
  EXPECT_EQ(settings.election_ticks, 70);
  EXPECT_EQ(settings.batch_commands, 1u);
  EXPECT_EQ(settings.batch_bytes, 4096u);
  EXPECT_EQ(settings.max_queued_commands, 99u);
  EXPECT_EQ(config->checkpoint_journal_bytes, 12345u);
  EXPECT_EQ(config->checkpoint_percent, 50u);
  EXPECT_EQ(settings.session_idle_ms, 7000u);
  EXPECT_EQ(config->vanished_s, 12u);
}

TEST(ConfigTest, GivesEachNodeItsOwnSettings) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(kMinimal, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->NodeSettings(2).self, ReplicaAt(2));
  EXPECT_EQ(config->NodeSettings(2).replicas, 3);
}

TEST(ConfigTest, FindsANodeByItsName) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(kMinimal, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->FindNode("r2"), 1u);
  EXPECT_EQ(config->FindNode("r4"), std::nullopt);
}

TEST(ConfigTest, FormatsToTextThatReadsBackEqual) {
  absl::StatusOr<ClusterConfig> config =
      ParseConfig(WithProtocol("fast_path = \"atlas\"\nthrifty = true\n"
                               "conflicts = \"key\"\nmax_in_flight = 5"),
                  "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  config->cluster_id = "quoted \"id\" \\ with\ttab";
  config->durability = Durability::kMemory;
  const std::string text = FormatConfig(*config);
  const absl::StatusOr<ClusterConfig> again = ParseConfig(text, "again.toml");
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
  EXPECT_EQ(FormatConfig(*again), text);
  EXPECT_EQ(again->cluster_id, config->cluster_id);
  EXPECT_EQ(again->durability, Durability::kMemory);
  EXPECT_EQ(again->settings.fast_path, FastPathRule::kAtlas);
  EXPECT_EQ(again->settings.conflicts, ConflictMode::kKey);
  EXPECT_EQ(again->nodes[2].site, "tokyo");
}

// ---- errors ---------------------------------------------------------------

TEST(ConfigTest, RefusesWhatIsNoToml) {
  const std::string error = ErrorOf("[cluster]\nid = \n");
  EXPECT_EQ(error.find("config \"cluster.toml\" line 2: this is not TOML: "),
            0u)
      << error;
}

TEST(ConfigTest, TakesUnicodeInQuotesAndCommentsOnly) {
  const std::string text(kMinimal);
  EXPECT_EQ(ErrorOf("# \"größer\"\n" + text), "no error");
  EXPECT_TRUE(ErrorOf("[batch]\n\xc3\xa4 = 1\n" + text)
                  .find("line 2: this is not TOML: a character beyond") !=
              std::string::npos)
      << ErrorOf("[batch]\n\xc3\xa4 = 1\n" + text);
}

TEST(ConfigTest, RefusesAnUnknownKeyAndNamesTheKnownOnes) {
  EXPECT_EQ(ErrorOf(WithProtocol("thrift = true")),
            "config \"cluster.toml\" line 4: unknown key \"thrift\" in "
            "protocol; known are fast_path, faults, fast_faults, thrifty, "
            "overlap_sync, lazy_fast_commit, conflicts, retransmit_ticks, "
            "tick_ms, max_in_flight, retained_bytes");
}

TEST(ConfigTest, RefusesAnUnknownKeyOfANode) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "site =", "region =")),
            "config \"cluster.toml\" line 19: unknown key \"region\" in "
            "node; known are name, peer, client, listen, peer_listen, "
            "client_listen, dir, site, roles, depsvc_shard, acceptor_group");
}

TEST(ConfigTest, NodesOfDifferentMachinesMayNameTheirDirectoriesAlike) {
  const std::string alike = Replaced(kMinimal, "data/r2", "data/r1");
  EXPECT_NE(ErrorOf(alike).find("both keep their data"), std::string::npos);
  EXPECT_EQ(ErrorOf(Replaced(alike, "127.0.0.1:7102", "10.0.0.2:7102")),
            "no error");
}

TEST(ConfigTest, ListensWhereItIsCalledUnlessItSaysOtherwise) {
  const ClusterConfig plain = *ParseConfig(kMinimal, "cluster.toml");
  const NodeConfig& node = plain.nodes[2];
  EXPECT_EQ(node.ListenForPeers(), node.peer);
  EXPECT_EQ(node.ListenForClients(), node.client);
  for (const char* host : {"0.0.0.0", "::", "[::]", "alpha.example"}) {
    const std::string line = "listen = \"" + std::string(host) + "\"\nsite =";
    const ClusterConfig config =
        *ParseConfig(Replaced(kMinimal, "site =", line), "cluster.toml");
    const NodeConfig& named = config.nodes[2];
    EXPECT_EQ(named.ListenForPeers().port, named.peer.port);
    EXPECT_EQ(named.ListenForClients().port, named.client.port);
    EXPECT_EQ(named.ListenForPeers().host, named.ListenForClients().host);
    EXPECT_EQ(ParseConfig(FormatConfig(config), "again")->nodes[2].peer_listen,
              named.peer_listen);
  }
}

TEST(ConfigTest, ListensAtPortsOfItsOwnBehindNat) {
  const std::string lines =
      "listen = \"0.0.0.0\"\npeer_listen = \"10.0.0.1:17\"\nsite =";
  const ClusterConfig config =
      *ParseConfig(Replaced(kMinimal, "site =", lines), "cluster.toml");
  const NodeConfig& node = config.nodes[2];
  EXPECT_EQ(node.ListenForPeers(), (Endpoint{"10.0.0.1", 17}));
  EXPECT_EQ(node.ListenForClients(), (Endpoint{"0.0.0.0", node.client.port}));
  const ClusterConfig again = *ParseConfig(FormatConfig(config), "again");
  EXPECT_EQ(again.nodes[2].peer_listen, node.peer_listen);
  EXPECT_EQ(again.nodes[2].client_listen, node.client_listen);
}

TEST(ConfigTest, RefusesAHostToListenOnThatHasAPortOrIsNone) {
  const auto error_of = [](const std::string& lines) {
    return ErrorOf(Replaced(kMinimal, "site =", lines + "\nsite ="));
  };
  EXPECT_NE(error_of("listen = \"0.0.0.0:7101\"")
                .find("node.listen: \"0.0.0.0:7101\" has a port; give the host "
                      "alone"),
            std::string::npos);
  EXPECT_NE(error_of("listen = \"a b\"").find("\"a b\" is no host"),
            std::string::npos);
  EXPECT_NE(error_of("peer_listen = \"0.0.0.0:9\"\n"
                     "client_listen = \"0.0.0.0:9\"")
                .find("listens on 0.0.0.0:9 for peers and for clients"),
            std::string::npos);
}

TEST(ConfigTest, RefusesAnUnknownTable) {
  EXPECT_EQ(ErrorOf("[clusters]\nid = \"demo\"\n" + kMinimal),
            "config \"cluster.toml\" line 1: unknown name \"clusters\"; known "
            "are [cluster], [protocol], [paxos], [batch], [checkpoint], "
            "[sessions], [wan], [connections], [results] and [[node]]");
}

TEST(ConfigTest, RefusesAFileWithoutAClusterId) {
  EXPECT_EQ(ErrorOf("[cluster]\n" + kNodes),
            "config \"cluster.toml\" line 1: cluster.id is missing; add id = "
            "\"...\"");
  EXPECT_EQ(ErrorOf(kNodes),
            "config \"cluster.toml\": cluster.id is missing; add id = "
            "\"...\"");
}

TEST(ConfigTest, RefusesAnEmptyClusterId) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"\"\n" + kNodes),
            "config \"cluster.toml\" line 2: cluster.id is empty; give it a "
            "value");
}

TEST(ConfigTest, RefusesAProtocolItDoesNotKnow) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"demo\"\nprotocol = \"raft\"\n" + kNodes),
            "config \"cluster.toml\" line 3: cluster.protocol is \"raft\", "
            "this binary knows \"epaxos\", \"multipaxos\", \"bpaxos\"; "
            "choose one of them");
}

TEST(ConfigTest, RefusesAQuorumThatIsNone) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"demo\"\n[paxos]\nphase1 = \"most\"\n" +
                    kNodes),
            "config \"cluster.toml\" line 4: paxos.phase1: \"most\" is no "
            "quorum; a quorum is \"majority\", \"size N\", \"rows AxB\", "
            "\"columns AxB\", \"cross AxB\", \"weights W1 W2 ... [reach R]\" "
            "or \"even [without rN]\"");
}

TEST(ConfigTest, RefusesQuorumsThatDoNotMeet) {
  EXPECT_EQ(
      ErrorOf("[cluster]\nid = \"demo\"\nprotocol = \"multipaxos\"\n"
              "[paxos]\nphase1 = \"size 1\"\n" +
              kNodes),
      "config \"cluster.toml\": \"size 1\" and \"majority\" of 3 replicas do "
      "not meet: {r1} and {r2, r3} have no member in common; make one larger");
}

TEST(ConfigTest, RefusesAFastPathItDoesNotKnow) {
  EXPECT_EQ(
      ErrorOf(WithProtocol("fast_path = \"paxos\"")),
      "config \"cluster.toml\" line 4: protocol.fast_path is \"paxos\", "
      "this binary knows \"epaxos\", \"atlas\", \"unanimous\"; choose one "
      "of them");
}

TEST(ConfigTest, RefusesWhatAFastPathRuleHasNoProofFor) {
  EXPECT_NE(ErrorOf(WithProtocol("fast_path = \"atlas\"\n"
                                 "lazy_fast_commit = true"))
                .find("lazy_fast_commit does not go with"),
            std::string::npos);
  EXPECT_EQ(ErrorOf(WithProtocol("fast_path = \"unanimous\"\n"
                                 "lazy_fast_commit = true")),
            "no error");
}

TEST(ConfigTest, RefusesADurabilityItDoesNotKnow) {
  EXPECT_EQ(
      ErrorOf("[cluster]\nid = \"demo\"\ndurability = \"disk\"\n" + kNodes),
      "config \"cluster.toml\" line 3: cluster.durability is \"disk\", this "
      "binary knows \"fsync\", \"memory\"; choose one of them");
}

TEST(ConfigTest, RefusesAConflictModeItDoesNotKnow) {
  EXPECT_EQ(ErrorOf(WithProtocol("conflicts = \"none\"")),
            "config \"cluster.toml\" line 4: protocol.conflicts is \"none\", "
            "this binary knows \"op\", \"rw\", \"key\"; choose one of them");
}

TEST(ConfigTest, RefusesAStringWhereANumberIsExpected) {
  EXPECT_EQ(ErrorOf(WithProtocol("tick_ms = \"10\"")),
            "config \"cluster.toml\" line 4: protocol.tick_ms is a string, "
            "expected an integer");
}

TEST(ConfigTest, RefusesANumberWhereAStringIsExpected) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = 5\n" + kNodes),
            "config \"cluster.toml\" line 2: cluster.id is an integer, "
            "expected a string in quotes");
}

TEST(ConfigTest, RefusesANumberWhereTrueOrFalseIsExpected) {
  EXPECT_EQ(ErrorOf(WithProtocol("thrifty = 1")),
            "config \"cluster.toml\" line 4: protocol.thrifty is an integer, "
            "expected true or false");
}

TEST(ConfigTest, RefusesATableWhereAValueIsExpected) {
  EXPECT_EQ(ErrorOf("cluster = 5\n" + kNodes),
            "config \"cluster.toml\" line 1: cluster is an integer, expected "
            "a table");
}

TEST(ConfigTest, RefusesANumberOutOfItsRange) {
  EXPECT_EQ(ErrorOf(WithProtocol("tick_ms = 0")),
            "config \"cluster.toml\" line 4: protocol.tick_ms is 0; choose a "
            "number from 1 to 10000");
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"demo\"\n[batch]\nmax_bytes = 9999999\n" +
                    kNodes),
            "config \"cluster.toml\" line 4: batch.max_bytes is 9999999; "
            "choose a number from 1 to 2097152");
}

TEST(ConfigTest, RefusesTwoNodesOfOneName) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "\"r3\"", "\"r1\"")),
            "config \"cluster.toml\" line 14: two nodes are named \"r1\"; "
            "rename one of them");
}

TEST(ConfigTest, RefusesTwoNodesOnOneAddress) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, ":7103", ":7101")),
            "config \"cluster.toml\" line 14: nodes r1 and r3 both listen on "
            "127.0.0.1:7101; give each node its own address");
}

TEST(ConfigTest, RefusesOneAddressForPeersAndClients) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, ":7202", ":7102")),
            "config \"cluster.toml\" line 9: node r2 listens on "
            "127.0.0.1:7102 for peers and for clients; give each its own "
            "port");
}

TEST(ConfigTest, RefusesTwoNodesInOneDirectory) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "data/r3", "data/./r2")),
            "config \"cluster.toml\" line 14: nodes r2 and r3 both keep their "
            "data in \"data/./r2\"; give each node its own dir");
}

TEST(ConfigTest, RefusesANodeWithoutADirectory) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "dir = \"data/r2\"\n", "")),
            "config \"cluster.toml\" line 9: node.dir is missing; add dir = "
            "\"...\"");
}

TEST(ConfigTest, NeedsNoDirectoryWhereNothingIsWritten) {
  const std::string text =
      Replaced(Replaced(kMinimal, "id = \"demo\"\n",
                        "id = \"demo\"\ndurability = \"memory\"\n"),
               "dir = \"data/r2\"\n", "");
  EXPECT_EQ(ErrorOf(text), "no error");
}

TEST(ConfigTest, RefusesANodeWithoutAnAddress) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "peer = \"127.0.0.1:7102\"\n", "")),
            "config \"cluster.toml\" line 9: node.peer is missing; add peer = "
            "\"...\"");
}

TEST(ConfigTest, RefusesAnAddressWithoutAPort) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "127.0.0.1:7102", "127.0.0.1")),
            "config \"cluster.toml\" line 11: node.peer: \"127.0.0.1\" is no "
            "address (no port); write it as \"host:port\", for example "
            "\"127.0.0.1:7101\"");
}

TEST(ConfigTest, RefusesANameThatIsNoWord) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, "\"r2\"", "\"r 2\"")),
            "config \"cluster.toml\" line 10: node name \"r 2\" may only have "
            "letters, digits, \"-\" and \"_\"; rename the node");
}

TEST(ConfigTest, RefusesTooFewNodes) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"demo\"\n"),
            "config \"cluster.toml\": a cluster has 3 to 9 nodes, this one "
            "has 0; add or remove [[node]] tables");
}

TEST(ConfigTest, RefusesTooManyNodes) {
  std::string text = kMinimal;
  for (int i = 4; i <= 10; ++i) {
    const std::string n = std::to_string(i);
    text += "[[node]]\nname = \"r" + n + "\"\npeer = \"127.0.0.1:71" +
            std::to_string(10 + i) + "\"\nclient = \"127.0.0.1:72" +
            std::to_string(10 + i) + "\"\ndir = \"data/r" + n + "\"\n";
  }
  EXPECT_EQ(ErrorOf(text),
            "config \"cluster.toml\": a cluster has 3 to 9 nodes, this one "
            "has 10; add or remove [[node]] tables");
}

TEST(ConfigTest, RefusesNodesThatAreNoArray) {
  EXPECT_EQ(ErrorOf("[cluster]\nid = \"demo\"\n[node]\nname = \"r1\"\n"),
            "config \"cluster.toml\" line 3: node is no array of tables; "
            "write [[node]] above each node");
}

TEST(ConfigTest, RefusesMoreFaultsThanTheClusterCanTake) {
  const std::string error = ErrorOf(WithProtocol("faults = 2"));
  EXPECT_EQ(error.find("config \"cluster.toml\": 3 replicas cannot lose 2: "),
            0u)
      << error;
}

// ---- roles ------------------------------------------------------------------

const std::string kBpaxos =
    "[cluster]\nid = \"demo\"\nprotocol = \"bpaxos\"\n" + kNodes;
const std::string kThirdNode = "site = \"tokyo\"\n";

TEST(ConfigTest, ANodeWithoutRolesHasAll) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(kBpaxos, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->settings.roles, Roles());
  EXPECT_EQ(config->RolesOf(0).size(), 4u);
  EXPECT_TRUE(config->TakesCommands(0));
}

TEST(ConfigTest, ReadsRolesAndWritesThemBack) {
  const std::string text =
      Replaced(kBpaxos, kThirdNode, "roles = [\"depsvc\", \"acceptor\"]\n");
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(text, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->RolesOf(2),
            (std::vector<std::string_view>{"depsvc", "acceptor"}));
  EXPECT_FALSE(config->TakesCommands(2));
  EXPECT_EQ(ColumnsOf(config->settings), 2);
  const absl::StatusOr<ClusterConfig> again =
      ParseConfig(FormatConfig(*config), "cluster.toml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->settings.roles, config->settings.roles);
}

TEST(ConfigTest, RefusesARoleThatItDoesNotKnow) {
  EXPECT_EQ(
      ErrorOf(Replaced(kBpaxos, kThirdNode, "roles = [\"boss\"]\n")),
      "config \"cluster.toml\" line 20: node.roles has \"boss\", this binary "
      "knows \"leader\", \"depsvc\", \"acceptor\", \"executor\"; choose some "
      "of "
      "them");
}

TEST(ConfigTest, DoesTheArithmeticOfRoles) {
  EXPECT_EQ(ErrorOf(Replaced(kBpaxos, kThirdNode, "roles = [\"executor\"]\n")),
            "config \"cluster.toml\": to lose 1 node, bpaxos needs 2f+1 = 3 "
            "nodes with the role \"depsvc\", not 2; give 1 more node that "
            "role, or set faults lower");
}

TEST(ConfigTest, OnlyBpaxosKnowsRoles) {
  EXPECT_EQ(ErrorOf(Replaced(kMinimal, kThirdNode, "roles = [\"executor\"]\n")),
            "config \"cluster.toml\": only bpaxos knows roles: set protocol to "
            "\"bpaxos\", or leave the nodes' roles out");
}

// Six nodes with all roles; the last three in the second shard and group.
std::string Divided() {
  std::string text =
      "[cluster]\nid = \"demo\"\nprotocol = \"bpaxos\"\ndurability = "
      "\"memory\"\n";
  for (int i = 1; i <= 6; ++i) {
    const std::string n = std::to_string(i);
    text += "[[node]]\nname = \"r" + n + "\"\npeer = \"127.0.0.1:710" + n +
            "\"\nclient = \"127.0.0.1:720" + n + "\"\n";
    if (i > 3) text += "depsvc_shard = 2\nacceptor_group = 2\n";
  }
  return text;
}

TEST(ConfigTest, ReadsShardsAndGroupsAndWritesThemBack) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(Divided(), "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ShardOf(0), 1);
  EXPECT_EQ(config->ShardOf(5), 2);
  EXPECT_EQ(config->GroupOf(3), 2);
  EXPECT_EQ(config->FormerIdentity(),
            "demo (depsvc shards 111222, acceptor groups 111222)");
  const absl::StatusOr<ClusterConfig> again =
      ParseConfig(FormatConfig(*config), "cluster.toml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->settings.parts, config->settings.parts);
}

TEST(ConfigTest, WhatIsNotDividedHasNoNumber) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(kBpaxos, "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ShardOf(0), std::nullopt);
  EXPECT_EQ(config->FormerIdentity(), "demo");
}

TEST(ConfigTest, DoesTheArithmeticOfShards) {
  EXPECT_EQ(ErrorOf(Replaced(kBpaxos, kThirdNode, "depsvc_shard = 2\n")),
            "config \"cluster.toml\": to lose 1 node, bpaxos needs 2f+1 = 3 "
            "nodes in depsvc shard 1 of 2, not 2; give 1 more node that role "
            "and shard, have fewer shards, or set faults lower");
}

TEST(ConfigTest, RefusesAPartOfARoleThatTheNodeLacks) {
  EXPECT_EQ(
      ErrorOf(Replaced(kBpaxos, kThirdNode,
                       "roles = [\"depsvc\"]\nacceptor_group = 1\n")),
      "config \"cluster.toml\" line 21: the node lacks the role \"acceptor\"; "
      "give it that role, or leave acceptor_group out");
}

TEST(ConfigTest, QuorumsOfBpaxosAreRefusedWhereTheyDoNotMeet) {
  EXPECT_EQ(
      ErrorOf("[cluster]\nid = \"demo\"\nprotocol = \"bpaxos\"\n"
              "[paxos]\ndependencies = \"size 1\"\n" +
              kNodes),
      "config \"cluster.toml\": the role \"depsvc\", members counted from "
      "r1: \"size 1\" and \"size 1\" of 3 replicas do not meet: {r1} and "
      "{r2, r3} have no member in common; make one larger");
}

TEST(ConfigTest, WhatWasVotedByOtherQuorumsIsNotRead) {
  const absl::StatusOr<ClusterConfig> config = ParseConfig(
      "[cluster]\nid = \"demo\"\nprotocol = \"multipaxos\"\n"
      "[paxos]\nphase1 = \"size 3\"\nphase2 = \"size 1\"\n" +
          kNodes,
      "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->FormerIdentity(), "demo (phase1 size 3, phase2 size 1)");
}

TEST(ConfigTest, SaysThatAFileIsMissing) {
  const absl::StatusOr<ClusterConfig> config =
      LoadConfig("/nonexistent/cluster.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(),
            "config \"/nonexistent/cluster.toml\": cannot read the file: No "
            "such file or directory; give the path of a cluster.toml with "
            "--config");
}

TEST(ConfigTest, TakesDirectoriesRelativeToTheFile) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "config_test_folder";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "cluster.toml").string();
  std::ofstream(path) << kMinimal;
  const absl::StatusOr<ClusterConfig> config = LoadConfig(path);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->nodes[0].directory, (folder / "data/r1").string());
}

// ---- endpoints ------------------------------------------------------------

TEST(EndpointTest, ReadsAndWritesHostAndPort) {
  for (const char* text : {"127.0.0.1:7101", "node-1.example:80", "[::1]:9"}) {
    const absl::StatusOr<Endpoint> endpoint = ParseEndpoint(text);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(ToString(*endpoint), text);
  }
}

TEST(EndpointTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", "host", "host:", ":80", "host:0",
                           "host:65536", "host:8a", "host:-1", "::1:80"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

}  // namespace
}  // namespace quorate
