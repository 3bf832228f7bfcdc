#include "experiments/bench/result.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "experiments/bench/build_info.h"
#include "experiments/bench/rules.h"

namespace quorate::bench {
namespace {

// Shares from which on something counts as used up. One event loop cannot be
// busy for more than a core; on a full machine nobody gets what he asks for.
constexpr double kFullCore = 0.85;
constexpr double kFullMachine = 0.90;
constexpr double kFullDisk = 0.60;
// Longer than any node takes to be missed and replaced.
constexpr double kStallS = 0.5;
// Of a full machine, the part that must be ours to call it our own doing.
constexpr double kOwnShare = 0.70;
// Below this share of the offered rate an open loop is overloaded.
constexpr double kServedShare = 0.97;

Json OrNull(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

double Milliseconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-6;
}

// Of nothing nothing is known: 0 would be the best there is.
Json Latency(const Histogram& histogram) {
  if (histogram.count() == 0) {
    return {{"p50", nullptr}, {"p90", nullptr},  {"p95", nullptr},
            {"p99", nullptr}, {"p999", nullptr}, {"p9999", nullptr},
            {"max", nullptr}, {"mean", nullptr}, {"count", 0}};
  }
  return {{"p50", Milliseconds(histogram.Quantile(0.50))},
          {"p90", Milliseconds(histogram.Quantile(0.90))},
          {"p95", Milliseconds(histogram.Quantile(0.95))},
          {"p99", Milliseconds(histogram.Quantile(0.99))},
          {"p999", Milliseconds(histogram.Quantile(0.999))},
          {"p9999", Milliseconds(histogram.Quantile(0.9999))},
          {"max", Milliseconds(histogram.max())},
          {"mean", histogram.Mean() * 1e-6},
          {"count", histogram.count()}};
}

Json Latencies(const SiteLatency& site) {
  return {{"commit", Latency(site.commit)},
          {"execute", Latency(rules::ExecutionOf(site))}};
}

// [lowest, highest, count] a bucket, in nanoseconds.
Json Buckets(const Histogram& histogram) {
  Json buckets = Json::array();
  for (const Histogram::Bucket& bucket : histogram.Buckets()) {
    buckets.push_back({bucket.lowest, bucket.highest, bucket.count});
  }
  return buckets;
}

Json Histograms(const SiteLatency& site) {
  return {{"commit", Buckets(site.commit)}, {"execute", Buckets(site.execute)}};
}

Json Timeline(const RunFacts& facts, const Recorder& recorder) {
  Json points = Json::array();
  const std::int64_t start_ns = recorder.window().start_ns;
  for (const TimelinePoint& point : recorder.timeline()) {
    points.push_back(
        {{"at_s", point.at_s},
         {"ops_s", static_cast<double>(point.answers) / point.length_s},
         {"p50_ms",
          point.answers == 0 ? Json() : Json(Milliseconds(point.p50_ns))},
         {"p99_ms",
          point.answers == 0 ? Json() : Json(Milliseconds(point.p99_ns))},
         {"errors", point.errors}});
    if (!facts.punctuality) continue;
    // Not the cluster's doing: how much of the interval the generator missed.
    const auto from_ns = start_ns + static_cast<std::int64_t>(point.at_s * 1e9);
    const std::int64_t paused_ns = facts.punctuality->PausedBetween(
        from_ns, from_ns + static_cast<std::int64_t>(point.length_s * 1e9));
    points.back()["generator_paused_ms"] =
        static_cast<double>(paused_ns) * 1e-6;
  }
  return points;
}

// What the operations of each kind found.
Json Operations(const Recorder& recorder) {
  Json kinds = Json::object();
  for (const OperationKind kind : kClientOperations) {
    const OperationCount& count = recorder.operations(kind);
    if (count.done == 0) continue;
    kinds[std::string(Name(kind))] = {{"done", count.done},
                                      {"missed", count.missed}};
  }
  return kinds;
}

// Of the operations that look for something, the part that did not find it.
Json MissShare(const Recorder& recorder) {
  double done = 0;
  double missed = 0;
  for (const OperationKind kind : kClientOperations) {
    const OperationRow& row = RowOf(kind);
    const bool looks =
        row.fails == OperationStatus::kNotFound || row.gives == Gives::kRows;
    if (!looks) continue;
    done += static_cast<double>(recorder.operations(kind).done);
    missed += static_cast<double>(recorder.operations(kind).missed);
  }
  return done > 0 ? Json(missed / done) : Json(nullptr);
}

// How punctual the load generator itself was; null if it does not tell.
Json Generator(const RunFacts& facts, const Recorder& recorder, bool late) {
  if (!facts.punctuality) return nullptr;
  const Punctuality& own = *facts.punctuality;
  const std::int64_t start_ns = recorder.window().start_ns;
  const std::int64_t silence_ns = recorder.silence_start_ns();
  Json pauses = Json::array();
  std::int64_t longest_ns = 0;
  for (const Punctuality::Pause& pause : own.pauses()) {
    longest_ns = std::max(longest_ns, pause.to_ns - pause.from_ns);
    pauses.push_back(
        {{"at_s", static_cast<double>(pause.from_ns - start_ns) * 1e-9},
         {"length_s",
          static_cast<double>(pause.to_ns - pause.from_ns) * 1e-9}});
  }
  return {{"late", late},
          {"lateness_ms", facts.rate ? Latency(own.lateness()) : Json(nullptr)},
          {"lateness_histogram_ns", Buckets(own.lateness())},
          {"turn_late_ms", Latency(own.turns())},
          {"pause_count", own.pause_count()},
          {"paused_ms", static_cast<double>(own.paused_ns()) * 1e-6},
          {"longest_pause_ms", static_cast<double>(longest_ns) * 1e-6},
          {"pauses", std::move(pauses)},
          {"longest_silence_paused_ms",
           static_cast<double>(own.PausedBetween(
               silence_ns, silence_ns + recorder.longest_silence_ns())) *
               1e-6}};
}

// How much a counter of a node grew. A node that was restarted meanwhile counts
// from 0 again.
std::optional<double> Growth(const std::optional<double>& before,
                             const std::optional<double>& after) {
  if (!after) return std::nullopt;
  const double from = before.value_or(0);
  return *after >= from ? *after - from : *after;
}

template <typename Number>
std::optional<double> Growth(const NodeReport& node,
                             std::optional<Number> NodeStatus::*counter) {
  const auto read =
      [&](const std::optional<NodeStatus>& status) -> std::optional<double> {
    if (!status || !((*status).*counter)) return std::nullopt;
    return static_cast<double>(*((*status).*counter));
  };
  return Growth(read(node.before), read(node.after));
}

std::optional<double> CpuGrowth(const NodeReport& node) {
  return node.cpu_s ? node.cpu_s : Growth(node, &NodeStatus::cpu_s);
}

std::optional<double> Times(const std::optional<double>& value, double factor) {
  if (!value) return std::nullopt;
  return *value * factor;
}

// Commit counters as far as the nodes tell; null if none does.
Json FastPathShare(const RunFacts& facts) {
  double fast = 0;
  double all = 0;
  for (const NodeReport& node : facts.nodes) {
    const auto node_fast = Growth(node, &NodeStatus::fast_commits);
    const auto node_slow = Growth(node, &NodeStatus::slow_commits);
    fast += node_fast.value_or(0);
    all += node_fast.value_or(0) + node_slow.value_or(0);
  }
  return all > 0 ? Json(fast / all) : Json(nullptr);
}

Json LargestComponent(const RunFacts& facts) {
  Json largest = nullptr;
  for (const NodeReport& node : facts.nodes) {
    if (!node.after || !node.after->largest_component) continue;
    const std::uint64_t here = *node.after->largest_component;
    if (largest.is_null() || here > largest.get<std::uint64_t>()) {
      largest = here;
    }
  }
  return largest;
}

std::string RolesOf(const NodeReport& node) {
  const auto& status = node.after ? node.after : node.before;
  return status ? status->roles : "";
}

std::string PartOf(const NodeReport& node) {
  const auto& status = node.after ? node.after : node.before;
  return status ? status->part : "";
}

// What a command costs at all nodes that do the same jobs.
Json CostByRole(const RunFacts& facts, double per_command) {
  struct Cost {
    int nodes = 0;
    std::set<std::string> parts;
    double cpu_us = 0;
    double busiest_cpu_us = 0;
    double messages = 0;
  };
  std::map<std::string, Cost> roles;
  for (const NodeReport& node : facts.nodes) {
    Cost& cost = roles[RolesOf(node)];
    const double cpu_us = 1e6 * CpuGrowth(node).value_or(0) * per_command;
    ++cost.nodes;
    cost.parts.insert(PartOf(node));
    cost.cpu_us += cpu_us;
    cost.busiest_cpu_us = std::max(cost.busiest_cpu_us, cpu_us);
    cost.messages +=
        Growth(node, &NodeStatus::messages_sent).value_or(0) * per_command;
  }
  Json costs = Json::object();
  for (const auto& [role, cost] : roles) {
    costs[role] = {{"nodes", cost.nodes},
                   {"parts", cost.parts.size()},
                   {"cpu_us_per_command", cost.cpu_us},
                   {"busiest_node_cpu_us_per_command", cost.busiest_cpu_us},
                   {"messages_per_command", cost.messages}};
  }
  return costs;
}

// The roles of the node that used most CPU, and its part of them.
std::string LimitingRole(const RunFacts& facts) {
  const NodeReport* busiest = nullptr;
  for (const NodeReport& node : facts.nodes) {
    if (busiest == nullptr ||
        CpuGrowth(node).value_or(0) > CpuGrowth(*busiest).value_or(0)) {
      busiest = &node;
    }
  }
  if (busiest == nullptr) return "";
  const std::string part = PartOf(*busiest);
  return RolesOf(*busiest) + (part.empty() ? "" : ", " + part);
}

Json NodeDetails(const RunFacts& facts, double window_s, double per_command) {
  Json details = Json::array();
  for (const NodeReport& node : facts.nodes) {
    const auto cpu = CpuGrowth(node);
    const auto fsync = Growth(node, &NodeStatus::fsync_s);
    details.push_back(
        {{"name", node.name},
         {"address", node.address},
         {"site", node.site},
         {"up", node.up},
         {"roles", RolesOf(node)},
         {"part", PartOf(node)},
         {"cpu_us_per_command", OrNull(Times(cpu, 1e6 * per_command))},
         {"cpu_cores", OrNull(Times(cpu, 1 / window_s))},
         {"messages_per_command",
          OrNull(Times(Growth(node, &NodeStatus::messages_sent), per_command))},
         {"fsync_share", OrNull(Times(fsync, 1 / window_s))},
         {"fast_commits", OrNull(Growth(node, &NodeStatus::fast_commits))},
         {"slow_commits", OrNull(Growth(node, &NodeStatus::slow_commits))}});
  }
  return details;
}

LoadShares MeasureShares(const RunFacts& facts, double window_s,
                         bool overloaded) {
  LoadShares shares{.client_cores = facts.client_cpu_s / window_s,
                    .overloaded = overloaded,
                    .open_loop = facts.rate.has_value()};
  if (facts.machine_cpu.total_s > 0) {
    shares.machine_busy = facts.machine_cpu.busy_s / facts.machine_cpu.total_s;
    shares.machine_cores = facts.machine_cpu.total_s / window_s;
  }
  for (const NodeReport& node : facts.nodes) {
    const double cores = CpuGrowth(node).value_or(0) / window_s;
    shares.all_nodes_cores += cores;
    shares.busiest_node_cores = std::max(shares.busiest_node_cores, cores);
    shares.busiest_fsync =
        std::max(shares.busiest_fsync,
                 Growth(node, &NodeStatus::fsync_s).value_or(0) / window_s);
  }
  return shares;
}

Json Workload(const WorkloadSpec& spec) {
  Json json = {{"name", spec.name},
               {"description", Describe(spec)},
               {"distribution", Name(spec.distribution)},
               {"conflict", spec.conflict},
               {"zipf", spec.zipf},
               {"puts", spec.puts()}};
  for (const OperationKind kind : kClientOperations) {
    const std::string_view share = RowOf(kind).share;
    if (!share.empty()) json[std::string(share)] = spec.mix[kind];
  }
  json.update({{"inserts", spec.inserts},
               {"read_modify_writes", spec.read_modify_writes},
               {"value_size", spec.value_size},
               {"keys", spec.keys},
               {"preload", spec.preloads()}});
  return json;
}

Json Machine(const RunFacts& facts) {
  const MachineInfo machine = ReadMachineInfo();
  Json busy = nullptr;
  if (facts.machine_cpu.total_s > 0) {
    busy = facts.machine_cpu.busy_s / facts.machine_cpu.total_s;
  }
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"kernel", machine.kernel},
          {"busy", busy}};
}

