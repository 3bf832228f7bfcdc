// Answers: which share of all commands was faster than this?
//
// The cumulative distribution of one latency histogram of a result.json, and
// the "nines" scale that its pictures use: 0 at 0 %, 1 at 90 %, 2 at 99 %, 3 at
// 99.9 %, so that the tail, which users feel, gets as much room as the rest.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace quorate::bench {

class LatencyCurve {
 public:
  struct Point {
    double ms = 0;
    double share = 0;  // of commands that took at most `ms`
  };

  // `buckets`: [[lowest_ns, highest_ns, count], ...] in ascending order.
  // Anything else gives an empty curve.
  explicit LatencyCurve(const nlohmann::ordered_json& buckets);

  bool empty() const { return points_.empty(); }
  std::uint64_t count() const { return count_; }
  const std::vector<Point>& points() const { return points_; }
  double lowest_ms() const { return lowest_ms_; }
  double highest_ms() const { return points_.back().ms; }
  // Share of commands that took at most `ms`.
  double ShareAt(double ms) const;
  // The smallest latency that `share` of all commands did not exceed.
  double LatencyAt(double share) const;

 private:
  std::vector<Point> points_;
  std::uint64_t count_ = 0;
  double lowest_ms_ = 0;
};

// -log10(1 - share), at most `top`.
double Nines(double share, double top);
// As many nines as `count` samples can show, 2 to 5.
double TopNines(std::uint64_t count);

// 0 -> "0 %", 50 -> "50 %", three nines -> "99.9 %".
struct ShareTick {
  double share;
  const char* label;
};
// From "0 %" up to `top` nines.
std::vector<ShareTick> ShareTicks(double top);

// Round latencies (1, 2 or 5 times a power of ten) inside [from, to].
std::vector<double> RoundLatencies(double from_ms, double to_ms);
// 0.05 -> "50 us", 2 -> "2 ms", 1000 -> "1 s".
std::string FormatLatency(double ms);

}  // namespace quorate::bench
