// Answers: does everything come to an end if some replicas die now?
//
// From a state of the world on, the survivors (a classic quorum at least) run
// with timers, suspicions and a fair network in place of arbitrary steps; what
// was on the way arrives or is lost. They must decide all that any of them
// knows, execute it and hold one state, and what their waiting clients had
// asked of them must be done (protocol.md 10, 18; reliability.md BM13, BM17).
#pragma once

#include <string>

#include "tests/model/world.h"

namespace quorate::model {

struct Ending {
  ReplicaSet dead;
  bool lost = false;  // what is on the way
};

// What did not come to an end; empty when all did.
std::string FindUnfinished(const World& world, const WorldState& state,
                           const Ending& ending);

}  // namespace quorate::model
