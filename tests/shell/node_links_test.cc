// How nodes find and lose each other.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "tests/shell/harness.h"

namespace quorate {
namespace {

using NodeLinksTest = NodeTest;

TEST_F(NodeLinksTest, ConnectsEveryPair) {
  StartAll();
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(nodes_[a]->connected_to(b), a != b);
    }
  }
}

TEST_F(NodeLinksTest, WaitsForPeersThatStartLater) {
  StartNode(2);
  EXPECT_TRUE(RunUntil([&] { return !log_.empty(); }));
  StartNode(0);
  StartNode(1);
  AwaitFullMesh();
}

TEST_F(NodeLinksTest, ServesWithOneNodeMissing) {
  StartNode(0);
  StartNode(2);
  AwaitFullMesh();
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
}

TEST_F(NodeLinksTest, NoticesThatAPeerIsGone) {
  StartAll();
  EXPECT_TRUE(StopNode(1).ok());
  EXPECT_TRUE(RunUntil([&] {
    return !nodes_[0]->connected_to(1) && !nodes_[2]->connected_to(1);
  }));
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
}

TEST_F(NodeLinksTest, IsNotTakenInByANodeOfAnotherCluster) {
  StartNode(0);
  ClusterConfig other = config_;
  other.cluster_id = "other";
  std::swap(config_, other);
  StartNode(2);
  std::swap(config_, other);
  EXPECT_TRUE(RunUntil([&] {
    return std::ranges::any_of(log_, [](const std::string& line) {
      return absl::StrContains(line, "it refuses us: node r1 belongs to");
    });
  }));
  EXPECT_FALSE(nodes_[0]->connected_to(2));
  EXPECT_FALSE(nodes_[2]->connected_to(0));
}

TEST_F(NodeLinksTest, RefusesANodeThatRestartedWithoutMemory) {
  StartAll();
  EXPECT_TRUE(StopNode(2).ok());
  StartNode(2);
  EXPECT_TRUE(RunUntil([&] {
    return std::ranges::any_of(log_, [](const std::string& line) {
      return absl::StrContains(line, "it has lost its data");
    });
  }));
  EXPECT_FALSE(nodes_[0]->connected_to(2));
}

TEST_F(NodeLinksTest, DropsAPeerThatFallsSilent) {
  config_.settings.tick_ms = 1;
  StartNode(0);
  const auto replica = ConnectToPeerPort(0);
  replica->Send(Hello{.role = PeerRole::kReplica,
                      .cluster_id = "demo",
                      .node = ReplicaAt(2),
                      .life = {.incarnation = 9, .life = 1}});
  EXPECT_TRUE(RunUntil([&] { return replica->ended(); }));
  EXPECT_NE(replica->Find<Hello>(), nullptr);
  EXPECT_GT(replica->peer_messages(), 0u);
  EXPECT_EQ(CountIn(0, "silent_connection"), 1u);
  EXPECT_FALSE(nodes_[0]->connected_to(2));
}

}  // namespace
}  // namespace quorate
