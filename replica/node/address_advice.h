// Answers: do the addresses in cluster.toml mean the same everywhere?
//
// What a doctor would say at a node's start. A file that is the same on every
// machine names hosts, and a machine may take a name for itself alone: Debian
// writes its own name beside 127.0.1.1 into /etc/hosts. Then a node listens
// where nobody else gets, says "ready", and waits for ever. Only what is known
// is judged; with more names looked up there may be more advice, never less.
// Pure.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "replica/config/config.h"
#include "wire/net/lookup.h"

namespace quorate {

struct KnownAddresses {
  // Where this node listens.
  std::optional<sockaddr_storage> peers_at;
  std::optional<sockaddr_storage> clients_at;
  // By node: its `peer` as this machine looks it up; empty where not known.
  std::vector<Addresses> nodes;
};

// Each piece says what is found, what follows and what to do.
std::vector<std::string> AddressAdvice(const ClusterConfig& config,
                                       std::size_t self,
                                       const KnownAddresses& known);

}  // namespace quorate
