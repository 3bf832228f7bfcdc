#include "experiments/bench/bench_main.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>

#include "experiments/bench/bench_options.h"
#include "experiments/bench/load_generator.h"
#include "experiments/bench/result.h"
#include "experiments/plot/result_text.h"
#include "experiments/plot/terminal_plot.h"
#include "fmt/format.h"

namespace quorate::bench {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kNoAnswer = 3;

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
    return nodes + " answer, but they had not come to rest within 10 s";
  }
  return nodes;
}

RunFacts GatherFacts(const LoadOptions& load, const ClusterConfig& config,
                     const LoadOutcome& outcome) {
  RunFacts facts{.protocol = std::string(Name(config.settings.protocol)),
                 .durability = config.durability == Durability::kFsync
                                   ? "fsync"
                                   : "memory",
                 .configuration = FormatConfig(config),
                 .sites = SiteNames(config),
                 .workload = load.workload,
                 .seed = load.seed,
                 .clients = load.clients,
                 .pipeline = load.pipeline,
                 .connections = load.connections,
                 .rate = load.rate,
                 .arrivals = load.arrivals == ArrivalKind::kPoisson ? "poisson"
                                                                    : "uniform",
                 .warmup_s = load.warmup_s,
                 .submitted = outcome.submitted,
                 .answered = outcome.answered,
                 .retried = outcome.retried,
                 .reconnects = outcome.reconnects,
                 .offered = outcome.offered,
                 .unsent = outcome.unsent,
                 .errors = outcome.errors,
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
  if (outcome.agreement != Agreement::kNotAtRest) {
    facts.state_hash_equal = outcome.agreement == Agreement::kEqual;
  }
  return facts;
}

absl::Status Save(const Json& result, const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(fmt::format(
        "cannot create \"{}\": {}", folder.string(), error.message()));
  }
  return WriteResult(result, path);
}

void Print(const Json& result, const std::string& path,
           const BenchOptions& options) {
  if (options.json) {
    fmt::print("{}\n",
               result.dump(1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  fmt::print("\n{}", FormatResult(result));
  fmt::print("saved     {}\n", path);
  if (!options.history_path.empty()) {
    fmt::print("history   {}\n", options.history_path);
  }
  fmt::print("\n{}", DrawLatencyCdf(result, DetectTerminalStyle()));
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
  const auto load = MakeLoadOptions(options, *workload, *config);
  if (!load.ok()) return Fail(load.status(), kWrongUsage);

  const std::string started_at = FormatTime("%Y-%m-%dT%H:%M:%SZ", true);
  const std::string path =
      options.out.empty()
          ? FormatTime("out/bench-%Y%m%d-%H%M%S/result.json", false)
          : options.out;
  const absl::StatusOr<LoadOutcome> outcome = RunLoad(*load);
  if (!outcome.ok()) {
    return Fail(outcome.status(),
                absl::IsUnavailable(outcome.status()) ||
                        absl::IsDeadlineExceeded(outcome.status())
                    ? kNoAnswer
                    : kFailed);
  }
  RunFacts facts = GatherFacts(*load, *config, *outcome);
  facts.started_at = started_at;
  facts.command_line = CommandLine(argc, argv);
  const Json result = MakeResult(facts, outcome->recorder);
  const absl::Status saved = Save(result, path);
  Print(result, path, options);
  if (!saved.ok()) return Fail(saved, kFailed);
  if (facts.state_hash_equal == false) {
    return Fail(absl::InternalError(
                    "the replicas' states differ; this is a bug: keep the "
                    "nodes' directories and report it"),
                kFailed);
  }
  return outcome->answered > 0 ? kDone : kNoAnswer;
}

}  // namespace quorate::bench
