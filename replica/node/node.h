// Answers: how does one replica live in a process?
//
// Runs the pure machine (replica/host/replica.h) on an event loop: peers,
// clients, the disk and the clock become events, and its actions become bytes.
// Everything that the kernel has ready in one turn of the loop is stepped into
// the machine first; only then records go to the journal, and messages and
// replies leave, in one write a connection (replica/host/turn.h has the order).
// So batches grow with load and never by a timer. All on the loop's thread; the
// journal's is hidden in journal.h.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/config/config.h"
#include "replica/host/replica.h"
#include "replica/node/client_port.h"
#include "replica/node/commit_clock.h"
#include "replica/node/handshake.h"
#include "replica/node/peer_links.h"
#include "storage/journal/journal.h"
#include "storage/known_peers.h"
#include "storage/store.h"
#include "wire/net/handles.h"
#include "wire/net/lookup.h"
#include "wire/timers.h"

namespace quorate {

struct NodeOptions {
  Log log = [](const std::string&) {};
  // Called once when the disk has failed, or a peer has told that it has lost
  // something: the node has fallen silent for good and wants to be stopped.
  std::function<void(const absl::Status&)> on_storage_failure =
      [](const absl::Status&) {};
  // Called when both ports are open: at once, in Start, where the configuration
  // says by number where to listen; when its name has been looked up otherwise.
  std::function<void()> on_ready = [] {};
  // Called instead where a port cannot be opened after Start has returned.
  std::function<void(const absl::Status&)> on_cannot_listen =
      [](const absl::Status&) {};
  Resolver resolver = AskSystem;
  // Called when a member of this cluster has another list of members and this
  // node has not yet written anything: it must not begin to, and wants to be
  // stopped.
  std::function<void(const std::string& why)> on_other_members =
      [](const std::string&) {};
  // For tests; by default the SQLite store in the node's directory.
  std::unique_ptr<Store> store;
  int journal_look_out_us = MicrosecondsOf<"journal.look_out">;  // journal.h
  int look_out_us = MicrosecondsOf<"loop.look_out">;             // look_out.h
  // Milliseconds that a restarted node waits for peers that do not answer.
  std::uint64_t meeting_ms = MillisecondsOf<"node.meeting">;
  // Milliseconds that Stop waits for commands under way.
  std::uint64_t drain_ms = MillisecondsOf<"node.drain">;
  ClientPortOptions clients;
};

class Node : private PeerLinks::Handler {
 public:
  // Opens the store and replays it. Blocks; nothing is on the network yet.
  static absl::StatusOr<std::unique_ptr<Node>> Open(ClusterConfig config,
                                                    std::size_t self,
                                                    NodeOptions options);
  // Only a node that was never started, or whose Stop is done, may go.
  ~Node() override;

  // Listens, unless a name is to be looked up first, and serves. After an error
  // call Stop as after success. Ignores SIGPIPE for the whole process: libuv
  // needs that.
  absl::Status Start(uv_loop_t* loop);
  // Graceful: refuses new commands, lets those under way finish for a while,
  // flushes the journal. `done` runs when the loop no longer knows the node,
  // which may be destroyed in it. OK, or what went wrong with the disk.
  void Stop(std::function<void(const absl::Status&)> done);

  // Serving only.
  std::string StatusJson() const;
  ReplicaStatus replica_status() const { return replica_->Status(); }
  bool connected_to(std::size_t peer) const;
  // "peers at 127.0.0.1:7101 and clients at 127.0.0.1:7102".
  std::string ListensAt() const;

 private:
  // kMeeting: serving, but for a moment it only listens (EndMeeting).
  enum class Phase {
    kOpened,
    kMeeting,
    kServing,
    kDraining,
    kClosing,
    kFailed
  };
  // What exists while the loop knows the node.
  struct Running;
  // What a turn sees of it (node_turn.cc).
  class World;

  Node(ClusterConfig config, std::size_t self, NodeOptions options);
  absl::Status OpenStore();
  absl::Status CheckNothingIsKept() const;
  absl::Status Restore();
  absl::Status Unreadable(const absl::Status& records) const;
  absl::Status OfAnother(Protocol writer) const;

  void OnPeerMessage(ReplicaId from, Message&& message) override;
  void OnSuspicion(ReplicaId peer, bool suspected) override;
  void OnMeasured(ReplicaId peer, std::uint64_t round_trip_us) override;
  void OnAddresses() override;
  void OnOpened(const absl::Status& status);
  void Advise();
  void OnForgotten(const std::string& why) override;
  void OnOtherMembers(const std::string& why) override;
  void OnTick();
  void OnJournalChange();

  void StepTurn(const Event& event);
  void EndTurn();
  void EndMeeting();
  void FallSilent();
  void OnSnapshotChunk(ReplicaId from, const SnapshotChunk& chunk);
  void FinishDraining();
  void BeginClosing();
  void CloseAll();

  const ClusterConfig config_;
  const std::size_t self_;
  NodeOptions options_;
  Phase phase_ = Phase::kOpened;
  std::unique_ptr<Store> store_;  // Until the journal takes it.
  NodeLife life_;
  KnownPeers known_peers_;  // Until the handshake takes it.
  std::unique_ptr<Replica> replica_;
  std::minstd_rand random_{std::random_device{}()};  // for the machine's ticks
  std::uint64_t started_us_ = 0;
  int closed_ports_ = 2;
  absl::Status listens_;             // Why not.
  std::vector<std::string> advice_;  // Given so far.
  std::uint64_t drain_until_us_ = 0;
  RefusalCounts refusals_;
  absl::Status status_;  // of the disk
  bool silent_ = false;  // phase kFailed: everybody's connection is closed
  HandleCount count_;
  std::unique_ptr<Running> running_;
  std::function<void(const absl::Status&)> done_;  // Of Stop.
};

}  // namespace quorate
