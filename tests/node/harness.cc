#include "tests/node/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "replica/config/setting_table.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr std::uint64_t kWatchdogMs = 120'000;

Endpoint Loopback(std::uint16_t port) {
  return {.host = "127.0.0.1", .port = port};
}

}  // namespace

// All are open at once, so that none is given out twice.
std::vector<std::uint16_t> FreePorts(std::size_t count) {
  std::vector<int> sockets;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(fd);
  }
  for (const int fd : sockets) close(fd);
  return ports;
}

ClusterConfig LoopbackConfig(std::size_t nodes, Durability durability) {
  const std::vector<std::uint16_t> ports = FreePorts(2 * nodes);
  ClusterConfig config;
  config.cluster_id = "demo";
  config.durability = durability;
  config.settings.replicas = static_cast<int>(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    config.nodes.push_back({.name = "r" + std::to_string(i + 1),
                            .peer = Loopback(ports[2 * i]),
                            .client = Loopback(ports[2 * i + 1])});
  }
  return config;
}

Hello ReplicaHello(const ClusterConfig& config, int node) {
  const AgreedSettings settings = AgreedSettingsOf(config);
  return {.role = PeerRole::kReplica,
          .cluster_id = config.cluster_id,
          .name = "r" + std::to_string(node + 1),
          .settings = settings,
          .settings_digest = DigestOf(settings),
          .node = ReplicaAt(node),
          .life = {.incarnation = 9, .life = 1, .process = 1}};
}

ClientRequest PutRequest(std::uint64_t client, std::uint64_t sequence,
                         std::string_view key, std::string_view value) {
  return {.batch = MakeBatch({ClientId{client}, sequence}, Put(key, value))};
}

// ---- a raw connection -----------------------------------------------------

Probe::Probe(uv_loop_t* loop, HandleCount& count, const Endpoint& endpoint)
    : connection_(new Connection(loop, count, this, 0)) {
  connection_->AllowFrames(kMaxPeerFrameBytes);
  sockaddr_in address{};
  EXPECT_EQ(uv_ip4_addr(endpoint.host.c_str(), endpoint.port, &address), 0);
  connection_->Dial(reinterpret_cast<const sockaddr&>(address));
}

void Probe::Send(const ClientMessage& message) {
  if (ended()) return;
  EncodeClientMessage(message, connection_->output());
  connection_->Flush();
}

void Probe::SendBytes(std::string_view bytes) {
  if (ended()) return;
  connection_->output() += bytes;
  connection_->Flush();
}

void Probe::SendMessage(const Message& message) {
  if (ended()) return;
  EncodeMessage(message, connection_->output());
  connection_->Flush();
}

void Probe::Disconnect() { connection_.reset(); }

void Probe::OnConnected(Connection& connection) { connection.Flush(); }

void Probe::OnFrame(Connection&, const Frame& frame) {
  if (frame.type == FrameType::kPeerMessage) {
    ++peer_messages_;
    return;
  }
  absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  ASSERT_TRUE(message.ok()) << message.status();
  received_.push_back(*std::move(message));
}

void Probe::OnEnd(Connection&, const absl::Status&) { connection_.reset(); }

// ---- nodes ----------------------------------------------------------------

NodeTest::NodeTest() {
  uv_loop_init(&loop_);
  nodes_.resize(9);
  clients_.resize(9);
  watchdog_ =
      std::make_unique<Handle<uv_timer_t>>(&loop_, count_, uv_timer_init, this);
}

NodeTest::~NodeTest() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i] != nullptr) StopNode(i).IgnoreError();
  }
  for (const auto& slot : clients_) {
    if (slot != nullptr) slot->client->Close([] {});
  }
  watchdog_.reset();
  uv_run(&loop_, UV_RUN_DEFAULT);
  EXPECT_EQ(uv_loop_close(&loop_), 0);
}

void NodeTest::StartNode(std::size_t index, NodeOptions options) {
  options.log = [this](const std::string& line) { log_.push_back(line); };
  absl::StatusOr<std::unique_ptr<Node>> node =
      Node::Open(config_, index, std::move(options));
  ASSERT_TRUE(node.ok()) << node.status();
  nodes_[index] = *std::move(node);
  const absl::Status started = nodes_[index]->Start(&loop_);
  ASSERT_TRUE(started.ok()) << started;
}

void NodeTest::StartAll() {
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) StartNode(i);
  AwaitFullMesh();
}

void NodeTest::AwaitFullMesh() {
  EXPECT_TRUE(RunUntil([this] {
    for (std::size_t a = 0; a < config_.nodes.size(); ++a) {
      for (std::size_t b = 0; b < config_.nodes.size(); ++b) {
        if (a == b || nodes_[a] == nullptr || nodes_[b] == nullptr) continue;
        if (!nodes_[a]->connected_to(b)) return false;
      }
    }
    return true;
  }));
}

absl::Status NodeTest::StopNode(std::size_t index) {
  std::optional<absl::Status> result;
  nodes_[index]->Stop([&](const absl::Status& status) {
    result = status;
    nodes_[index].reset();
  });
  EXPECT_TRUE(RunUntil([&] { return result.has_value(); }));
  return result.value_or(absl::DeadlineExceededError("not stopped"));
}

std::unique_ptr<Probe> NodeTest::ConnectToPeerPort(std::size_t index) {
  return std::make_unique<Probe>(&loop_, count_, config_.nodes[index].peer);
}

std::unique_ptr<Probe> NodeTest::ConnectToClientPort(std::size_t index) {
  return std::make_unique<Probe>(&loop_, count_, config_.nodes[index].client);
}

NodeTest::ClientSlot& NodeTest::SlotOf(std::size_t index) {
  if (clients_[index] == nullptr) {
    clients_[index] = std::make_unique<ClientSlot>();
    ClientSlot& slot = *clients_[index];
    slot.client = std::make_unique<Client>(
        &loop_,
        ClientOptions{.nodes = {config_.nodes[index].client},
                      .cluster_id = config_.cluster_id},
        [&slot](std::span<const Completion> completions) {
          slot.completions.insert(slot.completions.end(), completions.begin(),
                                  completions.end());
        });
    slot.session = slot.client->OpenSession();
  }
  return *clients_[index];
}

Client& NodeTest::ClientOf(std::size_t index) { return *SlotOf(index).client; }

Completion NodeTest::Execute(std::size_t index,
                             std::vector<Operation> operations) {
  ClientSlot& slot = SlotOf(index);
  slot.completions.clear();
  slot.client->Submit(slot.session, operations);
  EXPECT_TRUE(RunUntil([&] { return !slot.completions.empty(); }));
  return slot.completions.empty() ? Completion{} : slot.completions.front();
}

Completion NodeTest::Execute(std::size_t index, Operation operation) {
  return Execute(index, std::vector<Operation>{operation});
}

std::uint64_t NodeTest::CountIn(std::size_t index, const std::string& name) {
  const auto status =
      nlohmann::json::parse(StatusOf(index), nullptr, /*exceptions=*/false);
  const auto& refused = status["refused"];
  return refused.contains(name) ? refused[name].get<std::uint64_t>()
                                : status.value(name, std::uint64_t{0});
}

bool NodeTest::RunUntil(const std::function<bool()>& condition) {
  barked_ = false;
  uv_timer_start(
      watchdog_->get(),
      [](uv_timer_t* timer) { OwnerOf<NodeTest>(timer).barked_ = true; },
      kWatchdogMs, 0);
  while (!condition() && !barked_) uv_run(&loop_, UV_RUN_ONCE);
  uv_timer_stop(watchdog_->get());
  return !barked_;
}

}  // namespace quorate
