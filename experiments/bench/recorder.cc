#include "experiments/bench/recorder.h"

#include <algorithm>

namespace quorate::bench {

Recorder::Recorder(const Window& window, std::size_t sites)
    : window_(window),
      sites_(sites),
      last_answer_ns_(window.start_ns),
      interval_start_ns_(window.start_ns) {}

void Recorder::Advance(std::int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  in_window_ = window_.Contains(now_ns_);
  CloseIntervals(std::min(now_ns_, window_.end_ns));
}

void Recorder::Error() {
  if (in_window_) ++interval_errors_;
}

void Recorder::Finish(std::int64_t now_ns) {
  // The window may end early, never late.
  window_.end_ns = std::clamp(now_ns, window_.start_ns, window_.end_ns);
  Advance(now_ns);
  if (interval_start_ns_ < window_.end_ns) ClosePoint(window_.end_ns);
  NoteGap(window_.end_ns);
  in_window_ = false;
}

SiteLatency Recorder::AllSites() const {
  SiteLatency all;
  for (const SiteLatency& site : sites_) {
    all.commit.Merge(site.commit);
    all.execute.Merge(site.execute);
  }
  return all;
}

void Recorder::NoteGap(std::int64_t until_ns) {
  if (until_ns - last_answer_ns_ > longest_silence_ns_) {
    longest_silence_ns_ = until_ns - last_answer_ns_;
    silence_start_ns_ = last_answer_ns_;
  }
  last_answer_ns_ = until_ns;
}

void Recorder::CloseIntervals(std::int64_t until_ns) {
  while (interval_start_ns_ + window_.interval_ns <= until_ns) {
    ClosePoint(interval_start_ns_ + window_.interval_ns);
  }
}

void Recorder::ClosePoint(std::int64_t end_ns) {
  timeline_.push_back(
      {.at_s =
           static_cast<double>(interval_start_ns_ - window_.start_ns) * 1e-9,
       .length_s = static_cast<double>(end_ns - interval_start_ns_) * 1e-9,
       .answers = interval_.count(),
       .errors = interval_errors_,
       .p50_ns = interval_.Quantile(0.50),
       .p99_ns = interval_.Quantile(0.99)});
  interval_.Clear();
  interval_errors_ = 0;
  interval_start_ns_ = end_ns;
}

}  // namespace quorate::bench
