#include "wire/net/wake_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "wire/text.h"

namespace quorate {

absl::StatusOr<std::unique_ptr<WakeTimer>> WakeTimer::Open(
    uv_loop_t* loop, HandleCount& count, std::function<void()> on_wake) {
  const int descriptor =
      timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (descriptor < 0) {
    return absl::UnavailableError(
        Concat("cannot create a timer: ", std::strerror(errno)));
  }
  return std::unique_ptr<WakeTimer>(
      new WakeTimer(loop, count, descriptor, std::move(on_wake)));
}

WakeTimer::WakeTimer(uv_loop_t* loop, HandleCount& count, int descriptor,
                     std::function<void()> on_wake)
    : descriptor_(descriptor),
      on_wake_(std::move(on_wake)),
      poll_(
          loop, count,
          [descriptor](uv_loop_t* of, uv_poll_t* poll) {
            return uv_poll_init(of, poll, descriptor);
          },
          this) {
  uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* poll, int, int) {
    OwnerOf<WakeTimer>(poll).OnReadable();
  });
}

// The loop forgets a descriptor as soon as its polling stops.
WakeTimer::~WakeTimer() {
  uv_poll_stop(poll_.get());
  close(descriptor_);
}

void WakeTimer::OnReadable() {
  std::uint64_t expirations = 0;
  // Nothing to learn from it: reading makes the descriptor quiet again.
  [[maybe_unused]] const ssize_t got =
      read(descriptor_, &expirations, sizeof(expirations));
  armed_ns_ = 0;
  if (on_wake_) on_wake_();
}

void WakeTimer::Arm(std::uint64_t at_ns) {
  if (at_ns == armed_ns_) return;
  armed_ns_ = at_ns;
  // A time that has passed fires at once; zero would disarm instead.
  const auto at = static_cast<std::int64_t>(at_ns > 0 ? at_ns : 1);
  const itimerspec when = {.it_interval = {},
                           .it_value = {.tv_sec = at / 1'000'000'000,
                                        .tv_nsec = at % 1'000'000'000}};
  timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace quorate
