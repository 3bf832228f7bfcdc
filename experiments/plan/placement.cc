#include "experiments/plan/placement.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quorate::plan {
namespace {

constexpr std::int64_t kOneMsInNs = 1'000'000;
constexpr std::uint64_t kBetweenProgress = 4096;

double ValueOf(const Prediction& prediction, Objective objective) {
  return objective == Objective::kMean
             ? prediction.mean_ns
             : static_cast<double>(prediction.worst_ns);
}

void CountLosses(const Prediction& here, const Prediction& with_leader,
                 Losses& losses) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i < here.clients.size(); ++i) {
    most = std::max(
        most, here.clients[i].execute_ns - with_leader.clients[i].execute_ns);
  }
  if (here.mean_ns > with_leader.mean_ns) ++losses.mean;
  if (most > 0) ++losses.some;
  if (most > kOneMsInNs) ++losses.some_by_1_ms;
}

void Keep(Placement placement, const PlacementSearch& search,
          std::vector<Placement>& best) {
  const auto value = [&](const Placement& each) {
    return ValueOf(each.prediction, search.objective);
  };
  const auto at = std::ranges::upper_bound(best, value(placement), {}, value);
  if (at == best.end() && best.size() >= search.keep) return;
  best.insert(at, std::move(placement));
  if (best.size() > search.keep) best.pop_back();
}

// The next choice in lexicographic order of places among `count`.
bool Advance(std::vector<std::size_t>& places, std::size_t count) {
  for (std::size_t i = places.size(); i-- > 0;) {
    if (places[i] == count - places.size() + i) continue;
    ++places[i];
    for (std::size_t j = i + 1; j < places.size(); ++j) {
      places[j] = places[j - 1] + 1;
    }
    return true;
  }
  return false;
}

}  // namespace

std::uint64_t Choices(std::uint64_t among, std::uint64_t n) {
  if (n > among) return 0;
  std::uint64_t choices = 1;
  for (std::uint64_t i = 1; i <= n; ++i)
    choices = choices * (among - n + i) / i;
  return choices;
}

bool IsSymmetric(const Settings& settings) {
  const auto by_number = [](const QuorumSpec& spec) {
    return spec.kind == QuorumSpec::Kind::kMajority ||
           spec.kind == QuorumSpec::Kind::kSize;
  };
  return by_number(settings.phase1) && by_number(settings.phase2) &&
         by_number(settings.dependency_quorum);
}

PlacementResult FindPlacements(
    const Distances& distances, const Predictor& predictor,
    const Predictor& with_leader, const PlacementSearch& search,
    const std::function<void(std::uint64_t done)>& progress) {
  PlacementResult result;
  const auto n = static_cast<std::size_t>(predictor.settings().replicas);
  if (n > search.candidates.size()) return result;
  std::vector<std::size_t> places(n);
  for (std::size_t i = 0; i < n; ++i) places[i] = i;
  std::vector<std::size_t> nodes(n);
  std::vector<Client> clients = search.clients;
  do {
    for (std::size_t i = 0; i < n; ++i) nodes[i] = search.candidates[places[i]];
    if (search.clients.empty()) {
      clients.clear();
      for (const std::size_t node : nodes) clients.push_back({.site = node});
    }
    Prediction prediction =
        predictor.Predict(distances, nodes, clients, search.asks);
    CountLosses(prediction,
                with_leader.Predict(distances, nodes, clients, search.asks),
                result.losses);
    Keep({.nodes = nodes, .prediction = std::move(prediction)}, search,
         result.best);
    if (++result.placements % kBetweenProgress == 0) {
      progress(result.placements);
    }
  } while (Advance(places, search.candidates.size()));
  return result;
}

}  // namespace quorate::plan
