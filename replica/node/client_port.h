// Answers: how do clients' commands come in and their replies go out?
//
// Listens for clients, gathers the commands of a turn and refuses at once what
// may not go on: too large, too many unanswered, shutting down. Replies are
// routed by Command::origin (commit_clock.h) and leave as few frames a
// connection a turn. Everything a client can make grow is bounded: a client
// that does not read its replies is no longer read from, then told to ask again
// for what is large, then closed; one that asks more than a turn should bear
// waits its turn (README, "What may be asked").
#pragma once

#include <uv.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replica/node/commit_clock.h"
#include "replica/node/handshake.h"
#include "replica/node/refusals.h"
#include "wire/client_message.h"
#include "wire/command.h"
#include "wire/net/acceptor.h"
#include "wire/net/connection.h"
#include "wire/timers.h"

namespace quorate {

// Places beside those of clients, for whoever asks for the status only: where
// all are taken the one that has had its place for longest goes.
inline constexpr std::size_t kObserverPlaces = 8;

struct ClientPortOptions {
  // At most kMostConnections.
  std::size_t most_connections = 1024;
  // Unanswered commands a connection may have, whatever its sessions.
  std::size_t most_unanswered = 64 * 1024;
  // A connection that has not said Hello by then is closed.
  std::uint64_t hello_timeout_ms = MillisecondsOf<"port.hello">;
  // Output a client has not read: from here on it is no longer read from, ...
  std::size_t pause_bytes = 1024 * 1024;
  // ... from here on, or when all clients together have so much, results that
  // are not small are left out, and it is told to ask again, ...
  std::size_t hold_bytes = 32 * 1024 * 1024;
  std::size_t most_output_bytes = 256 * 1024 * 1024;
  // ... and from here on it is closed.
  std::size_t close_bytes = 64 * 1024 * 1024;
  // Bytes that all clients together may bring in one turn; whoever passes it
  // is read again after those who have waited longer.
  std::size_t turn_bytes = 2 * 1024 * 1024;
};

// Requests for the node's status. They cost far more than their bytes: so one
// status is built for all who ask in a turn, not more than one in a while, and
// a turn copies it so many times at most; the others wait.
inline constexpr std::size_t kMostStatusAnswersATurn = 16;
inline constexpr std::uint64_t kStatusPauseUs = MicrosecondsOf<"port.status">;
// Requests that a connection may have waiting and still be read from.
inline constexpr std::size_t kMostWaitingStatusRequests = 8;
// Clients that are read again in one turn after they had to wait.
inline constexpr std::size_t kMostReadersATurn = 16;

struct ClientPortStats {
  std::uint64_t commands_received = 0;
  std::uint64_t status_requests = 0;
  std::uint64_t status_answers = 0;
  std::uint64_t statuses_built = 0;
  std::uint64_t reads_put_off = 0;
};

class ClientPort : private Connection::Owner {
 public:
  // Everything given must outlive the port. `status` gives the node's status
  // as JSON.
  ClientPort(uv_loop_t* loop, HandleCount& count, const ClusterConfig& config,
             std::size_t self, const Handshake& handshake, CommitClock& clock,
             RefusalCounts& refusals, std::function<std::string()> status,
             const ClientPortOptions& options, Resolver resolver, Log log);
  ~ClientPort() override;

  // Listens and tells once that it does, or why it cannot.
  void Start(Acceptor::Opened opened);
  // Once a tick: deadlines.
  void Tick();

  // The commands that have come in since the last call, origins set.
  std::vector<CommandBatchPtr> TakeCommands();
  bool has_commands() const { return !commands_.empty(); }
  // Answers with the commit latency filled in; a reply whose connection is gone
  // is dropped, its client asks again elsewhere.
  void Route(ClientReply&& reply);
  // Clients are told the era that the node has come to.
  void NoteEra(std::uint64_t era) { era_ = era; }
  // One write a connection.
  void Flush();
  // Ends the turn, after what others wait for has left: answers some of those
  // who want to know the status, and lets clients be read that had to wait.
  void EndTurn();

