// Answers: when does what is sent now arrive, on a way that is only emulated?
//
// A way goes from one process to another, in one direction: a delay, jitter by
// chance or from a trace, and a bandwidth. Nothing overtakes on it, as on one
// TCP connection. Trouble can befall it while an experiment runs: it is cut,
// slower, or cut again and again. Pure: the caller brings the clock, in
// nanoseconds of uv_hrtime, and the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace quorate {

// What is sent on a way that is cut.
inline constexpr std::uint64_t kNeverNs = ~std::uint64_t{0};

// What is added to the delay of each piece.
struct Jitter {
  enum class Kind : std::uint8_t { kNone, kUniform, kLogNormal, kTrace };
  Kind kind = Kind::kNone;
  double amount_ms = 0;  // kUniform: the most; kLogNormal: the median
  double sigma = 0;      // kLogNormal: of its logarithm
  // kTrace: one after the other, and again from the first.
  std::shared_ptr<const std::vector<std::uint64_t>> trace_ns;
  std::string file;  // kTrace: where they come from
};

// "none", "uniform MS", "lognormal MEDIAN_MS SIGMA", "trace FILE"; of a trace
// only the name. The error says what is allowed.
absl::StatusOr<Jitter> ParseJitter(std::string_view text);
// One number of milliseconds a line; '#' begins a comment. Errors name the
// line.
absl::StatusOr<std::vector<std::uint64_t>> ParseJitterTrace(
    std::string_view text);

struct WayOptions {
  std::uint64_t delay_ns = 0;
  Jitter jitter;
  std::uint64_t bits_per_second = 0;  // 0: no limit
  std::uint64_t seed = 0;
};

struct WayTrouble {
  bool cut = false;
  std::uint64_t extra_ns = 0;  // of delay
  // More than 0: open for so long, then cut for so long, over and over.
  std::uint64_t open_ns = 0;
  std::uint64_t closed_ns = 0;

  bool flaps() const { return open_ns > 0 && closed_ns > 0; }
  friend bool operator==(const WayTrouble&, const WayTrouble&) = default;
};

class Way {
 public:
  explicit Way(WayOptions options);

  // When the last of so many bytes that are sent now arrives; never before
  // what was sent earlier. kNeverNs while the way is cut.
  std::uint64_t Arrival(std::uint64_t now_ns, std::size_t bytes);
  // From now on. What is on its way arrives all the same.
  void Befall(const WayTrouble& trouble, std::uint64_t now_ns);
  const WayTrouble& trouble() const { return trouble_; }
  bool cut() const { return trouble_.cut; }
  // Nothing is delayed on it.
  bool direct() const;

 private:
  std::uint64_t NextJitter();
  // 0 to 1, the next of the seed's: the same with every standard library.
  double Draw();
  // The first moment from then on at which the way is not closed by a flap.
  std::uint64_t OpenFrom(std::uint64_t at_ns) const;

  WayOptions options_;
  WayTrouble trouble_;
  std::uint64_t since_ns_ = 0;  // of the trouble
  std::uint64_t free_ns_ = 0;   // when the bandwidth is not in use
  std::uint64_t last_ns_ = 0;   // the last arrival
  std::size_t next_ = 0;        // of the trace
  std::uint64_t drawn_ = 0;     // of the jitter
};

}  // namespace quorate
