#include "experiments/plan/plan_main.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/plan/placement.h"
#include "experiments/plan/plan_text.h"
#include "experiments/plan/predict.h"
#include "replica/base/quorum.h"
#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

using wan::RegionMatrix;

// About ten minutes of one core.
constexpr std::uint64_t kMostPlacements = 50'000'000;

constexpr const char* kAbout =
    "Predicts from distances alone what clients of each site will wait, for "
    "one protocol\nor for all side by side, and finds the best places for "
    "nodes. Disk and CPU take no time.";

constexpr const char* kExamples = R"(
Columns: commit is from the node's receipt to its decision, client what the
client waits; contended, if every node proposes a conflicting command at once;
optimum is a round trip to the farthest member of the nearest fast quorum.

Examples:
  quorate plan --wan epaxos5                          all protocols
  quorate plan --wan epaxos5 --protocol epaxos --fast-path atlas --faults 1
  quorate plan --wan world7 --sites virginia,ireland,tokyo --json
  quorate plan --wan epaxos5 --protocol multipaxos --leader ireland
  quorate plan --wan world13 --sites virginia,ireland,tokyo \
    --clients virginia=5,sydney,capetown=0.5
  quorate plan --wan world13 --place 5 --clients ireland,mumbai=3
  quorate plan --wan lab.csv --place 3 --among a,b,c,d --by worst
  quorate plan --wan gcp20 --place 7                  where leaderless loses)";

struct Options {
  std::string wan = "world5";
  std::vector<std::string> sites;
  std::vector<std::string> clients;
  std::string asks = "nearest";
  std::string protocol;
  std::string fast_path;
  int faults = 0;
  int fast_faults = 0;
  bool thrifty = false;
  std::string phase1;
  std::string phase2;
  std::string leader;
  int place = 0;
  std::vector<std::string> among;
  std::string by = "mean";
  std::size_t best = 5;
  bool json = false;
};

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("--wan", options.wan,
                 "a built-in matrix (quorate matrices) or a CSV file")
      ->capture_default_str();
  app.add_option("--sites", options.sites,
                 "where r1, r2, ... are; every site of the matrix by default")
      ->delimiter(',')
      ->type_name("SITE,...");
  app.add_option("--clients", options.clients,
                 "where clients are and how much each site counts; beside "
                 "every node by default")
      ->delimiter(',')
      ->type_name("SITE[=WEIGHT],...");
  app.add_option("--ask", options.asks,
                 "whom a client asks that has no node in its site: the nearest "
                 "node, or the one that answers first")
      ->check(CLI::IsMember({"nearest", "first"}))
      ->capture_default_str();
  app.add_option("--protocol", options.protocol, "only this one, in detail")
      ->check(CLI::IsMember(cli::NamesOf("cluster.protocol")));
  app.add_option("--fast-path", options.fast_path,
                 "of epaxos, which it stands for: when one round trip is "
                 "enough")
      ->check(CLI::IsMember(cli::NamesOf("protocol.fast_path")));
  app.add_option("--faults", options.faults,
                 "nodes that may be down; as many as possible by default. It "
                 "does not change quorums of phases")
      ->check(CLI::Range(1, kMaxReplicas));
  app.add_option("--fast-faults", options.fast_faults,
                 "of epaxos: nodes a fast quorum does without")
      ->check(CLI::Range(1, kMaxReplicas));
  app.add_flag("--thrifty", options.thrifty,
               "only a quorum is asked, the nearest one");
  app.add_option("--phase1", options.phase1,
                 "of multipaxos and bpaxos: quorums as in cluster.toml");
  app.add_option("--phase2", options.phase2, "of multipaxos and bpaxos");
  app.add_option("--leader", options.leader,
                 "of multipaxos: the site that leads; the best by default")
      ->type_name("SITE");
  app.add_option("--place", options.place,
                 "find the best places for so many nodes")
      ->check(CLI::Range(3, kMaxReplicas))
      ->excludes("--sites")
      ->excludes("--leader");
  app.add_option("--among", options.among,
                 "where they may be; every site of the matrix by default")
      ->delimiter(',')
      ->type_name("SITE,...")
      ->needs("--place");
  app.add_option("--by", options.by, "what is least in the best placement")
      ->check(CLI::IsMember({"mean", "worst"}))
      ->capture_default_str()
      ->needs("--place");
  app.add_option("--best", options.best, "how many placements are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->needs("--place");
  app.add_flag("--json", options.json, "print it as JSON");
}

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

int Explain(const absl::Status& status) {
  cli::PrintError("plan", std::string(status.message()));
  return cli::kWrongUsage;
}

