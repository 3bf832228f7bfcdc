#include "replica/node/look_out.h"

#include <thread>

namespace quorate {
namespace {

// Turns further apart than so many times the look-out are rare.
constexpr std::uint64_t kRare = 4;

}  // namespace

LookOut::LookOut(uv_loop_t* loop, HandleCount& count, int look_out_us)
    : look_out_ns_(static_cast<std::uint64_t>(look_out_us) * 1000),
      awake_(loop, count, uv_idle_init, this) {}

void LookOut::NoteActivity() {
  const std::uint64_t now = uv_hrtime();
  const bool soon = now - active_ns_ < kRare * look_out_ns_;
  active_ns_ = now;
  polls_ = 0;
  if (!soon) return;
  // An active idle handle is what keeps libuv's poll from sleeping.
  uv_idle_start(awake_.get(),
                [](uv_idle_t* idle) { OwnerOf<LookOut>(idle).OnIdle(); });
}

void LookOut::OnIdle() {
  if (uv_hrtime() - active_ns_ > look_out_ns_) {
    uv_idle_stop(awake_.get());
    return;
  }
  // Runs before the poll: the first one looks for what came meanwhile.
  if (polls_++ > 0) std::this_thread::yield();
}

}  // namespace quorate
