// Answers: how does a test look at whole nodes from outside?
//
// Nodes, a raw connection that says whatever a test wants, and clients, all on
// one loop in the test's thread and on loopback ports that the kernel chose.
// Tests run the loop until something has happened; a watchdog fails them if it
// never does.
#pragma once

#include <gtest/gtest.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/client/client.h"
#include "replica/node/node.h"
#include "wire/client_message.h"
#include "wire/net/connection.h"

namespace quorate {

// Distinct ports that nobody listens on.
std::vector<std::uint16_t> FreePorts(std::size_t count);

// A cluster "demo" of nodes r1, r2, ... without directories.
ClusterConfig LoopbackConfig(std::size_t nodes, Durability durability);

// What node `node` of `config` says first.
Hello ReplicaHello(const ClusterConfig& config, int node);

// One end of a connection to a node, without manners.
class Probe : private Connection::Owner {
 public:
  Probe(uv_loop_t* loop, HandleCount& count, const Endpoint& endpoint);

  void Send(const ClientMessage& message);
  void SendBytes(std::string_view bytes);
  void SendMessage(const Message& message);
  void StopReading() { connection_->PauseReading(); }
  void Disconnect();

  bool ended() const { return connection_ == nullptr; }
  // Everything decoded that has come, but messages between replicas.
  const std::vector<ClientMessage>& received() const { return received_; }
  std::size_t peer_messages() const { return peer_messages_; }
  template <typename T>
  const T* Find() const {
    for (const ClientMessage& message : received_) {
      if (const T* found = std::get_if<T>(&message)) return found;
    }
    return nullptr;
  }

 private:
  void OnConnected(Connection& connection) override;
  void OnFrame(Connection& connection, const Frame& frame) override;
  void OnEnd(Connection& connection, const absl::Status& why) override;

  ConnectionPtr connection_;
  bool connected_ = false;
  std::vector<ClientMessage> received_;
  std::size_t peer_messages_ = 0;
};

class NodeTest : public testing::Test {
 protected:
  NodeTest();
  ~NodeTest() override;

  // Opens and starts nodes_[index].
  void StartNode(std::size_t index, NodeOptions options = {});
  void StartAll();
  // Stops it and waits until the loop has let go; gives what Stop gave.
  absl::Status StopNode(std::size_t index);
  void AwaitFullMesh();

  std::unique_ptr<Probe> ConnectToPeerPort(std::size_t index);
  std::unique_ptr<Probe> ConnectToClientPort(std::size_t index);
  // A client that only knows this node.
  Client& ClientOf(std::size_t index);
  Completion Execute(std::size_t index, std::vector<Operation> operations);
  Completion Execute(std::size_t index, Operation operation);

  std::string StatusOf(std::size_t index) {
    return nodes_[index]->StatusJson();
  }
  // The number behind "name": in the node's status.
  std::uint64_t CountIn(std::size_t index, const std::string& name);

  // Runs the loop; false if the watchdog barked first.
  [[nodiscard]] bool RunUntil(const std::function<bool()>& condition);

  uv_loop_t loop_;
  HandleCount count_;
  ClusterConfig config_ = LoopbackConfig(3, Durability::kMemory);
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::string> log_;

 private:
  struct ClientSlot {
    std::unique_ptr<Client> client;
    std::size_t session = 0;
    std::vector<Completion> completions;
  };
  ClientSlot& SlotOf(std::size_t index);

  std::vector<std::unique_ptr<ClientSlot>> clients_;
  bool barked_ = false;
  std::unique_ptr<Handle<uv_timer_t>> watchdog_;
};

inline Operation Get(std::string_view key) {
  return {.kind = OperationKind::kGet, .key = key};
}
inline Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

// A request of one put by a session of its own.
ClientRequest PutRequest(std::uint64_t client, std::uint64_t sequence,
                         std::string_view key, std::string_view value);

}  // namespace quorate
