// Answers: of what is a Client made? For client.cc and client_calls.cc.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/client/calls.h"
#include "replica/client/client.h"
#include "replica/client/node_connection.h"
#include "replica/client/session.h"
#include "wire/client_message.h"
#include "wire/timers.h"

namespace quorate {

// A timer so late means that this process did not run: what has come meanwhile
// is read before anybody is called silent.
inline constexpr std::int64_t kLateMs = MillisecondsOf<"client.late">;

// When to write, and to whom. The protocol of commands is in Sessions, which
// node to call in Calls, the protocol of one connection in NodeConnection.
struct Client::Impl final {
  // A connection, from the call to its end; deletes itself with it.
  struct Link final : NodeConnection::Owner {
    void HandleReady(const Hello& hello) override {
      impl->HandleReady(*this, hello);
    }
    void HandleMessage(ClientMessage message) override {
      impl->HandleMessage(*this, message);
    }
    void HandleWritten() override { impl->Flush(); }
    void HandleLost(const absl::Status& reason) override {
      impl->HandleLost(*this, reason);
    }
    void HandleGone() override {
      Impl* const owner = impl;
      delete this;
      owner->HandleGone();
    }

    Impl* impl = nullptr;
    std::size_t node = 0;
    NodeConnection* connection = nullptr;  // owned by the loop
    std::int64_t begun_ms = 0;
    bool served = false;  // has answered anything but Hello
  };

  Impl(uv_loop_t* loop_in, ClientOptions options_in, CompletionHandler handler);

  void Call(std::size_t callee);
  // Begins the calls that are due and sets the timer for the next.
  void CallNodes();
  void EndCall(Link& link);
  void FailCall(Link& link, const absl::Status& reason);
  void EndOtherCalls();
  void Use(Link& link);
  void LoseNode(const absl::Status& reason);
  // As the node itself wants it: to the leader that it names, if it is known.
  void GoElsewhere();
  // Asks a second node, or another one, or no longer.
  void DriveHedge();
  void DropHedge(bool at_fault, bool at_once);
  // The second node is the better one.
  void GoOnWithHedge();
  void HandleHedgeReplies(ClientReplies& replies);
  void Flush();
  bool EncodeSome();
  void FlushHedge();
  void Deliver();
  void HandleTimer();
  void HandleCallTimer();
  void StartCallTimer(std::int64_t wait_ms);
  void NoteDeadline(std::int64_t deadline_ms);
  void ExpireStatusRequests(std::int64_t now_ms);
  // Ends the requests that were sent, or all of them.
  void FailStatusRequests(const absl::Status& why, bool unsent_too);
  void Close(std::function<void()> closed_in);
  void FinishIfClosed();

  void HandleReady(Link& link, const Hello& hello);
  void HandleMessage(Link& link, ClientMessage& message);
  void HandleLost(Link& link, const absl::Status& reason);
  void HandleGone();

  std::int64_t now_ms() const {
    return static_cast<std::int64_t>(uv_now(loop));
  }
  bool hedges() const {
    return options.hedge_ms > 0 && options.nodes.size() > 1;
  }
  bool wants_call() const {
    return link == nullptr || (wants_hedge && hedge == nullptr);
  }
  std::string name() const { return ToString(options.nodes[node]); }

  struct StatusRequest {
    std::int64_t deadline_ms = 0;
    bool sent = false;
    // Empty when it has timed out and only its reply is still to come.
    std::function<void(absl::StatusOr<std::string>)> done;
  };

  uv_loop_t* loop;
  ClientOptions options;
  CompletionHandler handler;
  Sessions sessions;
  Calls calls;

  std::vector<Link*> under_way;  // calls without an answer
  Link* link = nullptr;          // to the node in use
  Link* hedge = nullptr;         // to the second one
  bool wants_hedge = false;      // a second node is being called
  bool ever_ready = false;
  bool turn_has_submits = false;
  std::size_t node;  // in use, or the last one
  absl::Status connection_status = absl::UnavailableError("not connected yet");
  std::uint64_t reconnects = 0;
  ClientStats stats;

  uv_prepare_t prepare;
  uv_timer_t timer;       // deadlines of commands and status requests
  uv_timer_t call_timer;  // a call that takes long, or time for another
  std::int64_t armed_ms = Sessions::kNever;
  std::int64_t call_armed_ms = Sessions::kNever;
  bool was_late = false;

  std::vector<Completion> completed;
  std::vector<Completion> delivering;
  std::deque<StatusRequest> status_requests;

  int handles = 3;  // ours and those of connections, until closed
  bool closing = false;
  bool finished = false;
  bool orphaned = false;  // the Client is gone; delete when closed
  std::function<void()> closed;
};

}  // namespace quorate
