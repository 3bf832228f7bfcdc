#include "experiments/bench/zipf.h"

#include <cmath>

namespace quorate::bench {
namespace {

double Weight(std::uint64_t rank, double theta) {
  return std::pow(static_cast<double>(rank + 1), -theta);
}

}  // namespace

Zipf::Zipf(std::uint64_t count, double theta)
    : theta_(theta), columns_(static_cast<std::size_t>(count)) {
  std::vector<double> share(columns_.size());
  for (std::size_t i = 0; i < share.size(); ++i) {
    share[i] = Weight(i, theta);
    total_ += share[i];
  }
  // Vose's construction: every column is one rank's rest below an average
  // column, filled up with a piece of a rank above it.
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  const double scale = static_cast<double>(count) / total_;
  for (std::size_t i = 0; i < share.size(); ++i) {
    share[i] *= scale;
    (share[i] < 1 ? small : large).push_back(static_cast<std::uint32_t>(i));
  }
  constexpr double kWhole = 4294967296.0;
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back();
    const std::uint32_t high = large.back();
    small.pop_back();
    columns_[low] = {static_cast<std::uint64_t>(share[low] * kWhole), high};
    share[high] -= 1 - share[low];
    if (share[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  // What is left differs from a full column by rounding only.
  for (const auto* rest : {&small, &large}) {
    for (std::uint32_t i : *rest) {
      columns_[i] = {static_cast<std::uint64_t>(kWhole), i};
    }
  }
}

double Zipf::Probability(std::uint64_t rank) const {
  return Weight(rank, theta_) / total_;
}

}  // namespace quorate::bench
