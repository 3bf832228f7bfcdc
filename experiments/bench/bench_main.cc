#include "experiments/bench/bench_main.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <utility>

#include "experiments/bench/bench_options.h"
#include "experiments/bench/load_generator.h"
#include "experiments/bench/output_file.h"
#include "experiments/bench/result.h"
#include "experiments/bench/stop_signals.h"
#include "experiments/plot/result_text.h"
#include "experiments/plot/terminal_plot.h"
#include "fmt/format.h"
#include "replica/config/standing.h"

namespace quorate::bench {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kNoAnswer = 3;
// A shell's own convention for what a signal ended.
constexpr int kSignalled = 128;

int Fail(const absl::Status& status, int code) {
  fmt::print(stderr, "quorate bench: {}\n", std::string(status.message()));
  return code;
}

std::string FormatTime(const char* format, bool utc) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  utc ? gmtime_r(&now, &parts) : localtime_r(&now, &parts);
  char text[64];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

std::string CommandLine(int argc, const char* const* argv) {
  std::string text = "quorate";
  for (int i = 0; i < argc; ++i) text += fmt::format(" {}", argv[i]);
  return text;
}

// Why the state hashes say what they say.
std::string StateNote(const LoadOutcome& outcome) {
  const auto up = std::count(outcome.up.begin(), outcome.up.end(), true);
  const std::string nodes =
      fmt::format("{} of {} nodes", up, outcome.up.size());
  if (outcome.agreement == Agreement::kNotAtRest) {
    return nodes + (outcome.interrupted_by != 0
                        ? " answer; the run was ended before they came to rest"
                        : " answer, but they had not come to rest within 10 s");
  }
  return outcome.agreement == Agreement::kAlone
             ? nodes + ": nothing to compare it with"
             : nodes;
}

RunFacts GatherFacts(const LoadOptions& load, const ClusterConfig& config,
                     const LoadOutcome& outcome) {
  RunFacts facts{
      .protocol = std::string(Name(config.settings.protocol)),
      .durability =
          config.durability == Durability::kFsync ? "fsync" : "memory",
      .configuration = FormatConfig(config),
      .sites = load.site
                   ? std::vector{config.ways->matrix().sites()[*load.site]}
                   : SiteNames(config),
      .workload = load.workload,
      .seed = load.seed,
      .clients = load.clients,
      .pipeline = load.pipeline,
      .connections = load.connections,
      .rate = load.rate,
      .arrivals =
          load.arrivals == ArrivalKind::kPoisson ? "poisson" : "uniform",
      .warmup_s = load.warmup_s,
      .interrupted_by =
          outcome.interrupted_by == 0 ? "" : SignalName(outcome.interrupted_by),
      .submitted = outcome.submitted,
      .answered = outcome.answered,
      .retried = outcome.retried,
      .reconnects = outcome.reconnects,
      .offered = outcome.offered,
      .unsent = outcome.unsent,
      .errors = outcome.errors,
      .punctuality = outcome.punctuality,
      .client_cpu_s = outcome.client_cpu_s,
      .machine_cpu = outcome.machine_cpu,
      .state_hash_note = StateNote(outcome)};
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    facts.nodes.push_back({.name = config.nodes[i].name,
                           .address = ToString(config.nodes[i].client),
                           .site = config.nodes[i].site,
                           .up = outcome.up[i],
                           .before = outcome.before[i],
                           .after = outcome.after[i]});
  }
  if (config.ways != nullptr) {
    facts.wan = {.matrix = config.wan.matrix,
                 .csv = config.ways->matrix().ToCsv(),
                 .jitter = config.wan.jitter,
                 .bandwidth_mbit = config.wan.bandwidth_mbit,
                 .seed = config.wan.seed,
                 .client_site = load.site ? facts.sites[0] : "",
                 .client_lateness = outcome.lateness};
  }
  if (load.operations == 0) facts.planned_s = load.duration_s;
  if (outcome.agreement == Agreement::kEqual ||
      outcome.agreement == Agreement::kDifferent) {
    facts.state_hash_equal = outcome.agreement == Agreement::kEqual;
  }
  facts.no_quorum = StandingOf(config, outcome.up).lack;
  return facts;
}

