// Answers: how many votes are enough?
//
// The one home of quorum arithmetic (protocol.md 1). With n replicas, f of
// which may be down without losing progress and e of which may be down or slow
// without losing the fast path, a classic quorum is n-f and a fast quorum n-e,
// the command leader counted. n >= max(2f+1, 2e+f-1) and e <= f is needed; a
// fast quorum one smaller is unsafe. Pure.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/paxos/quorum_system.h"
#include "replica/settings.h"

namespace quorate {

struct QuorumSizes {
  int replicas = 0;
  int faults = 0;       // f
  int fast_faults = 0;  // e

  int classic() const { return replicas - faults; }
  int fast() const { return replicas - fast_faults; }
};

// The most failures n replicas can take: (n - 1) / 2.
constexpr int LargestFaults(int replicas) { return (replicas - 1) / 2; }
// The largest e that the bound allows.
constexpr int LargestFastFaults(int replicas, int faults) {
  const int bound = (replicas - faults + 1) / 2;
  return bound < faults ? bound : faults;
}

// Does n >= max(2f+1, 2e+f-1), 0 <= e <= f, f >= 1 hold? Says the arithmetic
// when it does not.
absl::Status CheckQuorumSizes(const QuorumSizes& sizes);

// Sizes for valid settings, with defaults (0) filled in.
QuorumSizes QuorumSizesOf(const Settings& settings);

// g of truncation.md B.3: members whose floors may be left out when instances
// are forgotten, n - f - e. With it rule R4 of recovery is needed for safety,
// not only for liveness: an undecided instance that some forgotten one does not
// know has matching votes from at most g replicas. None with lazy_fast_commit,
// whose bound is one less, n - f - e - 1 (B.3).
int Laggards(const Settings& settings);

// Multi-Paxos' two phases, from `phase1` and `phase2`.
absl::StatusOr<PaxosQuorums> PaxosQuorumsOf(const Settings& settings);

// Can a machine be made with these? Names the setting and the remedy.
absl::Status ValidateSettings(const Settings& settings);

}  // namespace quorate
