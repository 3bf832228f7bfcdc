// Answers: how is a plan shown?
//
// As tables of milliseconds for people, or as JSON with the names that
// result.json has for the same figures.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/plan/distances.h"
#include "experiments/plan/placement.h"
#include "experiments/plan/predict.h"
#include "wire/wan/matrix.h"

namespace quorate::plan {

// One protocol and rule.
struct Plan {
  Settings settings;
  Rounds rounds;
  Prediction prediction;
  // Where the protocol has a leader: with each node as it, in their order.
  std::vector<Prediction> by_leader;
  // optimum_ns if nodes passed on what comes, by client.
  std::vector<std::int64_t> relayed_optimum_ns;
};

struct PlanSet {
  const wan::RegionMatrix* matrix = nullptr;
  std::vector<std::size_t> nodes;
  bool clients_beside_nodes = true;
  std::vector<Plan> plans;  // at least one
  std::vector<Detour> detours;
};

std::string FormatComparison(const PlanSet& set);
std::string FormatOne(const PlanSet& set);
nlohmann::ordered_json AsJson(const PlanSet& set);

struct PlacementPlan {
  const wan::RegionMatrix* matrix = nullptr;
  Settings settings;
  std::vector<std::size_t> candidates;
  bool clients_beside_nodes = true;
  Objective objective = Objective::kMean;
  PlacementResult result;
};

std::string FormatPlacements(const PlacementPlan& plan);
nlohmann::ordered_json AsJson(const PlacementPlan& plan);

}  // namespace quorate::plan
