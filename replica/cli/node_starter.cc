#include "replica/cli/node_starter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/cli/cli.h"
#include "replica/node/handshake.h"
#include "replica/node/peer_links.h"

namespace quorate::cli {
namespace {

constexpr int kTailLines = 20;
// For peers, once all are ready: a few calls.
constexpr std::uint64_t kPeersMs = MillisecondsOf<"local.peers">;

class Starter;

// One process on its way up.
struct Starting {
  const NodeStart* node = nullptr;
  Starter* starter = nullptr;
  uv_process_t process;
  uv_fs_event_t log_watch;
  int log = -1;
  off_t log_start = 0;  // what was in the log before
  std::string output;   // since then
  std::optional<ProcessId> id;
  bool ready = false;
  bool ended = false;
  std::vector<std::string> unmet;  // peers that it should work with
  std::string refusal;             // by one of them, or of it
};

// One that ran before, until it ends.
struct Watched {
  Starter* starter = nullptr;
  std::string name;
  int process = -1;
  uv_poll_t end;
};

// The last lines of `text`, indented.
std::string Tail(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::size_t start = text.size();
  for (int line = 0; line < kTailLines && start != std::string_view::npos;
       ++line) {
    start = start == 0 ? std::string_view::npos : text.rfind('\n', start - 1);
  }
  text.remove_prefix(start == std::string_view::npos ? 0 : start + 1);
  std::string tail;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    tail += fmt::format("\n  | {}", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return tail;
}

bool HasReadyLine(std::string_view output) {
  constexpr std::string_view kReady = "ready\n";
  return output.substr(0, kReady.size()) == kReady ||
         output.find("\nready\n") != std::string_view::npos;
}

// A node works with a peer, or one of the two will not.
bool HasMet(const Starting& starting, const std::string& peer) {
  return starting.output.find(fmt::format(": {}{}{}\n", peer_lines::kPeer, peer,
                                          peer_lines::kIsUp)) !=
         std::string::npos;
}

// The last line of that kind; empty when there is none, or what it tells will
// settle itself.
std::string RefusalBetween(const Starting& starting, const std::string& peer) {
  const std::string down =
      fmt::format(": {}{}{}", peer_lines::kPeer, peer, peer_lines::kIsDown);
  std::string refusal;
  for (const std::string& begin :
       {fmt::format(": {}{}: ", peer_lines::kRefusesNode, peer),
        down + peer_lines::kRefuses, down + peer_lines::kRefused}) {
    const std::size_t at = starting.output.rfind(begin);
    if (at == std::string::npos) continue;
    const std::size_t text = at + std::string_view(": ").size();
    refusal =
        starting.output.substr(text, starting.output.find('\n', text) - text);
  }
  return SettlesItself(refusal) ? "" : refusal;
}

std::string Joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// Descriptors that whoever called us has left open: a lock, a pipe whose reader
// waits for its end. libuv 1.44.2 hands on all that are not marked.
void KeepDescriptorsFromNodes() {
  std::error_code error;
  std::vector<int> inherited;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor > STDERR_FILENO) inherited.push_back(descriptor);
  }
  for (const int descriptor : inherited) {
    const int flags = fcntl(descriptor, F_GETFD);
    if (flags >= 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
  }
}

class Starter {
 public:
  Starter() { uv_loop_init(&loop_); }
  ~Starter() {
    uv_walk(
        &loop_,
        [](uv_handle_t* handle, void*) {
          if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
        },
        nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
    for (const auto& starting : all_) {
      if (starting->log >= 0) close(starting->log);
    }
    for (const auto& watched : running_) close(watched->process);
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  StartOutcome Run(const std::vector<NodeStart>& nodes,
                   const std::vector<RunningNode>& running, int timeout_ms);

 private:
  absl::Status Start(const NodeStart& node);
  absl::Status OpenLog(Starting& starting);
  absl::Status Spawn(Starting& starting);
  void HandleOutput(Starting& starting);
  void HandleExit(Starting& starting, std::int64_t exit_code, int signal);
  void Watch(const RunningNode& node);
  void Expect(Starting& starting) const;
  void ForgetPeer(const std::string& name);
  bool IsDecided();
  void AwaitReady();
  void AwaitPeers();
  void StopAll();
  void Report();
  // Nobody goes on.
  void Fail(absl::Status why) {
    if (failure_.ok()) failure_ = std::move(why);
  }

  uv_loop_t loop_;
  uv_timer_t timer_;
  int timeout_ms_ = 0;
  bool awaits_peers_ = false;
  bool late_ = false;  // for peers
  std::vector<std::unique_ptr<Starting>> all_;
  std::vector<std::unique_ptr<Watched>> running_;
  absl::Status failure_;
  StartOutcome outcome_;
};

StartOutcome Starter::Run(const std::vector<NodeStart>& nodes,
                          const std::vector<RunningNode>& running,
                          int timeout_ms) {
  timeout_ms_ = timeout_ms;
  uv_timer_init(&loop_, &timer_);
  timer_.data = this;
  AwaitReady();
  for (const RunningNode& node : running) Watch(node);
  for (const NodeStart& node : nodes) {
    if (!failure_.ok()) break;
    const absl::Status started = Start(node);
    if (!started.ok()) Fail(started);
  }
  for (const auto& starting : all_) Expect(*starting);
  while (!IsDecided()) uv_run(&loop_, UV_RUN_ONCE);
  for (const auto& starting : all_) {
    if (starting->id && !starting->ended) {
      outcome_.processes.push_back(*starting->id);
    } else {
      std::remove(starting->node->process_file.c_str());
    }
  }
  if (failure_.ok()) {
    Report();
  } else {
    StopAll();
  }
  return std::move(outcome_);
}

void Starter::StopAll() {
  outcome_.status = std::move(failure_);
  StopProcesses(outcome_.processes, kStopGraceMs);
  outcome_.processes.clear();
  for (const auto& starting : all_) {
    std::remove(starting->node->process_file.c_str());
  }
}

// Who is kept out has been told of; what became of the others.
void Starter::Report() {
  std::vector<std::string> left;
  for (const auto& starting : all_) {
    if (starting->ended) continue;
    const std::string& name = starting->node->name;
    left.push_back(name);
    if (!starting->refusal.empty() && outcome_.status.ok()) {
      outcome_.status = absl::FailedPreconditionError(
          fmt::format("{} runs and is of no use: {}", name, starting->refusal));
    } else if (!starting->unmet.empty()) {
      outcome_.notes.push_back(
          fmt::format("{} has not come together with {} yet; its log is {}",
                      name, Joined(starting->unmet), starting->node->log));
    }
  }
  if (outcome_.status.ok() || all_.size() == 1) return;
  outcome_.status = absl::Status(
      outcome_.status.code(),
      absl::StrCat(outcome_.status.message(), "\n",
                   left.empty()
                       ? "none of them runs"
                       : absl::StrCat("left running: ", Joined(left))));
}

bool Starter::IsDecided() {
  if (!failure_.ok()) return true;
  const auto is_up = [](const auto& starting) {
    return starting->ready || starting->ended;
  };
  if (!std::ranges::all_of(all_, is_up)) return false;
  const auto is_settled = [](const auto& starting) {
    return starting->ended || starting->unmet.empty() ||
           !starting->refusal.empty();
  };
  if (late_ || std::ranges::all_of(all_, is_settled)) return true;
  if (!awaits_peers_) AwaitPeers();
  return false;
}

// A way may be cut that nobody has told us of.
void Starter::AwaitPeers() {
  awaits_peers_ = true;
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        static_cast<Starter*>(timer->data)->late_ = true;
      },
      kPeersMs, 0);
}

void Starter::Expect(Starting& starting) const {
  for (const std::string& peer : starting.node->peers) {
    const auto has_name = [&](const auto& name) { return name == peer; };
    if (std::ranges::any_of(all_, has_name,
                            [](const auto& of) { return of->node->name; }) ||
        std::ranges::any_of(running_, has_name,
                            [](const auto& of) { return of->name; })) {
      starting.unmet.push_back(peer);
    }
  }
}

void Starter::ForgetPeer(const std::string& name) {
  for (const auto& starting : all_) std::erase(starting->unmet, name);
}

void Starter::Watch(const RunningNode& node) {
  const int process = WatchProcess(node.process);
  if (process < 0) return;
  running_.push_back(std::make_unique<Watched>());
  Watched& watched = *running_.back();
  watched.starter = this;
  watched.name = node.name;
  watched.process = process;
  // Where the kernel will not say, time does.
  if (uv_poll_init(&loop_, &watched.end, process) != 0) return;
  watched.end.data = &watched;
  uv_poll_start(&watched.end, UV_READABLE, [](uv_poll_t* poll, int, int) {
    const Watched* ended = static_cast<Watched*>(poll->data);
    uv_poll_stop(poll);
    ended->starter->ForgetPeer(ended->name);
  });
}

void Starter::AwaitReady() {
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        Starter* self = static_cast<Starter*>(timer->data);
        for (const auto& starting : self->all_) {
          if (starting->ready || starting->ended) continue;
          self->Fail(absl::DeadlineExceededError(
              fmt::format("{} is not ready after {} ms; its log {} says:{}",
                          starting->node->name, self->timeout_ms_,
                          starting->node->log, Tail(starting->output))));
        }
      },
      static_cast<std::uint64_t>(timeout_ms_), 0);
}

