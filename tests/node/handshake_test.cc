#include "replica/node/handshake.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "replica/config/setting_table.h"
#include "storage/descriptor.h"

namespace quorate {
namespace {

ClusterConfig OfNodes(int count) {
  ClusterConfig config;
  config.cluster_id = "demo";
  config.settings.replicas = count;
  for (int i = 1; i <= count; ++i) {
    const std::string name = "r" + std::to_string(i);
    config.nodes.push_back(
        {.name = name,
         .peer = {"127.0.0.1", static_cast<std::uint16_t>(7100 + i)},
         .client = {"127.0.0.1", static_cast<std::uint16_t>(7200 + i)}});
  }
  return config;
}

class HandshakeTest : public testing::Test {
 protected:
  static Hello From(const ClusterConfig& config, int node, NodeLife life) {
    const AgreedSettings settings = AgreedSettingsOf(config);
    return {.role = PeerRole::kReplica,
            .cluster_id = config.cluster_id,
            .name = "r" + std::to_string(node + 1),
            .settings = settings,
            .settings_digest = DigestOf(settings),
            .node = ReplicaAt(node),
            .life = life};
  }
  // From a node that has the same configuration.
  Hello From(int node, NodeLife life) const {
    return From(config_, node, life);
  }
  Hello From(int node, std::uint64_t incarnation = 77) const {
    return From(node, {.incarnation = incarnation, .life = 1, .process = 1});
  }
  static Hello From(const ClusterConfig& config, int node) {
    return From(config, node, {.incarnation = 77, .life = 1, .process = 1});
  }
  static std::optional<HelloRefusal> Dial(Handshake& handshake,
                                          const Hello& hello,
                                          bool connected = false) {
    return handshake.CheckDialer(
        hello, [connected](std::size_t) { return connected; });
  }
  std::optional<HelloRefusal> Dial(const Hello& hello, bool connected = false) {
    return Dial(handshake_, hello, connected);
  }

