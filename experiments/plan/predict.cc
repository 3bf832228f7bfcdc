#include "experiments/plan/predict.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "replica/base/quorum.h"
#include "replica/base/roles.h"
#include "wire/check.h"

namespace quorate::plan {
namespace {

struct Peer {
  std::int64_t round_trip_ns = 0;
  ReplicaId id{};
};

using NearestPeers = std::vector<Peer>;

NearestPeers NearestFirst(const Distances& distances,
                          std::span<const std::size_t> nodes,
                          std::size_t node) {
  NearestPeers peers;
  peers.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i == node) continue;
    peers.push_back(
        {.round_trip_ns = distances.RoundTripNs(nodes[node], nodes[i]),
         .id = ReplicaAt(static_cast<int>(i))});
  }
  std::ranges::stable_sort(peers, {}, &Peer::round_trip_ns);
  return peers;
}

// The answers of the `count` nearest are there.
std::int64_t RoundTripOf(const NearestPeers& peers, int count) {
  return count == 0 ? 0
                    : peers[static_cast<std::size_t>(count) - 1].round_trip_ns;
}

// All are asked, and the answers of a quorum are there; `self` answers at once.
std::int64_t RoundTripOf(const NearestPeers& peers, std::size_t self,
                         const QuorumSystem& quorums) {
  ReplicaSet answered;
  answered.Insert(ReplicaAt(static_cast<int>(self)));
  std::int64_t last_ns = 0;
  for (const Peer& peer : peers) {
    if (quorums.IsQuorum(answered)) break;
    answered.Insert(peer.id);
    last_ns = peer.round_trip_ns;
  }
  return last_ns;
}

void Summarize(Prediction& prediction) {
  double weights = 0;
  double sum = 0;
  double contended_sum = 0;
  for (const ClientPrediction& each : prediction.clients) {
    weights += each.client.weight;
    sum += each.client.weight * static_cast<double>(each.execute_ns);
    contended_sum +=
        each.client.weight * static_cast<double>(each.contended_execute_ns);
    prediction.worst_ns = std::max(prediction.worst_ns, each.execute_ns);
  }
  if (weights == 0) return;
  prediction.mean_ns = sum / weights;
  prediction.contended_mean_ns = contended_sum / weights;
}

Protocol FirstWith(bool (*fits)(const ProtocolRow& row)) {
  const auto row = std::ranges::find_if(kProtocolRows, fits);
  QUORATE_CHECK(row != std::end(kProtocolRows), "there is such a protocol");
  return row->protocol;
}

// What the sites' nearest fast quorums are measured by.
Settings LeaderlessOf(Settings settings) {
  if (QuorumsOf(settings) == Quorums::kFaults) return settings;
  settings.protocol = FastPathProtocol();
  settings.fast_path = FastPathRule::kEpaxos;
  settings.fast_faults = 0;
  return settings;
}

}  // namespace

Protocol FastPathProtocol() {
  return FirstWith(
      [](const ProtocolRow& row) { return row.quorums == Quorums::kFaults; });
}

Protocol LeaderProtocol() {
  return FirstWith([](const ProtocolRow& row) { return row.has_leader; });
}

absl::StatusOr<Predictor> Predictor::Create(const Settings& settings) {
  for (const Settings& each : {settings, LeaderlessOf(settings)}) {
    if (absl::Status valid = ValidateSettings(each); !valid.ok()) return valid;
  }
  return Predictor(settings);
}

Predictor::Predictor(const Settings& settings)
    : settings_(settings), rounds_(RoundsOf(LeaderlessOf(settings))) {
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: break;
    case Quorums::kPhases: {
      const absl::StatusOr<PaxosQuorums> quorums = PaxosQuorumsOf(settings);
      QUORATE_CHECK(quorums.ok(), "the settings were valid");
      accepting_ = quorums->phase2();
      break;
    }
    case Quorums::kRoles: {
      // Every role at every node, one shard and one group: its members are the
      // nodes.
      const Cluster cluster(settings);
      dependencies_ = cluster.shard(0).system();
      accepting_ = cluster.group(0).phase2.system();
      break;
    }
  }
}

