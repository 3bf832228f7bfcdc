#include "tests/sim/runner.h"

#include <csignal>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "replica/base/quorum.h"
#include "tests/sim/toy_machine.h"

namespace quorate::sim {
namespace {

constexpr double kMicrosInHour = 3600e6;
// RunOptions::protocol, beside those of Settings.
constexpr char kToy[] = "toy";

// The run under way, for the report of an abort. The simulator has one thread.
struct Running {
  std::uint64_t seed = 0;
  const RunOptions* options = nullptr;
  const Simulation* simulation = nullptr;
};
Running running;

std::string ReportOf(const Running& run, std::string_view invariant,
                     std::string_view detail) {
  std::string report = absl::StrFormat(
      "seed %d: FAILED at virtual time %d.%06d s\n  invariant: %s\n", run.seed,
      run.simulation->now() / 1000000, run.simulation->now() % 1000000,
      absl::string_view(invariant.data(), invariant.size()));
  if (!detail.empty()) {
    absl::StrAppend(&report, "  found: ", std::string(detail), "\n");
  }
  absl::StrAppend(&report, "  world: ", Describe(run.simulation->plan()),
                  "\n  last events:\n");
  for (const std::string& line : run.simulation->TraceTail()) {
    absl::StrAppend(&report, "    ", line, "\n");
  }
  absl::StrAppend(&report, "replay: ", ReplayLine(run.seed, *run.options),
                  "\n");
  return report;
}

// abort() was called by this thread, in no signal-sensitive place: the report
// may allocate.
void HandleAbort(int) {
  std::signal(SIGABRT, SIG_DFL);
  if (running.simulation == nullptr) return;
  const std::string report =
      ReportOf(running, "a check inside the machine, named above", "");
  std::fputs(report.c_str(), stderr);
}

ReplicaFactory FactoryFor(const RunOptions& options) {
  if (options.protocol == kToy) {
    return [bug = *ParseToyBug(options.bug)](const Settings& settings) {
      return MakeToyReplica(settings, bug);
    };
  }
  return [](const Settings& settings) { return Replica::Create(settings); };
}

// The toy has accepts alone, and the quorums of the default.
std::optional<FastPathRule> FastPathOf(const RunOptions& options) {
  return options.protocol == "toy" ? FastPathRule::kEpaxos : options.fast_path;
}

}  // namespace

absl::Status CheckOptions(const RunOptions& options) {
  const std::optional<Protocol> protocol = ParseProtocol(options.protocol);
  if (!protocol.has_value() && options.protocol != kToy) {
    std::string known;
    for (const Protocol each : kProtocols) {
      absl::StrAppend(&known, std::string(Name(each)), ", ");
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown protocol \"", options.protocol, "\"; known: ", known, kToy));
  }
  if (options.replicas < 3 || options.replicas > kMaxReplicas) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.replicas, " replicas; give 3 to ", kMaxReplicas));
  }
  if (protocol.has_value()) {
    const Settings settings{.protocol = *protocol,
                            .replicas = options.replicas};
    if (absl::Status valid = ValidateSettings(settings); !valid.ok()) {
      return valid;
    }
  }
  if (options.planted && protocol.has_value()) return absl::OkStatus();
  const std::optional<ToyBug> bug = ParseToyBug(options.bug);
  if (!bug.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no bug \"", options.bug, "\" can be planted in ",
                     options.protocol, " by this program; see --bug list"));
  }
  if (*bug != ToyBug::kNone && options.protocol != kToy) {
    return absl::InvalidArgumentError(
        "bugs are planted in the toy; add --protocol=toy");
  }
  return absl::OkStatus();
}

SeedResult RunSeed(std::uint64_t seed, const RunOptions& options) {
  Simulation simulation(
      {.seed = seed,
       .limits = {.protocol = ParseProtocol(options.protocol)
                                  .value_or(Protocol::kEpaxos),
                  .replicas = options.replicas,
                  .allowed = options.faults,
                  .operations = options.operations,
                  .real_store = options.real_store,
                  .contended = options.contended,
                  .impatient = options.impatient,
                  .measured = options.measured,
                  .fast_path = FastPathOf(options),
                  .roles = options.roles},
       .trace = options.trace,
       .history = options.history},
      FactoryFor(options));
  running = {.seed = seed, .options = &options, .simulation = &simulation};
  simulation.Run();
  SeedResult result{.ok = !simulation.verdict().failed(),
                    .invariant = simulation.verdict().invariant(),
                    .trace_hash = simulation.trace_hash(),
                    .statistics = simulation.statistics()};
  if (!result.ok) {
    result.failure =
        ReportOf(running, result.invariant, simulation.verdict().detail());
  }
  running = {};
  return result;
}

std::string ReplayLine(std::uint64_t seed, const RunOptions& options) {
  std::string line = absl::StrCat(
      options.program, " --protocol=", options.protocol,
      " --replicas=", options.replicas, " --seed=", seed, " --faults=",
      options.faults == FaultSet::All() ? "all" : options.faults.ToString());
  if (options.operations > 0) {
    absl::StrAppend(&line, " --operations=", options.operations);
  }
  if (options.real_store) absl::StrAppend(&line, " --real-store");
  if (options.contended) absl::StrAppend(&line, " --contended");
  if (options.impatient) absl::StrAppend(&line, " --impatient");
  if (options.measured) absl::StrAppend(&line, " --measured");
  if (options.fast_path.has_value()) {
    absl::StrAppend(&line,
                    " --fast-path=", std::string(Name(*options.fast_path)));
  }
  if (options.roles.has_value()) {
    absl::StrAppend(&line, " --roles=", std::string(Name(*options.roles)));
  }
  if (options.bug != "none") absl::StrAppend(&line, " --bug=", options.bug);
  return line;
}

std::string Describe(const SimulationStatistics& s) {
  std::string faults;
  for (int i = 0; i < kFaultKinds; ++i) {
    const std::uint64_t count = s.faults[static_cast<std::size_t>(i)];
    if (count == 0) continue;
    absl::StrAppend(&faults, faults.empty() ? "" : " ",
                    std::string(Name(static_cast<FaultKind>(i))), "=", count);
  }
  return absl::StrFormat(
      "%d operations, %d faults (%s), %.2f simulated hours; %d refused, "
      "%d retried, %d messages (%d through the codec), %d restarts "
      "(%d from one of %d checkpoints), %d snapshots, %d instances (%d fast, "
      "%d slow, %d recovered, %d noops, largest "
      "component %d), "
      "%d retransmissions, %d stale messages",
      s.operations, s.TotalFaults(), faults,
      static_cast<double>(s.virtual_time) / kMicrosInHour, s.refused, s.retried,
      s.messages, s.through_codec, s.restarts, s.checkpoint_restarts,
      s.checkpoints, s.snapshots, s.instances, s.fast_commits, s.slow_commits,
      s.recovered, s.noops, s.largest_component, s.retransmissions,
      s.stale_messages);
}

void ReportOnAbort() { std::signal(SIGABRT, HandleAbort); }

}  // namespace quorate::sim
