// Answers: how many votes are enough?
//
// The one home of quorum arithmetic (protocol.md 1). With n replicas, f of
// which may be down without losing progress and e of which may be down or slow
// without losing the fast path, a classic quorum is n-f and a fast quorum n-e,
// the command leader counted. n >= 2f+1 is needed. Which e are possible is a
// matter of the fast path rule: with "epaxos" any e <= f with n >= 2e+f-1, with
// "atlas" the one for which n-e = n/2 + f, with "unanimous" none but 0. A fast
// quorum one smaller is unsafe under each. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/base/quorum_system.h"
#include "replica/base/settings.h"

namespace quorate {

struct QuorumSizes {
  int replicas = 0;
  int faults = 0;       // f
  int fast_faults = 0;  // e
  FastPathRule rule = FastPathRule::kEpaxos;

  // Promises that a recovery needs, and votes that a slow path rests on.
  int classic() const { return replicas - faults; }
  int fast() const { return replicas - fast_faults; }
  // Accepts that choose a value: Atlas takes the fewest that every classic
  // quorum meets.
  int accepting() const {
    return rule == FastPathRule::kAtlas ? faults + 1 : classic();
  }
};

// The most failures n replicas can take: (n - 1) / 2.
constexpr int LargestFaults(int replicas) { return (replicas - 1) / 2; }
// The largest e that the bound of "epaxos" allows.
constexpr int LargestFastFaults(int replicas, int faults) {
  const int bound = (replicas - faults + 1) / 2;
  return bound < faults ? bound : faults;
}

// Does n >= 2f+1, f >= 1 hold, and what the rule asks of e? Says the arithmetic
// when it does not.
absl::Status CheckQuorumSizes(const QuorumSizes& sizes);

// Sizes for valid settings, with defaults (0) filled in.
QuorumSizes QuorumSizesOf(const Settings& settings);

// g of truncation.md B.3: members whose floors may be left out when instances
// are forgotten. With "epaxos" n - f - e, and rule R4 of recovery is needed for
// safety, not only for liveness: an undecided instance that some forgotten one
// does not know has matching votes from at most g replicas. None there with
// lazy_fast_commit, whose bound is one less, n - f - e - 1 (B.3). The other
// rules' recoveries never ask about a forgotten instance, so they set no bound;
// f, so that a classic quorum still knows what is forgotten elsewhere.
int Laggards(const Settings& settings);

// "epaxos", "atlas", "unanimous".
inline constexpr FastPathRule kFastPathRules[] = {
    FastPathRule::kEpaxos, FastPathRule::kAtlas, FastPathRule::kUnanimous};
std::string_view Name(FastPathRule rule);
std::optional<FastPathRule> ParseFastPathRule(std::string_view text);
// Multi-Paxos' two phases, from `phase1` and `phase2`.
absl::StatusOr<PaxosQuorums> PaxosQuorumsOf(const Settings& settings);

// Can a machine be made with these? Names the setting and the remedy.
absl::Status ValidateSettings(const Settings& settings);

}  // namespace quorate
