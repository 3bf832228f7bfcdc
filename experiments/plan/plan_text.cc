#include "experiments/plan/plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "replica/base/quorum.h"
#include "replica/base/quorum_system.h"

namespace quorate::plan {
namespace {

using Json = nlohmann::ordered_json;
using wan::RegionMatrix;

constexpr double kNanosecondsInOneMs = 1e6;
// What a table lists of the detours.
constexpr std::size_t kShownDetours = 5;
// A detour that saves less is measurement noise.
constexpr std::int64_t kLeastShownNs = 1'000'000;

double InMs(double nanoseconds) { return nanoseconds / kNanosecondsInOneMs; }
double InMs(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / kNanosecondsInOneMs;
}

// "epaxos", "atlas", "multipaxos": a fast path rule is known by its own name.
std::string_view LabelOf(const Settings& settings) {
  return QuorumsOf(settings) == Quorums::kFaults ? Name(settings.fast_path)
                                                 : Name(settings.protocol);
}

std::string Nodes(const RegionMatrix& matrix,
                  const std::vector<std::size_t>& nodes) {
  std::string text;
  for (const std::size_t node : nodes) {
    text += (text.empty() ? "" : ", ") + matrix.sites()[node];
  }
  return text;
}

std::size_t WidestOf(const RegionMatrix& matrix) {
  std::size_t widest = 8;
  for (const std::string& site : matrix.sites()) {
    widest = std::max(widest, site.size());
  }
  return widest;
}

// "the votes of the 2 nearest peers".
std::string Nearest(std::string_view what, int count) {
  return count == 1
             ? fmt::format("the {} of the nearest peer", what)
             : fmt::format("the {}s of the {} nearest peers", what, count);
}

// What a command waits for, in a line or two.
std::string ExplainRounds(const Settings& settings, const Rounds& rounds) {
  switch (QuorumsOf(settings)) {
    case Quorums::kFaults: {
      const std::string contended =
          rounds.accepts == 0 ? Nearest("vote", rounds.contended)
                              : Nearest("vote", rounds.contended) + ", then " +
                                    Nearest("accept", rounds.accepts);
      return fmt::format(
          "without conflicts {} decide\n"
          "contended (every node proposes a conflicting command at once): {}\n",
          Nearest("vote", rounds.fast), contended);
    }
    case Quorums::kPhases: {
      const auto quorums = PaxosQuorumsOf(settings);
      return fmt::format(
          "all through the leader: the way there, its round trip to a phase 2 "
          "quorum\n(\"{}\", {} of {} at least), the way back; conflicts make "
          "no difference\n",
          ToString(settings.phase2),
          quorums.ok() ? quorums->phase2().smallest() : 0, settings.replicas);
    }
    case Quorums::kRoles:
      return fmt::format(
          "two round trips whatever the conflicts: dependencies (\"{}\"), then "
          "accepts\n(\"{}\"); every node has every role\n",
          ToString(settings.dependency_quorum), ToString(settings.phase2));
  }
  return "";
}

int FaultsOf(const Settings& settings) {
  return QuorumSizesOf(settings).faults;
}

std::string Header(const PlanSet& set) {
  const Settings& settings = set.plans.front().settings;
  return fmt::format("{}: {} nodes ({}), f = {}; milliseconds; clients {}\n",
                     set.matrix->name(), set.nodes.size(),
                     Nodes(*set.matrix, set.nodes), FaultsOf(settings),
                     set.clients_beside_nodes ? "beside their site's node"
                                              : "at their own sites");
}

// ---- what is worth saying ---------------------------------------------------

void AddDetours(const PlanSet& set, std::string& text) {
  const auto is_shown = [](const Detour& detour) {
    return detour.direct_ns - detour.detour_ns >= kLeastShownNs;
  };
  const auto count = std::ranges::count_if(set.detours, is_shown);
  if (count == 0) return;
  const std::vector<std::string>& sites = set.matrix->sites();
  text += "\na detour beats the direct path:\n";
  // The longest savings come first.
  const auto shown =
      std::min<std::size_t>(static_cast<std::size_t>(count), kShownDetours);
  for (std::size_t i = 0; i < shown; ++i) {
    const Detour& detour = set.detours[i];
    text += fmt::format("  {} - {} - {} {:.2f}, directly {:.2f}\n",
                        sites[detour.a], sites[detour.by], sites[detour.b],
                        InMs(detour.detour_ns), InMs(detour.direct_ns));
  }
  if (static_cast<std::size_t>(count) > shown) {
    text +=
        fmt::format("  and {} more\n", static_cast<std::size_t>(count) - shown);
  }
}

void AddRelays(const PlanSet& set, const Plan& plan, std::string& text) {
  std::string gains;
  for (std::size_t i = 0; i < plan.prediction.clients.size(); ++i) {
    const ClientPrediction& client = plan.prediction.clients[i];
    if (client.optimum_ns - plan.relayed_optimum_ns[i] < kLeastShownNs) {
      continue;
    }
    gains += fmt::format("{}{} {:.2f}", gains.empty() ? "" : ", ",
                         set.matrix->sites()[client.client.site],
                         InMs(plan.relayed_optimum_ns[i]));
  }
  if (gains.empty()) return;
  text += fmt::format(
      "  if nodes passed messages on, which none does, the optimum were: {}\n",
      gains);
}

const Plan* FindWithLeader(const PlanSet& set) {
  const auto found = std::ranges::find_if(set.plans, [](const Plan& plan) {
    return RowOf(plan.settings.protocol).has_leader;
  });
  return found == set.plans.end() ? nullptr : &*found;
}

// Where the leader's protocol answers sooner, and the reason there is.
void AddLosses(const PlanSet& set, std::string& text) {
  const Plan* with_leader = FindWithLeader(set);
  const Plan& plan = set.plans.front();
  if (with_leader == nullptr || QuorumsOf(plan.settings) != Quorums::kFaults) {
    return;
  }
  const std::vector<std::string>& sites = set.matrix->sites();
  const Prediction& here = plan.prediction;
  const Prediction& there = with_leader->prediction;
  std::string worse;
  for (std::size_t i = 0; i < here.clients.size(); ++i) {
    const std::int64_t by =
        here.clients[i].execute_ns - there.clients[i].execute_ns;
    if (by <= 0) continue;
    worse += fmt::format("{}{} by {:.2f}", worse.empty() ? "" : ", ",
                         sites[here.clients[i].client.site], InMs(by));
  }
  text += fmt::format(
      "\n{} on average {:.2f}, {} with its best leader ({}) {:.2f}: "
      "{:+.0f} %\n",
      LabelOf(plan.settings), InMs(here.mean_ns),
      Name(with_leader->settings.protocol),
      sites[set.nodes[there.leader.value_or(0)]], InMs(there.mean_ns),
      there.mean_ns > 0 ? 100 * (here.mean_ns / there.mean_ns - 1) : 0.0);
  text += worse.empty() ? "  no site waits longer than with that leader\n"
                        : fmt::format("  leaderless loses at: {}\n", worse);
  if (worse.empty()) return;
  const int fast = plan.rounds.fast + 1;
  const auto quorums = PaxosQuorumsOf(with_leader->settings);
  const int accepting = quorums.ok() ? quorums->phase2().smallest() : fast;
  text += fast > accepting
              ? fmt::format(
                    "  a fast quorum is {} of {}, the leader's votes are {}: "
                    "the farther members cost it\n",
                    fast, set.nodes.size(), accepting)
              : "  only because a way by the leader is shorter than the direct "
                "one\n";
}

}  // namespace

// ---- tables -----------------------------------------------------------------

std::string FormatComparison(const PlanSet& set) {
  const RegionMatrix& matrix = *set.matrix;
  const int widest = static_cast<int>(WidestOf(matrix));
  std::string text = Header(set);
  const auto add_row = [&](std::string_view name, const auto& optimum,
                           const auto& cell) {
    text += fmt::format("{:{}} {:>10}", name, widest, optimum);
    for (const Plan& plan : set.plans) {
      text += fmt::format(" {:>11}", cell(plan));
    }
    text += '\n';
  };
  const auto number = [](double value) { return fmt::format("{:.2f}", value); };
  text += "what a client waits without conflicts:\n\n";
  add_row("site", "optimum",
          [](const Plan& plan) { return LabelOf(plan.settings); });
  const std::vector<ClientPrediction>& clients =
      set.plans.front().prediction.clients;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    add_row(matrix.sites()[clients[i].client.site],
            number(InMs(clients[i].optimum_ns)), [&](const Plan& plan) {
              return number(InMs(plan.prediction.clients[i].execute_ns));
            });
  }
  add_row("mean", "", [&](const Plan& plan) {
    return number(InMs(plan.prediction.mean_ns));
  });
  add_row("worst", "", [&](const Plan& plan) {
    return number(InMs(plan.prediction.worst_ns));
  });
  add_row("contended", "mean <=", [&](const Plan& plan) {
    return number(InMs(plan.prediction.contended_mean_ns));
  });
  add_row("asks", "", [&](const Plan& plan) -> std::string {
    if (plan.prediction.leader) {
      return matrix.sites()[set.nodes[*plan.prediction.leader]];
    }
    return "nearest";
  });
  AddDetours(set, text);
  AddRelays(set, set.plans.front(), text);
  AddLosses(set, text);
  return text;
}

