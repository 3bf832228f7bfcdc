#include "tests/e2e/program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

extern char** environ;

namespace quorate::e2e {
namespace {

using Clock = std::chrono::steady_clock;
// Of a machine that is so busy that everything takes a dozen times as long.
constexpr int kCallMs = 200'000;
constexpr auto kPatience = std::chrono::seconds(120);
constexpr const char* kKvTimeoutMs = "60000";
constexpr int kBetweenAsksMs = 20;
constexpr int kSilenceMs = 100;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

pid_t Spawn(std::vector<std::string> words, const Folder& folder) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const auto open_as = [&](int descriptor, const char* name, int flags) {
    posix_spawn_file_actions_addopen(&files, descriptor,
                                     folder.path(name).c_str(), flags, 0600);
  };
  open_as(0, "in", O_RDONLY);
  open_as(1, "out", O_WRONLY | O_CREAT | O_TRUNC);
  open_as(2, "err", O_WRONLY | O_CREAT | O_TRUNC);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, words[0].c_str(), &files, nullptr,
                        pointers.data(), environ),
            0);
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

Output WaitFor(pid_t pid, const std::string& name, const Folder& folder) {
  const std::optional<cli::ProcessId> process = cli::IdentifyProcess(pid);
  if (process && !cli::WaitUntilGone({&*process, 1}, kCallMs)) {
    ADD_FAILURE() << "quorate " << name << " does not end";
    cli::SendSignal(*process, SIGKILL);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = ReadFile(folder.path("out")),
          .err = ReadFile(folder.path("err"))};
}

}  // namespace

Folder::Folder() {
  std::string pattern =
      std::filesystem::temp_directory_path().string() + "/quorate-e2e-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string Folder::path(std::string_view name) const {
  return name.empty() ? path_ : path_ + "/" + std::string(name);
}

void Folder::Write(std::string_view name, std::string_view text) const {
  std::ofstream(path(name), std::ios::binary | std::ios::trunc) << text;
}

