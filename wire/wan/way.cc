#include "wire/wan/way.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "wire/fingerprint.h"
#include "wire/text.h"
#include "wire/words.h"

namespace quorate {
namespace {

constexpr double kNsInMs = 1e6;
// A day: beyond it a number is a mistake, and nanoseconds still fit.
constexpr double kADay = 86'400'000;
// With it one piece in a thousand waits for 10^13 medians.
constexpr double kMostSigma = 10;

std::optional<double> Within(std::string_view word, double most) {
  const auto number = ReadNumber<double>(word);
  const bool allowed =
      number && std::isfinite(*number) && *number >= 0 && *number <= most;
  return allowed ? number : std::nullopt;
}

absl::Status NoJitter(std::string_view text) {
  return absl::InvalidArgumentError(
      Concat("\"", text,
             "\" is no jitter; write \"none\", \"uniform MS\", \"lognormal "
             "MEDIAN_MS SIGMA\" or \"trace FILE\""));
}

std::uint64_t Ns(double ms) {
  return static_cast<std::uint64_t>(std::min(ms, kADay) * kNsInMs);
}

// Of mean 0 and deviation 1, from two of 0 to 1 (Box and Muller, 1958).
double Normal(double a, double b) {
  return std::sqrt(-2 * std::log(1 - a)) * std::cos(2 * std::numbers::pi * b);
}

}  // namespace

absl::StatusOr<Jitter> ParseJitter(std::string_view text) {
  const std::vector<std::string_view> words = Words(text);
  Jitter jitter;
  if (words.empty() || words[0] == "none") {
    if (words.size() > 1) return NoJitter(text);
    return jitter;
  }
  if (words[0] == "trace") {
    jitter.kind = Jitter::Kind::kTrace;
    jitter.file = text.substr(text.find("trace") + 5);
    jitter.file.erase(0, jitter.file.find_first_not_of(' '));
    if (jitter.file.empty()) return NoJitter(text);
    return jitter;
  }
  const bool uniform = words[0] == "uniform";
  if (!(uniform || words[0] == "lognormal") ||
      words.size() != (uniform ? 2u : 3u)) {
    return NoJitter(text);
  }
  const std::optional<double> amount = Within(words[1], kADay);
  const std::optional<double> sigma =
      uniform ? 0.0 : Within(words[2], kMostSigma);
  if (!amount || !sigma) return NoJitter(text);
  jitter.kind = uniform ? Jitter::Kind::kUniform : Jitter::Kind::kLogNormal;
  jitter.amount_ms = *amount;
  jitter.sigma = *sigma;
  return jitter;
}

absl::StatusOr<std::vector<std::uint64_t>> ParseJitterTrace(
    std::string_view text) {
  std::vector<std::uint64_t> trace;
  int number = 0;
  for (const std::string_view line : Lines(text)) {
    ++number;
    const auto words = Words(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    const std::optional<double> ms = Within(words[0], kADay);
    if (words.size() > 1 || !ms) {
      return absl::InvalidArgumentError(
          Concat("line ", number, ": \"", line,
                 "\" is no number of milliseconds; write one a line"));
    }
    trace.push_back(Ns(*ms));
  }
  if (trace.empty()) {
    return absl::InvalidArgumentError(
        "there is no number in it; write one number of milliseconds a line");
  }
  return trace;
}

Way::Way(WayOptions options) : options_(std::move(options)) {}

std::uint64_t Way::Arrival(std::uint64_t now_ns, std::size_t bytes) {
  if (trouble_.cut) return kNeverNs;
  std::uint64_t leaves = std::max(OpenFrom(now_ns), free_ns_);
  if (options_.bits_per_second > 0) {
    leaves += static_cast<std::uint64_t>(
        static_cast<double>(bytes) * 8e9 /
        static_cast<double>(options_.bits_per_second));
    free_ns_ = leaves;
  }
  const std::uint64_t arrives =
      leaves + options_.delay_ns + trouble_.extra_ns + NextJitter();
  last_ns_ = std::max(last_ns_, arrives);
  return last_ns_;
}

bool Way::direct() const {
  return options_.delay_ns == 0 && options_.bits_per_second == 0 &&
         options_.jitter.kind == Jitter::Kind::kNone &&
         trouble_ == WayTrouble();
}

void Way::Befall(const WayTrouble& trouble, std::uint64_t now_ns) {
  trouble_ = trouble;
  since_ns_ = now_ns;
}

std::uint64_t Way::NextJitter() {
  const Jitter& jitter = options_.jitter;
  switch (jitter.kind) {
    case Jitter::Kind::kNone: return 0;
    case Jitter::Kind::kUniform: return Ns(jitter.amount_ms * Draw());
    case Jitter::Kind::kLogNormal: {
      const double first = Draw();
      return Ns(jitter.amount_ms *
                std::exp(jitter.sigma * Normal(first, Draw())));
    }
    case Jitter::Kind::kTrace: break;
  }
  if (jitter.trace_ns == nullptr || jitter.trace_ns->empty()) return 0;
  return (*jitter.trace_ns)[next_++ % jitter.trace_ns->size()];
}

double Way::Draw() {
  Fingerprint print;
  print.Mix(options_.seed);
  print.Mix(drawn_++);
  constexpr double kUnit = 1.0 / 9007199254740992;  // 2^-53
  return static_cast<double>(print.value() >> 11) * kUnit;
}

std::uint64_t Way::OpenFrom(std::uint64_t at_ns) const {
  if (!trouble_.flaps() || at_ns < since_ns_) return at_ns;
  const std::uint64_t turn = trouble_.open_ns + trouble_.closed_ns;
  const std::uint64_t into = (at_ns - since_ns_) % turn;
  return into < trouble_.open_ns ? at_ns : at_ns + (turn - into);
}

}  // namespace quorate