std::string FormatOne(const PlanSet& set) {
  const RegionMatrix& matrix = *set.matrix;
  const Plan& plan = set.plans.front();
  const int widest = static_cast<int>(WidestOf(matrix));
  std::string text = Header(set);
  text += fmt::format("{}: {}\n", LabelOf(plan.settings),
                      ExplainRounds(plan.settings, plan.rounds));
  text += fmt::format("{:{}} {:{}} {:>7} {:>9} {:>9} {:>9} {:>20}\n", "site",
                      widest, "asks", widest, "weight", "commit", "client",
                      "optimum", "contended: commit");
  text.pop_back();
  text += fmt::format(" {:>10}\n", "client <=");
  for (const ClientPrediction& each : plan.prediction.clients) {
    text += fmt::format(
        "{:{}} {:{}} {:>7} {:>9.2f} {:>9.2f} {:>9.2f} {:>20.2f} {:>10.2f}\n",
        matrix.sites()[each.client.site], widest,
        matrix.sites()[set.nodes[each.node]], widest, each.client.weight,
        InMs(each.commit_ns), InMs(each.execute_ns), InMs(each.optimum_ns),
        InMs(each.contended_commit_ns), InMs(each.contended_execute_ns));
  }
  text += fmt::format(
      "{:{}} {:{}} {:>7} {:>9} {:>9.2f} {:>9} {:>20} {:>10.2f}\n", "mean",
      widest, "", widest, "", "", InMs(plan.prediction.mean_ns), "", "",
      InMs(plan.prediction.contended_mean_ns));
  if (!plan.by_leader.empty()) {
    text += "\nwhat a client waits on average, by leader:\n";
    for (const Prediction& each : plan.by_leader) {
      text +=
          fmt::format("{:{}} {:>9.2f}{}\n",
                      matrix.sites()[set.nodes[each.leader.value_or(0)]],
                      widest, InMs(each.mean_ns),
                      each.leader == plan.prediction.leader ? "  above" : "");
    }
  }
  AddDetours(set, text);
  AddRelays(set, plan, text);
  AddLosses(set, text);
  return text;
}

