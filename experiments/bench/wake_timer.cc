#include "experiments/bench/wake_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace quorate::bench {

struct WakeTimer::Handle {
  uv_poll_t poll;
  int fd = -1;
  std::int64_t armed_ns = 0;

  static void HandleReadable(uv_poll_t* poll, int, int) {
    Handle* self = static_cast<Handle*>(poll->data);
    std::uint64_t expirations;
    // Nothing to learn from it: reading makes the descriptor quiet again.
    [[maybe_unused]] const ssize_t got =
        read(self->fd, &expirations, sizeof expirations);
    self->armed_ns = 0;
  }
  static void HandleClosed(uv_handle_t* handle) {
    Handle* self = static_cast<Handle*>(handle->data);
    close(self->fd);
    delete self;
  }
};

absl::StatusOr<WakeTimer> WakeTimer::Open(uv_loop_s* loop) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) {
    return absl::UnavailableError(
        fmt::format("cannot create a timer: {}", std::strerror(errno)));
  }
  Handle* handle = new Handle{.fd = fd};
  handle->poll.data = handle;
  uv_poll_init(loop, &handle->poll, fd);
  uv_poll_start(&handle->poll, UV_READABLE, Handle::HandleReadable);
  return WakeTimer(handle);
}

void WakeTimer::Arm(std::int64_t at_ns) {
  if (at_ns == handle_->armed_ns) return;
  handle_->armed_ns = at_ns;
  // A time that has passed fires at once; zero would disarm instead.
  const std::int64_t at = at_ns > 0 ? at_ns : 1;
  const itimerspec when = {.it_interval = {},
                           .it_value = {.tv_sec = at / 1'000'000'000,
                                        .tv_nsec = at % 1'000'000'000}};
  timerfd_settime(handle_->fd, TFD_TIMER_ABSTIME, &when, nullptr);
}

void WakeTimer::Close() {
  if (handle_ == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           Handle::HandleClosed);
  handle_ = nullptr;
}

}  // namespace quorate::bench
