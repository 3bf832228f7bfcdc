// Answers: may this connection go on?
//
// Both sides of every connection open with a Hello. It is refused for another
// major version, another cluster, other agreed settings, the wrong role at a
// port, a replica that has no business at this end, one that lost its disk or
// came back as an older copy of itself, and one that runs twice. A refusal's
// text travels to the other side: found, expected, what to do. Each side also
// says as whom it knows the other: whoever learns so that it has itself
// forgotten something stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "replica/config/config.h"
#include "replica/node/refusals.h"
#include "storage/known_peers.h"
#include "wire/client_message.h"

namespace quorate {

// Does a refusal with this text settle itself? Who has forgotten something
// stops, and a process before is soon known to have ended.
bool SettlesItself(std::string_view refusal);

struct HelloRefusal {
  Refusal reason{};
  std::string text;
  // It is this node that has forgotten something, and must stop.
  bool of_self = false;
  // The other one shall hear as whom it is known here, and judge for itself.
  bool says_met = false;
};

class Handshake {
 public:
  // `config` must outlive the handshake.
  Handshake(const ClusterConfig& config, std::size_t self, const NodeLife& own,
            KnownPeers known);

  // What this node says first, to replicas and clients alike.
  Hello OwnHello() const;
  // With as whom it knows the receiver.
  Hello HelloTo(std::size_t peer) const;

  // A replica at the peers' port: one of those that dial this node. `connected`
  // tells whether that replica has a connection here that is alive.
  std::optional<HelloRefusal> CheckDialer(
      const Hello& hello, const std::function<bool(std::size_t)>& connected);
  // The answer of the node at the address of node `expected`.
  std::optional<HelloRefusal> CheckDialed(const Hello& hello,
                                          std::size_t expected,
                                          bool connected = false);
  // A client at the clients' port.
  std::optional<HelloRefusal> CheckClient(const Hello& hello) const;

  std::uint64_t settings_digest() const { return settings_digest_; }

  // A replica that was let in said that its records up to here are on its disk.
  void Hear(std::size_t peer, RecordSequence record) {
    known_.Hear(ReplicaAt(static_cast<int>(peer)), record);
  }
  // Writes down what was heard; worth a call now and then.
  absl::Status WriteHeard() { return known_.WriteHeard(); }

 private:
  std::optional<HelloRefusal> CheckCluster(const Hello& hello) const;
  std::optional<HelloRefusal> CheckSelf(const Hello& hello) const;
  // Also writes down whom it meets, before that counts.
  std::optional<HelloRefusal> CheckReplica(const Hello& hello, bool connected);
  std::optional<HelloRefusal> CheckKnown(const Hello& hello, NodeLife known,
                                         bool connected) const;
  std::optional<HelloRefusal> CheckSettings(const Hello& hello) const;
  const std::string& NameOf(std::size_t node) const;

  const ClusterConfig& config_;
  std::size_t self_;
  NodeLife own_;
  KnownPeers known_;
  const AgreedSettings settings_;
  const std::uint64_t settings_digest_;
};

// Of a pair of replicas the one with the higher index dials: one connection
// carries both directions, and neither has to choose between two.
constexpr bool Dials(std::size_t self, std::size_t peer) { return self > peer; }

}  // namespace quorate
