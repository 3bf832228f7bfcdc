// Answers: was the load generator itself on time?
//
// A generator that stands still (stopped, swapped out, without a CPU, or busy)
// sees all answers late and no command leave, and would take its own fault for
// the cluster's. So it asks to be woken often, and notes by how much it came
// late: from kPause on that is a pause of the generator, in which nothing that
// was measured is the cluster's. An open loop also notes how long after its
// intended start each command left. Pure: the caller brings the clock, of
// uv_hrtime, once a turn of its loop.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/bench/histogram.h"
#include "experiments/bench/recorder.h"

namespace quorate::bench {

class Punctuality {
 public:
  struct Pause {
    std::int64_t from_ns = 0;
    std::int64_t to_ns = 0;
  };
  // Longer than the scheduler of a busy machine lets a thread wait, shorter
  // than anything that users call a stall.
  static constexpr std::int64_t kPauseNs = 50'000'000;

  explicit Punctuality(std::int64_t start_ns) : start_ns_(start_ns) {}

  // The loop turns at `now_ns`; it had asked to do so at `due_ns`. What
  // happened before the start does not count.
  void Turn(std::int64_t due_ns, std::int64_t now_ns);
  // A command that was due at `intended_ns` leaves.
  void Leave(std::int64_t intended_ns, std::int64_t now_ns) {
    if (intended_ns < start_ns_) return;
    lateness_.Record(static_cast<std::uint64_t>(now_ns - intended_ns));
  }

  // Of the commands of an open loop.
  const Histogram& lateness() const { return lateness_; }
  const Histogram& turns() const { return turns_; }
  // The first kMostPauses of them; all count.
  const std::vector<Pause>& pauses() const { return pauses_; }
  std::uint64_t pause_count() const { return pause_count_; }
  std::int64_t paused_ns() const { return paused_ns_; }
  // Of the time between the two.
  std::int64_t PausedBetween(std::int64_t from_ns, std::int64_t to_ns) const;

 private:
  static constexpr std::size_t kMostPauses = 1000;

  std::int64_t start_ns_;
  Histogram lateness_;
  Histogram turns_;
  std::vector<Pause> pauses_;
  std::uint64_t pause_count_ = 0;
  std::int64_t paused_ns_ = 0;
};

// Are the figures of a run the generator's own fault? `window` and `silence` of
// the same clock; `p99_ns` is what clients waited.
bool GeneratorIsTheLimit(const Punctuality& punctuality,
                         const Recorder& records, std::uint64_t p99_ns);

}  // namespace quorate::bench
