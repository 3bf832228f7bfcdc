#include "experiments/plot/result_text.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "experiments/bench/text.h"
#include "fmt/format.h"

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;

// From this share of misses on a report says so in words.
constexpr double kManyMisses = 0.01;

// The value at a path of names, or null.
const Json& At(const Json& root, std::initializer_list<const char*> path) {
  static const Json kNull;
  const Json* here = &root;
  for (const char* name : path) {
    if (!here->is_object()) return kNull;
    const auto found = here->find(name);
    if (found == here->end()) return kNull;
    here = &*found;
  }
  return *here;
}

std::string Text(const Json& value) {
  return value.is_string() ? Printable(value.get<std::string>()) : "";
}

std::string Number(const Json& value) {
  return value.is_number() ? FormatSignificant(value.get<double>()) : "n/a";
}

std::string Trimmed(const Json& value) {
  return value.is_number() ? FormatTrimmed(value.get<double>()) : "n/a";
}

std::string Count(const Json& value) {
  if (!value.is_number()) return "n/a";
  return FormatCount(static_cast<std::uint64_t>(value.get<double>()));
}

std::string Share(const Json& value) {
  return value.is_number() ? FormatPercent(100 * value.get<double>()) : "n/a";
}

std::string Line(std::string_view name, const std::string& text) {
  return fmt::format("{:<10}{}\n", name, text);
}

std::string WholeShare(const Json& value) {
  if (!value.is_number()) return "n/a";
  return fmt::format("{:.0f} %", 100 * value.get<double>());
}

std::string Nodes(const Json& result) {
  std::string text;
  for (const Json& node : At(result, {"node_details"})) {
    const std::string address = Text(At(node, {"address"}));
    text += fmt::format("  {}{}{}{}", Text(At(node, {"name"})),
                        address.empty() ? "" : " ", address,
                        At(node, {"up"}) == false ? " (down at the end)" : "");
  }
  return text;
}

std::string Load(const Json& result) {
  std::string text;
  if (At(result, {"rate"}).is_number()) {
    text = fmt::format("open loop, {} commands/s offered ({} arrivals)",
                       Count(At(result, {"rate"})),
                       Text(At(result, {"arrivals"})));
  } else {
    text = fmt::format("closed loop, {} clients x {} outstanding",
                       Count(At(result, {"clients"})),
                       Count(At(result, {"pipeline"})));
  }
  return text + fmt::format(
                    ", {} connections, {} s measured after {} s of warm-up, "
                    "seed {}",
                    Count(At(result, {"connections"})),
                    Trimmed(At(result, {"duration_s"})),
                    Trimmed(At(result, {"warmup_s"})),
                    At(result, {"seed"}).dump());
}

// A line of its own: nobody should take such a run for a whole one.
std::string Interrupted(const Json& result) {
  const std::string by = Text(At(result, {"interrupted_by"}));
  if (by.empty()) return "";
  const Json& planned = At(result, {"planned_duration_s"});
  return Line(
      "ended",
      fmt::format(
          "early, by {}, after {} s{}", by, Trimmed(At(result, {"duration_s"})),
          planned.is_number() ? " of " + Trimmed(planned) : std::string()));
}

// How late commands of an open loop left, on the generator's part.
std::string Lateness(const Json& result) {
  const Json& lateness = At(result, {"generator", "lateness_ms"});
  if (!At(lateness, {"p99"}).is_number()) return "";
  return Line("sent", fmt::format("late by p50 {}  p99 {}  max {} ms",
                                  Number(At(lateness, {"p50"})),
                                  Number(At(lateness, {"p99"})),
                                  Number(At(lateness, {"max"}))));
}

std::string Errors(const Json& result) {
  std::string text = Count(At(result, {"errors"}));
  std::string kinds;
  for (const auto& [kind, count] : At(result, {"errors_by_kind"}).items()) {
    if (!count.is_number() || count == 0) continue;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", Count(count),
                         Printable(kind));
  }
  return kinds.empty() ? text : text + " (" + kinds + ")";
}

std::string StateHash(const Json& result) {
  const Json& equal = At(result, {"state_hash_equal"});
  const std::string note = Text(At(result, {"state_hash_note"}));
  const std::string verdict = equal.is_boolean()
                                  ? (equal.get<bool>() ? "equal" : "DIFFERENT")
                                  : "not compared";
  return "state hash " + verdict + (note.empty() ? "" : " (" + note + ")");
}

