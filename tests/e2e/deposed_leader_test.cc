// A node wakes with a backlog of commands that their clients gave up.
#include <gtest/gtest.h>

#include <string>

#include "replica/client/sync_client.h"
#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

class DeposedLeaderTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(OfEveryProtocol, DeposedLeaderTest,
                         testing::Values("epaxos", "multipaxos", "bpaxos"),
                         [](const auto& each) { return each.param; });

// All three are stopped with the command in a socket of r1, which leads; its
// client gives up. The others go on, and so does the client, under the same
// session. Then r1 reads what it has.
TEST_P(DeposedLeaderTest, WhatItHasInItsBacklogDoesNotUndoWhatCameSince) {
  const Cluster cluster({"--durability", "memory", "--protocol", GetParam()});
  const ClusterConfig config = cluster.config();
  ClientOptions options{.cluster_id = config.cluster_id,
                        .give_up_timeout_ms = 700};
  for (const NodeConfig& node : config.nodes) {
    options.nodes.push_back(node.client);
  }
  SyncClient client(options);
  const auto put = [&](std::string_view value) {
    return client
        .Execute(
            Operation{.kind = OperationKind::kPut, .key = "k", .value = value})
        .status;
  };
  ASSERT_EQ(put("first"), ReplyStatus::kDone);
  for (const char* node : {"1", "2", "3"}) {
    ExpectDone(cluster.Local({"pause", node}));
  }
  EXPECT_EQ(put("given up"), ReplyStatus::kUnknown);
  for (const char* node : {"2", "3"}) {
    ExpectDone(cluster.Local({"resume", node}));
  }
  ReplyStatus status = ReplyStatus::kRefused;
  for (int i = 0; i < 40 && status != ReplyStatus::kDone; ++i) {
    status = put("newer");
  }
  ASSERT_EQ(status, ReplyStatus::kDone);
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r3"}).out, "newer\n");
  ExpectDone(cluster.Local({"resume", "1"}));
  EXPECT_TRUE(cluster.Settles(3));
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r2"}).out, "newer\n");
  EXPECT_EQ(cluster.Kv({"get", "k", "--node", "r1"}).out, "newer\n");
}

}  // namespace
}  // namespace quorate::e2e
