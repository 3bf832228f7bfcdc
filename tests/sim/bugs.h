// Answers: which bugs can this program be asked to find?
//
// Those of the toy and, in quorate-sim-mutants, those of the real machine
// (tests/model/mutants.h), each with the options under which it is known to be
// found: a bug that no seed finds any more says that the simulation has become
// blind there. quorate-sim, whose machine is the one that ships, hands a bug of
// the machine's over to quorate-sim-mutants beside it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::sim {

struct Bug {
  std::string name;
  std::string about;
  // Options of this program, "--seed 3 --replicas 5", or what else finds it
  // (model::Mutation).
  std::string found_by;

  bool has_seed() const { return found_by.starts_with("--"); }
};

std::optional<Bug> FindBug(std::string_view name);
// For --bug list: a bug a line, with the command that finds it.
std::string BugList();

// The value of --bug among these arguments; empty when there is none.
std::string BugAmong(const std::vector<std::string>& arguments);

// Runs quorate-sim-mutants with these arguments in place of this program, if
// this one has none of the machine's bugs. Returns only when there is nothing
// to hand over or nobody to hand it to.
void HandOver(char** argv);

// For a bug without a seed: says and runs, in place of this program, the
// command of the explorer or of the unit tests that finds it. Returns only when
// there is nobody beside it to run.
void FindElsewhere(const Bug& bug);

}  // namespace quorate::sim
