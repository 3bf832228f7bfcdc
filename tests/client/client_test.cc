#include "replica/client/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/client/sync_client.h"
#include "tests/client/scripted_node.h"
#include "wire/codec/codec.h"

namespace quorate {
namespace {

Operation Put(std::string_view key) {
  return {.kind = OperationKind::kPut, .key = key, .value = "v"};
}

// A script that executes everything.
void AnswerDone(ScriptedNode& node, const ClientMessage& message) {
  if (const ClientRequest* request = std::get_if<ClientRequest>(&message)) {
    node.AnswerAll(*request, ReplyStatus::kDone);
  }
}

// An address where first segments vanish: a listener whose queue is full.
class BlackHole {
 public:
  BlackHole() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, length), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    getsockname(listener_, generic, &length);
    port_ = ntohs(address.sin_port);
    for (const int filler : fillers_) connect(filler, generic, length);
  }
  ~BlackHole() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;

  Endpoint endpoint() const { return {"127.0.0.1", port_}; }

 private:
  static int NonBlocking() {
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  }

  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int fillers_[4] = {NonBlocking(), NonBlocking(), NonBlocking(),
                     NonBlocking()};
  std::uint16_t port_ = 0;
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() { uv_loop_init(&loop_); }
  ~ClientTest() override {
    if (client_ != nullptr) client_->Close(nullptr);
    for (const auto& node : nodes_) node->Close();
    uv_run(&loop_, UV_RUN_DEFAULT);
    client_.reset();
    // Nothing of the client is left in the loop.
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  ScriptedNode& AddNode(ScriptedNode::Script script = AnswerDone) {
    nodes_.push_back(std::make_unique<ScriptedNode>(&loop_));
    nodes_.back()->set_script(std::move(script));
    options_.nodes.push_back(nodes_.back()->endpoint());
    return *nodes_.back();
  }

  // An address where nobody listens.
  void AddDeadNode() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    ScriptedNode node(&loop);
    options_.nodes.push_back(node.endpoint());
    node.Close();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }

  Client& StartClient() {
    client_ = std::make_unique<Client>(
        &loop_, options_, [this](std::span<const Completion> completions) {
          completed_.insert(completed_.end(), completions.begin(),
                            completions.end());
          if (on_completion_) on_completion_();
        });
    session_ = client_->OpenSession();
    return *client_;
  }

  void Submit(std::string_view key, std::uint64_t tag = 0) {
    const Operation put = Put(key);
    client_->Submit(session_, {&put, 1}, tag);
  }

  template <typename Condition>
  void RunUntil(const Condition& condition) {
    while (!condition()) {
      ASSERT_NE(uv_run(&loop_, UV_RUN_ONCE), 0) << "the loop has run dry";
    }
  }
  void RunUntilCompleted(std::size_t count) {
    RunUntil([&] { return completed_.size() >= count; });
  }
  void RunOneCommand() {
    StartClient();
    Submit("k");
    RunUntilCompleted(1);
  }

  uv_loop_t loop_;
  ClientOptions options_{.cluster_id = "test"};
  std::vector<std::unique_ptr<ScriptedNode>> nodes_;
  std::unique_ptr<Client> client_;
  std::size_t session_ = 0;
  std::vector<Completion> completed_;
  std::function<void()> on_completion_;
};

TEST_F(ClientTest, ExecutesACommand) {
  AddNode();
  StartClient();
  Submit("k", 7);
  RunUntilCompleted(1);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(completed_[0].tag, 7u);
  EXPECT_TRUE(client_->connection_status().ok());
}

TEST_F(ClientTest, SendsAllCommandsOfATurnInOneFrame) {
  const ScriptedNode& node = AddNode();
  StartClient();
  Submit("first");
  RunUntilCompleted(1);
  for (int i = 0; i < 1000; ++i) Submit("k");
  RunUntilCompleted(1001);
  ASSERT_EQ(node.requests().size(), 2u);
  EXPECT_EQ(node.requests()[1]->commands().size(), 1000u);
}

TEST_F(ClientTest, SubmitsFromItsHandler) {
  AddNode();
  StartClient();
  on_completion_ = [this] {
    if (completed_.size() < 100) Submit("k");
  };
  Submit("k");
  RunUntilCompleted(100);
  EXPECT_EQ(client_->stats().completed, 100u);
}