std::string FormatPlacements(const PlacementPlan& plan) {
  const RegionMatrix& matrix = *plan.matrix;
  const PlacementResult& result = plan.result;
  std::string text = fmt::format(
      "{}: {} nodes among {} sites, {}, f = {}; milliseconds; clients {}\n"
      "best by the {} of what clients wait without conflicts, of all {} "
      "placements:\n\n{:>8} {:>8}  nodes\n",
      matrix.name(), plan.settings.replicas, plan.candidates.size(),
      LabelOf(plan.settings), FaultsOf(plan.settings),
      plan.clients_beside_nodes ? "beside the nodes of each placement"
                                : "at their own sites",
      plan.objective == Objective::kMean ? "mean" : "worst", result.placements,
      "mean", "worst");
  for (const Placement& each : result.best) {
    text +=
        fmt::format("{:8.2f} {:8.2f}  {}", InMs(each.prediction.mean_ns),
                    InMs(each.prediction.worst_ns), Nodes(matrix, each.nodes));
    if (each.prediction.leader) {
      text += fmt::format("; leader {}",
                          matrix.sites()[each.nodes[*each.prediction.leader]]);
    }
    text += '\n';
  }
  if (RowOf(plan.settings.protocol).has_leader) return text;
  const auto share = [&](std::uint64_t count) {
    return 100 * static_cast<double>(count) /
           static_cast<double>(std::max<std::uint64_t>(result.placements, 1));
  };
  text += fmt::format(
      "\nworse than {} with the best leader of the same placement:\n"
      "  on average in {:.1f} % of all placements; for some client in {:.1f} "
      "%, "
      "by more than\n  1 ms in {:.1f} %\n",
      Name(LeaderProtocol()), share(result.losses.mean),
      share(result.losses.some), share(result.losses.some_by_1_ms));
  return text;
}

// ---- JSON -------------------------------------------------------------------

