// What clients see of one node.
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"

#include "tests/node/harness.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

class NodeClientsTest : public NodeTest {
 protected:
  NodeClientsTest() = default;

  std::unique_ptr<Probe> Greeted(std::size_t node) {
    auto probe = ConnectToClientPort(node);
    probe->Send(Hello{.cluster_id = "demo"});
    EXPECT_TRUE(RunUntil([&] { return probe->Find<Hello>() != nullptr; }));
    return probe;
  }
  // Every reply the probe has.
  static std::vector<ClientReply> RepliesOf(const Probe& probe) {
    std::vector<ClientReply> replies;
    for (const ClientMessage& message : probe.received()) {
      const auto* some = std::get_if<ClientReplies>(&message);
      if (some == nullptr) continue;
      replies.insert(replies.end(), some->replies.begin(), some->replies.end());
    }
    return replies;
  }
  std::vector<ClientReply> AwaitReplies(const Probe& probe, std::size_t count) {
    EXPECT_TRUE(RunUntil([&] { return RepliesOf(probe).size() >= count; }));
    return RepliesOf(probe);
  }
};

TEST_F(NodeClientsTest, AnswersAtEveryNode) {
  StartAll();
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string value = "v" + std::to_string(i);
    EXPECT_EQ(Execute(i, Put("k", value)).status, ReplyStatus::kDone);
    for (std::size_t j = 0; j < 3; ++j) {
      const Completion read = Execute(j, Get("k"));
      ASSERT_EQ(read.results.size(), 1u);
      EXPECT_EQ(read.results[0].value, value);
    }
  }
}

TEST_F(NodeClientsTest, TellsHowLongTheDecisionTook) {
  StartAll();
  EXPECT_GT(Execute(0, Put("k", "v")).commit_latency_us, 0u);
}

TEST_F(NodeClientsTest, NamesItselfToAClient) {
  StartNode(1);
  const auto probe = Greeted(1);
  EXPECT_EQ(probe->Find<Hello>()->node, ReplicaAt(1));
  EXPECT_EQ(probe->Find<Hello>()->cluster_id, "demo");
}

TEST_F(NodeClientsTest, AClientDoesNotNoticeThatItsSessionWasForgotten) {
  config_.settings.session_idle_ms = 50;
  StartAll();
  AwaitFullMesh();
  const Operation append{
      .kind = OperationKind::kAppend, .key = "k", .value = "x"};
  EXPECT_EQ(Execute(0, append).status, ReplyStatus::kDone);
  ASSERT_TRUE(RunUntil([&] { return CountIn(0, "expired_sessions") > 0; }));
  const Completion again = Execute(0, append);
  EXPECT_EQ(again.status, ReplyStatus::kDone);
  EXPECT_GT(EraOf(again.sequence), 0u);
  EXPECT_EQ(Execute(0, Get("k")).results[0].value, "xx");
}

TEST_F(NodeClientsTest, TellsItsEraToWhoComesLater) {
  config_.settings.session_idle_ms = 50;
  StartAll();
  AwaitFullMesh();
  ASSERT_TRUE(RunUntil([&] { return CountIn(1, "era") > 1; }));
  const Completion put = Execute(1, Put("k", "v"));
  EXPECT_EQ(put.status, ReplyStatus::kDone);
  EXPECT_GT(EraOf(put.sequence), 1u);
}

TEST_F(NodeClientsTest, RefusesOnlyTheCommandThatBreaksALimit) {
  StartAll();
  const auto probe = Greeted(0);
  CommandBatchBuilder builder;
  const std::string long_key(kMaxKeyBytes + 1, 'k');
  builder.AddCommand({ClientId{5}, 1}, 0);
  builder.AddOperation(Put("good", "1"));
  builder.AddCommand({ClientId{5}, 2}, 0);
  builder.AddOperation(Put(long_key, "2"));
  builder.AddCommand({ClientId{5}, 3}, 0);
  builder.AddOperation(Put("also good", "3"));
  probe->Send(ClientRequest{.batch = builder.Finish()});
  std::vector<ClientReply> replies = AwaitReplies(*probe, 3);
  ASSERT_EQ(replies.size(), 3u);
  std::ranges::sort(replies, {},
                    [](const ClientReply& reply) { return reply.id.sequence; });
  EXPECT_EQ(replies[0].status, ReplyStatus::kDone);
  EXPECT_EQ(replies[1].status, ReplyStatus::kRefused);
  EXPECT_EQ(replies[1].reason, RefusalReason::kKeyTooLarge);
  EXPECT_EQ(replies[2].status, ReplyStatus::kDone);
  EXPECT_EQ(CountIn(0, "over_limit"), 1u);
}