TEST_F(ClientTest, SendsMoreThanASocketTakesAtOnce) {
  AddNode();
  StartClient();
  const std::string value(500000, 'v');
  const Operation put{.kind = OperationKind::kPut, .key = "k", .value = value};
  for (int i = 0; i < 40; ++i) client_->Submit(session_, {&put, 1}, 0);
  RunUntilCompleted(40);
  EXPECT_EQ(client_->stats().retried, 0u);
}

TEST_F(ClientTest, GoesToTheNextNodeWhenOneCannotBeReached) {
  AddDeadNode();
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 1u);
}

TEST_F(ClientTest, SendsUnansweredCommandsToTheNextNodeUnderTheirNumbers) {
  ScriptedNode& first = AddNode(
      [](ScriptedNode& node, const ClientMessage&) { node.Disconnect(); });
  ScriptedNode& second = AddNode();
  StartClient();
  Submit("a");
  Submit("b");
  RunUntilCompleted(2);
  ASSERT_EQ(first.requests().size(), 1u);
  ASSERT_EQ(second.requests().size(), 1u);
  EXPECT_TRUE(SameContents(*first.requests()[0], *second.requests()[0]));
  EXPECT_EQ(client_->stats().retried, 2u);
  EXPECT_EQ(client_->stats().reconnects, 1u);
}

TEST_F(ClientTest, LeavesANodeThatDoesNotAnswer) {
  options_.retry_timeout_ms = 20;
  AddNode([](ScriptedNode&, const ClientMessage&) {});
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 1u);
}

TEST_F(ClientTest, LeavesANodeThatNeverSaysHello) {
  options_.retry_timeout_ms = 20;
  AddNode().set_greeting("");
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->stats().retried, 0u);
}

// Nothing here asserts a time: a client that waited for one of the silent nodes
// would wait for the ten minutes of the retry timeout.
TEST_F(ClientTest, DoesNotWaitForANodeThatNeverSaysHello) {
  options_.retry_timeout_ms = options_.give_up_timeout_ms = 600'000;
  AddNode().set_greeting("");
  AddNode().set_greeting("");
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 2u);
}

TEST_F(ClientTest, DoesNotWaitForANodeThatNeverAnswers) {
  options_.retry_timeout_ms = options_.give_up_timeout_ms = 600'000;
  const ScriptedNode& silent =
      AddNode([](ScriptedNode&, const ClientMessage&) {});
  AddNode([](ScriptedNode&, const ClientMessage&) {});
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 2u);
  EXPECT_EQ(client_->stats().hedges_won, 1u);
  EXPECT_EQ(client_->stats().completed, 1u);
  // It has learned who answers.
  for (std::size_t i = 2; i <= 20; ++i) {
    Submit("k");
    RunUntilCompleted(i);
  }
  EXPECT_EQ(silent.requests().size(), 1u);
  EXPECT_EQ(client_->stats().hedged, 2u);
}

TEST_F(ClientTest, DoesNotWaitForANodeInABlackHole) {
  options_.retry_timeout_ms = options_.give_up_timeout_ms = 600'000;
  const BlackHole first;
  const BlackHole second;
  options_.nodes = {first.endpoint(), second.endpoint()};
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 2u);
}

TEST_F(ClientTest, DoesNotWaitForOneSilentNodeBeforeAnotherRefuses) {
  options_.retry_timeout_ms = options_.give_up_timeout_ms = 600'000;
  AddNode().set_greeting("");
  AddDeadNode();
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 2u);
}

// The first node answers after all, before the second one does.
TEST_F(ClientTest, AnswersOfEitherNodeCountOnce) {
  options_.hedge_ms = 10;
  ScriptedNode& slow = AddNode([](ScriptedNode&, const ClientMessage&) {});
  CommandBatchPtr hedged;
  AddNode([&](ScriptedNode& node, const ClientMessage& message) {
    const auto& request = std::get<ClientRequest>(message);
    if (std::exchange(hedged, request.batch) != nullptr) return;
    slow.AnswerAll(request, ReplyStatus::kDone);
    node.AnswerAll(request, ReplyStatus::kDone);
  });
  RunOneCommand();
  Submit("k");
  RunUntil([&] { return slow.requests().size() == 2; });
  EXPECT_EQ(completed_.size(), 1u);
  EXPECT_EQ(client_->stats().completed, 1u);
  EXPECT_EQ(client_->stats().retried, 0u);
}

