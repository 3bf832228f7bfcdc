// Answers: how does a cluster behave under this load?
//
// Runs one load to its end and returns what was measured. Closed loop: every
// client keeps `pipeline` commands under way. Open loop: commands become due at
// a rate, whatever the cluster does, and count from then. Clients are sessions,
// spread over connections, which are spread over the nodes. One thread, one
// event loop; the clock is read once a frame of replies and nothing is
// allocated a command, so that the generator costs a fraction of what it
// measures.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/bench/arrivals.h"
#include "experiments/bench/machine_info.h"
#include "experiments/bench/node_status.h"
#include "experiments/bench/punctuality.h"
#include "experiments/bench/recorder.h"
#include "experiments/bench/workload.h"
#include "replica/client/options.h"

namespace quorate::bench {

struct LoadOptions {
  ClientOptions client;                   // of each; where it begins is added
  std::vector<std::size_t> site_of_node;  // index of the Recorder's site
  std::size_t sites = 1;
  // Where distances are emulated: clients are beside the nodes that they begin
  // with, or all at this site of the matrix.
  std::shared_ptr<const WanWays> ways;
  std::optional<std::size_t> site;
  // All clients begin at this node; else they are spread over all.
  std::optional<std::size_t> only_node;
  // Nodes that clients begin with; empty: all.
  std::vector<std::size_t> leaders;
  WorkloadSpec workload;
  std::uint64_t seed = 1;
  std::size_t clients = 1;
  std::size_t pipeline = 1;  // closed loop
  std::size_t connections = 1;
  std::optional<double> rate;  // commands a second; nullopt: closed loop
  ArrivalKind arrivals = ArrivalKind::kPoisson;
  // Open loop: beyond it due commands wait in the generator, at their peril.
  std::size_t max_outstanding = 100'000;
  double duration_s = 10;
  double warmup_s = 2;
  double connect_s = 10;         // for all connections
  double drain_s = 10;           // for what is under way at the end
  std::uint64_t operations = 0;  // ends after so many commands; 0: no limit
  int timeline_ms = 1000;
  std::string history_path;  // empty: none is kept
  bool force = false;        // replaces a history that is there already
  bool progress = true;      // a line a second on stderr
};

// No figure means anything over less: the kernel counts a machine's time in
// ticks as long.
inline constexpr double kShortestWindowS = 0.01;

// In a Cancelled status: the signal's number, in decimal digits.
inline constexpr char kSignalPayload[] = "quorate/signal";

// How many commands one client may have outstanding, as far as its keys are
// concerned: an open loop has no bound of its own.
inline std::size_t KeysInTurn(const std::optional<double>& rate,
                              std::size_t pipeline) {
  return rate ? 64 : pipeline;
}

struct LoadOutcome {
  Recorder recorder;
  Punctuality punctuality;
  // The signal that ended the run early; 0: none did.
  int interrupted_by = 0;
  std::string history_path;  // where it is
  absl::Status history;      // is it whole?
  std::uint64_t submitted = 0;
  std::uint64_t answered = 0;
  std::uint64_t retried = 0;
  std::uint64_t reconnects = 0;
  // Open loop: commands due in the window, and those of them never submitted.
  std::uint64_t offered = 0;
  std::uint64_t unsent = 0;
  std::map<std::string, std::uint64_t> errors;  // as RunFacts::errors
  // Of what clients sent and got on emulated ways; empty without.
  Lateness lateness;
  double client_cpu_s = 0;
  MachineCpu machine_cpu;
  // One entry a node, nullopt when it did not answer.
  std::vector<std::optional<NodeStatus>> before;
  std::vector<std::optional<NodeStatus>> after;
  std::vector<bool> up;  // at the very end
  Agreement agreement = Agreement::kNotAtRest;
};

// Errors before anything was measured: Unavailable if no node answers, or not
// over every connection; DeadlineExceeded and FailedPrecondition if the preload
// was not answered or refused, and the latter too if the operations were done
// within the warm-up; ResourceExhausted for a lack of descriptors;
// AlreadyExists for a history; Cancelled by a signal. SIGINT and SIGTERM end a
// run early, which is no error once it has measured an answer, or for
// kShortestWindowS that there was none.
absl::StatusOr<LoadOutcome> RunLoad(const LoadOptions& options);

}  // namespace quorate::bench
