// Answers: how does one connection of a client to one node come up, carry
// frames and end?
//
// Looks the name up, connects, shakes hands, then hands every message on and
// writes what was put into buffer(). Where a name has several addresses, the
// next is called when one refuses or is silent for a moment; the first that
// comes through counts. Reports its end once, with the reason. Owns its libuv
// handles: Close, or its end, gives the object back to the loop, which deletes
// it when they are closed. Frames, writes and their errors are wire/net's.
// Knows nothing of commands and other nodes.
#pragma once

#include <uv.h>

#include <list>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "replica/config/config.h"
#include "wire/agreed_settings.h"
#include "wire/client_message.h"
#include "wire/frame.h"
#include "wire/net/connection.h"
#include "wire/net/handles.h"
#include "wire/net/lookup.h"

namespace quorate {

class NodeConnection : private Connection::Owner {
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
                 std::string cluster_id, AgreedSettings settings, PeerRole role,
                 const Resolver& resolver = AskSystem, EmulatedWays ways = {});
  NodeConnection(const NodeConnection&) = delete;
  NodeConnection& operator=(const NodeConnection&) = delete;

  // Begins to connect. After an error the caller still has to Close.
  absl::Status Start();
  // No calls but HandleGone after this.
  void Close();

  // Frames to write; of use from HandleReady to the end.
  std::string& buffer() { return handles_->calls.front()->output(); }
  bool writing() const { return handles_->calls.front()->writing(); }
  // Writes the buffer: what the socket takes now at once, the rest later. May
  // end the connection.
  void Flush();

 private:
  ~NodeConnection() override = default;  // Only the loop's last callback.

  // Connection::Owner.
  void OnConnected(Connection& call) override;
  void OnFrame(Connection&, const Frame& frame) override { HandleFrame(frame); }
  void OnWritten(Connection&) override;
  void OnEnd(Connection& call, const absl::Status& why) override;

  void HandleAddresses(absl::StatusOr<Addresses> found);
  // Makes one call more; an error if it fails at once.
  absl::Status MakeCall();
  // As MakeCall, until one does not fail at once.
  absl::Status CallSomebody();
  void HandleFrame(const Frame& frame);
  absl::Status CheckHello(const ClientMessage& message) const;
  absl::Status CheckSettings(const Hello& hello) const;
  void Lose(const absl::Status& reason);
  // `why` with the node's address in front.
  absl::Status Named(const absl::Status& why) const;

  uv_loop_t* loop_;
  Owner* owner_;
  Endpoint node_;
  std::string cluster_id_;
  AgreedSettings settings_;
  PeerRole role_;
  EmulatedWays ways_;
  HandleCount count_;
  // What Close gives back at once.
  struct Handles {
    Handles(NodeConnection* owner, const Resolver& resolver);
    Lookup lookup;
    Handle<uv_timer_t> again;
    std::list<ConnectionPtr> calls;  // One alone once connected_.
  };
  std::optional<Handles> handles_;
  Addresses addresses_;
  std::size_t tried_ = 0;  // of them
  // The call that is being made, and why it failed at once.
  const Connection* dialing_ = nullptr;
  absl::Status failed_;
  bool connected_ = false;
  bool ready_ = false;
};

}  // namespace quorate
