// Answers: how long does a command take, from each site?
//
// Messages take what the matrix says and everything else takes no time: no
// sync, no queue, no CPU. Then a command's latency is a sum of round trips to
// the nearest who are enough, and who are enough is asked of the product's own
// rules (rounds.h, quorum.h, roles.h). README.md has the formulas. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/plan/distances.h"
#include "experiments/plan/rounds.h"
#include "replica/base/protocols.h"
#include "replica/base/quorum_system.h"
#include "replica/base/settings.h"

namespace quorate::plan {

// The protocol with fast path rules, and the one to compare with: a leader's.
Protocol FastPathProtocol();
Protocol LeaderProtocol();

struct Client {
  std::size_t site = 0;  // of the matrix
  double weight = 1;
};

// Whom a client asks that has no node in its site.
enum class Asks : std::uint8_t {
  kNearest,  // by round trip, which is what a client can measure
  kFirst,    // who answers first, its round trips counted
};

struct ClientPrediction {
  Client client;
  std::size_t node = 0;  // whom it asks, counted from 0
  // From the node's receipt to its decision: `commit` of result.json.
  std::int64_t commit_ns = 0;
  // What the client waits: `execute` of result.json.
  std::int64_t execute_ns = 0;
  // The same if every node proposes a conflicting command at the same moment.
  std::int64_t contended_commit_ns = 0;
  // At most: until all of these are known at its node.
  std::int64_t contended_execute_ns = 0;
  // A round trip to the farthest member of the nearest fast quorum: of its
  // site's node, or of the node for which that and the way to it are least.
  std::int64_t optimum_ns = 0;
};

struct Prediction {
  std::vector<ClientPrediction> clients;
  std::optional<std::size_t> leader;  // where the protocol has one
  // Of execute_ns, and of contended_execute_ns.
  double mean_ns = 0;  // by weight
  std::int64_t worst_ns = 0;
  double contended_mean_ns = 0;
};

// For one choice of protocol, rule and sizes; asked about many placements.
class Predictor {
 public:
  // Not OK: what the product would refuse to start with.
  static absl::StatusOr<Predictor> Create(const Settings& settings);

  const Settings& settings() const { return settings_; }
  // Of the rule; for protocols that have none, of the rule "epaxos" with the
  // same n and f.
  const Rounds& rounds() const { return rounds_; }

  // `nodes`: the sites of r1, r2, ...; one a replica. Where a leader is needed
  // and none is named: with the one whose mean is least.
  Prediction Predict(const Distances& distances,
                     std::span<const std::size_t> nodes,
                     std::span<const Client> clients, Asks asks,
                     std::optional<std::size_t> leader = std::nullopt) const;

 private:
  struct NodeTimes {
    std::int64_t commit_ns = 0;
    std::int64_t contended_ns = 0;
    std::int64_t optimum_ns = 0;
  };

  explicit Predictor(const Settings& settings);
  NodeTimes TimesOf(const Distances& distances,
                    std::span<const std::size_t> nodes, std::size_t node) const;
  static std::int64_t OptimumOf(const Distances& distances,
                                std::span<const std::size_t> nodes,
                                std::span<const NodeTimes> times,
                                std::size_t client);
  Prediction PredictWith(const Distances& distances,
                         std::span<const std::size_t> nodes,
                         std::span<const Client> clients,
                         std::span<const NodeTimes> times, Asks asks,
                         std::optional<std::size_t> leader) const;

  Settings settings_;
  Rounds rounds_;
  QuorumSystem accepting_;     // of phase 2
  QuorumSystem dependencies_;  // where roles are apart
};

}  // namespace quorate::plan