namespace {

Json Sites(const RegionMatrix& matrix, const std::vector<std::size_t>& nodes) {
  Json sites = Json::array();
  for (const std::size_t node : nodes) sites.push_back(matrix.sites()[node]);
  return sites;
}

Json SettingsAsJson(const Settings& settings) {
  Json json = {{"protocol", Name(settings.protocol)},
               {"replicas", settings.replicas},
               {"faults", FaultsOf(settings)}};
  if (QuorumsOf(settings) == Quorums::kFaults) {
    const QuorumSizes sizes = QuorumSizesOf(settings);
    json["fast_path"] = Name(settings.fast_path);
    json["quorums"] = {{"fast", sizes.fast()},
                       {"classic", sizes.classic()},
                       {"accepting", sizes.accepting()}};
  } else {
    json["quorums"] = {{"phase1", ToString(settings.phase1)},
                       {"phase2", ToString(settings.phase2)}};
    if (QuorumsOf(settings) == Quorums::kRoles) {
      json["quorums"]["dependencies"] = ToString(settings.dependency_quorum);
    }
  }
  return json;
}

Json LeaderAsJson(const RegionMatrix& matrix,
                  const std::vector<std::size_t>& nodes,
                  const std::optional<std::size_t>& leader) {
  if (!leader) return nullptr;
  return matrix.sites()[nodes[*leader]];
}

Json PlanAsJson(const PlanSet& set, const Plan& plan) {
  const RegionMatrix& matrix = *set.matrix;
  Json json = SettingsAsJson(plan.settings);
  json["leader"] = LeaderAsJson(matrix, set.nodes, plan.prediction.leader);
  json["mean_ms"] = InMs(plan.prediction.mean_ns);
  json["worst_ms"] = InMs(plan.prediction.worst_ns);
  json["contended_mean_at_most_ms"] = InMs(plan.prediction.contended_mean_ns);
  Json& sites = json["sites"] = Json::array();
  for (std::size_t i = 0; i < plan.prediction.clients.size(); ++i) {
    const ClientPrediction& each = plan.prediction.clients[i];
    sites.push_back(
        {{"site", matrix.sites()[each.client.site]},
         {"weight", each.client.weight},
         {"asks", matrix.sites()[set.nodes[each.node]]},
         {"commit_ms", InMs(each.commit_ns)},
         {"execute_ms", InMs(each.execute_ns)},
         {"optimum_ms", InMs(each.optimum_ns)},
         {"relayed_optimum_ms", InMs(plan.relayed_optimum_ns[i])},
         {"contended",
          {{"commit_ms", InMs(each.contended_commit_ns)},
           {"execute_at_most_ms", InMs(each.contended_execute_ns)}}}});
  }
  if (plan.by_leader.empty()) return json;
  Json& leaders = json["by_leader"] = Json::array();
  for (const Prediction& each : plan.by_leader) {
    leaders.push_back({{"leader", LeaderAsJson(matrix, set.nodes, each.leader)},
                       {"mean_ms", InMs(each.mean_ns)},
                       {"worst_ms", InMs(each.worst_ns)}});
  }
  return json;
}

}  // namespace

Json AsJson(const PlanSet& set) {
  const std::vector<std::string>& sites = set.matrix->sites();
  Json json = {{"matrix", set.matrix->name()},
               {"nodes", Sites(*set.matrix, set.nodes)},
               {"clients", set.clients_beside_nodes ? "beside nodes" : "sites"},
               {"plans", Json::array()},
               {"detours", Json::array()}};
  for (const Plan& plan : set.plans) {
    json["plans"].push_back(PlanAsJson(set, plan));
  }
  for (const Detour& detour : set.detours) {
    json["detours"].push_back({{"between", {sites[detour.a], sites[detour.b]}},
                               {"by", sites[detour.by]},
                               {"direct_ms", InMs(detour.direct_ns)},
                               {"detour_ms", InMs(detour.detour_ns)}});
  }
  return json;
}

Json AsJson(const PlacementPlan& plan) {
  Json json = {
      {"matrix", plan.matrix->name()},
      {"among", Sites(*plan.matrix, plan.candidates)},
      {"clients", plan.clients_beside_nodes ? "beside nodes" : "sites"},
      {"by", plan.objective == Objective::kMean ? "mean" : "worst"}};
  json.update(SettingsAsJson(plan.settings));
  json["placements"] = plan.result.placements;
  json["best"] = Json::array();
  for (const Placement& each : plan.result.best) {
    json["best"].push_back({{"nodes", Sites(*plan.matrix, each.nodes)},
                            {"leader", LeaderAsJson(*plan.matrix, each.nodes,
                                                    each.prediction.leader)},
                            {"mean_ms", InMs(each.prediction.mean_ns)},
                            {"worst_ms", InMs(each.prediction.worst_ns)}});
  }
  if (RowOf(plan.settings.protocol).has_leader) return json;
  const auto share = [&](std::uint64_t count) {
    return static_cast<double>(count) /
           static_cast<double>(
               std::max<std::uint64_t>(plan.result.placements, 1));
  };
  json["worse_than_with_leader"] = {
      {"mean_share", share(plan.result.losses.mean)},
      {"some_client_share", share(plan.result.losses.some)},
      {"some_client_by_1_ms_share", share(plan.result.losses.some_by_1_ms)}};
  return json;
}

}  // namespace quorate::plan
