// Answers: may this connection go on?
//
// Both sides of every connection open with a Hello. It is refused for another
// major version, another cluster, the wrong role at a port, a replica that has
// no business at this end, or one that lost its disk. A refusal's text travels
// to the other side: found, expected, what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "replica/shell/config.h"
#include "replica/shell/refusals.h"
#include "storage/known_peers.h"
#include "wire/client_message.h"

namespace quorate {

struct HelloRefusal {
  Refusal reason{};
  std::string text;
};

class Handshake {
 public:
  // `config` must outlive the handshake.
  Handshake(const ClusterConfig& config, std::size_t self,
            std::uint64_t incarnation, KnownPeers known);

  // What this node says first, to replicas and clients alike.
  Hello OwnHello() const;

  // A replica at the peers' port: one of those that dial this node.
  std::optional<HelloRefusal> CheckDialer(const Hello& hello);
  // The answer of the node at the address of node `expected`.
  std::optional<HelloRefusal> CheckDialed(const Hello& hello,
                                          std::size_t expected);
  // A client at the clients' port.
  std::optional<HelloRefusal> CheckClient(const Hello& hello) const;

 private:
  std::optional<HelloRefusal> CheckCluster(const Hello& hello) const;
  // Also writes down who is met for the first time, before that counts.
  std::optional<HelloRefusal> CheckReplica(const Hello& hello);
  const std::string& NameOf(std::size_t node) const;

  const ClusterConfig& config_;
  std::size_t self_;
  std::uint64_t incarnation_;
  KnownPeers known_;
};

// Of a pair of replicas the one with the higher index dials: one connection
// carries both directions, and neither has to choose between two.
constexpr bool Dials(std::size_t self, std::size_t peer) { return self > peer; }

}  // namespace quorate