// ---- what was asked ---------------------------------------------------------

// All of them when none is named.
absl::StatusOr<std::vector<std::size_t>> FindSites(
    const RegionMatrix& matrix, const std::vector<std::string>& names) {
  std::vector<std::size_t> sites;
  for (const std::string& name : names.empty() ? matrix.sites() : names) {
    const absl::StatusOr<std::size_t> site = matrix.Find(name);
    if (!site.ok()) return site.status();
    sites.push_back(*site);
  }
  return sites;
}

absl::StatusOr<Client> ParseClient(const RegionMatrix& matrix,
                                   std::string_view text) {
  Client client;
  const std::size_t equals = text.find('=');
  if (equals != text.npos) {
    const std::string_view weight = text.substr(equals + 1);
    const char* const end = weight.data() + weight.size();
    const auto [at, error] = std::from_chars(weight.data(), end, client.weight);
    if (error != std::errc() || at != end || !std::isfinite(client.weight) ||
        client.weight <= 0 || client.weight > 1e9) {
      return Wrong(fmt::format(
          "--clients {}: \"{}\" is no weight; write a number above 0, such as "
          "{}=2.5",
          text, weight, text.substr(0, equals)));
    }
  }
  const absl::StatusOr<std::size_t> site = matrix.Find(text.substr(0, equals));
  if (!site.ok()) return site.status();
  client.site = *site;
  return client;
}

absl::StatusOr<std::vector<Client>> ParseClients(
    const RegionMatrix& matrix, const std::vector<std::string>& texts) {
  std::vector<Client> clients;
  for (const std::string& text : texts) {
    const absl::StatusOr<Client> client = ParseClient(matrix, text);
    if (!client.ok()) return client.status();
    for (const Client& earlier : clients) {
      if (earlier.site != client->site) continue;
      return Wrong(
          fmt::format("--clients names {} twice; name it once, with a weight",
                      matrix.sites()[client->site]));
    }
    clients.push_back(*client);
  }
  return clients;
}

// Beside each node: once a site.
std::vector<Client> BesideNodes(const std::vector<std::size_t>& nodes) {
  std::vector<Client> clients;
  for (const std::size_t node : nodes) {
    bool is_there = false;
    for (Client& client : clients) {
      if (client.site != node) continue;
      ++client.weight;
      is_there = true;
    }
    if (!is_there) clients.push_back({.site = node});
  }
  return clients;
}

absl::Status ReadQuorum(const char* option, const std::string& text,
                        QuorumSpec& spec) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<QuorumSpec> read = ParseQuorumSpec(text);
  if (!read.ok()) {
    return Wrong(
        fmt::format("{}: {}", option, std::string(read.status().message())));
  }
  spec = *read;
  return absl::OkStatus();
}

// What every plan has in common.
absl::StatusOr<Settings> CommonSettings(const Options& options, int replicas) {
  Settings settings{.replicas = replicas,
                    .faults = options.faults,
                    .thrifty = options.thrifty};
  for (auto& [option, text, spec] :
       {std::tuple<const char*, const std::string&, QuorumSpec&>{
            "--phase1", options.phase1, settings.phase1},
        {"--phase2", options.phase2, settings.phase2}}) {
    if (absl::Status read = ReadQuorum(option, text, spec); !read.ok()) {
      return read;
    }
  }
  return settings;
}

Settings Of(Settings settings, Protocol protocol,
            FastPathRule rule = FastPathRule::kEpaxos, int fast_faults = 0) {
  settings.protocol = protocol;
  settings.fast_path = rule;
  settings.fast_faults = fast_faults;
  return settings;
}

bool AsksForOne(const Options& options) {
  return !options.protocol.empty() || !options.fast_path.empty();
}

// The one that was asked for; epaxos when none was.
absl::StatusOr<Settings> OneSetting(const Options& options,
                                    const Settings& common) {
  const Protocol protocol =
      ParseProtocol(options.protocol).value_or(FastPathProtocol());
  if (RowOf(protocol).quorums != Quorums::kFaults &&
      (!options.fast_path.empty() || options.fast_faults != 0)) {
    return Wrong(fmt::format(
        "--fast-path and --fast-faults are of protocol {}, not of {}; "
        "leave them out",
        Name(FastPathProtocol()), Name(protocol)));
  }
  return Of(
      common, protocol,
      ParseFastPathRule(options.fast_path).value_or(FastPathRule::kEpaxos),
      options.fast_faults);
}

