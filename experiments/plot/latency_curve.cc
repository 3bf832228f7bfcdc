#include "experiments/plot/latency_curve.h"

#include <algorithm>
#include <cmath>

#include "experiments/bench/text.h"

namespace quorate::bench {
namespace {

bool IsBucket(const nlohmann::ordered_json& bucket) {
  return bucket.is_array() && bucket.size() == 3 && bucket[0].is_number() &&
         bucket[1].is_number() && bucket[2].is_number_integer() &&
         bucket[2].get<std::int64_t>() >= 0;
}

}  // namespace

LatencyCurve::LatencyCurve(const nlohmann::ordered_json& buckets) {
  if (!buckets.is_array()) return;
  for (const auto& bucket : buckets) {
    if (!IsBucket(bucket)) return;
    count_ += bucket[2].get<std::uint64_t>();
  }
  std::uint64_t seen = 0;
  for (const auto& bucket : buckets) {
    seen += bucket[2].get<std::uint64_t>();
    points_.push_back(
        {bucket[1].get<double>() * 1e-6,
         static_cast<double>(seen) / static_cast<double>(count_)});
  }
  if (!points_.empty()) lowest_ms_ = buckets[0][0].get<double>() * 1e-6;
}

double LatencyCurve::ShareAt(double ms) const {
  const auto above = std::ranges::upper_bound(points_, ms, {}, &Point::ms);
  return above == points_.begin() ? 0 : std::prev(above)->share;
}

double LatencyCurve::LatencyAt(double share) const {
  const auto at = std::ranges::lower_bound(points_, share, {}, &Point::share);
  return at == points_.end() ? highest_ms() : at->ms;
}

double Nines(double share, double top) {
  if (share <= 0) return 0;
  if (share >= 1) return top;
  return std::min(top, -std::log10(1 - share));
}

double TopNines(std::uint64_t count) {
  const double digits = std::log10(static_cast<double>(count) + 1);
  return std::clamp(std::floor(digits), 2.0, 5.0);
}

std::vector<ShareTick> ShareTicks(double top) {
  static constexpr ShareTick kTicks[] = {
      {0, "0 %"},           {0.5, "50 %"},     {0.9, "90 %"},
      {0.99, "99 %"},       {0.999, "99.9 %"}, {0.9999, "99.99 %"},
      {0.99999, "99.999 %"}};
  std::vector<ShareTick> ticks;
  for (const ShareTick& tick : kTicks) {
    if (Nines(tick.share, 9) <= top + 1e-6) ticks.push_back(tick);
  }
  return ticks;
}

std::vector<double> RoundLatencies(double from_ms, double to_ms) {
  std::vector<double> round;
  for (double power = 1e-4; power <= 1e7; power *= 10) {
    for (double digit : {1.0, 2.0, 5.0}) {
      const double ms = digit * power;
      if (ms >= from_ms * 0.999 && ms <= to_ms * 1.001) round.push_back(ms);
    }
  }
  return round;
}

std::string FormatLatency(double ms) {
  if (ms < 0.9995) return FormatTrimmed(ms * 1e3) + " us";
  if (ms < 999.5) return FormatTrimmed(ms) + " ms";
  return FormatTrimmed(ms * 1e-3) + " s";
}

}  // namespace quorate::bench
