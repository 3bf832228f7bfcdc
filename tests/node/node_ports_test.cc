// What strangers can do to a node: nothing but be counted.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/node/harness.h"
#include "wire/limits.h"

namespace quorate {
namespace {

class NodePortsTest : public NodeTest {
 protected:
  NodePortsTest() { StartNode(0); }

  // Runs until the node has refused and closed; it still serves afterwards.
  void ExpectRefused(Probe& probe, const std::string& reason) {
    EXPECT_TRUE(RunUntil([&] { return probe.ended(); }));
    EXPECT_EQ(CountIn(0, reason), 1u) << StatusOf(0);
    ExpectServing();
  }
  void ExpectServing() {
    const auto client = ConnectToClientPort(0);
    client->Send(Hello{.cluster_id = "demo"});
    client->Send(StatusRequest{});
    EXPECT_TRUE(
        RunUntil([&] { return client->Find<StatusReply>() != nullptr; }));
  }

  Hello ReplicaHello(int node) const {
    return quorate::ReplicaHello(config_, node);
  }
};

// A whole header that announces `bytes` of body, and none of them.
std::string HeaderFor(std::size_t bytes) {
  std::string frame;
  AppendFrame(FrameType::kHello, std::vector<std::byte>(bytes), frame);
  return frame.substr(0, kFrameHeaderBytes);
}

TEST_F(NodePortsTest, RefusesAReplicaOfAnotherClusterAndSaysWhy) {
  const auto probe = ConnectToPeerPort(0);
  Hello hello = ReplicaHello(2);
  hello.cluster_id = "other";
  probe->Send(hello);
  ExpectRefused(*probe, "foreign_cluster");
  ASSERT_NE(probe->Find<Reject>(), nullptr);
  EXPECT_TRUE(absl::StrContains(probe->Find<Reject>()->reason,
                                "belongs to cluster \"demo\""));
}

TEST_F(NodePortsTest, RefusesAClientOfAnotherClusterAndSaysWhy) {
  const auto probe = ConnectToClientPort(0);
  probe->Send(Hello{.cluster_id = "other"});
  ExpectRefused(*probe, "foreign_cluster");
  EXPECT_NE(probe->Find<Reject>(), nullptr);
}

TEST_F(NodePortsTest, RefusesAClientAtThePeersPort) {
  const auto probe = ConnectToPeerPort(0);
  probe->Send(Hello{.cluster_id = "demo"});
  ExpectRefused(*probe, "wrong_role");
  EXPECT_NE(probe->Find<Reject>(), nullptr);
}

TEST_F(NodePortsTest, RefusesAReplicaAtTheClientsPort) {
  const auto probe = ConnectToClientPort(0);
  probe->Send(ReplicaHello(2));
  ExpectRefused(*probe, "wrong_role");
  EXPECT_NE(probe->Find<Reject>(), nullptr);
}

TEST_F(NodePortsTest, ClosesOnGarbageAtThePeersPort) {
  const auto probe = ConnectToPeerPort(0);
  probe->SendBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ExpectRefused(*probe, "bad_frame");
}

TEST_F(NodePortsTest, ClosesOnGarbageAtTheClientsPort) {
  const auto probe = ConnectToClientPort(0);
  probe->SendBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ExpectRefused(*probe, "bad_frame");
}

TEST_F(NodePortsTest, RefusesALargeFrameBeforeTheHelloByItsHeaderAlone) {
  for (const bool peer : {true, false}) {
    const auto probe = peer ? ConnectToPeerPort(0) : ConnectToClientPort(0);
    probe->SendBytes(HeaderFor(kMaxHandshakeFrameBytes + 8));
    EXPECT_TRUE(RunUntil([&] { return probe->ended(); }));
  }
  EXPECT_EQ(CountIn(0, "bad_frame"), 2u);
  ExpectServing();
}

TEST_F(NodePortsTest, RefusesAClientsOversizedFrame) {
  const auto probe = ConnectToClientPort(0);
  probe->Send(Hello{.cluster_id = "demo"});
  probe->SendBytes(HeaderFor(kMaxClientFrameBytes + 8));
  ExpectRefused(*probe, "bad_frame");
}

TEST_F(NodePortsTest, RefusesAReplicasOversizedFrame) {
  const auto probe = ConnectToPeerPort(0);
  probe->Send(ReplicaHello(2));
  probe->SendBytes(HeaderFor(kMaxPeerFrameBytes + 8));
  ExpectRefused(*probe, "bad_frame");
}

TEST_F(NodePortsTest, RefusesAWholeFrameWithGarbageInside) {
  const auto probe = ConnectToClientPort(0);
  probe->Send(Hello{.cluster_id = "demo"});
  std::string frame;
  AppendFrame(FrameType::kClientRequest,
              std::vector<std::byte>(64, std::byte{0x5a}), frame);
  probe->SendBytes(frame);
  ExpectRefused(*probe, "bad_body");
}

TEST_F(NodePortsTest, RefusesGarbageFromAReplica) {
  const auto probe = ConnectToPeerPort(0);
  probe->Send(ReplicaHello(2));
  std::string frame;
  AppendFrame(FrameType::kPeerMessage,
              std::vector<std::byte>(64, std::byte{0x5a}), frame);
  probe->SendBytes(frame);
  ExpectRefused(*probe, "bad_body");
}

TEST_F(NodePortsTest, RefusesAFirstFrameThatIsNoHello) {
  for (const bool peer : {true, false}) {
    const auto probe = peer ? ConnectToPeerPort(0) : ConnectToClientPort(0);
    probe->Send(StatusRequest{});
    EXPECT_TRUE(RunUntil([&] { return probe->ended(); }));
  }
  EXPECT_EQ(CountIn(0, "unexpected_frame"), 2u);
}

TEST_F(NodePortsTest, SkipsAFrameOfANewerMinorVersion) {
  const auto probe = ConnectToClientPort(0);
  probe->Send(Hello{.cluster_id = "demo"});
  std::string frame;
  AppendFrame(static_cast<FrameType>(77), std::vector<std::byte>(16), frame);
  probe->SendBytes(frame);
  probe->Send(StatusRequest{});
  EXPECT_TRUE(RunUntil([&] { return probe->Find<StatusReply>() != nullptr; }));
  EXPECT_EQ(CountIn(0, "unknown_type"), 1u);
}

TEST_F(NodePortsTest, SurvivesAConnectionThatEndsInsideAFrame) {
  for (const bool peer : {true, false}) {
    const auto probe = peer ? ConnectToPeerPort(0) : ConnectToClientPort(0);
    probe->SendBytes(HeaderFor(64).substr(0, 10));
    // By then the half frame has been read too: it was sent before.
    ExpectServing();
    EXPECT_FALSE(probe->ended());
    probe->Disconnect();
  }
  ExpectServing();
}

TEST_F(NodePortsTest, RefusesAReplicaThatComesBackWithoutItsDisk) {
  const auto first = ConnectToPeerPort(0);
  first->Send(ReplicaHello(2));
  EXPECT_TRUE(RunUntil([&] { return first->Find<Hello>() != nullptr; }));
  first->Disconnect();
  const auto second = ConnectToPeerPort(0);
  Hello hello = ReplicaHello(2);
  hello.life.incarnation = 10;
  second->Send(hello);
  ExpectRefused(*second, "wrong_incarnation");
  ASSERT_NE(second->Find<Reject>(), nullptr);
}

TEST_F(NodePortsTest, TakesASecondCallOfAReplicaInsteadOfTheFirst) {
  const auto first = ConnectToPeerPort(0);
  first->Send(ReplicaHello(2));
  EXPECT_TRUE(RunUntil([&] { return first->Find<Hello>() != nullptr; }));
  const auto second = ConnectToPeerPort(0);
  second->Send(ReplicaHello(2));
  EXPECT_TRUE(RunUntil([&] { return first->ended(); }));
  EXPECT_TRUE(RunUntil([&] { return second->peer_messages() > 0; }));
  EXPECT_TRUE(nodes_[0]->connected_to(2));
}

TEST_F(NodePortsTest, LetsTheOldestStrangerGoWhenTooManyWait) {
  std::vector<std::unique_ptr<Probe>> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(ConnectToPeerPort(0));
  EXPECT_TRUE(
      RunUntil([&] { return CountIn(0, "too_many_connections") == 4; }));
  const auto replica = ConnectToPeerPort(0);
  replica->Send(ReplicaHello(2));
  EXPECT_TRUE(RunUntil([&] { return nodes_[0]->connected_to(2); }));
}

using ImpatientNodeTest = NodeTest;

TEST_F(ImpatientNodeTest, ClosesConnectionsThatSayNothing) {
  NodeOptions options;
  options.clients.hello_timeout_ms = 1;
  StartNode(0, std::move(options));
  const auto at_peer_port = ConnectToPeerPort(0);
  const auto at_client_port = ConnectToClientPort(0);
  EXPECT_TRUE(RunUntil(
      [&] { return at_peer_port->ended() && at_client_port->ended(); }));
  EXPECT_EQ(CountIn(0, "silent_connection"), 2u);
}

TEST_F(NodePortsTest, CannotListenOnATakenAddress) {
  ClusterConfig clash = config_;
  clash.nodes[1].client = config_.nodes[0].client;
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(clash, 1, {});
  ASSERT_TRUE(node.ok()) << node.status();
  const absl::Status started = (*node)->Start(&loop_);
  ASSERT_FALSE(started.ok());
  EXPECT_TRUE(absl::StrContains(std::string(started.message()),
                                "address already in use"))
      << started;
  bool stopped = false;
  (*node)->Stop([&](const absl::Status&) { stopped = true; });
  EXPECT_TRUE(RunUntil([&] { return stopped; }));
}

}  // namespace
}  // namespace quorate