TEST_F(ClientTest, LeavesANodeThatShutsDown) {
  AddNode([](ScriptedNode& node, const ClientMessage& message) {
    node.AnswerAll(std::get<ClientRequest>(message), ReplyStatus::kRefused,
                   RefusalReason::kShuttingDown);
  });
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 1u);
}

TEST_F(ClientTest, TriesABusyNodeAgain) {
  int refusals = 0;
  AddNode([&refusals](ScriptedNode& node, const ClientMessage& message) {
    const bool busy = ++refusals <= 3;
    node.AnswerAll(std::get<ClientRequest>(message),
                   busy ? ReplyStatus::kRefused : ReplyStatus::kDone,
                   busy ? RefusalReason::kBusy : RefusalReason::kNone);
  });
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(refusals, 4);
  EXPECT_EQ(client_->stats().reconnects, 0u);
}

TEST_F(ClientTest, RefusesInTheEndWhatNoNodeCouldHaveTaken) {
  options_.give_up_timeout_ms = 50;
  AddDeadNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(completed_[0].reason, RefusalReason::kNone);
  EXPECT_NE(client_->connection_status().message().find("refused"),
            std::string::npos);
}

TEST_F(ClientTest, GivesUpAsUnknownWhatANodeMayHaveTaken) {
  options_.retry_timeout_ms = 20;
  options_.give_up_timeout_ms = 60;
  AddNode([](ScriptedNode&, const ClientMessage&) {});
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
  EXPECT_EQ(client_->stats().unknown, 1u);
}

TEST_F(ClientTest, ComesBackToANodeThatHungUp) {
  std::optional<ScriptedNode> node(&loop_);
  const Endpoint address = node->endpoint();
  options_.nodes.push_back(address);
  AddDeadNode();
  int seen = 0;
  node->set_script([&seen](ScriptedNode& self, const ClientMessage& message) {
    if (++seen == 1) {
      self.Disconnect();
      return;
    }
    self.AnswerAll(std::get<ClientRequest>(message), ReplyStatus::kDone);
  });
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(node->connections(), 2);
  node->Close();
  client_->Close(nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
}

TEST_F(ClientTest, RefusesTheNodeOfAnotherCluster) {
  options_.cluster_id = "mine";
  options_.give_up_timeout_ms = 30;
  const ScriptedNode& node = AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_TRUE(node.requests().empty());
  EXPECT_NE(client_->connection_status().message().find(
                "belongs to cluster \"test\", expected \"mine\""),
            std::string::npos);
}

// A file that is not the cluster's, of other members.
TEST_F(ClientTest, RefusesTheNodeOfOtherSettingsAndNamesThem) {
  options_.settings = {{"node.name", "r1 r2 r3 r4 r5"}};
  options_.give_up_timeout_ms = 30;
  std::string hello;
  EncodeClientMessage(Hello{.role = PeerRole::kReplica,
                            .cluster_id = "test",
                            .name = "r1",
                            .settings = {{"node.name", "r1 r2 r3"}}},
                      hello);
  ScriptedNode& node = AddNode();
  node.set_greeting(hello);
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kRefused);
  EXPECT_TRUE(node.requests().empty());
  EXPECT_NE(client_->connection_status().message().find(
                " has node.name = \"r1 r2 r3\", the configuration in use here "
                "node.name = \"r1 r2 r3 r4 r5\"; use the cluster.toml"),
            std::string::npos)
      << client_->connection_status();
}

TEST_F(ClientTest, PassesOnWhyANodeRejectsIt) {
  options_.give_up_timeout_ms = 30;
  std::string reject;
  EncodeClientMessage(Reject{.reason = "no clients today"}, reject);
  AddNode().set_greeting(reject);
  RunOneCommand();
  EXPECT_NE(client_->connection_status().message().find("no clients today"),
            std::string::npos);
}