// All side by side; or the one that is asked for, and a leader's to compare.
absl::StatusOr<std::vector<Settings>> SettingsToPlan(const Options& options,
                                                     const Settings& common) {
  const Settings with_leader = Of(common, LeaderProtocol());
  if (AsksForOne(options)) {
    const absl::StatusOr<Settings> one = OneSetting(options, common);
    if (!one.ok()) return one.status();
    if (RowOf(one->protocol).has_leader) return std::vector{*one};
    return std::vector{*one, with_leader};
  }
  std::vector<Settings> all;
  for (const FastPathRule rule : kFastPathRules) {
    all.push_back(Of(common, FastPathProtocol(), rule,
                     rule == FastPathRule::kEpaxos ? options.fast_faults : 0));
  }
  for (const Protocol protocol : kProtocols) {
    if (RowOf(protocol).quorums == Quorums::kFaults) continue;
    all.push_back(Of(common, protocol));
  }
  return all;
}

// ---- a plan -----------------------------------------------------------------

absl::StatusOr<std::optional<std::size_t>> FindLeader(
    const Options& options, const RegionMatrix& matrix,
    const std::vector<std::size_t>& nodes) {
  if (options.leader.empty()) return std::nullopt;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (matrix.sites()[nodes[i]] == options.leader) return i;
  }
  return Wrong(fmt::format(
      "--leader {}: there is no node; lead from one of the nodes' sites",
      options.leader));
}

absl::StatusOr<Plan> MakePlan(const Settings& settings, const PlanSet& set,
                              const Distances& distances,
                              const std::vector<Client>& clients, Asks asks,
                              std::optional<std::size_t> leader) {
  const absl::StatusOr<Predictor> predictor = Predictor::Create(settings);
  if (!predictor.ok()) return predictor.status();
  const bool leads = RowOf(settings.protocol).has_leader;
  Plan plan{.settings = settings, .rounds = predictor->rounds()};
  plan.prediction = predictor->Predict(distances, set.nodes, clients, asks,
                                       leads ? leader : std::nullopt);
  const Prediction relayed = predictor->Predict(distances.Relayed(set.nodes),
                                                set.nodes, clients, asks);
  for (const ClientPrediction& client : relayed.clients) {
    plan.relayed_optimum_ns.push_back(client.optimum_ns);
  }
  for (std::size_t i = 0; leads && i < set.nodes.size(); ++i) {
    plan.by_leader.push_back(
        predictor->Predict(distances, set.nodes, clients, asks, i));
  }
  return plan;
}

std::vector<std::size_t> Together(const std::vector<std::size_t>& nodes,
                                  const std::vector<Client>& clients) {
  std::vector<std::size_t> sites;
  const auto add = [&](std::size_t site) {
    if (std::ranges::count(sites, site) == 0) sites.push_back(site);
  };
  for (const std::size_t node : nodes) add(node);
  for (const Client& client : clients) add(client.site);
  return sites;
}

int PlanOnce(const Options& options, const RegionMatrix& matrix) {
  const auto nodes = FindSites(matrix, options.sites);
  if (!nodes.ok()) return Explain(nodes.status());
  if (nodes->size() > kMaxReplicas && options.sites.empty()) {
    return Explain(Wrong(fmt::format(
        "{} has {} sites, and a cluster at most {} nodes; choose some with "
        "--sites, or have them chosen with --place",
        matrix.name(), nodes->size(), kMaxReplicas)));
  }
  auto clients = ParseClients(matrix, options.clients);
  if (!clients.ok()) return Explain(clients.status());
  PlanSet set{.matrix = &matrix,
              .nodes = *nodes,
              .clients_beside_nodes = clients->empty()};
  if (clients->empty()) *clients = BesideNodes(*nodes);
  const auto leader = FindLeader(options, matrix, *nodes);
  if (!leader.ok()) return Explain(leader.status());
  const auto common = CommonSettings(options, static_cast<int>(nodes->size()));
  if (!common.ok()) return Explain(common.status());
  const auto all = SettingsToPlan(options, *common);
  if (!all.ok()) return Explain(all.status());
  const Distances distances(matrix);
  const Asks asks = options.asks == "first" ? Asks::kFirst : Asks::kNearest;
  for (const Settings& settings : *all) {
    absl::StatusOr<Plan> plan =
        MakePlan(settings, set, distances, *clients, asks, *leader);
    if (!plan.ok()) return Explain(plan.status());
    set.plans.push_back(*std::move(plan));
  }
  set.detours = FindDetours(distances, Together(*nodes, *clients));
  if (options.json) {
    fmt::print("{}\n", AsJson(set).dump(2));
  } else {
    fmt::print("{}",
               AsksForOne(options) ? FormatOne(set) : FormatComparison(set));
  }
  return cli::kDone;
}

