// Answers: should the loop sleep, or is an answer about to come?
//
// Waking a sleeping core costs 20-50 us on a virtual machine, and a command
// with nothing beside it pays that at every hop. After a turn that sent
// something soon after the last one that did, the loop polls without sleeping
// for a while. It yields instead of pausing: where cores are scarce, others do
// their work. Where turns come rarely it sleeps at once.
#pragma once

#include <uv.h>

#include <cstdint>

#include "wire/net/handles.h"

namespace quorate {

class LookOut {
 public:
  // `look_out_us` is 0 to sleep at once.
  LookOut(uv_loop_t* loop, HandleCount& count, int look_out_us);

  // A turn has sent something, or has synced what others wait for.
  void NoteActivity();
  // Does the loop poll without sleeping?
  bool awake() const {
    return uv_is_active(reinterpret_cast<const uv_handle_t*>(awake_.get())) !=
           0;
  }

 private:
  void OnIdle();

  const std::uint64_t look_out_ns_;
  std::uint64_t active_ns_ = 0;  // The last such turn.
  int polls_ = 0;                // Since then.
  Handle<uv_idle_t> awake_;
};

}  // namespace quorate
