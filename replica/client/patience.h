// Answers: how long is too long for an answer?
//
// Measures what answers take: their smoothed time and how much it varies, as
// TCP does for its retransmissions (RFC 6298). Who is three times as slow as
// usual, and beyond what usually varies, is worth a second question; a cluster
// that is slow throughout is not. Pure: times are arguments, in milliseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace quorate {

class Patience {
 public:
  // Never less than `least_ms`, which also stands as long as nothing has been
  // measured.
  explicit Patience(std::int64_t least_ms) : least_ms_(least_ms) {}

  void NoteAnswer(std::int64_t took_ms) {
    const std::int64_t took_us = std::max<std::int64_t>(took_ms, 0) * 1000;
    if (!measured_) {
      measured_ = true;
      mean_us_ = took_us;
      variation_us_ = took_us / 2;
      return;
    }
    variation_us_ += (std::abs(took_us - mean_us_) - variation_us_) / 4;
    mean_us_ += (took_us - mean_us_) / 8;
  }

  std::int64_t ms() const {
    if (!measured_) return least_ms_;
    return std::max(least_ms_, (3 * mean_us_ + 4 * variation_us_) / 1000);
  }

 private:
  std::int64_t least_ms_;
  bool measured_ = false;
  std::int64_t mean_us_ = 0;
  std::int64_t variation_us_ = 0;
};

}  // namespace quorate