TEST_F(ClientTest, LeavesANodeThatSendsGarbage) {
  AddNode().set_greeting(std::string(4096, 'x'));
  AddNode([](ScriptedNode& node, const ClientMessage&) {
    node.SendBytes(std::string(100, 'y'));
  });
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->current_node(), 2u);
}

TEST_F(ClientTest, AsksANodeForItsStatus) {
  AddNode([](ScriptedNode& node, const ClientMessage& message) {
    if (!std::holds_alternative<StatusRequest>(message)) return;
    node.Send(StatusReply{.json = "{\"up\":true}"});
  });
  StartClient();
  std::vector<std::string> answers;
  for (int i = 0; i < 2; ++i) {
    client_->RequestStatus(10000, [&](absl::StatusOr<std::string> answer) {
      answers.push_back(answer.value_or("error"));
    });
  }
  RunUntil([&] { return answers.size() == 2; });
  EXPECT_EQ(answers[0], "{\"up\":true}");
}

TEST_F(ClientTest, AnswersAStatusRequestAtOnceWhenNobodyListens) {
  AddDeadNode();
  StartClient();
  absl::Status why;
  client_->RequestStatus(600000, [&](absl::StatusOr<std::string> answer) {
    why = answer.status();
  });
  RunUntil([&] { return !why.ok(); });
  EXPECT_TRUE(absl::IsUnavailable(why)) << why;
}

