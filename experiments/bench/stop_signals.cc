#include "experiments/bench/stop_signals.h"

#include <uv.h>

#include <csignal>

namespace quorate::bench {

struct StopSignals::Watch {
  uv_signal_t handle;
  std::shared_ptr<State> state;
};

StopSignals::StopSignals(uv_loop_s* loop) : state_(std::make_shared<State>()) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (number == SIGHUP && before.sa_handler == SIG_IGN) continue;
    Watch* watch = new Watch{.handle = {}, .state = state_};
    uv_signal_init(loop, &watch->handle);
    watch->handle.data = watch;
    uv_signal_start(
        &watch->handle,
        [](uv_signal_t* handle, int signal) {
          State& state = *static_cast<Watch*>(handle->data)->state;
          state.number = signal;
          Stop(state);
        },
        number);
    uv_unref(reinterpret_cast<uv_handle_t*>(&watch->handle));
    state_->watches.push_back(watch);
  }
}

StopSignals::~StopSignals() {
  for (Watch* watch : state_->watches) {
    uv_close(
        reinterpret_cast<uv_handle_t*>(&watch->handle),
        [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
  }
  state_->watches.clear();
}

// Without a watch the process is as it was: the next signal ends it.
void StopSignals::Stop(State& state) {
  for (Watch* watch : state.watches) uv_signal_stop(&watch->handle);
}

const char* SignalName(int number) {
  switch (number) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    default: return "a signal";
  }
}

}  // namespace quorate::bench
