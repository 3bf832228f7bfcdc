// Answers: where should the nodes be?
//
// Every choice of n among the candidates is tried, so what is found is the
// best. Along the way it is counted in how many of them a leaderless protocol
// would be worse than a leader's in the best place. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "experiments/plan/distances.h"
#include "experiments/plan/predict.h"

namespace quorate::plan {

enum class Objective : std::uint8_t { kMean, kWorst };

struct Placement {
  std::vector<std::size_t> nodes;  // sites, in the order of the candidates
  Prediction prediction;
};

// Of all placements, those in which what clients wait without conflicts is
// longer than through the leader that is best there.
struct Losses {
  std::uint64_t mean = 0;          // on average
  std::uint64_t some = 0;          // for some client
  std::uint64_t some_by_1_ms = 0;  // by more than a millisecond
};

struct PlacementSearch {
  std::vector<std::size_t> candidates;
  // None: beside each node of the placement that is tried.
  std::vector<Client> clients;
  Asks asks = Asks::kNearest;
  Objective objective = Objective::kMean;
  std::size_t keep = 5;
};

struct PlacementResult {
  std::uint64_t placements = 0;
  std::vector<Placement> best;  // the best first; equals in order
  Losses losses;
};

// "13 choose 7"; 0 when n is larger.
std::uint64_t Choices(std::uint64_t among, std::uint64_t n);

// The quorums must be counted by number (IsSymmetric): which node is where
// makes no difference. `progress` is told now and then how many are done.
bool IsSymmetric(const Settings& settings);
PlacementResult FindPlacements(
    const Distances& distances, const Predictor& predictor,
    const Predictor& with_leader, const PlacementSearch& search,
    const std::function<void(std::uint64_t done)>& progress);

}  // namespace quorate::plan
