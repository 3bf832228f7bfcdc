// Answers: how does one connection of a client to one node come up, carry
// frames and end?
//
// Resolves, connects, shakes hands, then hands every message on and writes what
// was put into buffer(). Reports its end once, with the reason. Owns its libuv
// handle: Close, or its end, gives the object back to the loop, which deletes
// it when the handle is closed. Knows nothing of commands and other nodes.
#pragma once

#include <uv.h>

#include <string>

#include "absl/status/status.h"
#include "replica/shell/config.h"
#include "wire/client_message.h"
#include "wire/frame.h"

namespace quorate {

class NodeConnection {
 public:
  class Owner {
   public:
    // The node has answered our Hello. The connection may be written to.
    virtual void HandleReady(const Hello& hello) = 0;
    virtual void HandleMessage(ClientMessage message) = 0;
    // What a socket could not take at once has been written.
    virtual void HandleWritten() = 0;
    // The connection has ended by itself; it must not be used again.
    virtual void HandleLost(const absl::Status& reason) = 0;
    // The loop no longer knows the connection. Always the last call.
    virtual void HandleGone() = 0;

   protected:
    ~Owner() = default;
  };

  // Neither takes ownership; `owner` must outlive HandleGone.
  NodeConnection(uv_loop_t* loop, Owner* owner, const Endpoint& node,
                 std::string cluster_id, PeerRole role);
  NodeConnection(const NodeConnection&) = delete;
  NodeConnection& operator=(const NodeConnection&) = delete;

  // Begins to connect. After an error the caller still has to Close.
  absl::Status Start();
  // No calls but HandleGone after this.
  void Close();

  // Frames to write. Must be left alone while writing().
  std::string& buffer() { return buffer_; }
  bool writing() const { return writing_; }
  // Writes the buffer: what the socket takes now at once, the rest later. May
  // end the connection.
  void Flush();

 private:
  ~NodeConnection() = default;  // Only the loop's last callback deletes.

  absl::Status ConnectTo(const sockaddr* address);
  void HandleResolved(int status, addrinfo* found);
  void HandleConnected(int status);
  void HandleRead(ssize_t bytes);
  void HandleFrame(const Frame& frame);
  absl::Status CheckHello(const ClientMessage& message) const;
  void HandleWriteEnd(int status);
  void Lose(const absl::Status& reason);
  void DeleteWhenUnused();
  absl::Status Error(const char* what, int uv_code) const;

  uv_loop_t* loop_;
  Owner* owner_;
  Endpoint node_;
  std::string cluster_id_;
  PeerRole role_;
  uv_tcp_t tcp_;
  uv_getaddrinfo_t resolve_;
  uv_connect_t connect_;
  uv_write_t write_;
  FrameReader reader_;
  std::string buffer_;
  bool resolving_ = false;
  bool writing_ = false;
  bool ready_ = false;
  bool closing_ = false;
  bool handle_closed_ = false;
};

}  // namespace quorate
