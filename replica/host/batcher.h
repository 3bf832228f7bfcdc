// Answers: which commands share the next instance?
//
// Commands wait here until an instance may be proposed; whatever has gathered
// by then, up to the limits, becomes one batch. No timer: a batch grows only
// because the replica is busy. A client's batch that fits is passed on without
// a copy. Pure, copyable.
#pragma once

#include <cstddef>
#include <deque>

#include "wire/command.h"

namespace quorate {

class Batcher {
 public:
  Batcher(std::size_t max_commands, std::size_t max_bytes)
      : max_commands_(max_commands), max_bytes_(max_bytes) {}

  void Add(CommandBatchPtr commands);
  // The next batch; at least one command, so one that alone exceeds max_bytes
  // still goes. Must not be empty.
  CommandBatchPtr Take();

  std::size_t waiting_commands() const { return waiting_; }
  bool empty() const { return waiting_ == 0; }

 private:
  bool FrontGoesAlone() const;

  std::size_t max_commands_;
  std::size_t max_bytes_;
  std::deque<CommandBatchPtr> queue_;
  std::size_t taken_of_front_ = 0;  // commands
  std::size_t waiting_ = 0;
};

}  // namespace quorate
