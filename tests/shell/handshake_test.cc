#include "replica/shell/handshake.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"

namespace quorate {
namespace {

ClusterConfig ThreeNodes() {
  ClusterConfig config;
  config.cluster_id = "demo";
  for (int i = 1; i <= 3; ++i) {
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
  Hello From(int node, std::uint64_t incarnation = 77) const {
    return {.role = PeerRole::kReplica,
            .cluster_id = "demo",
            .node = ReplicaAt(node),
            .incarnation = incarnation};
  }

  const ClusterConfig config_ = ThreeNodes();
  Handshake handshake_{config_, /*self=*/1, /*incarnation=*/5, KnownPeers()};
};

TEST_F(HandshakeTest, SaysWhoThisNodeIs) {
  const Hello hello = handshake_.OwnHello();
  EXPECT_EQ(hello.role, PeerRole::kReplica);
  EXPECT_EQ(hello.cluster_id, "demo");
  EXPECT_EQ(hello.node, ReplicaAt(1));
  EXPECT_EQ(hello.incarnation, 5u);
  EXPECT_EQ(hello.major, kProtocolMajor);
}

// A restart between the two meetings makes no difference (M16).
TEST_F(HandshakeTest, KnowsAfterARestartWhomItHasMet) {
  const std::string folder =
      testing::TempDir() + "/handshake-" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  {
    Handshake before(config_, 1, 5, *KnownPeers::Load(folder));
    EXPECT_FALSE(before.CheckDialer(From(2, 77)));
  }
  Handshake after(config_, 1, 5, *KnownPeers::Load(folder));
  const auto refusal = after.CheckDialer(From(2, 78));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongIncarnation);
  EXPECT_FALSE(after.CheckDialer(From(2, 77)));
  std::filesystem::remove_all(folder);
}

TEST_F(HandshakeTest, TakesAReplicaThatDials) {
  EXPECT_FALSE(handshake_.CheckDialer(From(2)));
}

TEST_F(HandshakeTest, TakesTheExpectedNodesAnswer) {
  EXPECT_FALSE(handshake_.CheckDialed(From(0), /*expected=*/0));
}

TEST_F(HandshakeTest, RefusesAnotherMajorVersion) {
  Hello hello = From(2);
  hello.major = kProtocolMajor + 1;
  const auto refusal = handshake_.CheckDialer(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongVersion);
  EXPECT_EQ(refusal->text,
            "node r2 speaks version 1 of the protocol, not 2; run the same "
            "release on both sides");
}

TEST_F(HandshakeTest, TakesAHigherMinorVersion) {
  Hello hello = From(2);
  hello.minor = kProtocolMinor + 1;
  EXPECT_FALSE(handshake_.CheckDialer(hello));
}

TEST_F(HandshakeTest, RefusesAReplicaOfAnotherCluster) {
  Hello hello = From(2);
  hello.cluster_id = "other";
  const auto refusal = handshake_.CheckDialer(hello);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kForeignCluster);
  EXPECT_EQ(refusal->text,
            "node r2 belongs to cluster \"demo\", not \"other\"; check the "
            "addresses in cluster.toml");
}

TEST_F(HandshakeTest, RefusesAReplicaWithoutACluster) {
  Hello hello = From(2);
  hello.cluster_id.clear();
  ASSERT_TRUE(handshake_.CheckDialer(hello));
}

TEST_F(HandshakeTest, RefusesAReplicaThatShouldBeDialed) {
  const auto refusal = handshake_.CheckDialer(From(0));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesItself) {
  const auto refusal = handshake_.CheckDialer(From(1));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAReplicaOutsideTheCluster) {
  const auto refusal = handshake_.CheckDialer(From(8));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAnotherNodesAnswer) {
  const auto refusal = handshake_.CheckDialed(From(2), /*expected=*/0);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongNode);
}

TEST_F(HandshakeTest, RefusesAReplicaThatHasLostItsDisk) {
  EXPECT_FALSE(handshake_.CheckDialer(From(2, /*incarnation=*/1)));
  EXPECT_FALSE(handshake_.CheckDialer(From(2, /*incarnation=*/1)));
  const auto refusal = handshake_.CheckDialer(From(2, /*incarnation=*/2));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::kWrongIncarnation);
  EXPECT_TRUE(absl::StrContains(refusal->text, "bring its directory back"))
      << refusal->text;
  // The old one is still welcome.
  EXPECT_FALSE(handshake_.CheckDialer(From(2, /*incarnation=*/1)));
}

TEST_F(HandshakeTest, RemembersTheIncarnationOfADialedNode) {
  EXPECT_FALSE(handshake_.CheckDialed(From(0, 1), /*expected=*/0));
  EXPECT_TRUE(handshake_.CheckDialed(From(0, 2), /*expected=*/0));
}

TEST_F(HandshakeTest, RefusesAClientAtThePeersPort) {
  const auto refusal = handshake_.CheckDialer({.role = PeerRole::kClient});
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
