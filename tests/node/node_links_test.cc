// How nodes find and lose each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "tests/node/harness.h"

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

TEST_F(NodeLinksTest, ANodeOfOtherSettingsIsNotTakenInAndBothSayWhy) {
  StartNode(0);
  StartNode(1);
  ClusterConfig other = config_;
  other.settings.conflicts = ConflictMode::kKey;
  std::swap(config_, other);
  StartNode(2);
  std::swap(config_, other);
  const std::string why =
      "node r1 has protocol.conflicts = \"op\", node r3 has "
      "protocol.conflicts = \"key\"";
  const auto logged = [&](const std::string& begin) {
    return std::ranges::any_of(log_, [&](const std::string& line) {
      return absl::StrContains(line, begin + why);
    });
  };
  EXPECT_TRUE(RunUntil([&] {
    return logged("it refuses us: ") && logged("refuses node r3: ");
  }));
  for (const std::size_t node : {0, 2}) {
    const auto refused = nlohmann::json::parse(StatusOf(node))["refused_peers"];
    ASSERT_FALSE(refused.empty());
    EXPECT_EQ(refused[0]["reason"], "wrong_settings");
    EXPECT_TRUE(absl::StrContains(refused[0]["why"].get<std::string>(), why));
  }
  EXPECT_FALSE(nodes_[0]->connected_to(2));
  EXPECT_GE(CountIn(0, "wrong_settings"), 1u);
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
}

// Two lists of members have quorums that do not meet: who has not written
// anything yet does not begin to, and who has goes on.
TEST_F(NodeLinksTest, ANodeThatHearsOfOtherMembersStopsBeforeItsFirstRecord) {
  std::string first;
  std::string third;
  NodeOptions options;
  options.on_other_members = [&](const std::string& why) { first = why; };
  StartNode(0, std::move(options));
  StartNode(1);
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
  ClusterConfig five = LoopbackConfig(5, Durability::kMemory);
  std::copy(config_.nodes.begin(), config_.nodes.end(), five.nodes.begin());
  std::swap(config_, five);
  NodeOptions of_five;
  of_five.on_other_members = [&](const std::string& why) { third = why; };
  StartNode(2, std::move(of_five));
  std::swap(config_, five);
  EXPECT_TRUE(RunUntil([&] { return !third.empty(); }));
  EXPECT_TRUE(absl::StrContains(third, "node.name = \"r1 r2 r3\""));
  EXPECT_TRUE(absl::StrContains(third, "node.name = \"r1 r2 r3 r4 r5\""));
  EXPECT_EQ(first, "");
  EXPECT_GE(CountIn(0, "other_members"), 1u);
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
  replica->Send(ReplicaHello(config_, 2));
  EXPECT_TRUE(RunUntil([&] { return replica->ended(); }));
  EXPECT_NE(replica->Find<Hello>(), nullptr);
  EXPECT_GT(replica->peer_messages(), 0u);
  EXPECT_EQ(CountIn(0, "silent_connection"), 1u);
  EXPECT_FALSE(nodes_[0]->connected_to(2));
}

}  // namespace
}  // namespace quorate
