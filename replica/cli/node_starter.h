// Answers: are the nodes up?
//
// Starts `quorate serve` processes that outlive this one, each in a session of
// its own (Ctrl-C in our terminal is not for it) with its output appended to a
// log and no other descriptor of ours or of whoever called us, and waits until
// it is decided what becomes of each: its log says that it is ready and works
// with every peer that runs, or that one of the two refuses the other, or its
// process has ended, or time is up. It learns of all of these by events. Peers
// decide whether a node may take part: an older copy of one is ready first, and
// ends when it has heard of it. Who is kept out, by its disk or by its peers,
// does not end the others; where a node cannot start for another reason, all
// that were started are stopped again.
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
  // Names of those that it works with, if they run, once it has started.
  std::vector<std::string> peers;
};

// One that runs already, and can hear.
struct RunningNode {
  std::string name;
  ProcessId process;
};

struct StartOutcome {
  // Not OK: why, with the end of the log of the node that failed, and who was
  // left running.
  absl::Status status;
  // Of the process that ended, if that was it.
  int exit_code = 0;
  std::vector<ProcessId> processes;
  // Beside an OK: who has not come together with whom in time.
  std::vector<std::string> notes;
};

StartOutcome StartNodes(const std::vector<NodeStart>& nodes,
                        const std::vector<RunningNode>& running,
                        int timeout_ms);

}  // namespace quorate::cli