namespace {

Output Run(const std::vector<std::string>& words, std::string_view input) {
  const Folder folder;
  folder.Write("in", input);
  const pid_t pid = Spawn(words, folder);
  if (pid <= 0) return {};
  return WaitFor(pid, words.size() > 1 ? words[1] : words[0], folder);
}

std::vector<std::string> ProgramWith(
    const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {QUORATE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace

struct Running::Process {
  Folder folder;
  std::string name;
  pid_t pid = -1;
};

Running::Running(const std::vector<std::string>& arguments)
    : process_(std::make_unique<Process>()) {
  process_->name = arguments[0];
  process_->folder.Write("in", "");
  process_->pid = Spawn(ProgramWith(arguments), process_->folder);
}

Running::~Running() {
  if (process_->pid <= 0) return;
  kill(process_->pid, SIGKILL);
  waitpid(process_->pid, nullptr, 0);
}

bool Running::Says(std::string_view text) const {
  return Eventually([&] {
    return ReadFile(process_->folder.path("err")).find(text) != text.npos;
  });
}

// It is our child: its number is its own until it has been waited for.
void Running::Signal(int number) const { kill(process_->pid, number); }

Output Running::Wait() {
  const pid_t pid = std::exchange(process_->pid, -1);
  return pid <= 0 ? Output{} : WaitFor(pid, process_->name, process_->folder);
}

Output Quorate(const std::vector<std::string>& arguments,
               std::string_view input) {
  return Run(ProgramWith(arguments), input);
}

Output Shell(const std::string& line) {
  return Run({"/bin/sh", "-c", "Q='" QUORATE_PROGRAM "'\n" + line}, "");
}

bool Eventually(const std::function<bool()>& done) {
  const auto deadline = Clock::now() + kPatience;
  while (!done()) {
    if (Clock::now() > deadline) return false;
    poll(nullptr, 0, kBetweenAsksMs);
  }
  return true;
}

void ExpectDone(const Output& output) {
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
}

Cluster::Cluster(std::vector<std::string> flags) {
  flags.insert(flags.begin(), "up");
  const Output up = Local(std::move(flags));
  EXPECT_EQ(up.exit_code, 0) << up.err;
}

Cluster::~Cluster() {
  const std::vector<cli::ProcessId> processes = Processes();
  const Output down = Local({"down"});
  EXPECT_EQ(down.exit_code, 0) << down.err;
  for (const cli::ProcessId& process : processes) {
    EXPECT_EQ(cli::StateOf(process), cli::ProcessState::kGone);
    cli::SendSignal(process, SIGKILL);
  }
}

ClusterConfig Cluster::config() const {
  const absl::StatusOr<ClusterConfig> config = LoadConfig(config_path());
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(ClusterConfig{});
}

void Cluster::Reconfigure(const std::string& from,
                          const std::string& to) const {
  EXPECT_EQ(Local({"down"}).exit_code, 0);
  std::ostringstream text;
  text << std::ifstream(config_path()).rdbuf();
  std::string changed = text.str();
  const std::size_t at = changed.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << changed;
  changed.replace(at, from.size(), to);
  std::ofstream(config_path()) << changed;
  const Output up = Local({"up"});
  EXPECT_EQ(up.exit_code, 0) << up.err;
}

void Cluster::Forget() const {
  ExpectDone(Local({"down"}));
  for (const NodeConfig& node : config().nodes) {
    std::filesystem::remove_all(node.directory);
  }
}

nlohmann::json Cluster::Status() const {
  const Output status =
      Quorate({"status", "--config", config_path(), "--json"});
  return nlohmann::json::parse(status.out, nullptr, false)["nodes"];
}

Output Cluster::Local(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "local");
  arguments.insert(arguments.end(), {"--dir", directory()});
  return Quorate(arguments);
}

Output Cluster::Kv(std::vector<std::string> arguments,
                   std::string_view input) const {
  const bool timed =
      std::ranges::find(arguments, "--timeout-ms") != arguments.end();
  arguments.insert(arguments.begin(), {"kv", "--config", config_path()});
  if (!timed) {
    arguments.insert(arguments.begin() + 1, {"--timeout-ms", kKvTimeoutMs});
  }
  return Quorate(arguments, input);
}

std::vector<cli::ProcessId> Cluster::Processes() const {
  std::vector<cli::ProcessId> processes;
  for (const char* name : {"r1", "r2", "r3"}) {
    const auto process =
        cli::ReadProcessFile(directory() + "/" + name + ".pid");
    if (process) processes.push_back(*process);
  }
  return processes;
}

bool Cluster::OfEachNode(
    const std::function<bool(const nlohmann::json&)>& test) const {
  const nlohmann::json nodes = Status();
  return nodes.is_array() && std::ranges::all_of(nodes, [&](const auto& node) {
           return node.value("up", false) && test(node);
         });
}

bool Cluster::Settles(int nodes) const {
  Output status;
  const bool settled = Eventually([&] {
    status = Quorate({"status", "--json", "--config", config_path()});
    const auto json = nlohmann::json::parse(status.out, nullptr, false);
    return json.is_object() && json["up"] == nodes &&
           json["state_hash_equal"] == true;
  });
  if (!settled) ADD_FAILURE() << status.out << status.err;
  return settled;
}

std::uint16_t FreePort() {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(file, reinterpret_cast<sockaddr*>(&address), length), 0);
  getsockname(file, reinterpret_cast<sockaddr*>(&address), &length);
  close(file);
  return ntohs(address.sin_port);
}

std::string Exchange(std::uint16_t port, std::string_view bytes) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(
      connect(file, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  // The other side may close before it has read everything.
  send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> room;
  pollfd readable{.fd = file, .events = POLLIN, .revents = 0};
  while (poll(&readable, 1, kSilenceMs) == 1) {
    const ssize_t got = recv(file, room.data(), room.size(), 0);
    if (got <= 0) break;
    answer.append(room.data(), static_cast<std::size_t>(got));
  }
  close(file);
  return answer;
}

}  // namespace quorate::e2e
