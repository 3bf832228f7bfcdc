// Answers: how do messages travel between this node and its peers?
//
// One TCP connection a pair of replicas, dialed by the one with the higher
// index and used both ways: half the sockets of two one-way connections, and
// its acknowledgements ride on data. A connection counts once both sides have
// said Hello; the sender of a message is the connection. A lost connection
// drops what was queued (the protocol sends again) and is dialed again after a
// pause that doubles up to a third of a second, so that a restarted node is
// reached soon. Also the failure detector: a peer is suspected while its
// connection is down or has been silent for long.
#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replica/shell/acceptor.h"
#include "replica/shell/connection.h"
#include "replica/shell/handshake.h"
#include "replica/shell/refusals.h"
#include "wire/client_message.h"
#include "wire/message.h"

namespace quorate {

using Log = std::function<void(const std::string& line)>;

struct PeerLinkStats {
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t connections_lost = 0;
};

class PeerLinks : private Connection::Owner {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnPeerMessage(ReplicaId from, Message&& message) = 0;
    virtual void OnSuspicion(ReplicaId peer, bool suspected) = 0;
  };

  // Everything given must outlive the links.
  PeerLinks(uv_loop_t* loop, HandleCount& count, const ClusterConfig& config,
            std::size_t self, Handshake& handshake, RefusalCounts& refusals,
            Handler& handler, Log log, std::uint64_t hello_timeout_ms);
  ~PeerLinks() override;

  // Finds the peers' addresses and listens; then dials.
  absl::Status Start();
  // Once a tick of the machine: deadlines and silence.
  void Tick();
  // Encodes once; to peers whose connection is down the message is lost.
  void Send(ReplicaSet to, const Message& message);
  // Ends the turn: one write a connection.
  void Flush();
  // Reads nothing from peers until told to again: they wait, and when they have
  // waited for long drop the connection. They are not suspected meanwhile.
  void SetReading(bool reading);
  // Drops every connection and listens no more.
  void Close();

  // False for this node itself, and for all after Close.
  bool up(std::size_t peer) const {
    return peer < peers_.size() && peers_[peer] != nullptr && peers_[peer]->up;
  }
  std::uint64_t accept_failures() const {
    return acceptor_ == nullptr ? 0 : acceptor_->failures();
  }
  std::size_t waiting_connections() const { return waiting_.size(); }
  const PeerLinkStats& stats() const { return stats_; }

 private:
  struct Peer {
    Peer(uv_loop_t* loop, HandleCount& count, PeerLinks* owner,
         std::size_t own_index)
        : links(owner),
          index(own_index),
          redial(loop, count, uv_timer_init, this) {}
    PeerLinks* links;
    std::size_t index;
    sockaddr_storage address{};
    ConnectionPtr connection;
    bool up = false;             // Both sides have said Hello.
    std::uint64_t since_ms = 0;  // of the last dial, or of going up
    std::uint64_t heard_tick = 0;
    bool suspected = false;
    std::uint64_t pause_ms = 0;
    std::string last_line;  // Not logged twice in a row.
    Handle<uv_timer_t> redial;
  };
  // Accepted, has not said Hello.
  struct Waiting {
    ConnectionPtr connection;
    std::uint64_t since_ms = 0;
  };

  void OnConnected(Connection& connection) override;
  void OnFrame(Connection& connection, const Frame& frame) override;
  void OnEnd(Connection& connection, const absl::Status& why) override;

  void Accept(uv_stream_t* listener);
  void Dial(Peer& peer);
  void DialLater(Peer& peer);
  void HandleWaiting(Connection& connection, const Frame& frame);
  void HandleAnswer(Peer& peer, const Frame& frame);
  void HandleMessage(Peer& peer, const Frame& frame);
  void GoUp(Peer& peer);
  // Ends the peer's connection, whatever its state, and dials again.
  void Drop(Peer& peer, const std::string& why);
  void Suspect(Peer& peer, bool suspected);
  void LogOnce(Peer& peer, std::string line);
  const std::string& NameOf(const Peer& peer) const {
    return config_.nodes[peer.index].name;
  }

  uv_loop_t* loop_;
  HandleCount& count_;
  const ClusterConfig& config_;
  std::size_t self_;
  Handshake& handshake_;
  RefusalCounts& refusals_;
  Handler& handler_;
  Log log_;
  std::uint64_t hello_timeout_ms_;
  std::minstd_rand random_;  // For the pauses only.
  std::uint64_t tick_ = 0;
  bool reading_ = true;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<std::unique_ptr<Peer>> peers_;  // Null at `self`.
  std::map<std::uint64_t, Waiting> waiting_;  // By tag.
  std::uint64_t next_tag_;
  PeerLinkStats stats_;
};

}  // namespace quorate