Json Build() {
  return {{"version", kBuildInfo.version},
          {"source", kBuildInfo.source},
          {"type", kBuildInfo.type},
          {"compiler", kBuildInfo.compiler}};
}

// How late what was due left: 0.2 means that a delay of 50 ms took 50.2.
Json Late(std::optional<double> p50_us, std::optional<double> p99_us,
          std::optional<double> max_us) {
  return {{"p50", OrNull(Times(p50_us, 1e-3))},
          {"p99", OrNull(Times(p99_us, 1e-3))},
          {"max", OrNull(Times(max_us, 1e-3))}};
}

Json Wan(const RunFacts& facts) {
  const WanReport& wan = *facts.wan;
  const Lateness& late = wan.client_lateness;
  constexpr double kUs = 1e-3;
  Json nodes = Json::object();
  for (const NodeReport& node : facts.nodes) {
    if (!node.after) continue;
    nodes[node.name] = Late(node.after->late_p50_us, node.after->late_p99_us,
                            node.after->late_max_us);
  }
  return {{"matrix", wan.matrix},
          {"csv", wan.csv},
          {"jitter", wan.jitter},
          {"bandwidth_mbit", wan.bandwidth_mbit},
          {"seed", wan.seed},
          {"client_site",
           wan.client_site.empty() ? Json(nullptr) : Json(wan.client_site)},
          {"late_ms",
           {{"clients", Late(kUs * static_cast<double>(late.QuantileNs(0.5)),
                             kUs * static_cast<double>(late.QuantileNs(0.99)),
                             kUs * static_cast<double>(late.most_ns()))},
            {"nodes", std::move(nodes)}}}};
}