TEST_F(NodeClientsTest, RefusesASessionThatHasTooManyUnanswered) {
  StartNode(0);  // Alone, so that nothing is answered.
  const auto probe = Greeted(0);
  const auto send = [&](std::uint64_t first, std::size_t count) {
    CommandBatchBuilder builder;
    for (std::uint64_t i = 0; i < count; ++i) {
      builder.AddCommand({ClientId{5}, first + i}, 0);
      builder.AddOperation(Put("k", "v"));
    }
    probe->Send(ClientRequest{.batch = builder.Finish()});
  };
  send(1, kMaxPipelinePerSession);
  send(kMaxPipelinePerSession + 1, 1);
  const std::vector<ClientReply> replies = AwaitReplies(*probe, 1);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].reason, RefusalReason::kPipelineFull);
  EXPECT_EQ(replies[0].id.sequence, kMaxPipelinePerSession + 1);
}

TEST_F(NodeClientsTest, RefusesAConnectionThatHasTooManyUnanswered) {
  NodeOptions options;
  options.clients.most_unanswered = 10;
  options.drain_ms = 0;
  StartNode(0, std::move(options));  // Alone, so that nothing is answered.
  const auto probe = Greeted(0);
  for (std::uint64_t client = 1; client <= 11; ++client) {
    probe->Send(PutRequest(client, 1, "k", "v"));
  }
  const std::vector<ClientReply> replies = AwaitReplies(*probe, 1);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].reason, RefusalReason::kBusy);
  EXPECT_EQ(replies[0].id.client, ClientId{11});
  EXPECT_EQ(CountIn(0, "busy"), 1u);
}

TEST_F(NodeClientsTest, RefusesConnectionsBeyondItsLimit) {
  NodeOptions options;
  options.clients.most_connections = 2;
  StartNode(0, std::move(options));
  const auto first = Greeted(0);
  const auto second = Greeted(0);
  const auto third = ConnectToClientPort(0);
  third->Send(Hello{.cluster_id = "demo"});
  EXPECT_TRUE(RunUntil(
      [&] { return third->ended() || third->Find<Hello>() != nullptr; }));
  ASSERT_NE(third->Find<Reject>(), nullptr);
  EXPECT_TRUE(absl::StrContains(third->Find<Reject>()->reason,
                                "2 client connections, its limit"));
  EXPECT_TRUE(RunUntil([&] { return third->ended(); }));
  first->Disconnect();
  EXPECT_TRUE(RunUntil([&] {
    const auto status = nlohmann::json::parse(StatusOf(0));
    return status["clients"]["connections"] == 1;
  }));
  EXPECT_NE(Greeted(0)->Find<Hello>(), nullptr);
}

// Clients, and strangers that never say who they are, have taken all places.
TEST_F(NodeClientsTest, TellsItsStatusWhereAllPlacesAreTaken) {
  NodeOptions options;
  options.clients.most_connections = 2;
  StartNode(0, std::move(options));
  const auto first = Greeted(0);
  const auto second = Greeted(0);
  std::vector<std::unique_ptr<Probe>> strangers;
  for (std::size_t i = 0; i < 3 * kObserverPlaces; ++i) {
    strangers.push_back(ConnectToClientPort(0));
  }
  EXPECT_TRUE(RunUntil([&] {
    return CountIn(0, "too_many_connections") == 2 * kObserverPlaces;
  }));
  for (int i = 0; i < 3; ++i) {
    const auto observer = ConnectToClientPort(0);
    observer->Send(Hello{.role = PeerRole::kObserver, .cluster_id = "demo"});
    observer->Send(StatusRequest{});
    EXPECT_TRUE(
        RunUntil([&] { return observer->Find<StatusReply>() != nullptr; }));
  }
  StartNode(2);
  EXPECT_TRUE(RunUntil([&] { return nodes_[0]->connected_to(2); }));
  EXPECT_FALSE(first->ended());
}

TEST_F(NodeClientsTest, AnObserverSendsNoCommands) {
  StartNode(0);
  const auto observer = ConnectToClientPort(0);
  observer->Send(Hello{.role = PeerRole::kObserver, .cluster_id = "demo"});
  observer->Send(PutRequest(5, 1, "k", "v"));
  EXPECT_TRUE(RunUntil([&] { return observer->ended(); }));
  EXPECT_EQ(CountIn(0, "unexpected_frame"), 1u);
}

