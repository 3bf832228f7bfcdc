#include "experiments/bench/bench_options.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "replica/config/node_names.h"
#include "replica/config/setting_table.h"
#include "replica/system/strict_numbers.h"
#include "replica/system/user_file.h"

namespace quorate::bench {
namespace {

constexpr std::size_t kMostConnections = 8;
constexpr std::size_t kOpenLoopClients = 256;
constexpr double kLongestS = 1e6;  // which is as good as for ever
constexpr double kLeastRate = 0.001;
constexpr double kMostRate = 1e9;
// Of keys and values that a preload may leave in every node unasked.
constexpr double kLargestPreload = 4.0 * (1 << 30);
constexpr std::size_t kMostWorkloadBytes = std::size_t{1} << 20;

constexpr const char* kExamples = R"(
Examples:
  quorate bench --config cluster.toml --clients 64
      64 clients, one command outstanding each, 10 seconds
  quorate bench --config cluster.toml --rate 20000 --duration 30
      20,000 commands a second whatever happens; latency counts from the moment
      each command was due
  quorate bench --config cluster.toml --clients 120 --pipeline 100 --conflict 2
      throughput with 2 % of the commands on one hot key
  quorate bench --config cluster.toml --workload b --clients 64
      YCSB's workload B: 95 % reads, skewed keys
  quorate bench --config cluster.toml --operations 10000 --zipf 0.99 --keys 20
      --reads 40 --cas 10 --history h.jsonl --key-prefix "$RANDOM."
      a history for quorate-lincheck

Several at once: every run draws a seed of its own, and its clients use keys of
its own beside the hot or shared ones. With --seed give each another one: equal
seeds mean equal keys.

Ctrl-C ends the window early and saves what was measured; before the window there
is nothing to save. A second one ends at once.

Exit codes: 0 done, 1 replicas disagree, the preload was refused, nothing was left
to measure or a file cannot be written, 2 wrong usage, 3 no node answered, 130 or
143 ended by SIGINT or SIGTERM.)";

void AddWorkloadFlags(CLI::App& app, BenchOptions& options) {
  const char* group = "Workload";
  app.add_option("--workload", options.workload,
                 "YCSB mix a..f, or a TOML file with the names of these flags")
      ->group(group);
  app.add_option("--conflict", options.conflict,
                 "percent of commands on one hot key that all clients share; "
                 "the others go to keys of the client's own (default: 0)")
      ->group(group);
  app.add_option("--zipf", options.zipf,
                 "shared keys, skewed by this exponent (0: uniform)")
      ->group(group);
  for (const OperationKind kind : kClientOperations) {
    const OperationRow& row = RowOf(kind);
    if (row.share.empty()) continue;
    app.add_option(fmt::format("--{}", row.share),
                   options.mix[static_cast<std::size_t>(kind)],
                   fmt::format("percent of operations \"{}\"", row.word))
        ->group(group);
  }
  app.add_option("--value-size", options.value_size, "bytes (default: 16)")
      ->group(group);
  app.add_option("--keys", options.keys, "number of keys (default: 100000)")
      ->group(group);
  app.add_option("--key-prefix", options.key_prefix,
                 "put before every key; a new one gives unused keys")
      ->group(group);
  app.add_flag_function(
         "--preload,!--no-preload",
         [&](std::int64_t given) { options.preload = given > 0; },
         "put every key once before the run, or do not (default: if it "
         "reads and keeps no history)")
      ->group(group);
  app.add_option(
         "--seed", options.seed,
         "of keys, mix and arrivals: repeats a run (default: drawn, and "
         "named in the result)")
      ->group(group);
}

void AddLoadFlags(CLI::App& app, BenchOptions& options) {
  const char* group = "Load";
  app.add_option("--clients", options.clients,
                 "client sessions (default: 64; with --rate 256)")
      ->check(CLI::Range(1, 1'000'000))
      ->group(group);
  app.add_option("--pipeline", options.pipeline,
                 "commands each client keeps outstanding")
      ->check(CLI::Range(1, 16 * 1024))
      ->capture_default_str()
      ->group(group);
  app.add_option("--rate", options.rate,
                 "open loop: commands a second, all clients together")
      ->check(Between(kLeastRate, kMostRate))
      ->group(group);
  app.add_option("--arrivals", options.arrivals,
                 "of the open loop: poisson or uniform")
      ->check(CLI::IsMember({"poisson", "uniform"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--connections", options.connections,
                 "that the clients share (default: at most 8, as many to every "
                 "node)")
      ->check(CLI::Range(1, 10'000))
      ->group(group);
  app.add_option("--give-up-ms", options.give_up_ms,
                 "a command that is unanswered for so long is given up, and "
                 "withdrawn before its session goes on")
      ->check(CLI::Range(1, 600'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--duration", options.duration_s,
                 "seconds that are measured (default: 10; with --operations "
                 "until they are done)")
      ->check(Between(kShortestWindowS, kLongestS))
      ->group(group);
  app.add_option("--warmup", options.warmup_s,
                 "seconds before that (default: 2; with --operations 0)")
      ->check(Between(0, kLongestS))
      ->group(group);
  app.add_option("--operations,--op-limit", options.operations,
                 "end after so many commands")
      ->group(group);
}

void AddResultFlags(CLI::App& app, BenchOptions& options) {
  const char* group = "Results";
  app.add_option("--out", options.out,
                 "result file (default: out/bench-<time>/result.json)")
      ->group(group);
  app.add_option("--history", options.history_path,
                 "every operation, one JSON object a line")
      ->group(group);
  app.add_option("--timeline-ms", options.timeline_ms,
                 "length of an interval of the timeline")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--force", options.force,
               "replace a result and a history that are there already")
      ->group(group);
  app.add_flag("--json", options.json, "print the result as JSON")
      ->group(group);
  app.add_flag("--quiet", options.quiet, "no line a second on stderr")
      ->group(group);
}

absl::StatusOr<WorkloadSpec> ReadWorkloadFile(const std::string& path) {
  const absl::StatusOr<std::string> text =
      ReadUserFile(path, kMostWorkloadBytes);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--workload {}: neither one of a..f nor a file that can be "
                    "read: {}",
                    path, std::string(text.status().message())));
  }
  return ParseWorkload(*text, path);
}

template <typename Value>
void Override(const std::optional<Value>& from, Value& to) {
  if (from) to = *from;
}

// As many connections to every node as fit.
std::size_t DefaultConnections(std::size_t clients, std::size_t nodes,
                               bool one_node) {
  const std::size_t step = one_node ? 1 : nodes;
  const std::size_t most =
      std::max(step, kMostConnections - kMostConnections % step);
  return std::min(clients, most);
}

// What would silently be another load than the one that is asked for.
absl::Status CheckLoad(const LoadOptions& load) {
  if (load.connections > load.clients) {
    return absl::InvalidArgumentError(fmt::format(
        "--connections {}: a client uses one connection, and there are {} "
        "clients; give at most as many",
        load.connections, load.clients));
  }
  if (load.workload.distribution != KeyChoice::kConflict) {
    return absl::OkStatus();
  }
  const std::uint64_t own = OwnKeys(load.workload.keys, load.clients,
                                    KeysInTurn(load.rate, load.pipeline));
  if (own <= (kMostKeys - 1) / load.clients) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{} clients with {} keys of their own each need more than the {} keys "
      "that there are; take fewer --clients or a smaller --pipeline",
      load.clients, own, kMostKeys));
}

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv) {
  CLI::App app("Loads a cluster and measures what its clients see",
               "quorate bench");
  app.footer(kExamples);
  app.get_formatter()->column_width(34);
  BenchOptions options;
  app.add_option("--config", options.config_path, "the cluster's cluster.toml")
      ->required();
  app.add_option("--node", options.node,
                 "connect to this node first, not to all in turn");
  app.add_option(
      "--site", options.site,
      "where all clients are, a site of the [wan] matrix; they begin "
      "at the nearest node (default: beside each node)");
  AddWorkloadFlags(app, options);
  AddLoadFlags(app, options);
  AddResultFlags(app, options);
  UseStrictArguments(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return {.exit_code = code == 0 ? 0 : kWrongUsage};
  }
  return {.options = std::move(options)};
}