  const ClusterConfig config_ = OfNodes(3);
  const NodeLife own_{.incarnation = 5, .life = 4, .process = 44, .record = 40};
  Handshake handshake_{config_, /*self=*/1, own_, KnownPeers()};
};

TEST_F(HandshakeTest, SaysWhoThisNodeIs) {
  const Hello hello = handshake_.OwnHello();
  EXPECT_EQ(hello.role, PeerRole::kReplica);
  EXPECT_EQ(hello.cluster_id, "demo");
  EXPECT_EQ(hello.node, ReplicaAt(1));
  EXPECT_EQ(hello.life, own_);
  EXPECT_EQ(hello.major, kProtocolMajor);
}

// A restart between the two meetings makes no difference (BM16).
TEST_F(HandshakeTest, KnowsAfterARestartWhomItHasMet) {
  const std::string folder =
      testing::TempDir() + "/handshake-" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(KnownPeers::Create(folder, own_.incarnation).ok());
  const auto load = [&] { return *KnownPeers::Load(folder, own_.incarnation); };
  {
    Handshake before(config_, 1, own_, load());
    EXPECT_FALSE(Dial(before, From(2, 77)));
  }
  Handshake after(config_, 1, own_, load());
  const auto refusal = Dial(after, From(2, 78));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongIncarnation);
  EXPECT_FALSE(Dial(after, From(2, 77)));
  std::filesystem::remove_all(folder);
}

TEST_F(HandshakeTest, TakesAReplicaThatDials) { EXPECT_FALSE(Dial(From(2))); }

TEST_F(HandshakeTest, TakesTheExpectedNodesAnswer) {
  EXPECT_FALSE(handshake_.CheckDialed(From(0), /*expected=*/0));
}

TEST_F(HandshakeTest, RefusesAnotherMajorVersion) {
  Hello hello = From(2);
  hello.major = kProtocolMajor + 1;
  const auto refusal = Dial(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongVersion);
  EXPECT_EQ(refusal->text,
            "node r2 speaks version 2 of the protocol, not 3; run the same "
            "release on both sides");
}

TEST_F(HandshakeTest, TakesAHigherMinorVersion) {
  Hello hello = From(2);
  hello.minor = kProtocolMinor + 1;
  EXPECT_FALSE(Dial(hello));
}

TEST_F(HandshakeTest, RefusesAReplicaOfAnotherCluster) {
  Hello hello = From(2);
  hello.cluster_id = "other";
  const auto refusal = Dial(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kForeignCluster);
  EXPECT_EQ(refusal->text,
            "node r2 belongs to cluster \"demo\", not \"other\"; check the "
            "addresses in cluster.toml");
}

TEST_F(HandshakeTest, RefusesAReplicaWithoutACluster) {
  Hello hello = From(2);
  hello.cluster_id.clear();
  ASSERT_TRUE(Dial(hello));
}

TEST_F(HandshakeTest, SaysWhichSettingsThisNodeHas) {
  const Hello hello = handshake_.OwnHello();
  EXPECT_EQ(hello.name, "r2");
  EXPECT_EQ(hello.settings, AgreedSettingsOf(config_));
  EXPECT_EQ(hello.settings_digest, DigestOf(hello.settings));
}

// Each is safe only if all nodes have it alike.
TEST_F(HandshakeTest, RefusesAReplicaWithOtherSettingsAndNamesThem) {
  struct Case {
    void (*change)(ClusterConfig& config);
    std::string says;
  };
  const Case cases[] = {
      {[](ClusterConfig& c) { c.settings.protocol = Protocol::kMultipaxos; },
       "node r2 has cluster.protocol = \"epaxos\", node r3 has "
       "cluster.protocol = \"multipaxos\""},
      {[](ClusterConfig& c) { c.settings.conflicts = ConflictMode::kKey; },
       "node r2 has protocol.conflicts = \"op\", node r3 has "
       "protocol.conflicts = \"key\""},
      {[](ClusterConfig& c) { c.settings.lazy_fast_commit = true; },
       "node r2 has protocol.lazy_fast_commit = \"false\", node r3 has "
       "protocol.lazy_fast_commit = \"true\""},
      {[](ClusterConfig& c) { c.durability = Durability::kMemory; },
       "node r2 has cluster.durability = \"fsync\", node r3 has "
       "cluster.durability = \"memory\""},
  };
  for (const Case& each : cases) {
    ClusterConfig other = config_;
    each.change(other);
    for (const auto& refusal :
         {Dial(From(other, 2)),
          handshake_.CheckDialed(From(other, 2), /*expected=*/2)}) {
      ASSERT_TRUE(refusal) << each.says;
      EXPECT_EQ(refusal->reason, Refusal::kWrongSettings);
      EXPECT_TRUE(absl::StartsWith(refusal->text, each.says)) << refusal->text;
      EXPECT_TRUE(absl::StrContains(refusal->text, "the same cluster.toml"))
          << refusal->text;
    }
  }
}

// Of two lists of members quorums need not meet: whoever has nothing to lose
// yet does not take part.
TEST_F(HandshakeTest, RefusesAReplicaWithOtherMembersWhoeverItIs) {
  const ClusterConfig five = OfNodes(5);
  for (const int node : {2, 4}) {
    const auto refusal = Dial(From(five, node));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, Refusal::kOtherMembers);
    EXPECT_TRUE(
        absl::StrContains(refusal->text, "node.name = \"r1 r2 r3 r4 r5\""))
        << refusal->text;
  }
  ClusterConfig faults = five;
  faults.settings.faults = 1;
  Handshake of_five(five, 1, own_, KnownPeers());
  const auto refusal = Dial(of_five, From(faults, 2));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongSettings);
  EXPECT_TRUE(absl::StrContains(refusal->text, "protocol.faults = \"1\""))
      << refusal->text;
}

TEST_F(HandshakeTest, TakesAReplicaWithOtherPrivateSettings) {
  ClusterConfig other = config_;
  other.settings.retained_bytes = 5;
  other.settings.thrifty = true;
  other.settings.faults = 1;  // what 0 means
  other.nodes[0].peer.host = "10.0.0.1";
  EXPECT_FALSE(Dial(From(other, 2)));
}