TEST_F(NodeClientsTest, StopsReadingFromAClientThatDoesNotRead) {
  NodeOptions options;
  options.clients.pause_bytes = 1;
  options.clients.close_bytes = 4 * 1024 * 1024;
  StartNode(0, std::move(options));
  StartNode(1);
  StartNode(2);
  AwaitFullMesh();
  const std::string large(400 * 1024, 'v');
  EXPECT_EQ(Execute(0, Put("k", large)).status, ReplyStatus::kDone);
  const auto probe = Greeted(0);
  probe->StopReading();
  // More than the kernel's buffers hold: the node's queue grows past the limit.
  for (std::uint64_t i = 1; i <= 200; ++i) {
    probe->Send(ClientRequest{.batch = MakeBatch({ClientId{5}, i}, Get("k"))});
  }
  EXPECT_TRUE(RunUntil([&] { return CountIn(0, "output_full") == 1; }));
  // Nobody else has noticed.
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
}

TEST_F(NodeClientsTest, SplitsRepliesThatDoNotFitOneFrame) {
  StartAll();
  const std::string large(400 * 1024, 'v');
  EXPECT_EQ(Execute(0, Put("k", large)).status, ReplyStatus::kDone);
  const auto probe = Greeted(0);
  CommandBatchBuilder builder;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    builder.AddCommand({ClientId{5}, i}, 0);
    builder.AddOperation(Get("k"));
  }
  probe->Send(ClientRequest{.batch = builder.Finish()});
  for (const ClientReply& reply : AwaitReplies(*probe, 5)) {
    ASSERT_EQ(reply.results.size(), 1u);
    EXPECT_EQ(reply.results[0].value, large);
  }
}

TEST_F(NodeClientsTest, RefusesACommandWhoseResultIsTooLarge) {
  config_.settings.results.command_bytes = 1'000'000;
  StartAll();
  const std::string large(400 * 1024, 'v');
  EXPECT_EQ(Execute(0, Put("k", large)).status, ReplyStatus::kDone);
  const Completion read = Execute(0, {Get("k"), Get("k"), Get("missing")});
  EXPECT_EQ(read.status, ReplyStatus::kDone);
  ASSERT_EQ(read.results.size(), 3u);
  EXPECT_EQ(read.results[1].value, large);
  const Completion refused =
      Execute(0, {Put("new", "v"), Get("k"), Get("k"), Get("k")});
  EXPECT_EQ(refused.status, ReplyStatus::kRefused);
  EXPECT_EQ(refused.reason, RefusalReason::kResultTooLarge);
  EXPECT_EQ(Execute(1, Get("new")).results.at(0).status,
            OperationStatus::kNotFound);
}

// Each of these answers is longer than any frame was meant to be, and all of
// them together are more than a node keeps for one connection.
TEST_F(NodeClientsTest, AnswersAllWhoReadMuchAtOnce) {
  NodeOptions options;
  options.clients.hold_bytes = 6'000'000;
  options.clients.close_bytes = 12'000'000;
  StartNode(0, std::move(options));
  StartNode(1);
  StartNode(2);
  AwaitFullMesh();
  const std::string large(kMaxValueBytes, 'v');
  EXPECT_EQ(Execute(0, Put("k", large)).status, ReplyStatus::kDone);
  const std::vector<Operation> reads(7, Get("k"));
  std::vector<Completion> completions;
  Client client(&loop_, {.nodes = {config_.nodes[0].client}},
                [&](std::span<const Completion> some) {
                  completions.insert(completions.end(), some.begin(),
                                     some.end());
                });
  const std::size_t session = client.OpenSession();
  for (int i = 0; i < 12; ++i) client.Submit(session, reads);
  EXPECT_TRUE(RunUntil([&] { return completions.size() == 12; }));
  for (const Completion& completion : completions) {
    ASSERT_EQ(completion.status, ReplyStatus::kDone);
    ASSERT_EQ(completion.results.size(), 7u);
    EXPECT_EQ(completion.results[6].value, large);
  }
  EXPECT_EQ(client.stats().reconnects, 0u);
  EXPECT_EQ(CountIn(0, "output_full"), 0u);
  bool closed = false;
  client.Close([&] { closed = true; });
  EXPECT_TRUE(RunUntil([&] { return closed; }));
}