std::string Throughput(const Json& result) {
  std::string text = fmt::format(
      "{} commands/s   errors {}   fast path {}   largest component {}",
      Count(At(result, {"throughput_ops_s"})), Errors(result),
      Share(At(result, {"fast_path_share"})),
      Count(At(result, {"largest_component"})));
  if (At(result, {"overloaded"}) == true) {
    text += fmt::format("\n          overloaded: offered {}/s, done {}/s",
                        Count(At(result, {"offered_ops_s"})),
                        Count(At(result, {"throughput_ops_s"})));
  }
  return text;
}

std::string LatencyRow(const Json& result, const char* kind) {
  std::string row = fmt::format("  {:<8}", kind);
  if (At(result, {"latency_ms", kind, "count"}) == 0) {
    return row + "     n/a\n";
  }
  for (const char* name : {"p50", "p95", "p99", "p999", "max", "mean"}) {
    row += fmt::format("{:>9}", Number(At(result, {"latency_ms", kind, name})));
  }
  return row + "\n";
}

std::string Latency(const Json& result) {
  return fmt::format("{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "latency ms",
                     "p50", "p95", "p99", "p99.9", "max", "mean") +
         LatencyRow(result, "commit") + LatencyRow(result, "execute");
}

// Sites that have names of their own, not those of the nodes.
std::string Sites(const Json& result) {
  std::string text;
  for (const Json& node : At(result, {"node_details"})) {
    const Json& site = At(node, {"site"});
    const std::string name = site.is_string() ? site.get<std::string>() : "";
    const Json& latency =
        At(result, {"sites", name.c_str(), "latency_ms", "execute"});
    if (name.empty() || latency.is_null()) continue;
    text +=
        Line("site", fmt::format("{:<16} execute ms  p50 {}  p99 {}",
                                 Printable(name), Number(At(latency, {"p50"})),
                                 Number(At(latency, {"p99"}))));
  }
  return text;
}

// What the operations that look for something found; "" if there are none.
std::string Found(const Json& result) {
  std::string text;
  for (const auto& [kind, count] : At(result, {"operations"}).items()) {
    const Json& done = At(count, {"done"});
    const Json& missed = At(count, {"missed"});
    if (!done.is_number() || !missed.is_number()) continue;
    const char* how = kind == "cas"      ? "met another value"
                      : kind == "get"    ? "found no such key"
                      : kind == "delete" ? "found no such key"
                      : kind == "scan"   ? "found no row"
                                         : nullptr;
    if (how == nullptr) continue;
    text += fmt::format("{}{} {}: {} {}", text.empty() ? "" : "; ", Count(done),
                        kind,
                        FormatPercent(100 * missed.get<double>() /
                                      std::max(done.get<double>(), 1.0)),
                        how);
  }
  const Json& share = At(result, {"miss_share"});
  if (share.is_number() && share.get<double>() >= kManyMisses) {
    text += At(result, {"workload_settings", "preload"}) == true
                ? "\n          many reads found nothing"
                : "\n          many reads found nothing: no key was preloaded";
  }
  return text;
}

std::string SlowestInterval(const Json& result) {
  const Json* slowest = nullptr;
  for (const Json& point : At(result, {"timeline"})) {
    if (!At(point, {"ops_s"}).is_number()) continue;
    if (slowest == nullptr || point["ops_s"] < (*slowest)["ops_s"]) {
      slowest = &point;
    }
  }
  std::string text = fmt::format("longest time without any answer {} ms",
                                 Number(At(result, {"longest_silence_ms"})));
  const Json& own = At(result, {"generator", "longest_silence_paused_ms"});
  if (own.is_number() && own.get<double>() > 0) {
    text += fmt::format(" (the generator itself stood still for {} ms of it)",
                        Number(own));
  }
  if (slowest != nullptr) {
    text += fmt::format("   slowest interval {}/s at {} s",
                        Count((*slowest)["ops_s"]),
                        Trimmed(At(*slowest, {"at_s"})));
  }
  return text;
}

std::string Cost(const Json& result) {
  std::string text;
  for (const auto& [who, cost] : At(result, {"cpu_us_per_command"}).items()) {
    text += fmt::format("{} {}   ", Printable(who), Number(cost));
  }
  return text + "(CPU us a command)";
}

