#include "replica/base/quorum.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "replica/base/roles.h"
#include "replica/base/rules.h"

namespace quorate {

absl::Status CheckQuorumSizes(const QuorumSizes& sizes) {
  const auto [n, f, e, rule] = sizes;
  if (f < 1 || n < 2 * f + 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        n, " replicas cannot lose ", f, ": that needs 2f+1 = ", 2 * f + 1,
        "; set faults to at most ", LargestFaults(n)));
  }
  if (rule != FastPathRule::kEpaxos) return absl::OkStatus();
  if (!rules::AreFastFaults(n, f, e)) {
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
  int e = 0;
  switch (settings.fast_path) {
    case FastPathRule::kEpaxos:
      e = settings.fast_faults != 0 ? settings.fast_faults
                                    : rules::MostFastFaults(n, f);
      break;
    case FastPathRule::kAtlas: e = n - (n / 2 + f); break;
    case FastPathRule::kUnanimous: break;
  }
  return {
      .replicas = n, .faults = f, .fast_faults = e, .rule = settings.fast_path};
}

int Laggards(const Settings& settings) {
  if (settings.retained_bytes == 0) return 0;
  const QuorumSizes sizes = QuorumSizesOf(settings);
  if (sizes.rule != FastPathRule::kEpaxos) return sizes.faults;
  if (settings.lazy_fast_commit) return 0;
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

std::string_view Name(FastPathRule rule) {
  switch (rule) {
    case FastPathRule::kEpaxos: return "epaxos";
    case FastPathRule::kAtlas: return "atlas";
    case FastPathRule::kUnanimous: return "unanimous";
  }
  return "";
}

std::optional<FastPathRule> ParseFastPathRule(std::string_view text) {
  for (const FastPathRule rule : kFastPathRules) {
    if (Name(rule) == text) return rule;
  }
  return std::nullopt;
}

// What the rule has no use or no proof for.
static absl::Status CheckRule(const Settings& settings) {
  if (settings.fast_path == FastPathRule::kEpaxos) return absl::OkStatus();
  const std::string rule(Name(settings.fast_path));
  if (QuorumsOf(settings) != Quorums::kFaults) {
    return absl::InvalidArgumentError(
        absl::StrCat("fast_path = \"", rule, "\" is a rule of protocol \"",
                     ProtocolNames(Quorums::kFaults),
                     "\"; leave it out, or choose that protocol"));
  }
  if (settings.fast_faults != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fast_faults is a choice of fast_path = \"epaxos\" alone; with \"",
        rule,
        "\" the size of a fast quorum follows from faults: leave it out"));
  }
  if (settings.fast_path == FastPathRule::kAtlas && settings.lazy_fast_commit) {
    return absl::InvalidArgumentError(
        "lazy_fast_commit does not go with fast_path = \"atlas\": recovery "
        "takes a command leader that answers and has not committed for proof "
        "that nobody has, which holds only if its record comes first; turn it "
        "off, or use \"epaxos\" or \"unanimous\"");
  }
  return absl::OkStatus();
}

absl::Status ValidateSettings(const Settings& settings) {
  const int most = RowOf(settings.protocol).most_nodes;
  if (settings.replicas < 3 || settings.replicas > most) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a cluster has 3 to ", most, " nodes, not ", settings.replicas));
  }
  if (QuorumsOf(settings) != Quorums::kRoles &&
      (settings.roles != Roles() || settings.parts != Parts())) {
    const std::string names = ProtocolNames(Quorums::kRoles);
    return absl::InvalidArgumentError(
        absl::StrCat("only ", names, " knows roles: set protocol to \"", names,
                     "\", or leave the nodes' roles out"));
  }
  if (Index(settings.self) >= settings.replicas) {
    return absl::InvalidArgumentError("this node is not part of the cluster");
  }
  if (absl::Status rule = CheckRule(settings); !rule.ok()) return rule;
  if (settings.batch_commands < 1 || settings.max_in_flight < 1 ||
      settings.max_queued_commands < 1 || settings.tick_ms < 1 ||
      settings.retransmit_ticks < 1 || settings.floor_ticks < 1 ||
      settings.election_ticks < 1) {
    return absl::InvalidArgumentError(
        "batch, max_in_flight, max_queued, tick_ms, retransmit_ticks, "
        "floor_ticks and election_ticks must be at least 1");
  }
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: return CheckQuorumSizes(QuorumSizesOf(settings));
    case Quorums::kPhases: return PaxosQuorumsOf(settings).status();
    case Quorums::kRoles: return CheckRoles(settings);
  }
  return absl::OkStatus();
}

}  // namespace quorate