// One-shot clients, who never say that they have had an answer.
TEST_F(NodeClientsTest, KeepsNoMoreResultsThanItMay) {
  config_.settings.results.kept_bytes = 3'000'000;
  StartAll();
  EXPECT_EQ(Execute(0, Put("k", std::string(kMaxValueBytes, 'v'))).status,
            ReplyStatus::kDone);
  const auto probe = Greeted(0);
  for (std::uint64_t client = 1; client <= 20; ++client) {
    CommandBatchBuilder builder;
    builder.AddCommand({ClientId{client}, 1}, 0);
    builder.AddOperation(Put("other", "v"));
    builder.AddOperation(Get("k"));
    probe->Send(ClientRequest{.batch = builder.Finish()});
  }
  EXPECT_EQ(AwaitReplies(*probe, 20).size(), 20u);
  for (std::size_t node = 0; node < 3; ++node) {
    const auto is_through = [&] {
      return nodes_[node]->replica_status().executor.executed_commands == 21;
    };
    EXPECT_TRUE(RunUntil(is_through));
    EXPECT_LE(nodes_[node]->replica_status().kept_result_bytes, 3'000'000u);
    EXPECT_EQ(nodes_[node]->replica_status().results_gone, 15u);
  }
  probe->Send(PutRequest(1, 1, "never", "looked at"));
  const std::vector<ClientReply> replies = AwaitReplies(*probe, 21);
  ASSERT_EQ(replies.size(), 21u);
  EXPECT_EQ(replies[20].status, ReplyStatus::kResultGone);
  EXPECT_TRUE(replies[20].results.empty());
}

TEST_F(NodeClientsTest, DoesNotAnswerTheNextOwnerOfAConnectionNumber) {
  NodeOptions options;
  options.clients.most_connections = 1;
  StartNode(0, std::move(options));
  const auto first = Greeted(0);
  first->Send(PutRequest(5, 1, "k", "v"));
  first->Send(StatusRequest{});
  EXPECT_TRUE(RunUntil([&] { return first->Find<StatusReply>() != nullptr; }));
  first->Disconnect();
  EXPECT_TRUE(RunUntil([&] {
    const auto status = nlohmann::json::parse(StatusOf(0));
    return status["clients"]["connections"] == 0;
  }));
  const auto second = Greeted(0);
  StartNode(1);  // Now the first command is decided.
  second->Send(PutRequest(6, 1, "k", "w"));
  const std::vector<ClientReply> replies = AwaitReplies(*second, 1);
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].id.client, ClientId{6});
  EXPECT_EQ(nodes_[0]->replica_status().executor.executed_commands, 2u);
}

// 60 KB of them on one connection, and 40 connections that ask as well.
TEST_F(NodeClientsTest, AFloodOfStatusRequestsIsBoundedInEveryTurn) {
  StartAll();
  AwaitFullMesh();
  std::string requests;
  while (requests.size() < 60'000) {
    EncodeClientMessage(StatusRequest{}, requests);
  }
  std::string some;
  for (int i = 0; i < 50; ++i) EncodeClientMessage(StatusRequest{}, some);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 41; ++i) probes.push_back(Greeted(0));
  for (const auto& probe : probes) {
    probe->SendBytes(probe == probes.front() ? requests : some);
  }
  // Of r1's clients, and the turns that it has taken, in one status.
  const auto counted = [&] {
    const auto status = nlohmann::json::parse(StatusOf(0));
    const auto& clients = status["clients"];
    return std::array{clients["statuses_built"].get<std::uint64_t>(),
                      clients["status_answers"].get<std::uint64_t>(),
                      clients["status_requests"].get<std::uint64_t>(),
                      status["turns"].get<std::uint64_t>()};
  };
  auto before = counted();
  const auto bounded_turns = [&] {
    const auto now = counted();
    // A turn of what is read and one of timers are counted once, and where it
    // is looked may lie between two: thousands of requests wait, so a bound of
    // some a turn tells whether there is one.
    const std::uint64_t turns = 4 * (now[3] - before[3] + 1);
    EXPECT_LE(now[0] - before[0], turns);
    EXPECT_LE(now[1] - before[1], turns * kMostStatusAnswersATurn);
    return std::exchange(before, now)[2];
  };
  EXPECT_TRUE(RunUntil(
      [&] { return bounded_turns() > 2 * kMostWaitingStatusRequests; }));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
  }
  EXPECT_TRUE(RunUntil([&] {
    bounded_turns();
    return std::ranges::all_of(probes, [](const auto& probe) {
      return probe->template Find<StatusReply>() != nullptr;
    });
  }));
  // Everybody has heard before the one has heard all.
  EXPECT_LT(std::ranges::count_if(probes.front()->received(),
                                  [](const ClientMessage& message) {
                                    return std::holds_alternative<StatusReply>(
                                        message);
                                  }),
            200);
  const auto status = nlohmann::json::parse(StatusOf(0));
  EXPECT_EQ(status["links"]["connections_lost"], 0);
}