absl::StatusOr<WorkloadSpec> ChooseWorkload(const BenchOptions& options) {
  WorkloadSpec spec;
  if (const auto preset = FindPreset(options.workload)) {
    spec = *preset;
  } else if (!options.workload.empty()) {
    auto read = ReadWorkloadFile(options.workload);
    if (!read.ok()) return read.status();
    spec = *std::move(read);
  }
  if (options.conflict && options.zipf) {
    return absl::InvalidArgumentError(
        "--conflict and --zipf are two ways to choose keys; give one of them");
  }
  if (options.conflict) {
    spec.distribution = KeyChoice::kConflict;
    spec.conflict = *options.conflict;
  }
  if (options.zipf) {
    if (spec.distribution != KeyChoice::kLatest) {
      spec.distribution = KeyChoice::kZipf;
    }
    spec.zipf = *options.zipf;
    if (options.workload.empty()) spec.name = "zipf";
  }
  for (const OperationKind kind : kClientOperations) {
    Override(options.mix[static_cast<std::size_t>(kind)], spec.mix[kind]);
  }
  Override(options.value_size, spec.value_size);
  Override(options.keys, spec.keys);
  spec.key_prefix = options.key_prefix;
  if (options.preload) spec.preload = options.preload;
  if (!options.history_path.empty()) {
    // Checkers take a key that the history has not written as empty.
    if (options.preload == true) {
      return absl::InvalidArgumentError(
          "--preload and --history: the history would not have the puts of the "
          "preload, and no checker could explain what is read; give one of "
          "them");
    }
    spec.preload = false;
  }
  const absl::Status valid = Validate(spec);
  if (!valid.ok()) return valid;
  const double bytes = static_cast<double>(spec.keys) *
                       static_cast<double>(spec.value_size + kKeyBytes);
  if (!options.preload && spec.preloads() && bytes > kLargestPreload) {
    return absl::InvalidArgumentError(fmt::format(
        "the preload of {} keys would leave {:.1f} GiB in every node; take "
        "fewer --keys or a smaller --value-size, or say --preload or "
        "--no-preload",
        spec.keys, bytes / (1 << 30)));
  }
  return spec;
}

