// Answers: is there any way to break a promise in this scope?
//
// Breadth first, so that a counterexample is as short as any. Of a state that
// was left behind only a 64-bit hash is kept, and for its path the number of
// the state before it with the action taken: about 20 bytes a state. Two states
// with one hash would hide what lies behind the second; at 100 million states
// the odds of any such pair are 1 in 3,700.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/model/world.h"

namespace quorate::model {

struct Exploration {
  std::uint64_t states = 0;
  std::uint64_t transitions = 0;
  std::uint64_t terminal = 0;  // states in which nothing more can happen
  int depth = 0;
  bool complete = false;  // every reachable state was seen
  // Empty when no promise was broken; then the path is empty as well.
  std::string violation;
  std::vector<Action> path;
};

struct ExplorerLimits {
  std::uint64_t states = ~std::uint64_t{0};
  int depth = 1 << 20;
};

class Explorer {
 public:
  // Called every so often with the figures so far; false to stop.
  using Progress = std::function<bool(const Exploration&)>;
  // Called for every state as it is taken up, and whether it is terminal; a
  // text that is not empty is a violation.
  using Inspect = std::function<std::string(const WorldState&, bool terminal)>;

  Explorer(World& world, WorldState start) : world_(world), start_(start) {}

  Exploration Run(const ExplorerLimits& limits, const Inspect& inspect,
                  const Progress& progress);
  // The way to the state that is being left, for the report of an abort.
  std::vector<Action> PathToCurrent() const { return PathTo(current_); }

 private:
  struct Arrival {
    std::uint32_t parent = 0;
    std::uint32_t action = 0;
  };
  // Open addressing; 0 is free.
  class SeenStates {
   public:
    SeenStates() : slots_(std::size_t{1} << 16) {}
    bool Insert(std::uint64_t hash);

   private:
    void Grow();
    std::vector<std::uint64_t> slots_;
    std::size_t used_ = 0;
  };

  void Expand(const WorldState& state, std::uint32_t number,
              const ExplorerLimits& limits, const Inspect& inspect);
  void Arrive(const Action& action, const WorldState& after);
  std::vector<Action> PathTo(std::uint32_t number) const;

  World& world_;
  WorldState start_;
  SeenStates seen_;
  std::vector<Arrival> arrivals_;  // by number, in the order of discovery
  std::vector<WorldState> next_;
  std::uint32_t current_ = 0;
  Exploration result_;
};

}  // namespace quorate::model