// Empty where every node has every role.
std::string RoleCosts(const Json& result) {
  const Json& costs = At(result, {"cost_by_role"});
  if (!costs.is_object() || costs.size() < 2) return "";
  std::string text;
  for (const auto& [role, cost] : costs.items()) {
    const Json& parts = At(cost, {"parts"});
    const bool divided = parts.is_number() && parts.get<double>() > 1;
    text +=
        fmt::format("{}{} {}, {}   ", role.empty() ? "n/a" : Printable(role),
                    divided ? fmt::format(" in {} parts", Count(parts)) : "",
                    Number(At(cost, {"cpu_us_per_command"})),
                    Number(At(cost, {"messages_per_command"})));
  }
  return fmt::format("{}(CPU us, messages a command; busiest: {})", text,
                     Text(At(result, {"busiest_role"})));
}

// "it stood still 2 times, 3,000 ms in all".
std::string OwnPauses(const Json& result) {
  const Json& generator = At(result, {"generator"});
  std::string text = fmt::format("it stood still {} times, {} ms in all",
                                 Count(At(generator, {"pause_count"})),
                                 Number(At(generator, {"paused_ms"})));
  const Json& late = At(generator, {"lateness_ms", "p99"});
  if (late.is_number()) {
    text += fmt::format(", and sent p99 {} ms late", Number(late));
  }
  return text;
}

std::string Limit(const Json& result) {
  const std::string bottleneck = Text(At(result, {"bottleneck"}));
  std::string why;
  if (bottleneck == "client" && At(result, {"generator", "late"}) == true) {
    why =
        "the load generator itself was late: the figures are not the "
        "cluster's; " +
        OwnPauses(result);
  } else if (bottleneck == "client") {
    why = "the load generator had no more CPU: the cluster may do more";
  } else if (bottleneck == "no answer") {
    const std::string lack = Text(At(result, {"no_quorum"}));
    why = lack.empty() ? "nobody was answered: look at quorate status"
                       : "only " + lack;
  } else if (bottleneck == "a stall") {
    why = fmt::format("nobody was answered for {} ms: not a matter of speed",
                      Number(At(result, {"longest_silence_ms"})));
  } else if (bottleneck == "nodes' CPU") {
    why = "the nodes use the CPU that there is";
  } else if (bottleneck == "fsync") {
    why = "the nodes mostly wait for the disk";
  } else if (bottleneck == "offered rate") {
    why = "every command that was offered was served: offer more";
  } else if (bottleneck == "other load") {
    why = "other programs use this machine: the figures are not the cluster's";
  } else if (bottleneck == "round trips") {
    why = "neither CPU nor disk is used up: more clients would do more";
  }
  return fmt::format("{}{}{}   client {} of a core   machine {} busy",
                     bottleneck.empty() ? "n/a" : bottleneck,
                     why.empty() ? "" : " - ", why,
                     WholeShare(At(result, {"client_cores"})),
                     WholeShare(At(result, {"machine", "busy"})));
}

std::string LoadSize(const Json& result) {
  const Json& rate = At(result, {"rate"});
  if (rate.is_number()) return Count(rate) + "/s";
  return fmt::format("{} x {}", Count(At(result, {"clients"})),
                     Count(At(result, {"pipeline"})));
}

std::string RunLabel(const std::string& name, const Json& result) {
  return Printable(name) +
         (At(result, {"interrupted_by"}).is_string() ? " (ended early)" : "");
}

std::string WorstNodeCost(const Json& result) {
  double worst = -1;
  for (const auto& [who, cost] : At(result, {"cpu_us_per_command"}).items()) {
    if (who == "client" || !cost.is_number()) continue;
    worst = std::max(worst, cost.get<double>());
  }
  return worst < 0 ? "n/a" : FormatSignificant(worst);
}

// A cell of a Markdown table, in which "|" would begin the next one.
std::string Cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '\\') cell += '\\';
    cell += c;
  }
  return cell;
}

// A Markdown table; the first row is its head.
std::string Aligned(std::vector<std::vector<std::string>> rows) {
  for (auto& row : rows) {
    for (std::string& cell : row) cell = Cell(cell);
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string table;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      // Names to the left, figures to the right.
      table += i == 0 ? fmt::format("| {:<{}} ", rows[r][i], widths[i])
                      : fmt::format("| {:>{}} ", rows[r][i], widths[i]);
    }
    table += "|\n";
    if (r > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      table += "|" + std::string(widths[i] + 1, '-') + (i == 0 ? "-" : ":");
    }
    table += "|\n";
  }
  return table;
}

