// Answers: what happened during the measured window, and when?
//
// Takes answers with their times and gives throughput, latencies by site, a
// timeline, the longest silence, and how many operations found nothing. A
// command belongs to the latency figures if it was *meant to start* inside the
// window, however late its answer came; it belongs to the throughput if its
// answer came inside. So a stall at the end of the window cannot hide, and
// answers after the window cannot inflate the rate. Pure: the caller brings the
// clock, in nanoseconds, and reads it once a frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "experiments/bench/histogram.h"
#include "wire/command.h"

namespace quorate::bench {

struct Window {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t interval_ns = 1'000'000'000;  // of the timeline
  bool Contains(std::int64_t ns) const { return ns >= start_ns && ns < end_ns; }
};

struct SiteLatency {
  Histogram commit;   // nanoseconds
  Histogram execute;  // nanoseconds
};

// Operations of one kind that were answered in the window.
struct OperationCount {
  std::uint64_t done = 0;
  // Of these: a get or a delete of a key that is not there, a scan without a
  // row, a compare-and-set that met another value. Answers like any other, but
  // cheaper ones than a workload usually means.
  std::uint64_t missed = 0;
};

struct TimelinePoint {
  double at_s = 0;  // start of the interval, from the start of the window
  double length_s = 0;
  std::uint64_t answers = 0;
  std::uint64_t errors = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p99_ns = 0;
};

class Recorder {
 public:
  Recorder(const Window& window, std::size_t sites);

  // Everything until the next call happens at `now_ns`; never goes back.
  void Advance(std::int64_t now_ns);
  void Answer(std::size_t site, std::int64_t intended_ns,
              std::uint32_t commit_us) {
    const auto latency = static_cast<std::uint64_t>(now_ns_ - intended_ns);
    if (window_.Contains(intended_ns)) {
      sites_[site].execute.Record(latency);
      sites_[site].commit.Record(std::uint64_t{commit_us} * 1000);
    }
    if (!in_window_) return;
    ++answers_;
    interval_.Record(latency);
    if (now_ns_ != last_answer_ns_) NoteGap(now_ns_);
  }
  // One operation of an answered command.
  void Operation(OperationKind kind, bool missed) {
    if (!in_window_) return;
    OperationCount& count = operations_[static_cast<std::size_t>(kind)];
    ++count.done;
    count.missed += missed ? 1 : 0;
  }
  // An answer that is not a success.
  void Error();
  // Nothing was asked for from here on (`--operations` reached, or the end of
  // the window): closes the timeline. Answers may still follow.
  void Finish(std::int64_t now_ns);

  const Window& window() const { return window_; }
  double window_s() const {
    return static_cast<double>(window_.end_ns - window_.start_ns) * 1e-9;
  }
  // Answers inside the window.
  std::uint64_t answers() const { return answers_; }
  const std::vector<SiteLatency>& sites() const { return sites_; }
  SiteLatency AllSites() const;
  const std::vector<TimelinePoint>& timeline() const { return timeline_; }
  std::int64_t longest_silence_ns() const { return longest_silence_ns_; }
  std::int64_t silence_start_ns() const { return silence_start_ns_; }
  const OperationCount& operations(OperationKind kind) const {
    return operations_[static_cast<std::size_t>(kind)];
  }

 private:
  void NoteGap(std::int64_t until_ns);
  void CloseIntervals(std::int64_t until_ns);
  void ClosePoint(std::int64_t end_ns);

  Window window_;
  std::vector<SiteLatency> sites_;
  std::int64_t now_ns_ = 0;
  bool in_window_ = false;
  std::uint64_t answers_ = 0;
  std::int64_t last_answer_ns_;
  std::int64_t longest_silence_ns_ = 0;
  std::int64_t silence_start_ns_ = 0;
  std::array<OperationCount, kAllOperationKinds> operations_{};
  // The timeline's open interval.
  std::int64_t interval_start_ns_;
  Histogram interval_;
  std::uint64_t interval_errors_ = 0;
  std::vector<TimelinePoint> timeline_;
};

}  // namespace quorate::bench