// Small enough to be typed again, and to be kept by programs whose numbers are
// doubles.
std::uint64_t DrawSeed() {
  std::random_device device;
  return std::uint64_t{device()} + 1;
}

// Opened before the run: that it cannot be written is better known at once.
// Without --out the result gets a folder that no other run has.
absl::StatusOr<OutputFile> OpenResult(const BenchOptions& options) {
  if (!options.out.empty()) {
    return OutputFile::Open("result", options.out, options.force);
  }
  const absl::StatusOr<std::string> folder =
      NewFolder(FormatTime("out/bench-%Y%m%d-%H%M%S", false));
  if (!folder.ok()) return folder.status();
  return OutputFile::Open("result", *folder + "/result.json", false);
}

// What no result came of leaves no folder either.
void RemoveEmptyFolderOf(OutputFile file) {
  const auto folder = std::filesystem::path(file.path()).parent_path();
  { const OutputFile discarded = std::move(file); }
  std::error_code ignored;
  std::filesystem::remove(folder, ignored);
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded: return kNoAnswer;
    case absl::StatusCode::kAlreadyExists: return kWrongUsage;
    case absl::StatusCode::kCancelled: {
      const auto signal = status.GetPayload(kSignalPayload);
      return kSignalled + std::atoi(std::string(*signal).c_str());
    }
    default: return kFailed;
  }
}

void Print(const Json& result, const std::string& path, bool saved,
           const LoadOutcome& outcome, const BenchOptions& options) {
  if (options.json) {
    fmt::print("{}\n",
               result.dump(1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  fmt::print("\n{}", FormatResult(result));
  if (saved) fmt::print("saved     {}\n", path);
  if (!options.history_path.empty() && outcome.history.ok()) {
    fmt::print("history   {}\n", outcome.history_path);
  }
  fmt::print("\n{}", DrawLatencyCdf(result, DetectTerminalStyle()));
  if (!saved) return;
  fmt::print("\npictures: quorate report {} --out {}\n", path,
             std::filesystem::path(path).parent_path().string().empty()
                 ? "."
                 : std::filesystem::path(path).parent_path().string());
}

}  // namespace

int BenchMain(int argc, const char* const* argv) {
  const ParsedCommandLine parsed = ParseCommandLine(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  const BenchOptions& options = *parsed.options;
  const absl::StatusOr<ClusterConfig> config = LoadConfig(options.config_path);
  if (!config.ok()) return Fail(config.status(), kWrongUsage);
  const auto workload = ChooseWorkload(options);
  if (!workload.ok()) return Fail(workload.status(), kWrongUsage);
  const auto load = MakeLoadOptions(options, *workload, *config, DrawSeed());
  if (!load.ok()) return Fail(load.status(), kWrongUsage);
  absl::StatusOr<OutputFile> file = OpenResult(options);
  if (!file.ok()) return Fail(file.status(), ExitCodeOf(file.status()));

  const std::string started_at = FormatTime("%Y-%m-%dT%H:%M:%SZ", true);
  const absl::StatusOr<LoadOutcome> outcome = RunLoad(*load);
  if (!outcome.ok()) {
    if (options.out.empty()) RemoveEmptyFolderOf(*std::move(file));
    return Fail(outcome.status(), ExitCodeOf(outcome.status()));
  }
  RunFacts facts = GatherFacts(*load, *config, *outcome);
  facts.started_at = started_at;
  facts.command_line = CommandLine(argc, argv);
  const Json result = MakeResult(facts, outcome->recorder);
  const absl::Status saved = WriteResult(result, *file);
  Print(result, file->path(), saved.ok(), *outcome, options);
  if (!saved.ok() && options.out.empty()) RemoveEmptyFolderOf(*std::move(file));
  int exit_code = kDone;
  for (const absl::Status& written : {saved, outcome->history}) {
    if (!written.ok()) exit_code = Fail(written, kFailed);
  }
  if (exit_code != kDone) return exit_code;
  if (facts.state_hash_equal == false) {
    return Fail(absl::InternalError(
                    "the replicas' states differ; this is a bug: keep the "
                    "nodes' directories and report it"),
                kFailed);
  }
  if (outcome->interrupted_by != 0) return kSignalled + outcome->interrupted_by;
  return outcome->answered > 0 ? kDone : kNoAnswer;
}

}  // namespace quorate::bench
