// Answers: what came from outside and was refused, and how often?
//
// Bad input is counted by its reason, never logged a message at a time;
// `quorate status` shows the counts. One enumerator a reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quorate {

enum class Refusal : std::uint8_t {
  kBadFrame,         // the stream is damaged, or not ours
  kBadBody,          // a whole frame with garbage inside
  kUnknownType,      // of a newer minor version; skipped
  kUnexpectedFrame,  // the wrong type for this moment of this connection
  kWrongVersion,     // another major version
  kForeignCluster,
  kOtherMembers,      // a replica that has another list of members
  kWrongSettings,     // one that has other agreed settings
  kWrongRole,         // a client at the peers' port or the reverse
  kWrongNode,         // a replica that should not be at this end
  kWrongIncarnation,  // a replica that has lost its disk
  kForgetful,         // a replica that has less than it had; an older copy
  kSelfForgetful,     // one that knows that it is this node which has less
  kTwin,              // a replica that is connected as another process
  kSilentConnection,  // no Hello in time
  kTooManyConnections,
  kOutputFull,  // the other side does not read
  kBusy,        // commands: too many unanswered
  kPipelineFull,
  kOverLimit,     // commands: larger than wire/limits.h allows
  kShuttingDown,  // commands
  kCount,
};

class RefusalCounts {
 public:
  void Add(Refusal reason, std::uint64_t times = 1) {
    counts_[static_cast<std::size_t>(reason)] += times;
  }
  std::uint64_t operator[](Refusal reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Refusal::kCount)>
      counts_{};
};

// "bad_frame", "foreign_cluster", ...: the key in the status.
std::string_view Name(Refusal reason);

}  // namespace quorate