TEST_F(HandshakeTest, RefusesAReplicaWhoseDigestIsAnother) {
  Hello hello = From(2);
  ++hello.settings_digest;
  const auto refusal = Dial(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongSettings);
}

TEST_F(HandshakeTest, RefusesAReplicaThatSaysNoSettings) {
  Hello hello = From(2);
  hello.settings.clear();
  const auto refusal = Dial(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongSettings);
}

TEST_F(HandshakeTest, RefusesAReplicaThatShouldBeDialed) {
  const auto refusal = Dial(From(0));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesItself) {
  const auto refusal = Dial(From(1));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAReplicaOutsideTheCluster) {
  const auto refusal = Dial(From(8));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAnotherNodesAnswer) {
  const auto refusal = handshake_.CheckDialed(From(2), /*expected=*/0);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAReplicaThatHasLostItsDisk) {
  EXPECT_FALSE(Dial(From(2, /*incarnation=*/1)));
  EXPECT_FALSE(Dial(From(2, /*incarnation=*/1)));
  const auto refusal = Dial(From(2, /*incarnation=*/2));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongIncarnation);
  EXPECT_TRUE(
      absl::StrContains(refusal->text, "bring back the whole directory"))
      << refusal->text;
  // The old one is still welcome.
  EXPECT_FALSE(Dial(From(2, /*incarnation=*/1)));
}

// ---- lives ------------------------------------------------------------------

TEST_F(HandshakeTest, TakesTheSameProcessAgainAndALaterLife) {
  const NodeLife first{.incarnation = 7, .life = 3, .process = 30};
  EXPECT_FALSE(Dial(From(2, first)));
  EXPECT_FALSE(Dial(From(2, first), /*connected=*/true));
  EXPECT_FALSE(Dial(
      From(2, {.incarnation = 7, .life = 4, .process = 31, .record = 1000})));
  EXPECT_EQ(
      handshake_.HelloTo(2).met,
      (NodeLife{.incarnation = 7, .life = 4, .process = 31, .record = 1000}));
}

TEST_F(HandshakeTest, RefusesAnOlderCopyOfADirectory) {
  EXPECT_FALSE(Dial(
      From(2, {.incarnation = 7, .life = 3, .process = 30, .record = 100})));
  const auto refusal = Dial(
      From(2, {.incarnation = 7, .life = 3, .process = 31, .record = 100}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kForgetful);
  EXPECT_TRUE(refusal->says_met);
  EXPECT_FALSE(refusal->of_self);
  EXPECT_EQ(refusal->text,
            std::string("node r3 is in life 3 and remembers 100 records, node "
                        "r2 has met another process of it in life 3 and heard "
                        "of 100: this is an older copy of its directory, or "
                        "one that another process uses too; stop it and ") +
                kBringBack);
  EXPECT_TRUE(Dial(
      From(2, {.incarnation = 7, .life = 2, .process = 32, .record = 100})));
}

// The copy was made while the node ran, and started once: its life is newer.
TEST_F(HandshakeTest, RefusesALaterLifeThatRemembersLessThanItHadSaid) {
  NodeLife life{.incarnation = 7, .life = 3, .process = 30, .record = 100};
  EXPECT_FALSE(Dial(From(2, life)));
  handshake_.Hear(2, 160);
  life = {.incarnation = 7, .life = 4, .process = 31, .record = 159};
  const auto refusal = Dial(From(2, life));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kForgetful);
  life.record = 160;
  EXPECT_FALSE(Dial(From(2, life)));
}

TEST_F(HandshakeTest, RefusesASecondProcessBesideOneThatIsConnected) {
  NodeLife life{.incarnation = 7, .life = 3, .process = 30, .record = 100};
  EXPECT_FALSE(Dial(From(2, life)));
  life = {.incarnation = 7, .life = 4, .process = 31, .record = 100};
  const auto refusal = Dial(From(2, life), /*connected=*/true);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kTwin);
  EXPECT_TRUE(absl::StrContains(refusal->text, "node r3 in life 4"));
  EXPECT_TRUE(
      absl::StrContains(refusal->text, "another process of it, in life 3"));
  // It was not met: the first one may call again.
  EXPECT_FALSE(Dial(
      From(2, {.incarnation = 7, .life = 3, .process = 30, .record = 100})));
  EXPECT_FALSE(Dial(From(2, life)));
}