TEST_F(NodeClientsTest, AnswersStatusRequestsThatHadToWait) {
  StartNode(0);
  const auto probe = Greeted(0);
  const std::size_t count = 3 * kMostWaitingStatusRequests;
  for (std::size_t i = 0; i < count; ++i) probe->Send(StatusRequest{});
  EXPECT_TRUE(RunUntil([&] {
    return static_cast<std::size_t>(std::ranges::count_if(
               probe->received(), [](const ClientMessage& message) {
                 return std::holds_alternative<StatusReply>(message);
               })) == count;
  }));
}

TEST_F(NodeClientsTest, WhoBringsMoreThanATurnBearsWaitsItsTurn) {
  NodeOptions options;
  options.clients.turn_bytes = 4096;
  StartNode(0, std::move(options));
  StartNode(1);
  StartNode(2);
  AwaitFullMesh();
  std::vector<std::unique_ptr<Probe>> probes;
  for (std::uint64_t i = 0; i < 40; ++i) probes.push_back(Greeted(0));
  const std::string value(2000, 'v');
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    for (std::uint64_t i = 0; i < probes.size(); ++i) {
      probes[i]->Send(PutRequest(i + 1, sequence, "k", value));
    }
  }
  for (const auto& probe : probes) AwaitReplies(*probe, 5);
  const auto status = nlohmann::json::parse(StatusOf(0));
  EXPECT_GT(status["clients"]["reads_put_off"], 0);
}

TEST_F(NodeClientsTest, RefusesNewCommandsWhileItStops) {
  NodeOptions options;
  options.drain_ms = 600'000;
  StartNode(0, std::move(options));  // Alone: its command stays under way.
  const auto probe = Greeted(0);
  probe->Send(PutRequest(5, 1, "k", "v"));
  probe->Send(StatusRequest{});
  EXPECT_TRUE(RunUntil([&] { return probe->Find<StatusReply>() != nullptr; }));
  bool stopped = false;
  nodes_[0]->Stop([&](const absl::Status& status) {
    EXPECT_TRUE(status.ok());
    stopped = true;
    nodes_[0].reset();
  });
  probe->Send(PutRequest(5, 2, "k", "w"));
  const std::vector<ClientReply> refused = AwaitReplies(*probe, 1);
  EXPECT_EQ(refused[0].id.sequence, 2u);
  EXPECT_EQ(refused[0].reason, RefusalReason::kShuttingDown);
  EXPECT_FALSE(stopped);
  StartNode(1);  // The command under way can finish.
  EXPECT_TRUE(RunUntil([&] { return stopped; }));
  const std::vector<ClientReply> replies = AwaitReplies(*probe, 2);
  EXPECT_EQ(replies[1].id.sequence, 1u);
  EXPECT_EQ(replies[1].status, ReplyStatus::kDone);
}

TEST_F(NodeClientsTest, StopsAfterAWhileThoughACommandIsUnderWay) {
  NodeOptions options;
  options.drain_ms = 1;
  StartNode(0, std::move(options));
  const auto probe = Greeted(0);
  probe->Send(PutRequest(5, 1, "k", "v"));
  probe->Send(StatusRequest{});
  EXPECT_TRUE(RunUntil([&] { return probe->Find<StatusReply>() != nullptr; }));
  EXPECT_TRUE(StopNode(0).ok());
  EXPECT_TRUE(RunUntil([&] { return probe->ended(); }));
  EXPECT_TRUE(RepliesOf(*probe).empty());
}

TEST_F(NodeClientsTest, DescribesItselfInItsStatus) {
  StartAll();
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
  const auto status = nlohmann::json::parse(StatusOf(0));
  EXPECT_EQ(status["name"], "r1");
  EXPECT_EQ(status["node"], 1);
  EXPECT_EQ(status["protocol"], "epaxos");
  EXPECT_EQ(status["durability"], "memory");
  EXPECT_EQ(status["up"], true);
  EXPECT_EQ(status["committed"]["r1"], 1);
  EXPECT_EQ(status["executed"]["r1"], 1);
  EXPECT_EQ(status["executed_commands"], 1);
  EXPECT_EQ(status["keys"], 1);
  EXPECT_EQ(status["oldest_waiting"], nullptr);
  EXPECT_EQ(status["state_hash"].get<std::string>().size(), 18u);
  EXPECT_EQ(status["peers_connected"],
            (nlohmann::json{{"r2", true}, {"r3", true}}));
  EXPECT_GT(status["memory_bytes"], 0);
  EXPECT_GT(status["cpu_s"], 0.0);
  EXPECT_FALSE(status.contains("fsync"));
}

}  // namespace
}  // namespace quorate
