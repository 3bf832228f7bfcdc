// Answers: when does this replica propose the end of an era?
//
// Sessions are forgotten by a command and never by a clock (executor's
// SessionTable); a clock only says when the command is worth proposing. An era
// lasts as long as a session is to outlive its last command. Every replica
// counts by itself from the moment at which it sees an era begin; they propose
// one after the other, so that mostly the first is enough, and again while
// nothing comes of it. Proposing it twice does no harm. Pure, copyable.
#pragma once

#include <cstdint>

#include "replica/base/settings.h"
#include "wire/command.h"

namespace quorate {

class EraTimer {
 public:
  explicit EraTimer(const Settings& settings);

  // Call once a tick with the era that has been executed here. The command to
  // propose, in a batch of its own, or null.
  CommandBatchPtr Tick(std::uint64_t era);

 private:
  std::uint64_t era_ticks_;  // 0: eras never end
  std::uint64_t rank_;
  std::uint64_t era_ = 0;
  std::uint64_t age_ = 0;  // ticks
};

}  // namespace quorate