// No directory can be brought back: to begin anew is all that helps.
TEST_F(HandshakeTest, InMemoryTellsToRestartAll) {
  ClusterConfig config = OfNodes(3);
  config.durability = Durability::kMemory;
  Handshake handshake(config, 1, own_, KnownPeers());
  const auto hello = [&](std::uint64_t incarnation) {
    return From(config, 2, {.incarnation = incarnation});
  };
  EXPECT_FALSE(Dial(handshake, hello(1)));
  const auto refusal = Dial(handshake, hello(2));
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(absl::StrContains(
      refusal->text, "; restart all: stop every node, then start every node"))
      << refusal->text;
  EXPECT_FALSE(absl::StrContains(refusal->text, "bring back"));
}

TEST_F(HandshakeTest, LearnsFromAPeerThatItHasItselfForgotten) {
  Hello hello = From(2);
  const NodeLife cases[] = {
      {.incarnation = 6, .life = 1, .process = 1},
      {.incarnation = 5, .life = 4, .process = 45, .record = 40},
      {.incarnation = 5, .life = 5, .process = 45, .record = 0},
      {.incarnation = 5, .life = 3, .process = 45, .record = 41},
  };
  for (const NodeLife& met : cases) {
    hello.met = met;
    const auto refusal = Dial(hello);
    ASSERT_TRUE(refusal) << met.life;
    EXPECT_TRUE(refusal->of_self);
    EXPECT_EQ(refusal->reason, Refusal::kSelfForgetful);
    EXPECT_TRUE(absl::StrContains(refusal->text, "node r2")) << refusal->text;
    EXPECT_TRUE(absl::StrContains(refusal->text, kBringBack)) << refusal->text;
    hello.node = ReplicaAt(0);
    EXPECT_TRUE(handshake_.CheckDialed(hello, 0)->of_self);
    hello.node = ReplicaAt(2);
  }
  // As it is, and as it was.
  hello.met = {.incarnation = 5, .life = 4, .process = 44, .record = 90};
  EXPECT_FALSE(Dial(hello));
  hello.met = {.incarnation = 5, .life = 3, .process = 45, .record = 40};
  EXPECT_FALSE(Dial(hello));
}

TEST_F(HandshakeTest, RemembersTheIncarnationOfADialedNode) {
  EXPECT_FALSE(handshake_.CheckDialed(From(0, 1), /*expected=*/0));
  EXPECT_TRUE(handshake_.CheckDialed(From(0, 2), /*expected=*/0));
}

TEST_F(HandshakeTest, RefusesAClientAtThePeersPort) {
  const auto refusal = Dial({.role = PeerRole::kClient});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongRole);
  EXPECT_TRUE(absl::StrContains(refusal->text, "127.0.0.1:7202"))
      << refusal->text;
}

TEST_F(HandshakeTest, RefusesAReplicaAtTheClientsPort) {
  const auto refusal = handshake_.CheckClient(From(2));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongRole);
}

TEST_F(HandshakeTest, TakesAClientThatNamesNoCluster) {
  EXPECT_FALSE(handshake_.CheckClient({.role = PeerRole::kClient}));
}

TEST_F(HandshakeTest, RefusesAClientOfAnotherCluster) {
  const auto refusal = handshake_.CheckClient(
      {.role = PeerRole::kClient, .cluster_id = "other"});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kForeignCluster);
}

TEST(DialsTest, MakesEveryPairDialInOneDirection) {
  for (std::size_t a = 0; a < kMaxReplicas; ++a) {
    EXPECT_FALSE(Dials(a, a));
    for (std::size_t b = 0; b < a; ++b) EXPECT_NE(Dials(a, b), Dials(b, a));
  }
}

}  // namespace
}  // namespace quorate