absl::Status Starter::Start(const NodeStart& node) {
  all_.push_back(std::make_unique<Starting>());
  Starting& starting = *all_.back();
  starting.node = &node;
  starting.starter = this;
  if (const absl::Status opened = OpenLog(starting); !opened.ok()) {
    return opened;
  }
  if (const absl::Status spawned = Spawn(starting); !spawned.ok()) {
    return spawned;
  }
  starting.id = IdentifyProcess(uv_process_get_pid(&starting.process));
  if (!starting.id) {
    return absl::InternalError(
        fmt::format("{}: its process cannot be found in /proc", node.name));
  }
  return WriteProcessFile(node.process_file, *starting.id);
}

// The log is watched before the process can write to it.
absl::Status Starter::OpenLog(Starting& starting) {
  const std::string& path = starting.node->log;
  starting.log =
      open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  struct stat before {};
  if (starting.log < 0 || fstat(starting.log, &before) != 0) {
    return absl::UnavailableError(fmt::format("cannot write the log \"{}\": {}",
                                              path, std::strerror(errno)));
  }
  starting.log_start = before.st_size;
  uv_fs_event_init(&loop_, &starting.log_watch);
  starting.log_watch.data = &starting;
  const int code = uv_fs_event_start(
      &starting.log_watch,
      [](uv_fs_event_t* watch, const char*, int, int) {
        Starting* changed = static_cast<Starting*>(watch->data);
        changed->starter->HandleOutput(*changed);
      },
      path.c_str(), 0);
  if (code == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("cannot watch the log \"{}\": {}", path, uv_strerror(code)));
}

