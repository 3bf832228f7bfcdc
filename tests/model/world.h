// Answers: what can happen next, and may it?
//
// A world is one state number a replica and what is left of the budgets. All
// that anybody ever sent stays deliverable, so loss, duplication, delay and
// reordering need no steps of their own. A step is judged as it is taken: by
// the replica that takes it and by all of them together.
//
// States are closed: whatever makes a replica send and leaves it otherwise as
// it is (the answer to a repetition, a refusal, a decision told again) has been
// done. That hides nothing: with more packets on the way all that was possible
// before still is, and what was seen of the replicas is the same.
// Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/model/observation.h"
#include "tests/model/replica_states.h"
#include "tests/model/scope.h"

namespace quorate::model {

// One thing that happens to one replica.
struct Action {
  std::uint8_t replica = 0;
  ReplicaStep step;
  friend bool operator==(const Action&, const Action&) = default;
};

struct WorldState {
  std::array<StateId, kMaxModelReplicas> replicas{};
  std::uint8_t recoveries = 0;  // left
  std::uint8_t restarts = 0;
  std::uint8_t retries = 0;
};

class World {
 public:
  using Visitor = std::function<void(const Action&, const WorldState&)>;

  // The scope's opening is not taken (scenario.h: Open).
  explicit World(const Scope& scope);

  const Scope& scope() const { return scope_; }
  WorldState Initial();
  // Equal for states with equal futures.
  std::uint64_t Hash(const WorldState& state);

  // Every action that changes something, with what it leads to.
  void ForEachSuccessor(const WorldState& state, const Visitor& visit);
  // Every enabled action, whether or not anything comes of it.
  void ListEnabled(const WorldState& state, std::vector<Action>& actions) const;
  WorldState Apply(const WorldState& state, const Action& action);
  static bool Changes(const WorldState& before, const WorldState& after) {
    return before.replicas != after.replicas;
  }

  // The first promise that is broken here, empty if none. `actor` took the
  // last step.
  std::string FindViolation(const WorldState& state, int actor);

  std::string Text(const Action& action) const;
  // Everything that is the same in each version of a message's contents.
  std::string Heading(const Action& action) const;

  const ReplicaState& At(const WorldState& state, int replica) const {
    return states_.Get(state.replicas[static_cast<std::size_t>(replica)]);
  }
  const ReplicaStates& replica_states() const { return states_; }

 private:
  template <typename Do>
  void ForLocalSteps(const WorldState& state, int replica, Do action) const;
  bool HasAsked(const WorldState& state, int leader) const;
  // By its home, or by any other replica where any may.
  bool ProposedElsewhere(const WorldState& state, int replica,
                         std::uint32_t command) const;
  WorldState Closed(WorldState state, std::size_t changed);
  std::string FindPassed(const WorldState& state, int actor) const;
  WorldState Pay(WorldState state, const Action& action) const;
  int Home(std::uint32_t command) const {
    return scope_.commands[command].home;
  }

  Scope scope_;
  ReplicaStates states_;
  Judge judge_;
};

}  // namespace quorate::model
