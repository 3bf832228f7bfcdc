#include "replica/paxos/quorum.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace quorate {

absl::Status CheckQuorumSizes(const QuorumSizes& sizes) {
  const auto [n, f, e] = sizes;
  if (f < 1 || n < 2 * f + 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        n, " replicas cannot lose ", f, ": that needs 2f+1 = ", 2 * f + 1,
        "; set faults to at most ", LargestFaults(n)));
  }
  if (e < 0 || e > f || n < 2 * e + f - 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a fast quorum of ", n, " replicas cannot do without ", e,
        ": e <= f and n >= 2e+f-1 = ", 2 * e + f - 1,
        " must hold; set fast_faults to at most ", LargestFastFaults(n, f)));
  }
  return absl::OkStatus();
}

QuorumSizes QuorumSizesOf(const Settings& settings) {
  const int n = settings.replicas;
  const int f = settings.faults != 0 ? settings.faults : LargestFaults(n);
  const int e = settings.fast_faults != 0 ? settings.fast_faults
                                          : LargestFastFaults(n, f);
  return {.replicas = n, .faults = f, .fast_faults = e};
}

int Laggards(const Settings& settings) {
  if (settings.retained_bytes == 0 || settings.lazy_fast_commit) return 0;
  const QuorumSizes sizes = QuorumSizesOf(settings);
  return sizes.replicas - sizes.faults - sizes.fast_faults;
}

absl::StatusOr<PaxosQuorums> PaxosQuorumsOf(const Settings& settings) {
  const absl::StatusOr<QuorumSystem> phase1 =
      QuorumSystem::Create(settings.phase1, settings.replicas);
  if (!phase1.ok()) return phase1.status();
  const absl::StatusOr<QuorumSystem> phase2 =
      QuorumSystem::Create(settings.phase2, settings.replicas);
  if (!phase2.ok()) return phase2.status();
  return PaxosQuorums::Create(*phase1, *phase2);
}

absl::Status ValidateSettings(const Settings& settings) {
  if (settings.protocol == Protocol::kBpaxos) {
    return absl::InvalidArgumentError(
        "protocol \"bpaxos\" is not built into this version; choose "
        "\"epaxos\" or \"multipaxos\"");
  }
  if (settings.replicas < 3 || settings.replicas > kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cluster has 3 to ", kMaxReplicas, " nodes, not ",
                     settings.replicas));
  }
  if (Index(settings.self) >= settings.replicas) {
    return absl::InvalidArgumentError("this node is not part of the cluster");
  }
  if (settings.fast_path != FastPathRule::kEpaxos) {
    return absl::InvalidArgumentError(
        "fast_path: this version knows \"epaxos\" only");
  }
  if (settings.batch_commands < 1 || settings.max_in_flight < 1 ||
      settings.max_queued_commands < 1 || settings.tick_ms < 1 ||
      settings.retransmit_ticks < 1 || settings.floor_ticks < 1 ||
      settings.election_ticks < 1) {
    return absl::InvalidArgumentError(
        "batch, max_in_flight, max_queued, tick_ms, retransmit_ticks, "
        "floor_ticks and election_ticks must be at least 1");
  }
  if (settings.protocol == Protocol::kMultipaxos) {
    return PaxosQuorumsOf(settings).status();
  }
  return CheckQuorumSizes(QuorumSizesOf(settings));
}

}  // namespace quorate
