// Answers: when should each command of an open loop start?
//
// A schedule fixed before the system is asked: commands are due at a rate,
// spaced by an exponential distribution (Poisson arrivals, as independent users
// make them) or evenly. Latency is measured from these intended starts, not
// from when the generator got round to submitting, so a stall of the system
// counts against every command that was due meanwhile (coordinated omission).
// Pure: the caller brings the clock.
#pragma once

#include <cstdint>

#include "experiments/bench/random.h"

namespace quorate::bench {

enum class ArrivalKind : std::uint8_t { kPoisson, kUniform };

class Arrivals {
 public:
  // `rate` in commands a second, > 0; times in nanoseconds.
  Arrivals(double rate, ArrivalKind kind, std::uint64_t seed,
           std::int64_t start_ns)
      : gap_ns_(1e9 / rate), kind_(kind), random_(seed, kStream) {
    next_ns_ = static_cast<double>(start_ns);
    Advance();
  }

  // Intended start of the next command.
  std::int64_t next_ns() const { return static_cast<std::int64_t>(next_ns_); }

  // If a command is due at `now_ns`, writes its intended start and moves on.
  bool PopDue(std::int64_t now_ns, std::int64_t& intended_ns) {
    if (next_ns() > now_ns) return false;
    intended_ns = next_ns();
    Advance();
    return true;
  }

 private:
  // Keeps arrivals apart from the streams of the clients.
  static constexpr std::uint64_t kStream = 0xa221'7a15;

  void Advance() {
    next_ns_ += kind_ == ArrivalKind::kPoisson ? gap_ns_ * random_.Exponential()
                                               : gap_ns_;
  }

  double gap_ns_;
  ArrivalKind kind_;
  Random random_;
  // A double holds nanoseconds of 100 days without rounding.
  double next_ns_ = 0;
};

}  // namespace quorate::bench