namespace {

// At one site, nearest to a node that takes commands.
absl::Status PlaceClients(const std::string& name, const ClusterConfig& config,
                          LoadOptions& load) {
  if (config.ways == nullptr) {
    return absl::InvalidArgumentError(fmt::format(
        "--site {}: the configuration has no distances; give it a [wan] table "
        "with a matrix, and each node a site",
        name));
  }
  const absl::StatusOr<std::size_t> site = config.ways->FindSite(name);
  if (!site.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("--site: {}", std::string(site.status().message())));
  }
  load.site = *site;
  load.sites = 1;
  std::ranges::fill(load.site_of_node, 0);
  if (load.only_node) return absl::OkStatus();
  const wan::RegionMatrix& matrix = config.ways->matrix();
  load.only_node =
      *std::ranges::min_element(load.leaders, {}, [&](std::size_t node) {
        return matrix.RoundTripNs(*site, config.ways->SiteOf(node));
      });
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> SiteNames(const ClusterConfig& config) {
  std::vector<std::string> names;
  for (const NodeConfig& node : config.nodes) {
    const std::string& name = node.site.empty() ? node.name : node.site;
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

absl::StatusOr<LoadOptions> MakeLoadOptions(const BenchOptions& options,
                                            const WorkloadSpec& workload,
                                            const ClusterConfig& config,
                                            std::uint64_t seed) {
  LoadOptions load{.client = OptionsFor(config),
                   .ways = config.ways,
                   .workload = workload,
                   .seed = options.seed.value_or(seed),
                   .pipeline = options.rate ? 1 : options.pipeline,
                   .rate = options.rate,
                   .arrivals = options.arrivals == "uniform"
                                   ? ArrivalKind::kUniform
                                   : ArrivalKind::kPoisson,
                   .operations = options.operations,
                   .timeline_ms = options.timeline_ms,
                   .history_path = options.history_path,
                   .force = options.force,
                   .progress = !options.quiet};
  load.client.give_up_timeout_ms = options.give_up_ms;
  const std::vector<std::string> sites = SiteNames(config);
  load.sites = sites.size();
  for (const NodeConfig& node : config.nodes) {
    const std::string& site = node.site.empty() ? node.name : node.site;
    load.site_of_node.push_back(static_cast<std::size_t>(
        std::ranges::find(sites, site) - sites.begin()));
  }
  if (!options.node.empty()) {
    load.only_node = config.FindNode(options.node);
    if (!load.only_node) {
      return absl::InvalidArgumentError(
          fmt::format("--node: config \"{}\": {}", options.config_path,
                      NoSuchNode(config, options.node)));
    }
    if (!config.TakesCommands(*load.only_node)) {
      return absl::InvalidArgumentError(fmt::format(
          "--node {}: it lacks the role \"leader\"; choose a node that has it",
          options.node));
    }
  }
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (config.TakesCommands(i)) load.leaders.push_back(i);
  }
  if (!options.site.empty()) {
    const absl::Status placed = PlaceClients(options.site, config, load);
    if (!placed.ok()) return placed;
  }
  const bool bounded = options.operations > 0;
  load.clients = options.clients.value_or(options.rate ? kOpenLoopClients : 64);
  load.connections = options.connections.value_or(DefaultConnections(
      load.clients, load.leaders.size(), load.only_node.has_value()));
  const absl::Status feasible = CheckLoad(load);
  if (!feasible.ok()) return feasible;
  load.duration_s = options.duration_s.value_or(bounded ? kLongestS : 10);
  load.warmup_s = options.warmup_s.value_or(bounded ? 0 : 2);
  return load;
}

}  // namespace quorate::bench
