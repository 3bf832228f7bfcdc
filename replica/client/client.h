// Answers: how does a program use the store?
//
// A client works with one node at a time and carries any number of sessions
// over that connection. Submit queues a command; all commands of one turn of
// the event loop leave in one frame. A node that is silent for longer than
// usual is not waited for: a second one is asked as well (session.h), and
// whoever answers is gone on with. When the node dies, stalls or shuts down,
// the client goes to another one and sends every unanswered command again under
// its old number, so that each executes at most once. Completions arrive a
// frame at
// a time. Single-threaded: all calls on the loop's thread. Ignores SIGPIPE for
// the process unless somebody handles it: libuv writes to closed peers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/client/completion.h"
#include "replica/config/config.h"
#include "wire/agreed_settings.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/net/lookup.h"
#include "wire/timers.h"
#include "wire/wan/delay_line.h"

struct uv_loop_s;

namespace quorate {

struct ClientOptions {
  // In the order of cluster.toml, where a node may send the client on to the
  // one that leads.
  std::vector<Endpoint> nodes;
  // Index of the node to begin with; others are tried in order after it.
  std::size_t first_node = 0;
  std::string cluster_id;
  // Asks for statuses and submits nothing: gets in even where clients have
  // taken all of a node's places.
  bool observes = false;
  // The cluster's settings as the client has them; a node that has other ones
  // is refused. Empty: whatever they are.
  AgreedSettings settings;
  // How names are looked up: by the system.
  Resolver resolver = AskSystem;
  // How far it is to each node, where that is emulated (options.h); empty: not
  // at all.
  std::function<EmulatedWays(std::size_t node)> ways;
  // Milliseconds a command may stay unanswered before the client goes to
  // another node, and before it gives up with ReplyStatus::kUnknown.
  int retry_timeout_ms = MillisecondsOf<"client.retry">;
  int give_up_timeout_ms = MillisecondsOf<"client.give_up">;
  // The least silence after which another node is called or asked as well. 0:
  // the client keeps to one node until retry_timeout_ms.
  int hedge_ms = MillisecondsOf<"client.hedge">;
};

class Client {
 public:
  using CompletionHandler = std::function<void(std::span<const Completion>)>;

  // Starts connecting at once. `loop` must outlive the client.
  Client(uv_loop_s* loop, ClientOptions options, CompletionHandler handler);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A new session with a random id. Sessions are numbered from 0.
  std::size_t OpenSession();
  // The id of the session's next command. Changes after a command of it was
  // given up, or when the nodes have forgotten the session because it was idle
  // for long: the client then goes on with another by itself.
  ClientId session_id(std::size_t session) const;

  // Queues one command and returns its sequence number, 0 for one that cannot
  // be sent at all; it completes like any other. The number changes if the
  // session does before the command is taken; its completion has the last one.
  // Keys and values are copied before the call returns.
  std::uint64_t Submit(std::size_t session,
                       std::span<const Operation> operations,
                       std::uint64_t tag = 0);

  // Asks the connected node for its status; JSON, or an error after
  // `timeout_ms`, sooner when no node can be reached or the connection is lost.
  void RequestStatus(int timeout_ms,
                     std::function<void(absl::StatusOr<std::string>)> done);

  // Why the last connection attempt or connection failed; OK while connected.
  const absl::Status& connection_status() const;
  // Index in options.nodes of the node in use.
  std::size_t current_node() const;
  const ClientStats& stats() const;

  // Closes the connection and all handles; `closed` runs when the loop no
  // longer knows the client. Before Close returns, unanswered commands complete
  // as kUnknown, or as kRefused where no node can have taken them. A client
  // destroyed without Close tells nobody; its loop must run once more.
  void Close(std::function<void()> closed);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quorate
