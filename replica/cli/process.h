// Answers: is that process still the one we started, and how is it stopped?
//
// A process is its number and the moment it started: numbers come back, so a
// recorded process is looked at through a pidfd, checked by its start time, and
// only then signalled. Nothing here touches a process that was not recorded.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace quorate::cli {

struct ProcessId {
  pid_t pid = 0;
  // Clock ticks after boot, from /proc/PID/stat.
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

enum class ProcessState { kGone, kRunning, kPaused };

// Of a process that runs now.
std::optional<ProcessId> IdentifyProcess(pid_t pid);
// The folder that it works in, as the kernel names it now; empty when that is
// not to be seen, or it is `folder` under whatever name.
std::string WorksElsewhere(const ProcessId& process, const std::string& folder);
// Readable when this very process has ended; negative when it has already. The
// caller's to close.
int WatchProcess(const ProcessId& process);
// A zombie, and another process under the same number, are kGone.
ProcessState StateOf(const ProcessId& process);

// A file of three lines: number, start time and the machine's boot, without
// which both could be another process's after a restart of the machine.
absl::Status WriteProcessFile(const std::string& path,
                              const ProcessId& process);
std::optional<ProcessId> ReadProcessFile(const std::string& path);

enum class Sent { kYes, kGone, kNotAllowed };
Sent SendSignal(const ProcessId& process, int signal);
// False when some process is still there after `timeout_ms`.
bool WaitUntilGone(std::span<const ProcessId> processes, int timeout_ms);
// SIGTERM (a paused process is woken for it), SIGKILL to those that are still
// there after `grace_ms`. Returns the number of those.
int StopProcesses(std::span<const ProcessId> processes, int grace_ms);

}  // namespace quorate::cli
