// Answers: what does a program hear about a command it submitted?
//
// Every submitted command completes exactly once, with one of three statuses.
// Plain values; used by the retry machine and by the client around it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/ids.h"
#include "wire/result.h"

namespace quorate {

// One answered (or given up) command.
struct Completion {
  std::size_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t tag = 0;  // as given to Submit
  // kRefused: definitely not done. kUnknown: no node said so in time.
  // kResultGone: done, but what it gave is no longer kept.
  ReplyStatus status = ReplyStatus::kDone;
  // kRefused with kNone: the command was never sent, no node could be reached.
  RefusalReason reason = RefusalReason::kNone;
  InstanceId instance;
  CommandResult results;
  std::uint32_t commit_latency_us = 0;
};

struct ClientStats {
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t retried = 0;     // commands sent again
  std::uint64_t reconnects = 0;  // connections after the first
  // Commands that a second node was asked for while the first was silent, and
  // those that it answered first. Each completes once all the same.
  std::uint64_t hedged = 0;
  std::uint64_t hedges_won = 0;
};

}  // namespace quorate
