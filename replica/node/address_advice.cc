#include "replica/node/address_advice.h"

#include <algorithm>
#include <utility>

#include "wire/text.h"

namespace quorate {
namespace {

bool IsName(const Endpoint& endpoint) {
  return !NumericAddress(endpoint).has_value();
}

bool AllLoopback(const Addresses& addresses) {
  return !addresses.empty() && std::ranges::all_of(addresses, IsLoopback);
}

class Doctor {
 public:
  Doctor(const ClusterConfig& config, std::size_t self,
         const KnownAddresses& known)
      : config_(config), self_(self), known_(known) {
    for (std::size_t i = 0; i < known.nodes.size(); ++i) {
      if (i == self || known.nodes[i].empty() || AllLoopback(known.nodes[i])) {
        continue;
      }
      elsewhere_ = i;
      break;
    }
  }

  std::vector<std::string> Look() {
    LookForWildcards();
    if (elsewhere_) {
      LookAtListening();
      LookAtOwnAddress();
      LookAtOthersNames();
    }
    return std::move(advice_);
  }

 private:
  const NodeConfig& own() const { return config_.nodes[self_]; }
  std::string SomebodyElsewhere() const {
    const NodeConfig& node = config_.nodes[*elsewhere_];
    return Concat(node.name, " is at ",
                  ToString(known_.nodes[*elsewhere_].front()));
  }

  void LookForWildcards() {
    for (const NodeConfig& node : config_.nodes) {
      for (const Endpoint& endpoint : {node.peer, node.client}) {
        const auto number = NumericAddress(endpoint);
        if (!number || !IsWildcard(*number)) continue;
        advice_.push_back(
            Concat(node.name, " is to be called at ", ToString(endpoint),
                   ", which says where to listen, not where to call; write its "
                   "address in the network as peer and client, and listen = \"",
                   endpoint.host, "\""));
      }
    }
  }

  void LookAtListening() {
    const bool peers = LookAtPort("peers", own().ListenForPeers(),
                                  known_.peers_at, /*names_only=*/false);
    // A number may be meant: clients of this machine only.
    if (!peers) {
      LookAtPort("clients", own().ListenForClients(), known_.clients_at,
                 /*names_only=*/true);
    }
  }

  bool LookAtPort(std::string_view callers, const Endpoint& endpoint,
                  const std::optional<sockaddr_storage>& bound,
                  bool names_only) {
    const bool is_name = IsName(endpoint);
    if (!bound || !IsLoopback(*bound) || (names_only && !is_name)) return false;
    const std::string where =
        is_name
            ? Concat(ToString(*bound), ", which is what this machine takes ",
                     endpoint.host, " for")
            : ToString(*bound);
    advice_.push_back(Concat(
        own().name, " listens for ", callers, " at ", where,
        ": nobody but this machine reaches it there, and ", SomebodyElsewhere(),
        "; set listen = \"0.0.0.0\" for ", own().name, " in cluster.toml",
        is_name ? Concat(", or correct ", endpoint.host, " in /etc/hosts")
                : std::string()));
    return true;
  }

  void LookAtOwnAddress() {
    const auto number = NumericAddress(own().peer);
    const bool loopback =
        number ? IsLoopback(*number) : own().peer.host == "localhost";
    if (!loopback) return;
    advice_.push_back(
        Concat(own().name, " is to be called at ", ToString(own().peer),
               ", which on any other machine is that machine itself, and ",
               SomebodyElsewhere(), "; write the address of ", own().name,
               " in the network as its peer and client"));
  }

  void LookAtOthersNames() {
    for (std::size_t i = 0; i < known_.nodes.size(); ++i) {
      const Endpoint& peer = config_.nodes[i].peer;
      if (i == self_ || !IsName(peer) || !AllLoopback(known_.nodes[i])) {
        continue;
      }
      advice_.push_back(Concat(
          peer.host, ", where ", config_.nodes[i].name, " is to be called, is ",
          ToString(known_.nodes[i].front()),
          " to this machine, which is this machine itself; correct it in "
          "/etc/hosts"));
    }
  }

  const ClusterConfig& config_;
  const std::size_t self_;
  const KnownAddresses& known_;
  std::optional<std::size_t> elsewhere_;  // Somebody on another machine.
  std::vector<std::string> advice_;
};

}  // namespace

std::vector<std::string> AddressAdvice(const ClusterConfig& config,
                                       std::size_t self,
                                       const KnownAddresses& known) {
  return Doctor(config, self, known).Look();
}

}  // namespace quorate
