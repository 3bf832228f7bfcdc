// Answers: how is a schedule written down, and run again?
//
// A text file: '#' opens a comment; "scope NAME" first, with the budgets that
// differ ("recoveries=3"); "mutation NAME" for a planted bug; "expect clean" or
// "expect violation"; then one action a line, as World::Text writes it:
//
//   propose a at r1
//   deliver PreAccept r1.1 r1>r2 : {}
//   recover r1 at r3
//
// What follows the colon picks one of several versions of a message; without it
// the first that changes anything is taken.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/model/world.h"

namespace quorate::model {

struct Scenario {
  Scope scope;
  std::string mutation;  // empty: none
  bool expects_violation = false;
  std::vector<std::string> actions;
};

// "X1", or with budgets: "X1 recoveries=3 restarts=0".
absl::StatusOr<Scope> ParseScope(std::string_view text);
// The reverse, for reports.
std::string ScopeText(const Scope& scope);
absl::StatusOr<Scenario> ParseScenario(std::string_view text);
std::string ScenarioText(const Scenario& scenario);

// The action that the line names in this state; NotFound when nothing of that
// name is possible.
absl::StatusOr<Action> FindAction(World& world, const WorldState& state,
                                  std::string_view line);

// The state after the scope's opening, which must be possible.
WorldState Open(World& world);

struct ScheduleRun {
  std::vector<Action> taken;  // those that changed something
  std::string violation;
};
// Takes what is possible of these, up to the first broken promise.
ScheduleRun Take(World& world, const WorldState& start,
                 const std::vector<Action>& actions);
// Takes all of these lines; NotFound names the first that is impossible.
absl::StatusOr<ScheduleRun> Replay(World& world, const WorldState& start,
                                   const std::vector<std::string>& lines);

// The smallest part of a violating run that still violates and from which
// nothing can be left out (delta debugging over actions).
ScheduleRun Shrink(World& world, const WorldState& start, ScheduleRun run);

std::vector<std::string> Lines(const World& world,
                               const std::vector<Action>& actions);

}  // namespace quorate::model