// A quantile or the mean; older results have 0 for those of nothing.
std::string Figure(const Json& latency, const char* name) {
  if (At(latency, {"count"}) == 0) return "n/a";
  return Number(At(latency, {name}));
}

std::string Quantiles(const Json& latency) {
  return fmt::format("{}, {}, {}", Figure(latency, "p50"),
                     Figure(latency, "p99"), Figure(latency, "p999"));
}

// "leader 1.2  acceptor 3.4": of all nodes with these roles together.
std::string ByRole(const Json& costs, const char* figure) {
  std::string text;
  for (const auto& [role, cost] : costs.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ",
                        role.empty() ? "n/a" : Printable(role),
                        Number(At(cost, {figure})));
  }
  return text;
}

}  // namespace

std::string ShortTitle(const Json& result) {
  const std::string system = Text(At(result, {"system"}));
  const std::string protocol = Text(At(result, {"protocol"}));
  return fmt::format("{}, {} nodes, {}",
                     system == "quorate" || system.empty() ? protocol : system,
                     Count(At(result, {"nodes"})),
                     Text(At(result, {"durability"})));
}

std::string FormatResult(const Json& result) {
  const std::string durability = Text(At(result, {"durability"}));
  const std::string roles = RoleCosts(result);
  const std::string found = Found(result);
  return Line("cluster", ShortTitle(result) +
                             (durability == "memory" ? " (NOT durable)" : "") +
                             ":" + Nodes(result)) +
         Line("load", Load(result)) +
         Line("workload",
              fmt::format(
                  "{}: {}", Text(At(result, {"workload"})),
                  Text(At(result, {"workload_settings", "description"})))) +
         Interrupted(result) + Line("result", Throughput(result)) +
         Line("", StateHash(result)) + Latency(result) + Lateness(result) +
         Sites(result) + (found.empty() ? "" : Line("found", found)) +
         Line("steady", SlowestInterval(result)) + Line("cost", Cost(result)) +
         (roles.empty() ? "" : Line("roles", roles)) +
         Line("limit", Limit(result));
}

std::string FormatTable(std::span<const NamedResult> results) {
  std::vector<std::vector<std::string>> rows = {
      {"run", "load", "commands/s", "p50 ms", "p99 ms", "mean ms", "fast path",
       "largest component", "CPU us/command: node", "client", "errors",
       "limit"}};
  for (const auto& [name, result] : results) {
    const Json& execute = At(result, {"latency_ms", "execute"});
    rows.push_back(
        {RunLabel(name, result), LoadSize(result),
         Count(At(result, {"throughput_ops_s"})), Figure(execute, "p50"),
         Figure(execute, "p99"), Figure(execute, "mean"),
         Share(At(result, {"fast_path_share"})),
         Count(At(result, {"largest_component"})), WorstNodeCost(result),
         Number(At(result, {"cpu_us_per_command", "client"})),
         Count(At(result, {"errors"})), Text(At(result, {"bottleneck"}))});
  }
  return Aligned(rows);
}

std::string FormatRoleTable(std::span<const NamedResult> results) {
  std::vector<std::vector<std::string>> rows = {
      {"run", "conflicts", "commands/s", "commit p50, p99, p99.9 ms",
       "execute p50, p99, p99.9 ms", "fast path", "largest component",
       "messages/command", "CPU us/command", "busiest"}};
  for (const auto& [name, result] : results) {
    rows.push_back(
        {RunLabel(name, result), Trimmed(At(result, {"conflict"})) + " %",
         Count(At(result, {"throughput_ops_s"})),
         Quantiles(At(result, {"latency_ms", "commit"})),
         Quantiles(At(result, {"latency_ms", "execute"})),
         Share(At(result, {"fast_path_share"})),
         Count(At(result, {"largest_component"})),
         ByRole(At(result, {"cost_by_role"}), "messages_per_command"),
         ByRole(At(result, {"cost_by_role"}), "cpu_us_per_command"),
         Text(At(result, {"busiest_role"}))});
  }
  return Aligned(rows);
}

}  // namespace quorate::bench
