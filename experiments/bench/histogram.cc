#include "experiments/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace quorate::bench {

void Histogram::RecordMany(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  counts_[IndexOf(value)] += times;
  count_ += times;
  sum_ += value * times;
  max_ = std::max(max_, value);
  min_ = std::min(min_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

void Histogram::Clear() {
  if (count_ == 0) return;
  // Only what was used: timelines clear once every few milliseconds.
  const auto first =
      counts_.begin() + static_cast<std::ptrdiff_t>(IndexOf(min_));
  const auto last =
      counts_.begin() + static_cast<std::ptrdiff_t>(IndexOf(max_));
  std::fill(first, last + 1, 0);
  count_ = 0;
  sum_ = 0;
  min_ = ~0ull;
  max_ = 0;
}

double Histogram::Mean() const {
  if (count_ == 0) return 0;
  return static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::Quantile(double quantile) const {
  if (count_ == 0) return 0;
  const double exact = std::ceil(quantile * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(
      exact < 1 ? 1 : static_cast<std::uint64_t>(exact), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = IndexOf(min_); i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen < rank) continue;
    // The middle of the bucket halves the error; the ends are known exactly.
    const std::uint64_t low = LowestOf(i);
    const std::uint64_t middle = low + (HighestOf(i) - low) / 2;
    return std::clamp(middle, min_, max_);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] == 0) continue;
    buckets.push_back({LowestOf(i), HighestOf(i), counts_[i]});
  }
  return buckets;
}

std::uint64_t Histogram::LowestOf(std::size_t index) {
  if (index < 2 * kPerOctave) return index;
  const std::size_t shift = index / kPerOctave - 1;
  return (index % kPerOctave + kPerOctave) << shift;
}

std::uint64_t Histogram::HighestOf(std::size_t index) {
  if (index < 2 * kPerOctave) return index;
  const std::size_t shift = index / kPerOctave - 1;
  return LowestOf(index) + (1ull << shift) - 1;
}

}  // namespace quorate::bench
