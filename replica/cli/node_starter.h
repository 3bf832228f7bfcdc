// Answers: are the nodes up?
//
// Starts `quorate serve` processes that outlive this one, each in a session of
// its own (Ctrl-C in our terminal is not for it) with its output appended to a
// log and no other descriptor of ours or of whoever called us, and waits until
// every log says "ready", a process has ended or time is up. It learns of all
// three by events. What was started and did not make it is stopped again.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replica/cli/process.h"
#include "wire/timers.h"

namespace quorate::cli {

// How long a node may take to stop before it is killed: longer than one takes
// on a machine that is very busy.
inline constexpr int kStopGraceMs = MillisecondsOf<"local.stop_grace">;

struct NodeStart {
  std::string name;          // "r1"
  std::string config;        // path of cluster.toml
  std::string log;           // created if missing; its folder must exist
  std::string process_file;  // written for every process that stays
};

struct StartOutcome {
  // Not OK: why, with the end of the log of the node that failed.
  absl::Status status;
  // Of the process that ended, if that was it.
  int exit_code = 0;
  std::vector<ProcessId> processes;
};

// All or none of `nodes`.
StartOutcome StartNodes(const std::vector<NodeStart>& nodes, int timeout_ms);

}  // namespace quorate::cli
