// Answers: which bugs can be planted in the program that asks?
//
// Two programs are built from the same sources: one against the shipped core,
// in which nothing can be planted, one against the core built with the rules of
// tests/mutants. tests/mutants.sh says which test must find which bug, and
// which row of the lists of bugs it stands for.
#pragma once

#include <span>
#include <string_view>

namespace quorate::model {

struct Mutation {
  // As in tests/mutants.
  std::string_view name;
  // The rule that is missing, in words.
  std::string_view about;
  // "--seed ...": quorate-sim finds it with these options. Where no seed does,
  // because it takes a schedule that chance does not come to: "replay" of the
  // recorded one (scenarios/), "explore SCOPE", or "unit TEST".
  std::string_view found_by;
};

// By name. Empty in a program in which nothing can be planted.
std::span<const Mutation> Mutations();
// From here on the core has this bug. False when there is no such rule.
bool PlantMutation(std::string_view name);

}  // namespace quorate::model