absl::Status Starter::Spawn(Starting& starting) {
  const NodeStart& node = *starting.node;
  std::error_code error;
  std::string program =
      std::filesystem::read_symlink("/proc/self/exe", error).string();
  std::string serve = "serve", config_flag = "--config", node_flag = "--node";
  std::string config = node.config, name = node.name;
  std::array<char*, 7> arguments = {
      program.data(), serve.data(),     config_flag.data(),
      config.data(),  node_flag.data(), name.data(),
      nullptr};
  std::array<uv_stdio_container_t, 3> stdio{};
  stdio[0].flags = UV_IGNORE;
  for (const std::size_t output : {1, 2}) {
    stdio[output].flags = UV_INHERIT_FD;
    stdio[output].data.fd = starting.log;
  }
  uv_process_options_t options{};
  options.file = program.c_str();
  options.args = arguments.data();
  options.stdio_count = static_cast<int>(stdio.size());
  options.stdio = stdio.data();
  // Ours may be removed, or keep a disk from being unmounted.
  const std::string folder =
      std::filesystem::path(node.config).parent_path().string();
  options.cwd = folder.c_str();
  options.flags = UV_PROCESS_DETACHED;  // setsid
  options.exit_cb = [](uv_process_t* process, std::int64_t code, int signal) {
    Starting* ended = static_cast<Starting*>(process->data);
    ended->starter->HandleExit(*ended, code, signal);
  };
  starting.process.data = &starting;
  const int code = uv_spawn(&loop_, &starting.process, &options);
  if (code == 0) return absl::OkStatus();
  return absl::UnavailableError(fmt::format(
      "cannot start {} as \"{}\": {}", node.name, program, uv_strerror(code)));
}

void Starter::HandleOutput(Starting& starting) {
  std::array<char, 4096> bytes;
  while (true) {
    const off_t at =
        starting.log_start + static_cast<off_t>(starting.output.size());
    const ssize_t got = pread(starting.log, bytes.data(), bytes.size(), at);
    if (got <= 0) break;
    starting.output.append(bytes.data(), static_cast<std::size_t>(got));
  }
  starting.ready = starting.ready || HasReadyLine(starting.output);
  std::erase_if(starting.unmet, [&](const std::string& peer) {
    return HasMet(starting, peer);
  });
  starting.refusal.clear();
  for (const std::string& peer : starting.unmet) {
    std::string refusal = RefusalBetween(starting, peer);
    if (!refusal.empty()) starting.refusal = std::move(refusal);
  }
}

void Starter::HandleExit(Starting& starting, std::int64_t exit_code,
                         int signal) {
  HandleOutput(starting);
  starting.ended = true;
  ForgetPeer(starting.node->name);
  if (outcome_.exit_code == 0) outcome_.exit_code = static_cast<int>(exit_code);
  const std::string how = signal != 0 ? fmt::format("signal {}", signal)
                                      : fmt::format("code {}", exit_code);
  absl::Status why = absl::UnavailableError(
      fmt::format("{} ended with {}; its log {} says:{}", starting.node->name,
                  how, starting.node->log, Tail(starting.output)));
  if (exit_code != kStorageFailure) {
    Fail(std::move(why));
  } else if (outcome_.status.ok()) {
    outcome_.status = std::move(why);
  } else {
    outcome_.status = absl::UnavailableError(
        absl::StrCat(outcome_.status.message(), "\n", why.message()));
  }
}

}  // namespace

StartOutcome StartNodes(const std::vector<NodeStart>& nodes,
                        const std::vector<RunningNode>& running,
                        int timeout_ms) {
  KeepDescriptorsFromNodes();
  Starter starter;
  return starter.Run(nodes, running, timeout_ms);
}

}  // namespace quorate::cli