void AddSetting(const RunFacts& facts, const Recorder& recorder, Json& result) {
  const bool conflicts = facts.workload.distribution == KeyChoice::kConflict;
  result["schema"] = 1;
  result["system"] = facts.system;
  result["protocol"] = facts.protocol;
  result["nodes"] = facts.nodes.size();
  result["durability"] = facts.durability;
  result["clients"] = facts.clients;
  result["pipeline"] = facts.pipeline;
  result["connections"] = facts.connections;
  result["rate"] = OrNull(facts.rate);
  result["arrivals"] = facts.rate ? Json(facts.arrivals) : Json(nullptr);
  result["seed"] = facts.seed;
  result["workload"] = facts.workload.name;
  result["conflict"] =
      conflicts ? Json(facts.workload.conflict) : Json(nullptr);
  result["duration_s"] = recorder.window_s();
  result["planned_duration_s"] = OrNull(facts.planned_s);
  result["interrupted_by"] =
      facts.interrupted_by.empty() ? Json(nullptr) : Json(facts.interrupted_by);
  result["warmup_s"] = facts.warmup_s;
}

// Of the longest silence what the generator itself was there for.
double SilenceOfTheCluster(const RunFacts& facts, const Recorder& recorder) {
  const std::int64_t silence_ns = recorder.longest_silence_ns();
  const std::int64_t start_ns = recorder.silence_start_ns();
  const std::int64_t own_ns =
      facts.punctuality
          ? facts.punctuality->PausedBetween(start_ns, start_ns + silence_ns)
          : 0;
  return static_cast<double>(silence_ns - own_ns) * 1e-9;
}

