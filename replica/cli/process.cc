#include "replica/cli/process.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "wire/timers.h"

namespace quorate::cli {
namespace {

struct Stat {
  char state = 'X';
  std::uint64_t start_time = 0;
};

std::optional<Stat> ReadStat(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field is the program's name, which may hold anything.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  Stat stat;
  fields >> stat.state;
  // Fields are counted from 1: state is the third, start time the 22nd.
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> stat.start_time)) return std::nullopt;
  return stat;
}

// Another one after every start of the machine.
std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

}  // namespace

std::optional<ProcessId> IdentifyProcess(pid_t pid) {
  const std::optional<Stat> stat = ReadStat(pid);
  if (!stat) return std::nullopt;
  return ProcessId{.pid = pid, .start_time = stat->start_time};
}

std::string WorksElsewhere(const ProcessId& process,
                           const std::string& folder) {
  // Followed, it is the folder itself, moved or removed since or not.
  const std::string link = fmt::format("/proc/{}/cwd", process.pid);
  std::error_code error;
  const bool is_same = std::filesystem::equivalent(folder, link, error);
  if (is_same || error) return "";
  const std::string name = std::filesystem::read_symlink(link, error).string();
  return StateOf(process) == ProcessState::kGone ? "" : name;
}

// A pidfd of exactly this process. The number cannot be given to another one
// between the check and the use of the pidfd.
int WatchProcess(const ProcessId& process) {
  const long opened = syscall(SYS_pidfd_open, process.pid, 0);
  if (opened < 0) return -1;
  const int file = static_cast<int>(opened);
  if (StateOf(process) == ProcessState::kGone) {
    close(file);
    return -1;
  }
  return file;
}

ProcessState StateOf(const ProcessId& process) {
  const std::optional<Stat> stat = ReadStat(process.pid);
  if (!stat || stat->start_time != process.start_time) {
    return ProcessState::kGone;
  }
  switch (stat->state) {
    case 'Z':
    case 'X': return ProcessState::kGone;
    case 'T':
    case 't': return ProcessState::kPaused;
    default: return ProcessState::kRunning;
  }
}

absl::Status WriteProcessFile(const std::string& path,
                              const ProcessId& process) {
  std::ofstream file(path, std::ios::trunc);
  file << process.pid << '\n' << process.start_time << '\n' << BootId() << '\n';
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("cannot write \"{}\": {}", path, std::strerror(errno)));
}

std::optional<ProcessId> ReadProcessFile(const std::string& path) {
  std::ifstream file(path);
  ProcessId process;
  if (!(file >> process.pid >> process.start_time)) return std::nullopt;
  // 0 and negative numbers would mean groups of processes.
  if (process.pid <= 1) return std::nullopt;
  std::string boot;
  if (file >> boot && boot != BootId()) return std::nullopt;
  return process;
}

Sent SendSignal(const ProcessId& process, int signal) {
  const int file = WatchProcess(process);
  if (file < 0) return Sent::kGone;
  const long sent = syscall(SYS_pidfd_send_signal, file, signal, nullptr, 0);
  const bool not_allowed = sent != 0 && errno == EPERM;
  close(file);
  if (sent == 0) return Sent::kYes;
  return not_allowed ? Sent::kNotAllowed : Sent::kGone;
}

bool WaitUntilGone(std::span<const ProcessId> processes, int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (const ProcessId& process : processes) {
    const int file = WatchProcess(process);
    if (file < 0) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    // A pidfd becomes readable when its process ends.
    pollfd ended{.fd = file, .events = POLLIN, .revents = 0};
    poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    close(file);
    if (StateOf(process) != ProcessState::kGone) return false;
  }
  return true;
}

int StopProcesses(std::span<const ProcessId> processes, int grace_ms) {
  for (const ProcessId& process : processes) {
    SendSignal(process, SIGTERM);
    SendSignal(process, SIGCONT);
  }
  if (WaitUntilGone(processes, grace_ms)) return 0;
  int killed = 0;
  for (const ProcessId& process : processes) {
    if (SendSignal(process, SIGKILL) == Sent::kYes) ++killed;
  }
  constexpr int kKillMs = MillisecondsOf<"local.kill">;
  WaitUntilGone(processes, kKillMs);
  return killed;
}

}  // namespace quorate::cli
