// Answers: how do messages travel between this node and its peers?
//
// One TCP connection a pair of replicas, dialed by the one with the higher
// index and used both ways: half the sockets of two one-way connections, and
// its acknowledgements ride on data. A connection counts once both sides have
// said Hello; the sender of a message is the connection. A lost connection
// drops what was queued (the protocol sends again) and is dialed again after a
// pause that doubles up to a twelfth of a second, so that a restarted node is
// reached soon. Where calls are lost on the way, the next one is made beside
// those under way, after a sixth of a second: once the network is whole again
// that is how long it takes, not as long as the kernel waits between its
// repetitions. Names are looked up at each dial, anew after a second: a peer
// that has moved is found, and one whose name is not known is waited for. Also
// the failure detector: a peer is suspected while its connection is down or has
// been silent for long.
#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replica/base/distances.h"
#include "replica/config/trouble.h"
#include "replica/node/handshake.h"
#include "replica/node/refusals.h"
#include "wire/client_message.h"
#include "wire/message.h"
#include "wire/net/acceptor.h"
#include "wire/net/connection.h"
#include "wire/net/lookup.h"

namespace quorate {

// Of what a node logs about a peer: `quorate local` waits for these.
namespace peer_lines {
inline constexpr char kPeer[] = "peer ";
inline constexpr char kIsUp[] = " is up";
inline constexpr char kIsDown[] = " is down: ";
inline constexpr char kRefuses[] = "it refuses us: ";
inline constexpr char kRefused[] = "we refuse it: ";
inline constexpr char kRefusesNode[] = "refuses node ";
}  // namespace peer_lines

// A node that is not worked with, for a reason that somebody has to see to.
struct RefusedPeer {
  std::string peer;
  std::string code;  // as in `refused` of the status
  std::string why;
  std::uint64_t age_ms = 0;  // since it was last tried
};

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
    // A way to the peer and back took so long.
    virtual void OnMeasured(ReplicaId peer, std::uint64_t round_trip_us) = 0;
    // A name was looked up; addresses() has what is known now.
    virtual void OnAddresses() {}
    // A peer knows that this node has forgotten something: it must say no more.
    virtual void OnForgotten(const std::string& why) = 0;
    // Somebody of this cluster has another list of members.
    virtual void OnOtherMembers(const std::string& why) = 0;
  };

  // Everything given must outlive the links.
  PeerLinks(uv_loop_t* loop, HandleCount& count, const ClusterConfig& config,
            std::size_t self, Handshake& handshake, RefusalCounts& refusals,
            Handler& handler, Log log, Resolver resolver,
            std::uint64_t hello_timeout_ms);
  ~PeerLinks() override;

  // Listens and tells once that it does, or why it cannot; dials meanwhile.
  void Start(Acceptor::Opened opened);
  // Once a tick of the machine: deadlines and silence.
  void Tick();
  // Encodes once; to peers whose connection is down the message is lost.
  void Send(ReplicaSet to, const Message& message);
  // Ends the turn: one write a connection.
  void Flush();
  // Records up to here are on this node's disk: peers are told, with the next
  // message or at the next tick.
  void NoteDurable(RecordSequence record) { durable_ = record; }
  // Has every peer been met or found silent for now? False while one of them
  // has a connection with another process of this node.
  bool has_met_everybody(bool patient) const;
  // Reads nothing from peers until told to again: they wait, and when they have
  // waited for long drop the connection. They are not suspected meanwhile.
  void SetReading(bool reading);
  // From now on, of the ways from this node; those that are not in it are well.
  void Befall(const TroubleTable& troubles);
  // Drops every connection and listens no more.
  void Close();

  // False for this node itself, and for all after Close.
  bool up(std::size_t peer) const {
    return peer < peers_.size() && peers_[peer] != nullptr && peers_[peer]->up;
  }
  // Why that peer's connection is down, with the resolver's reason where its
  // name is not known; empty while it is up.
  std::string TroubleWith(std::size_t peer) const;
  // Of a peer, as last looked up; empty if it never was found.
  Addresses addresses(std::size_t peer) const {
    return peer < peers_.size() && peers_[peer] != nullptr
               ? peers_[peer]->addresses
               : Addresses();
  }
  std::uint64_t accept_failures() const {
    return acceptor_ == nullptr ? 0 : acceptor_->failures();
  }
  std::optional<sockaddr_storage> listens_at() const {
    return acceptor_ == nullptr ? std::nullopt : acceptor_->listens_at();
  }
  std::size_t waiting_connections() const { return waiting_.size(); }
  // Those of the last seconds: whoever is refused calls again soon.
  std::vector<RefusedPeer> refused_peers() const;
  const PeerLinkStats& stats() const { return stats_; }
  // By what was measured on the way to each peer and back.
  const Distances& distances() const { return distances_; }
  // Of what left on emulated ways.
  const Lateness& lateness() const { return *lateness_; }

 private:
  struct Peer {
    Peer(PeerLinks* owner, std::size_t own_index, const Resolver& resolver);
    PeerLinks* links;
    std::size_t index;
    EmulatedWays ways;             // To it, through all connections.
    Addresses addresses;           // Dialed in turn.
    std::size_t next_address = 0;  // Modulo their number.
    bool is_number = false;        // No name to look up.
    std::uint64_t looked_up_ms = 0;
    std::string unresolved;  // The resolver's reason, while it knows no better.
    ConnectionPtr connection;
    bool up = false;  // Both sides have said Hello.
    // The last call was refused: another process of this node is connected.
    bool taken = false;
    RecordSequence told = 0;    // of NoteDurable, on this connection
    std::uint64_t told_ms = 0;  // when that was
    std::uint64_t told_tick = 0;
    // The last Progress of this connection: its sender's time, and ours.
    std::uint64_t heard_us = 0;
    std::uint64_t heard_at_us = 0;
    // Since it was last handed on: the shortest way there and back.
    std::optional<std::uint64_t> shortest_us;
    std::uint64_t measured_tick = 0;
    int measured = 0;            // how often, at most kFirstMeasures
    std::uint64_t since_ms = 0;  // that it is up
    std::uint64_t heard_tick = 0;
    bool suspected = false;
    std::uint64_t pause_ms = 0;
    std::string down_because;
    std::set<std::string> logged;  // Since it was last up.
    Lookup lookup;
    Handle<uv_timer_t> redial;
  };
  // Accepted, has not said Hello.
  struct Waiting {
    ConnectionPtr connection;
    std::uint64_t since_ms = 0;
  };
  // Dialed, has not answered with a Hello.
  struct Call {
    ConnectionPtr connection;
    std::size_t peer = 0;
    std::uint64_t since_ms = 0;
  };

  void OnConnected(Connection& connection) override;
  void OnFrame(Connection& connection, const Frame& frame) override;
  void OnEnd(Connection& connection, const absl::Status& why) override;

  void Accept(uv_stream_t* listener);
  // When it is this node that calls.
  bool Dials(const Peer& peer) const {
    return quorate::Dials(self_, peer.index);
  }
  // Connected, and has not been heard for a while.
  bool IsQuiet(const Peer& peer) const;
  void LookUp(Peer& peer);
  void HandleAddresses(Peer& peer, absl::StatusOr<Addresses> found);
  // Makes one call more, if that may be of use, and comes back to it.
  void Dial(Peer& peer);
  void MakeCall(Peer& peer);
  void DialIn(Peer& peer, std::uint64_t least_ms, std::uint64_t most_ms);
  void DialAfterPause(Peer& peer);
  bool HasCalls(const Peer& peer, bool connected_only) const;
  void EndCalls(const Peer& peer);
  void EndCall(std::uint64_t tag, const std::string& why);
  void HandleWaiting(Connection& connection, const Frame& frame);
  void HandleAnswer(std::uint64_t tag, const Frame& frame);
  void HandleMessage(Peer& peer, const Frame& frame);
  void HandleProgress(Peer& peer, const Frame& frame);
  void TellDurable(Peer& peer);
  void Tell(Peer& peer);
  void Measure(Peer& peer, const Progress& progress);
  std::uint64_t TicksToMeasure(const Peer& peer) const;
  // Ticks that a message may be under way, which is no silence.
  std::uint64_t Away(const Peer& peer) const {
    return static_cast<std::uint64_t>(
        distances_.Ticks(ReplicaAt(static_cast<int>(peer.index))));
  }
  bool is_connected(std::size_t peer) const;
  void StopIfForgotten(const HelloRefusal& refusal);
  void GoUp(Peer& peer);
  // Ends the peer's connection and dials again.
  void Drop(Peer& peer, const std::string& why);
  void NoteDown(Peer& peer, const std::string& why);
  void EndOldCalls();
  void Suspect(Peer& peer, bool suspected);
  void LogOnce(Peer& peer, std::string line);
  // For refused_peers. False if it is known already.
  bool NoteRefusal(const std::string& peer, std::string_view code,
                   const std::string& why);
  void NoteRefusedCaller(const Hello& hello, const HelloRefusal& refusal);
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
  Distances distances_;
  RecordSequence durable_ = 0;
  bool reading_ = true;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<std::unique_ptr<Peer>> peers_;  // Null at `self`.
  std::map<std::uint64_t, Waiting> waiting_;  // By tag, as the next.
  std::map<std::uint64_t, Call> calls_;
  struct Refused {
    std::string code;
    std::string why;
    std::uint64_t at_ms = 0;
  };
  std::map<std::string, Refused> refused_;  // By name.
  std::uint64_t next_tag_;
  PeerLinkStats stats_;
  std::shared_ptr<Lateness> lateness_ = std::make_shared<Lateness>();
};

}  // namespace quorate
