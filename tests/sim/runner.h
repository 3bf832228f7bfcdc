// Answers: how is one seed run, and how is a failure told?
//
// Picks the machine by the protocol's name, runs one simulation and words its
// outcome. A failure names the invariant, what was found, the virtual time, the
// last lines of the trace and the command line that replays it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tests/sim/simulation.h"

namespace quorate::sim {

struct RunOptions {
  // For the line that replays a failure.
  std::string program = "quorate-sim";
  // As in cluster.toml, or "toy" for the simulator's own test machine.
  std::string protocol = "epaxos";
  // A bug planted in the toy, or, where `planted`, in the core itself; "none"
  // otherwise.
  std::string bug = "none";
  // The program is built with planted bugs and has this one.
  bool planted = false;
  int replicas = 5;
  FaultSet faults = FaultSet::All();
  int operations = 0;  // 0: drawn
  bool real_store = false;
  bool contended = false;
  bool impatient = false;
  bool measured = false;
  std::optional<FastPathRule> fast_path;  // drawn
  std::optional<RoleLayout> roles;        // drawn; of BPaxos
  std::FILE* trace = nullptr;
  // Gets what the clients saw, for quorate-lincheck; before it is judged.
  std::FILE* history = nullptr;
};

struct SeedResult {
  bool ok = false;
  // Empty when ok.
  std::string invariant;
  std::string failure;
  std::uint64_t trace_hash = 0;
  SimulationStatistics statistics;
};

// InvalidArgument names the option that makes no sense and what would.
absl::Status CheckOptions(const RunOptions& options);

// The options must have passed CheckOptions.
SeedResult RunSeed(std::uint64_t seed, const RunOptions& options);

// "quorate-sim --protocol=epaxos --replicas=5 --seed=20931 --faults=all".
std::string ReplayLine(std::uint64_t seed, const RunOptions& options);

// "12 operations, 3 faults, ...": one line of figures.
std::string Describe(const SimulationStatistics& statistics);

// From here on a QUORATE_CHECK that fails inside a run tells which seed it was,
// as any other failure does, before the process aborts.
void ReportOnAbort();

}  // namespace quorate::sim