void AddFigures(const RunFacts& facts, const Recorder& recorder, Json& result) {
  const double window_s = std::max(recorder.window_s(), 1e-9);
  const auto answers = static_cast<double>(recorder.answers());
  const double per_command = answers > 0 ? 1 / answers : 0;
  const double offered = static_cast<double>(facts.offered) / window_s;
  const bool overloaded =
      facts.rate && answers / window_s < kServedShare * offered;
  result["throughput_ops_s"] = answers / window_s;
  result["offered_ops_s"] = facts.rate ? Json(offered) : Json(nullptr);
  result["overloaded"] = overloaded;
  result["unsent"] = facts.unsent;
  result["errors"] = std::accumulate(
      facts.errors.begin(), facts.errors.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& kind) { return sum + kind.second; });
  result["errors_by_kind"] = facts.errors;
  result["submitted"] = facts.submitted;
  result["answered"] = facts.answered;
  result["retried"] = facts.retried;
  result["reconnects"] = facts.reconnects;
  result["operations"] = Operations(recorder);
  result["miss_share"] = MissShare(recorder);
  result["latency_ms"] = Latencies(recorder.AllSites());
  result["fast_path_share"] = FastPathShare(facts);
  result["largest_component"] = LargestComponent(facts);
  result["state_hash_equal"] =
      facts.state_hash_equal ? Json(*facts.state_hash_equal) : Json(nullptr);
  result["state_hash_note"] = facts.state_hash_note;
  result["longest_silence_ms"] =
      static_cast<double>(recorder.longest_silence_ns()) * 1e-6;
  LoadShares shares = MeasureShares(facts, window_s, overloaded);
  shares.generator_late =
      facts.punctuality &&
      GeneratorIsTheLimit(*facts.punctuality, recorder,
                          recorder.AllSites().execute.Quantile(0.99));
  result["generator"] = Generator(facts, recorder, shares.generator_late);
  shares.longest_silence_s = SilenceOfTheCluster(facts, recorder);
  shares.answered = recorder.answers() > 0;
  result["bottleneck"] = DecideBottleneck(shares);
  result["no_quorum"] =
      facts.no_quorum.empty() ? Json(nullptr) : Json(facts.no_quorum);
  result["cpu_us_per_command"] = {
      {"client", 1e6 * facts.client_cpu_s * per_command}};
  for (const NodeReport& node : facts.nodes) {
    result["cpu_us_per_command"][node.name] =
        OrNull(Times(CpuGrowth(node), 1e6 * per_command));
  }
  result["cost_by_role"] = CostByRole(facts, per_command);
  result["busiest_role"] = LimitingRole(facts);
  result["client_cores"] = shares.client_cores;
  result["node_details"] = NodeDetails(facts, window_s, per_command);
}

}  // namespace

