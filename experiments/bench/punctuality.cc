#include "experiments/bench/punctuality.h"

#include <algorithm>

namespace quorate::bench {
namespace {

// A hundredth of the time is what p99 rests on.
constexpr double kPausedShare = 0.01;
// Of what clients waited, the part that must be the generator's own.
constexpr double kOwnShare = 0.25;
constexpr std::uint64_t kLatenessNs = 5'000'000;

}  // namespace

void Punctuality::Turn(std::int64_t due_ns, std::int64_t now_ns) {
  const std::int64_t from = std::max(due_ns, start_ns_);
  if (now_ns <= from) return;
  const std::int64_t late = now_ns - from;
  turns_.Record(static_cast<std::uint64_t>(late));
  if (late < kPauseNs) return;
  ++pause_count_;
  paused_ns_ += late;
  if (pauses_.size() < kMostPauses) pauses_.push_back({from, now_ns});
}

std::int64_t Punctuality::PausedBetween(std::int64_t from_ns,
                                        std::int64_t to_ns) const {
  std::int64_t sum = 0;
  for (const Pause& pause : pauses_) {
    const std::int64_t from = std::max(pause.from_ns, from_ns);
    const std::int64_t to = std::min(pause.to_ns, to_ns);
    sum += std::max<std::int64_t>(to - from, 0);
  }
  return sum;
}

bool GeneratorIsTheLimit(const Punctuality& punctuality,
                         const Recorder& records, std::uint64_t p99_ns) {
  const double window_ns = std::max(records.window_s() * 1e9, 1.0);
  const std::int64_t silence_ns = records.longest_silence_ns();
  const std::int64_t own_silence_ns = punctuality.PausedBetween(
      records.silence_start_ns(), records.silence_start_ns() + silence_ns);
  const std::uint64_t late_ns = punctuality.lateness().Quantile(0.99);
  return static_cast<double>(punctuality.paused_ns()) >=
             kPausedShare * window_ns ||
         (own_silence_ns > 0 && 2 * own_silence_ns >= silence_ns) ||
         (late_ns >= kLatenessNs &&
          static_cast<double>(late_ns) >=
              kOwnShare * static_cast<double>(p99_ns));
}

}  // namespace quorate::bench
