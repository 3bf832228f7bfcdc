// Answers: has somebody asked the run to end?
//
// The first SIGINT, SIGTERM or SIGHUP is noted and wakes the loop, so that what
// was measured can be saved; the next one finds the signals as they were before
// and ends the process at once. A SIGHUP that is ignored (nohup) stays so.
#pragma once

#include <memory>
#include <vector>

struct uv_loop_s;

namespace quorate::bench {

class StopSignals {
 public:
  explicit StopSignals(uv_loop_s* loop);
  // The loop must turn once more.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // 0: none yet.
  int number() const { return state_->number; }

 private:
  struct Watch;
  struct State {
    int number = 0;
    std::vector<Watch*> watches;  // the loop's, until closed
  };
  static void Stop(State& state);
  std::shared_ptr<State> state_;
};

// "SIGINT", ...
const char* SignalName(int number);

}  // namespace quorate::bench
