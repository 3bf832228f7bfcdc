// Answers: what does a client do when a node does this?
//
// A node's side of the client protocol on a real socket, in the test's own
// event loop: it says hello unless told otherwise, keeps what it received and
// answers what the test's script says. Everything happens in one thread, so
// tests wait for events, never for time.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replica/config/config.h"
#include "wire/client_message.h"
#include "wire/command.h"
#include "wire/frame.h"

namespace quorate {

class ScriptedNode {
 public:
  using Script = std::function<void(ScriptedNode&, const ClientMessage&)>;

  explicit ScriptedNode(uv_loop_t* loop);
  // The handles must have been closed: Close, then run the loop.
  ~ScriptedNode() = default;
  ScriptedNode(const ScriptedNode&) = delete;
  ScriptedNode& operator=(const ScriptedNode&) = delete;

  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  void set_script(Script script) { script_ = std::move(script); }
  // Sent to every new connection's Hello; nothing when empty.
  void set_greeting(std::string bytes) { greeting_ = std::move(bytes); }

  void Send(const ClientMessage& message);
  void SendBytes(std::string bytes);
  // Answers every command of the request with this status.
  void AnswerAll(const ClientRequest& request, ReplyStatus status,
                 RefusalReason reason = RefusalReason::kNone);
  // Ends the newest connection.
  void Disconnect();
  void Close();

  // Requests that arrived, one a frame.
  const std::vector<CommandBatchPtr>& requests() const { return requests_; }
  int connections() const { return connections_; }

 private:
  struct Peer;
  void Accept();
  void HandleMessage(const ClientMessage& message);

  uv_loop_t* loop_;
  uv_tcp_t listener_;
  std::uint16_t port_ = 0;
  Peer* peer_ = nullptr;  // the newest connection; deletes itself
  Script script_;
  std::string greeting_;
  std::vector<CommandBatchPtr> requests_;
  int connections_ = 0;
  bool closed_ = false;
};

}  // namespace quorate
