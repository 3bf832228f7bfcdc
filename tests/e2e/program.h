// Answers: what does the real program do when it is called like this?
//
// Runs the built `quorate` as a user would and tells what came out. Nothing is
// left behind: a call that does not end is killed, a cluster is stopped when
// its object goes, and every process is found by the identity it was recorded
// with.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "replica/cli/process.h"
#include "replica/config/config.h"

namespace quorate::e2e {

struct Output {
  int exit_code = -1;  // -1: ended by a signal, or killed for taking too long
  std::string out;
  std::string err;
};

// Runs `quorate` with these arguments and `input` on stdin.
Output Quorate(const std::vector<std::string>& arguments,
               std::string_view input = "");

// Runs a line of /bin/sh, in which "$Q" is the program; for what only a shell
// makes, as streams that are closed.
Output Shell(const std::string& line);

void ExpectDone(const Output& output);

// `quorate` while it runs. Killed if nobody has waited for it.
class Running {
 public:
  explicit Running(const std::vector<std::string>& arguments);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // False when it has not written `text` to stderr (Eventually).
  bool Says(std::string_view text) const;
  void Signal(int number) const;
  Output Wait();

 private:
  struct Process;
  std::unique_ptr<Process> process_;
};

// Asks `done` again and again until it says yes; false when it has not within
// the time that a test may take on a machine that is very busy.
bool Eventually(const std::function<bool()>& done);

// A folder of its own under the system's one for temporary files.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(std::string_view name = "") const;
  void Write(std::string_view name, std::string_view text) const;

 private:
  std::string path_;
};

// A cluster of three nodes under `quorate local`, up when constructed.
class Cluster {
 public:
  explicit Cluster(std::vector<std::string> flags = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::string directory() const { return folder_.path("cluster"); }
  std::string config_path() const { return directory() + "/cluster.toml"; }
  ClusterConfig config() const;

  // Stops all nodes, replaces `from` by `to` in cluster.toml and starts again.
  void Reconfigure(const std::string& from, const std::string& to) const;

  Output Local(std::vector<std::string> arguments) const;
  // `quorate kv ...` with this cluster's --config.
  Output Kv(std::vector<std::string> arguments,
            std::string_view input = "") const;
  // Of the nodes that were recorded as running.
  std::vector<cli::ProcessId> Processes() const;
  // Asks for the status until `nodes` nodes are up and of one state; false
  // when that has not come about (Eventually).
  bool Settles(int nodes) const;
  // Stops all nodes and removes their data: none of them has ever been started.
  void Forget() const;
  // The nodes of `quorate status --json`.
  nlohmann::json Status() const;
  // Is every node up, and does `test` hold of its status?
  bool OfEachNode(const std::function<bool(const nlohmann::json&)>& test) const;

 private:
  Folder folder_;
};

// A port that nobody listens on.
std::uint16_t FreePort();

// Connects to 127.0.0.1:port, sends `bytes` and reads until the other side
// closes or has been silent for a while. Returns what was read.
std::string Exchange(std::uint16_t port, std::string_view bytes);

}  // namespace quorate::e2e
