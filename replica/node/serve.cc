#include "replica/node/serve.h"

#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "replica/config/node_names.h"
#include "replica/node/node.h"
#include "wire/text.h"

namespace quorate {
namespace {

// Descriptors for everything but clients: the store's files, the loop's own,
// two listeners, peers, up to nine calls of each of eight that do not answer,
// observers and callers that have not said Hello.
constexpr rlim_t kOwnDescriptors = 40 + 8 * 9 + kObserverPlaces;

void Say(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

// Takes all descriptors that the system allows, and tells how many clients
// they are good for.
std::size_t RoomForClients() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t room =
      limit.rlim_cur > kOwnDescriptors ? limit.rlim_cur - kOwnDescriptors : 8;
  return static_cast<std::size_t>(std::min<rlim_t>(room, kMostConnections));
}

// A loop with the two signals that end it.
class Process {
 public:
  Process() {
    uv_loop_init(&loop_);
    for (const int number : {SIGTERM, SIGINT}) {
      signals_.push_back(std::make_unique<Handle<uv_signal_t>>(
          &loop_, count_, uv_signal_init, this));
      uv_signal_start(
          signals_.back()->get(),
          [](uv_signal_t* handle, int) { OwnerOf<Process>(handle).OnSignal(); },
          number);
    }
  }
  ~Process() {
    signals_.clear();
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }

  int Run(std::unique_ptr<Node> node, const std::string& name) {
    node_ = std::move(node);
    name_ = name;
    if (absl::Status status = node_->Start(&loop_); !status.ok()) {
      Fail(status);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
    return exit_code_;
  }

  // The node's ports are open.
  void SayReady() {
    Say(Concat(name_, ": serving ", node_->ListensAt()));
    std::puts("ready");
    std::fflush(stdout);
  }
  void Fail(const absl::Status& status) {
    Say(Concat(name_, ": ", std::string(status.message())));
    exit_code_ = kExitFailed;
    if (!stopping_) StopNode();
  }

 private:
  void OnSignal() {
    // Asked twice: whoever asks cannot wait.
    if (stopping_) _exit(kExitFailed);
    StopNode();
  }

  void StopNode() {
    stopping_ = true;
    node_->Stop([this](const absl::Status& disk) {
      if (!disk.ok()) {
        Say(std::string(disk.message()));
        exit_code_ = kExitStorage;
      }
      node_.reset();
      signals_.clear();
    });
  }

  uv_loop_t loop_;
  HandleCount count_;
  std::vector<std::unique_ptr<Handle<uv_signal_t>>> signals_;
  std::unique_ptr<Node> node_;
  std::string name_;
  bool stopping_ = false;
  int exit_code_ = kExitDone;
};

// A refusal (in use, another node's directory) is no failure of the disk.
int ExitCodeOf(const absl::Status& open) {
  return absl::IsFailedPrecondition(open) ? kExitFailed : kExitStorage;
}

}  // namespace

int Serve(const std::string& config_path, const std::string& node_name) {
  absl::StatusOr<ClusterConfig> config = LoadConfig(config_path);
  if (!config.ok()) {
    Say(std::string(config.status().message()));
    return kExitUsage;
  }
  const std::optional<std::size_t> self = config->FindNode(node_name);
  if (!self) {
    Say(Concat("--node: config \"", config_path, "\": ",
               NoSuchNode(*config, node_name)));
    return kExitUsage;
  }
  NodeOptions options;
  options.log = [node_name](const std::string& line) {
    Say(Concat(node_name, ": ", line));
  };
  options.on_storage_failure = [node_name](const absl::Status& why) {
    Say(Concat(node_name, ": stopped: ", std::string(why.message())));
    // No destructor may touch the disk again.
    _exit(kExitStorage);
  };
  options.clients.most_connections = RoomForClients();
  // Not before the store is open: until then a signal ends the program.
  std::optional<Process> process;
  options.on_ready = [&process] { process->SayReady(); };
  options.on_cannot_listen = [&process](const absl::Status& why) {
    process->Fail(why);
  };
  options.on_other_members = [&process,
                              told = false](const std::string& why) mutable {
    if (std::exchange(told, true)) return;
    process->Fail(absl::FailedPreconditionError(
        Concat("stopped before it took part: ", why)));
  };
  absl::StatusOr<std::unique_ptr<Node>> node =
      Node::Open(*std::move(config), *self, std::move(options));
  if (!node.ok()) {
    Say(Concat(node_name, ": ", std::string(node.status().message())));
    return ExitCodeOf(node.status());
  }
  process.emplace();
  return process->Run(*std::move(node), node_name);
}

}  // namespace quorate
