// Answers: how does a running node hear of trouble that an experiment makes?
//
// Looks at the file of `wan.trouble` when it starts and whenever that is
// written or replaced; a file that is not there is one without trouble. What
// cannot be read changes nothing and is said. On the loop's thread.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <string>

#include "replica/config/config.h"
#include "replica/config/trouble.h"
#include "wire/net/handles.h"

namespace quorate {

class TroubleWatch {
 public:
  using Changed = std::function<void(const TroubleTable&)>;

  // Everything given must outlive it. `log` hears what is wrong with the file.
  TroubleWatch(uv_loop_t* loop, HandleCount& count, const ClusterConfig& config,
               Changed changed, std::function<void(const std::string&)> log);

  // Of the text that is in force; equal to DigestOf(that text).
  std::uint64_t digest() const { return digest_; }
  // What is in force.
  const TroubleTable& troubles() const { return troubles_; }
  // Why the file as it is now is not; empty if it is.
  const std::string& problem() const { return problem_; }

  static std::uint64_t DigestOf(std::string_view text);

 private:
  void Look();

  const ClusterConfig& config_;
  Changed changed_;
  std::function<void(const std::string&)> log_;
  std::string file_name_;  // without its folder
  std::uint64_t digest_ = 0;
  TroubleTable troubles_;
  std::string problem_;
  Handle<uv_fs_event_t> watch_;
};

}  // namespace quorate
