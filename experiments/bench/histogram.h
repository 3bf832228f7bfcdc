// Answers: how are a hundred million latencies kept in 35 KiB?
//
// A log-linear histogram (the layout of HdrHistogram): values below 256 are
// exact, above that every power of two is cut into 128 equal buckets, so a
// reported value is within 0.4 % of the recorded one. Values from 2^40 on (18
// minutes in nanoseconds) count as the largest bucket; `max` stays exact.
// Record is a few nanoseconds and never allocates. Histograms of connections,
// sites and runs merge without loss, and percentiles come after merging, never
// before: an average of percentiles is no percentile. Pure values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace quorate::bench {

class Histogram {
 public:
  struct Bucket {
    std::uint64_t lowest = 0;   // smallest value that belongs here
    std::uint64_t highest = 0;  // largest value that belongs here
    std::uint64_t count = 0;
  };

  Histogram() : counts_(kBuckets) {}

  void Record(std::uint64_t value) {
    ++counts_[IndexOf(value)];
    ++count_;
    sum_ += value;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }
  // `times` equal values.
  void RecordMany(std::uint64_t value, std::uint64_t times);
  void Merge(const Histogram& other);
  void Clear();

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // 0 when empty.
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double Mean() const;
  // The value that a share of `quantile` (0..1) of all values does not exceed,
  // by nearest rank: the ceil(quantile * count)-th smallest. 0 when empty.
  std::uint64_t Quantile(double quantile) const;

  // The non-empty buckets in ascending order.
  std::vector<Bucket> Buckets() const;

 private:
  static constexpr int kExactBits = 8;
  static constexpr std::uint64_t kPerOctave = 1u << (kExactBits - 1);
  static constexpr int kValueBits = 40;
  static constexpr std::size_t kBuckets =
      (kValueBits - kExactBits + 2) * kPerOctave;

  static std::size_t IndexOf(std::uint64_t value) {
    if (value >> kValueBits != 0) value = (1ull << kValueBits) - 1;
    if (value < 2 * kPerOctave) return static_cast<std::size_t>(value);
    // `value >> shift` has exactly kExactBits bits: 128..255.
    const int shift = static_cast<int>(std::bit_width(value)) - kExactBits;
    return static_cast<std::size_t>(shift) * kPerOctave +
           static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t LowestOf(std::size_t index);
  static std::uint64_t HighestOf(std::size_t index);

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = ~0ull;
  std::uint64_t max_ = 0;
};

}  // namespace quorate::bench