// ---- the best places --------------------------------------------------------

// Tells people who wait how far it is; nobody else is told.
class Progress {
 public:
  explicit Progress(std::uint64_t of) : of_(of) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

  void Tell(std::uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (isatty(STDERR_FILENO) == 0 || now - told_ < std::chrono::seconds(1)) {
      return;
    }
    told_ = now;
    shown_ = true;
    const double seconds =
        std::chrono::duration<double>(now - started_).count();
    const double share = static_cast<double>(done) / static_cast<double>(of_);
    fmt::print(stderr, "\r{:.0f} % of {} placements, {:.0f} s left ",
               100 * share, of_, seconds / share - seconds);
  }

 private:
  std::uint64_t of_;
  std::chrono::steady_clock::time_point started_ =
      std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = started_;
  bool shown_ = false;
};

absl::Status CheckSearch(const PlacementPlan& plan) {
  const std::size_t among = plan.candidates.size();
  const auto n = static_cast<std::size_t>(plan.settings.replicas);
  for (std::size_t i = 0; i < among; ++i) {
    for (std::size_t j = i + 1; j < among; ++j) {
      if (plan.candidates[i] != plan.candidates[j]) continue;
      return Wrong(fmt::format("--among names {} twice; name it once",
                               plan.matrix->sites()[plan.candidates[i]]));
    }
  }
  const std::uint64_t choices = Choices(among, n);
  if (choices == 0) {
    return Wrong(
        fmt::format("{} nodes do not fit into {} sites; give more to "
                    "--among, or place fewer",
                    n, among));
  }
  if (choices > kMostPlacements) {
    return Wrong(fmt::format(
        "there are {} placements of {} nodes among {} sites, too many to try "
        "all; name fewer sites with --among",
        choices, n, among));
  }
  if (!IsSymmetric(plan.settings)) {
    return Wrong(
        "--place is for quorums that are counted (\"majority\", \"size N\"): "
        "with others it matters which node is where; give --sites in the order "
        "of the nodes");
  }
  return absl::OkStatus();
}

int PlaceNodes(const Options& options, const RegionMatrix& matrix) {
  const auto candidates = FindSites(matrix, options.among);
  if (!candidates.ok()) return Explain(candidates.status());
  const auto clients = ParseClients(matrix, options.clients);
  if (!clients.ok()) return Explain(clients.status());
  const auto common = CommonSettings(options, options.place);
  if (!common.ok()) return Explain(common.status());
  const auto settings = OneSetting(options, *common);
  if (!settings.ok()) return Explain(settings.status());
  const auto predictor = Predictor::Create(*settings);
  if (!predictor.ok()) return Explain(predictor.status());
  const auto with_leader = Predictor::Create(Of(*common, LeaderProtocol()));
  if (!with_leader.ok()) return Explain(with_leader.status());
  PlacementPlan plan{.matrix = &matrix,
                     .settings = *settings,
                     .candidates = *candidates,
                     .clients_beside_nodes = clients->empty(),
                     .objective = options.by == "worst" ? Objective::kWorst
                                                        : Objective::kMean};
  if (absl::Status fits = CheckSearch(plan); !fits.ok()) return Explain(fits);
  {
    Progress progress(
        Choices(candidates->size(), static_cast<std::size_t>(options.place)));
    plan.result = FindPlacements(
        Distances(matrix), *predictor, *with_leader,
        {.candidates = *candidates,
         .clients = *clients,
         .asks = options.asks == "first" ? Asks::kFirst : Asks::kNearest,
         .objective = plan.objective,
         .keep = options.best},
        [&](std::uint64_t done) { progress.Tell(done); });
  }
  if (options.json) {
    fmt::print("{}\n", AsJson(plan).dump(2));
  } else {
    fmt::print("{}", FormatPlacements(plan));
  }
  return cli::kDone;
}

}  // namespace

int PlanMain(int argc, const char* const* argv) {
  Options options;
  CLI::App app(kAbout, "quorate plan");
  app.footer(kExamples);
  AddOptions(app, options);
  if (const auto exit_code = cli::ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  const absl::StatusOr<RegionMatrix> matrix = wan::Load(options.wan);
  if (!matrix.ok()) return Explain(matrix.status());
  return options.place > 0 ? PlaceNodes(options, *matrix)
                           : PlanOnce(options, *matrix);
}

}  // namespace quorate::plan
