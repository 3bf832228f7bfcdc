// Answers: how does a loop wake at the microsecond something is due?
//
// One timerfd in the event loop. libuv's own timers tick in milliseconds, which
// would add half a millisecond to whatever counts from the moment it was due.
// All on the loop's thread. Linux only.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "wire/net/handles.h"

namespace quorate {

class WakeTimer {
 public:
  // `count` must outlive the handle that the loop keeps for a moment longer.
  // `on_wake` may be empty: then waking is all. Unavailable when the process
  // may open no more descriptors.
  static absl::StatusOr<std::unique_ptr<WakeTimer>> Open(
      uv_loop_t* loop, HandleCount& count, std::function<void()> on_wake);
  ~WakeTimer();
  WakeTimer(const WakeTimer&) = delete;
  WakeTimer& operator=(const WakeTimer&) = delete;

  // The loop turns at `at_ns` of uv_hrtime, or soon after. Replaces an earlier
  // call.
  void Arm(std::uint64_t at_ns);

 private:
  WakeTimer(uv_loop_t* loop, HandleCount& count, int descriptor,
            std::function<void()> on_wake);
  void OnReadable();

  int descriptor_;
  std::function<void()> on_wake_;
  std::uint64_t armed_ns_ = 0;
  Handle<uv_poll_t> poll_;
};

}  // namespace quorate
