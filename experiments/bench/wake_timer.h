// Answers: how does the generator wake at the microsecond a command is due?
//
// One timerfd in the event loop. libuv's own timers tick in milliseconds, which
// would add half a millisecond to every latency of an open loop that counts
// from the intended start. The owner arms it for a time of uv_hrtime; waking is
// all it does. Linux only.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"

struct uv_loop_s;

namespace quorate::bench {

class WakeTimer {
 public:
  static absl::StatusOr<WakeTimer> Open(uv_loop_s* loop);
  WakeTimer(WakeTimer&& other) noexcept : handle_(other.handle_) {
    other.handle_ = nullptr;
  }
  WakeTimer(const WakeTimer&) = delete;
  WakeTimer& operator=(const WakeTimer&) = delete;
  ~WakeTimer() { Close(); }

  // The loop turns at `at_ns` or soon after. Replaces an earlier call.
  void Arm(std::int64_t at_ns);
  void Close();

 private:
  struct Handle;
  explicit WakeTimer(Handle* handle) : handle_(handle) {}
  Handle* handle_;  // deleted by uv_close's callback
};

}  // namespace quorate::bench
