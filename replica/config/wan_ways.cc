#include "replica/config/wan_ways.h"

#include <utility>

#include "replica/system/user_file.h"
#include "wire/fingerprint.h"
#include "wire/text.h"
#include "wire/wan/load.h"

namespace quorate {
namespace {

constexpr std::size_t kMostTraceBytes = std::size_t{64} << 20;

absl::Status ReadTrace(Jitter& jitter) {
  if (jitter.kind != Jitter::Kind::kTrace) return absl::OkStatus();
  const auto named = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(
        Concat("wan.jitter: trace \"", jitter.file, "\": ", why.message()));
  };
  const absl::StatusOr<std::string> text =
      ReadUserFile(jitter.file, kMostTraceBytes);
  if (!text.ok()) return named(text.status());
  absl::StatusOr<std::vector<std::uint64_t>> trace = ParseJitterTrace(*text);
  if (!trace.ok()) return named(trace.status());
  jitter.trace_ns =
      std::make_shared<const std::vector<std::uint64_t>>(*std::move(trace));
  return absl::OkStatus();
}

// Ways of one seed have nothing to do with each other.
std::uint64_t SeedOf(std::uint64_t seed, std::uint64_t kind, std::uint64_t from,
                     std::uint64_t to, std::uint64_t number) {
  Fingerprint print;
  for (const std::uint64_t part : {seed, kind, from, to, number}) {
    print.Mix(part);
  }
  return print.value();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const WanWays>> WanWays::Load(
    const ClusterConfig& config) {
  const WanConfig& wan = config.wan;
  if (wan.matrix.empty()) return nullptr;
  absl::StatusOr<wan::RegionMatrix> matrix = wan::Load(wan.matrix);
  if (!matrix.ok()) {
    return absl::InvalidArgumentError(
        Concat("wan.matrix: ", matrix.status().message()));
  }
  absl::StatusOr<Jitter> jitter = ParseJitter(wan.jitter);
  if (!jitter.ok()) return jitter.status();
  if (const absl::Status read = ReadTrace(*jitter); !read.ok()) return read;
  std::shared_ptr<WanWays> ways(
      new WanWays(*std::move(matrix), *std::move(jitter)));
  constexpr std::uint64_t kBitsOfMegabit = 1'000'000;
  ways->bits_per_second_ =
      static_cast<std::uint64_t>(wan.bandwidth_mbit) * kBitsOfMegabit;
  ways->seed_ = static_cast<std::uint64_t>(wan.seed);
  for (const NodeConfig& node : config.nodes) {
    if (node.site.empty()) {
      return absl::InvalidArgumentError(Concat(
          "node ", node.name, " has no site, and wan.matrix is \"", wan.matrix,
          "\"; give it one: site = \"", ways->matrix_.sites().front(), "\""));
    }
    const absl::StatusOr<std::size_t> site = ways->FindSite(node.site);
    if (!site.ok()) {
      return absl::InvalidArgumentError(
          Concat("node ", node.name, ": ", site.status().message()));
    }
    ways->sites_.push_back(*site);
  }
  return std::shared_ptr<const WanWays>(std::move(ways));
}

std::shared_ptr<Way> WanWays::Between(std::size_t from, std::size_t to) const {
  return std::make_shared<Way>(
      WayOptions{.delay_ns = static_cast<std::uint64_t>(
                     matrix_.DistanceNs(sites_[from], sites_[to])),
                 .jitter = jitter_,
                 .bits_per_second = bits_per_second_,
                 .seed = SeedOf(seed_, 0, from, to, 0)});
}

std::shared_ptr<Way> WanWays::FromSite(std::size_t from, std::size_t to,
                                       std::uint64_t number) const {
  return std::make_shared<Way>(WayOptions{
      .delay_ns = static_cast<std::uint64_t>(matrix_.DistanceNs(from, to)),
      .jitter = jitter_,
      .seed = SeedOf(seed_, 1, from, to, number)});
}

}  // namespace quorate