Predictor::NodeTimes Predictor::TimesOf(const Distances& distances,
                                        std::span<const std::size_t> nodes,
                                        std::size_t node) const {
  const NearestPeers peers = NearestFirst(distances, nodes, node);
  NodeTimes times{.optimum_ns = RoundTripOf(peers, rounds_.fast)};
  switch (QuorumsOf(settings_)) {
    case Quorums::kFaults:
      times.commit_ns = times.optimum_ns;
      times.contended_ns = RoundTripOf(peers, rounds_.contended) +
                           RoundTripOf(peers, rounds_.accepts);
      break;
    case Quorums::kPhases:
      times.commit_ns = RoundTripOf(peers, node, accepting_);
      times.contended_ns = times.commit_ns;
      break;
    case Quorums::kRoles:
      // Whatever the conflicts: first what they are, then the votes.
      times.commit_ns = RoundTripOf(peers, node, dependencies_) +
                        RoundTripOf(peers, node, accepting_);
      times.contended_ns = times.commit_ns;
      break;
  }
  return times;
}

Prediction Predictor::Predict(const Distances& distances,
                              std::span<const std::size_t> nodes,
                              std::span<const Client> clients, Asks asks,
                              std::optional<std::size_t> leader) const {
  QUORATE_CHECK(static_cast<int>(nodes.size()) == settings_.replicas,
                "each replica is somewhere");
  std::vector<NodeTimes> times;
  times.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    times.push_back(TimesOf(distances, nodes, i));
  }
  if (!RowOf(settings_.protocol).has_leader || leader) {
    return PredictWith(distances, nodes, clients, times, asks, leader);
  }
  Prediction best = PredictWith(distances, nodes, clients, times, asks, 0);
  for (std::size_t other = 1; other < nodes.size(); ++other) {
    Prediction with =
        PredictWith(distances, nodes, clients, times, asks, other);
    if (with.mean_ns < best.mean_ns) best = std::move(with);
  }
  return best;
}

std::int64_t Predictor::OptimumOf(const Distances& distances,
                                  std::span<const std::size_t> nodes,
                                  std::span<const NodeTimes> times,
                                  std::size_t client) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node] == client) return times[node].optimum_ns;
    least = std::min(least, distances.RoundTripNs(client, nodes[node]) +
                                times[node].optimum_ns);
  }
  return least;
}

Prediction Predictor::PredictWith(const Distances& distances,
                                  std::span<const std::size_t> nodes,
                                  std::span<const Client> clients,
                                  std::span<const NodeTimes> times, Asks asks,
                                  std::optional<std::size_t> leader) const {
  // When a node has learned all commands that were proposed at once: a log's
  // leader alone matters to who waits for it.
  const auto known_at = [&](std::size_t node) {
    std::int64_t latest = times[node].contended_ns;
    if (leader) return latest;
    for (std::size_t other = 0; other < nodes.size(); ++other) {
      if (other == node) continue;
      latest =
          std::max(latest, times[other].contended_ns +
                               distances.OneWayNs(nodes[other], nodes[node]));
    }
    return latest;
  };
  Prediction prediction{.leader = leader};
  prediction.clients.reserve(clients.size());
  for (const Client& client : clients) {
    const auto way = [&](std::size_t node) {
      return distances.ClientRoundTripNs(client.site, nodes[node]);
    };
    const auto cost = [&](std::size_t node) {
      return asks == Asks::kFirst ? way(node) + times[node].commit_ns
                                  : way(node);
    };
    std::size_t asked = leader.value_or(0);
    for (std::size_t node = 1; node < nodes.size() && !leader; ++node) {
      if (cost(node) < cost(asked)) asked = node;
    }
    const NodeTimes& at = times[asked];
    prediction.clients.push_back(
        {.client = client,
         .node = asked,
         .commit_ns = at.commit_ns,
         .execute_ns = way(asked) + at.commit_ns,
         .contended_commit_ns = at.contended_ns,
         .contended_execute_ns = way(asked) + known_at(asked),
         .optimum_ns = OptimumOf(distances, nodes, times, client.site)});
  }
  Summarize(prediction);
  return prediction;
}

}  // namespace quorate::plan