TEST_F(ClientTest, AStatusRequestTimesOut) {
  options_.retry_timeout_ms = 600000;
  AddNode([](ScriptedNode&, const ClientMessage&) {});
  StartClient();
  absl::Status why;
  client_->RequestStatus(
      20, [&](absl::StatusOr<std::string> answer) { why = answer.status(); });
  RunUntil([&] { return !why.ok(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(why)) << why;
}

TEST_F(ClientTest, CompletesEverythingBeforeItCloses) {
  ScriptedNode& node = AddNode([](ScriptedNode&, const ClientMessage&) {});
  StartClient();
  Submit("sent");
  RunUntil([&] { return !node.requests().empty(); });
  Submit("queued");
  bool closed = false;
  client_->Close([&closed] { closed = true; });
  ASSERT_EQ(completed_.size(), 2u);
  EXPECT_EQ(completed_[0].status, ReplyStatus::kUnknown);
  EXPECT_EQ(completed_[1].status, ReplyStatus::kRefused);
  RunUntil([&] { return closed; });
}

TEST_F(ClientTest, MayBeClosedFromItsHandler) {
  AddNode();
  StartClient();
  bool closed = false;
  on_completion_ = [&] {
    on_completion_ = nullptr;
    client_->Close([&closed] { closed = true; });
  };
  Submit("k");
  RunUntil([&] { return closed; });
}

TEST_F(ClientTest, MayBeDestroyedByItsLastCall) {
  AddNode();
  StartClient();
  client_->Close([this] { client_.reset(); });
  RunUntil([&] { return client_ == nullptr; });
}

TEST_F(ClientTest, MayBeDestroyedInTheMiddle) {
  AddNode();
  StartClient();
  Submit("k");
  client_->RequestStatus(1000, [](const absl::StatusOr<std::string>&) {
    FAIL() << "nobody is left to hear this";
  });
  client_.reset();
  EXPECT_TRUE(completed_.empty());
}

// A program's handler, called by a timer, takes long; another timer is due
// meanwhile. The loop must not sleep before it has called that one.
TEST_F(ClientTest, ALongHandlerMakesNoOtherTimerWait) {
  constexpr std::uint64_t kLongMs = 30;
  std::optional<int> sleeps_ms;
  bool long_handler_ran = false;
  // Prepare handles run in the order opposite to their starts: this one is the
  // last, right before libuv decides how long it sleeps.
  uv_prepare_t last;
  uv_prepare_init(&loop_, &last);
  struct Seen {
    std::optional<int>* sleeps_ms;
    bool* ran;
  } seen{&sleeps_ms, &long_handler_ran};
  last.data = &seen;
  uv_prepare_start(&last, [](uv_prepare_t* handle) {
    const Seen& to = *static_cast<Seen*>(handle->data);
    if (*to.ran && !to.sleeps_ms->has_value()) {
      *to.sleeps_ms = uv_backend_timeout(handle->loop);
      uv_stop(handle->loop);
    }
  });
  AddNode();
  StartClient();
  Submit("connect");
  RunUntilCompleted(1);
  uv_timer_t due;
  uv_timer_init(&loop_, &due);
  due.data = nullptr;  // Itself, once it was called.
  // Completes by a timer: a command without operations is never sent.
  client_->Submit(session_, {}, 0);
  on_completion_ = [&] {
    if (long_handler_ran) return;
    uv_update_time(&loop_);
    uv_timer_start(
        &due, [](uv_timer_t* timer) { timer->data = timer; }, kLongMs / 2, 0);
    const std::uint64_t end = uv_hrtime() + kLongMs * 1'000'000;
    while (uv_hrtime() < end) {
    }
    long_handler_ran = true;
  };
  // Not in single turns, each of which begins by asking for the time.
  uv_run(&loop_, UV_RUN_DEFAULT);
  EXPECT_TRUE(due.data != nullptr || sleeps_ms == 0) << *sleeps_ms;
  uv_close(reinterpret_cast<uv_handle_t*>(&last), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&due), nullptr);
  for (const auto& node : nodes_) node->Close();
  client_->Close(nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
}

TEST_F(ClientTest, TriesEveryAddressOfANamedNode) {
  const ScriptedNode& node = AddNode();
  const std::uint16_t port = node.endpoint().port;
  options_.nodes = {{"two-addresses", port}};
  options_.resolver = [port](const Endpoint&) -> absl::StatusOr<Addresses> {
    return Addresses{*NumericAddress({"127.0.0.2", port}),
                     *NumericAddress({"127.0.0.1", port})};
  };
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  EXPECT_EQ(client_->stats().reconnects, 0u);
}

TEST_F(ClientTest, SaysWhyANameIsNotFoundAndGoesOn) {
  options_.nodes = {{"nowhere", 7}};
  options_.resolver = [](const Endpoint&) -> absl::StatusOr<Addresses> {
    return absl::NotFoundError("Name or service not known");
  };
  StartClient();
  absl::Status why;
  client_->RequestStatus(600'000, [&](absl::StatusOr<std::string> answer) {
    why = answer.status();
  });
  RunUntil([&] { return !why.ok(); });
  EXPECT_NE(why.message().find("nowhere:7: cannot resolve the host name: Name "
                               "or service not known"),
            std::string::npos)
      << why;
}

// Neither the other node nor the end of the loop waits for a name server.
TEST_F(ClientTest, AResolverThatHangsDelaysNothingElse) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  const auto gate = std::make_shared<Gate>();
  options_.nodes.push_back({"hangs", 7});
  options_.retry_timeout_ms = 20;
  options_.resolver = [gate](const Endpoint&) -> absl::StatusOr<Addresses> {
    std::unique_lock lock(gate->mutex);
    gate->opened.wait(lock, [&] { return gate->open; });
    return absl::NotFoundError("too late");
  };
  AddNode();
  RunOneCommand();
  EXPECT_EQ(completed_[0].status, ReplyStatus::kDone);
  for (const auto& node : nodes_) node->Close();
  client_->Close(nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  const std::lock_guard lock(gate->mutex);
  gate->open = true;
  gate->opened.notify_all();
}

TEST(SyncClientTest, ReportsThatNobodyCouldBeReached) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  Endpoint nobody;
  {
    ScriptedNode node(&loop);
    nobody = node.endpoint();
    node.Close();
    uv_run(&loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&loop);
  SyncClient client({.nodes = {nobody}, .give_up_timeout_ms = 30});
  const Completion completion = client.Execute(Put("k"));
  EXPECT_EQ(completion.status, ReplyStatus::kRefused);
  EXPECT_FALSE(client.connection_status().ok());
  EXPECT_FALSE(client.Status(1000).ok());
}

TEST(SyncClientTest, CompletesWhatCannotBeSent) {
  SyncClient client({.nodes = {{"127.0.0.1", 9}}});
  const Completion completion = client.Execute(std::span<const Operation>());
  EXPECT_EQ(completion.status, ReplyStatus::kRefused);
  EXPECT_EQ(completion.reason, RefusalReason::kTooManyOperations);
}

}  // namespace
}  // namespace quorate
