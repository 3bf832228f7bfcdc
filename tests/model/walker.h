// Answers: is a promise broken on some random way through a larger world?
//
// For worlds too large to exhaust. Swarm testing: each walk draws which kinds
// of step and message are likely, which replicas never hear of a proposal, and
// who is dead from the start. One seed decides everything. A schedule that was
// found is shrunk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/model/scenario.h"
#include "tests/model/world.h"
#include "tests/sim/random.h"

namespace quorate::model {

struct WalkLimits {
  std::uint64_t walks = 1000;
  int steps = 60;  // a walk
  std::uint64_t seed = 1;
};

struct WalkResult {
  std::uint64_t walks = 0;
  std::uint64_t steps = 0;
  std::string violation;
  std::vector<std::string> schedule;  // shrunk
};

class Walker {
 public:
  using Progress = std::function<void(const WalkResult&)>;

  explicit Walker(const Scope& scope) : scope_(scope) {}

  WalkResult Run(const WalkLimits& limits, const Progress& progress);
  // Of the walk under way, for the report of an abort.
  std::vector<std::string> CurrentSchedule() const {
    return world_ == nullptr ? std::vector<std::string>()
                             : Lines(*world_, path_);
  }

 private:
  // What one walk prefers.
  struct Weather {
    std::array<std::uint32_t, 6> by_kind{};
    std::array<std::uint32_t, std::variant_size_v<Message::variant>> by_message{};
    // PreAccepts of this column's leader never reach these.
    std::array<ReplicaSet, kMaxModelReplicas> unheard{};
    ReplicaSet dead;
    int quiet_steps = 0;  // before anything is recovered
  };

  Weather Draw();
  void Walk(const WalkLimits& limits, WalkResult& result);
  std::uint32_t WeightOf(const Weather& weather, const Action& action,
                         int step) const;

  Scope scope_;
  std::unique_ptr<World> world_;
  WorldState start_;
  sim::Random random_{0};
  // Of the walk under way.
  std::vector<Action> path_;
  std::vector<bool> delivered_;
};

}  // namespace quorate::model