  // From now on: no new connections, every new command is refused.
  void Drain();
  // Nothing is unanswered and every reply is with the kernel.
  bool drained() const;
  // Drops every connection.
  void Close();

  std::uint64_t accept_failures() const {
    return acceptor_ == nullptr ? 0 : acceptor_->failures();
  }
  std::optional<sockaddr_storage> listens_at() const {
    return acceptor_ == nullptr ? std::nullopt : acceptor_->listens_at();
  }
  std::size_t connections() const { return connection_count_; }
  const ClientPortStats& stats() const { return stats_; }

 private:
  struct Client {
    ConnectionPtr connection;
    std::uint32_t number = 0;
    bool identified = false;
    bool observes = false;    // Asks for the status only.
    bool touched = false;     // Is in touched_.
    bool overflowed = false;  // Replies had to be dropped: it is to be closed.
    bool put_off = false;     // Is in readers_, and is not read from.
    // Unanswered; the client is in status_waiting_ while there are any.
    std::size_t status_requests = 0;
    std::uint64_t since_us = 0;
    std::size_t unanswered = 0;
    // The one session so far, and whether it is the only one.
    ClientId session{};
    bool shared = false;
    // Replies of this turn, in the form that the codec takes.
    ClientMessage replies = ClientReplies{};
    std::size_t reply_bytes = 0;
    // Part of output_bytes_.
    std::size_t output_bytes = 0;
  };

  void OnBytes(Connection& connection, std::size_t bytes) override;
  void OnFrame(Connection& connection, const Frame& frame) override;
  void OnWritten(Connection& connection) override;
  void OnEnd(Connection& connection, const absl::Status& why) override;

  void Accept(uv_stream_t* listener);
  void AcceptInto(std::deque<std::uint32_t>& places, uv_stream_t* listener);
  // Is this one of the places for observers?
  bool IsReserved(std::uint32_t number) const;
  void FreeReservedPlace();
  void Identify(Client& client, const Frame& frame);
  std::optional<HelloRefusal> CheckPlace(const Client& client) const;
  void HandleRequest(Client& client, CommandBatchPtr batch);
  // Why none of these commands is taken, or kNone.
  RefusalReason CheckRoom(Client& client, const CommandBatch& batch);
  // The batch without the commands that break a limit, which are refused.
  CommandBatchPtr TakeOutOverLimit(Client& client, CommandBatchPtr batch);
  void Refuse(Client& client, const Command& command, RefusalReason reason);
  void Answer(Client& client, ClientReply&& reply);
  bool HasRoomFor(const Client& client, std::size_t bytes) const;
  void NoteOutput(Client& client);
  void EncodeReplies(Client& client);
  void Touch(Client& client);
  void CheckOutput(Client& client);
  // Reads from the client, or does not, as its bounds have it.
  void SetReading(Client& client);
  void AnswerStatusRequests();
  void ReadThoseWhoWait();
  Client* Find(std::uint32_t number);
  void CloseClient(Client& client);

  uv_loop_t* loop_;
  HandleCount& count_;
  const ClusterConfig& config_;
  std::size_t self_;
  const Handshake& handshake_;
  CommitClock& clock_;
  RefusalCounts& refusals_;
  std::function<std::string()> status_;
  ClientPortOptions options_;
  std::unique_ptr<Acceptor> acceptor_;
  // By number; 0 is never used. Numbers are given out oldest first, so that a
  // late reply does not meet a new owner of its number.
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<std::uint32_t> free_numbers_;
  std::deque<std::uint32_t> free_reserved_;
  std::size_t connection_count_ = 0;
  std::size_t unidentified_ = 0;
  std::vector<std::uint32_t> touched_;
  std::vector<CommandBatchPtr> commands_;
  // Numbers, those who have waited longest first. May name who is gone.
  std::deque<std::uint32_t> status_waiting_;
  std::deque<std::uint32_t> readers_;
  std::uint64_t next_status_us_ = 0;
  std::size_t turn_bytes_ = 0;
  ClientPortStats stats_;
  std::size_t output_bytes_ = 0;  // of all clients
  std::uint64_t era_ = 0;
  bool draining_ = false;
};

}  // namespace quorate