Json MakeResult(const RunFacts& facts, const Recorder& recorder) {
  Json result;
  AddSetting(facts, recorder, result);
  AddFigures(facts, recorder, result);
  result["sites"] = Json::object();
  for (std::size_t i = 0; i < facts.sites.size(); ++i) {
    const SiteLatency& site = recorder.sites()[i];
    result["sites"][facts.sites[i]] = {{"latency_ms", Latencies(site)},
                                       {"histogram_ns", Histograms(site)}};
  }
  if (facts.wan) result["wan"] = Wan(facts);
  result["workload_settings"] = Workload(facts.workload);
  result["machine"] = Machine(facts);
  result["build"] = Build();
  result["started_at"] = facts.started_at;
  result["command_line"] = facts.command_line;
  result["configuration"] = facts.configuration;
  result["timeline"] = Timeline(facts, recorder);
  result["histogram_ns"] = Histograms(recorder.AllSites());
  return result;
}

absl::Status WriteResult(const Json& result, OutputFile& file) {
  // Text from a configuration may be no UTF-8; replace it rather than throw.
  file.Write(result.dump(1, ' ', false, Json::error_handler_t::replace));
  file.Write("\n");
  return file.Commit();
}

std::string_view DecideBottleneck(const LoadShares& shares) {
  if (!shares.answered) return "no answer";
  // A client that is out of CPU makes every other figure a statement about the
  // client.
  if (shares.client_cores >= kFullCore) return "client";
  // The same of a client that was not there when it should have been.
  if (shares.generator_late) return "client";
  const bool full = shares.machine_busy >= kFullMachine;
  const double own = shares.client_cores + shares.all_nodes_cores;
  const bool others = full && own < kOwnShare * shares.machine_cores;
  if (shares.longest_silence_s >= kStallS && !others) return "a stall";
  if (shares.open_loop && !shares.overloaded) return "offered rate";
  // Before the disk: on a machine that others fill, the time of an fsync is
  // mostly the wait for a CPU after it.
  if (others) return "other load";
  if (shares.busiest_fsync >= kFullDisk) return "fsync";
  if (shares.busiest_node_cores >= kFullCore) return "nodes' CPU";
  if (full) {
    return shares.client_cores > shares.all_nodes_cores ? "client"
                                                        : "nodes' CPU";
  }
  return "round trips";
}

}  // namespace quorate::bench
