// Answers: how long did it take to decide a command?
//
// From its receipt to its instance's commit, at the cost of two clock readings
// a turn and none a command. A command's `origin` carries the time of its
// receipt beside its connection: 12 bits of connection number, never 0, and 20
// bits of receipt time in units of 16 us, which wrap after 16.7 s, longer than
// any client waits. Commit times are kept in a ring by own slot. A slot that
// the ring has passed over counts until now: too long rather than too short.
#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <span>

#include "wire/machine.h"
#include "wire/result.h"

namespace quorate {

// Connection numbers are 1 .. kMostConnections.
inline constexpr std::uint32_t kMostConnections = 4095;

class CommitClock {
 public:
  static constexpr std::uint64_t kMicrosecondsAUnit = 16;

  // `column`: where this node's commands are decided, its own or the log's.
  explicit CommitClock(ReplicaId column) : column_(column) {}

  // The clock stands still within a turn until Advance.
  std::uint64_t now_us() {
    if (now_us_ == 0) now_us_ = uv_hrtime() / 1000;
    return now_us_;
  }
  // Before what the turn gave is looked at, and at its end.
  void Advance() { now_us_ = 0; }

  // Command::origin for what this connection sends now.
  std::uint32_t OriginOf(std::uint32_t connection) {
    return connection << kTimeBits | UnitsAt(now_us());
  }
  static std::uint32_t ConnectionOf(std::uint32_t origin) {
    return origin >> kTimeBits;
  }
  // Microseconds since the receipt.
  std::uint64_t AgeOf(std::uint32_t origin) {
    return std::uint64_t{(UnitsAt(now_us()) - origin) & kTimeMask} *
           kMicrosecondsAUnit;
  }

  void NoteCommits(std::span<const CommittedInstance> committed) {
    for (const CommittedInstance& decision : committed) {
      if (decision.instance.replica != column_) continue;
      ring_[decision.instance.slot % kRing] = {decision.instance.slot,
                                               now_us()};
    }
  }
  // For ClientReply::commit_latency_us; 0 when no instance carried it.
  std::uint32_t CommitLatencyUs(const ClientReply& reply) {
    if (reply.instance.slot == 0) return 0;
    const std::uint64_t age = AgeOf(reply.origin);
    const Commit& commit = ring_[reply.instance.slot % kRing];
    const bool known =
        reply.instance.replica == column_ && commit.slot == reply.instance.slot;
    const std::uint64_t since = known ? now_us() - commit.at_us : 0;
    // Never 0 here; a receipt's time is only known to a unit.
    return static_cast<std::uint32_t>(age > since ? age - since : 1);
  }

 private:
  static constexpr int kTimeBits = 20;
  static constexpr std::uint32_t kTimeMask = (1u << kTimeBits) - 1;
  static constexpr std::size_t kRing = 8192;

  struct Commit {
    std::uint64_t slot = 0;
    std::uint64_t at_us = 0;
  };

  static std::uint32_t UnitsAt(std::uint64_t us) {
    return static_cast<std::uint32_t>(us / kMicrosecondsAUnit) & kTimeMask;
  }

  ReplicaId column_;
  std::uint64_t now_us_ = 0;
  std::array<Commit, kRing> ring_{};
};

}  // namespace quorate
