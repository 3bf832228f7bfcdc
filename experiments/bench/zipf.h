// Answers: which key does a client of skewed taste ask for next?
//
// Zipf's law over ranks 0..n-1: rank r is drawn with probability proportional
// to 1 / (r + 1)^theta, exactly and for every theta >= 0 (YCSB's well-known
// approximation is limited to theta < 1). Walker's alias table: one random
// number and one memory access a draw, 16 bytes a key. Shared by all clients;
// pure after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "experiments/bench/random.h"

namespace quorate::bench {

class Zipf {
 public:
  // `count` in [1, 2^32).
  Zipf(std::uint64_t count, double theta);

  std::uint64_t Draw(Random& random) const {
    const std::uint64_t bits = random.Next();
    // The high half picks the column, the low half decides inside it.
    const auto column =
        static_cast<std::size_t>(((bits >> 32) * columns_.size()) >> 32);
    const Column& c = columns_[column];
    return static_cast<std::uint32_t>(bits) < c.threshold ? column : c.alias;
  }

  std::uint64_t count() const { return columns_.size(); }
  // The probability of `rank`.
  double Probability(std::uint64_t rank) const;

 private:
  struct Column {
    // Of 2^32; draws below it stay, the others go to `alias`. A 64-bit field
    // because a full column needs 2^32 itself.
    std::uint64_t threshold = 0;
    std::uint32_t alias = 0;
  };
  double theta_;
  double total_ = 0;
  std::vector<Column> columns_;
};

}  // namespace quorate::bench
