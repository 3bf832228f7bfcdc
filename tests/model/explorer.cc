#include "tests/model/explorer.h"

#include <algorithm>
#include <utility>

#include "wire/check.h"

namespace quorate::model {
namespace {

constexpr std::uint64_t kProgressMask = (1u << 14) - 1;

// Replica, kind and argument in 3, 3 and 26 bits.
std::uint32_t Pack(const Action& action) {
  QUORATE_CHECK(action.step.argument < (1u << 26),
                "a packet's number fits its bits");
  return static_cast<std::uint32_t>(action.replica) << 29 |
         static_cast<std::uint32_t>(action.step.kind) << 26 |
         action.step.argument;
}

Action Unpack(std::uint32_t bits) {
  return {.replica = static_cast<std::uint8_t>(bits >> 29),
          .step = {static_cast<StepKind>(bits >> 26 & 7u),
                   bits & ((1u << 26) - 1)}};
}

}  // namespace

bool Explorer::SeenStates::Insert(std::uint64_t hash) {
  if (hash == 0) hash = 1;
  if (used_ * 4 >= slots_.size() * 3) Grow();
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != 0) {
    if (slots_[at] == hash) return false;
    at = (at + 1) & (slots_.size() - 1);
  }
  slots_[at] = hash;
  ++used_;
  return true;
}

void Explorer::SeenStates::Grow() {
  const std::vector<std::uint64_t> old =
      std::exchange(slots_, std::vector<std::uint64_t>(slots_.size() * 2));
  for (const std::uint64_t hash : old) {
    if (hash == 0) continue;
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = hash;
  }
}

Exploration Explorer::Run(const ExplorerLimits& limits, const Inspect& inspect,
                          const Progress& progress) {
  std::vector<WorldState> layer{start_};
  seen_.Insert(world_.Hash(start_));
  arrivals_.push_back({});
  result_.states = 1;
  std::uint32_t number = 0;
  while (!layer.empty() && result_.depth < limits.depth) {
    for (const WorldState& state : layer) {
      Expand(state, number++, limits, inspect);
      if (!result_.violation.empty() || result_.states >= limits.states) {
        return result_;
      }
      if ((number & kProgressMask) == 0 && !progress(result_)) return result_;
    }
    layer = std::exchange(next_, {});
    if (!layer.empty()) ++result_.depth;
  }
  result_.complete = layer.empty();
  return result_;
}

void Explorer::Expand(const WorldState& state, std::uint32_t number,
                      const ExplorerLimits& limits, const Inspect& inspect) {
  current_ = number;
  bool terminal = true;
  world_.ForEachSuccessor(
      state, [&](const Action& action, const WorldState& after) {
        terminal = false;
        if (result_.violation.empty() && result_.states < limits.states) {
          Arrive(action, after);
        }
      });
  if (terminal) ++result_.terminal;
  if (!result_.violation.empty()) return;
  result_.violation = inspect(state, terminal);
  if (!result_.violation.empty()) result_.path = PathTo(number);
}

void Explorer::Arrive(const Action& action, const WorldState& after) {
  ++result_.transitions;
  if (!seen_.Insert(world_.Hash(after))) return;
  ++result_.states;
  arrivals_.push_back({.parent = current_, .action = Pack(action)});
  next_.push_back(after);
  result_.violation = world_.FindViolation(after, action.replica);
  if (result_.violation.empty()) return;
  result_.path = PathTo(static_cast<std::uint32_t>(arrivals_.size() - 1));
}

std::vector<Action> Explorer::PathTo(std::uint32_t number) const {
  std::vector<Action> path;
  while (number != 0) {
    path.push_back(Unpack(arrivals_[number].action));
    number = arrivals_[number].parent;
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace quorate::model
