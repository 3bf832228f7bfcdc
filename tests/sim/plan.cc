#include "tests/sim/plan.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "replica/base/quorum.h"
#include "replica/base/roles.h"

namespace quorate::sim {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kFaultNames = {
    "loss",    "duplicate", "reorder", "delay",     "reset", "partition",
    "crash",   "power",     "sync",    "pause",     "disk",  "clock",
    "suspect", "timers",    "death",   "checkpoint"};

constexpr std::array<std::string_view, 3> kLayoutNames = {"together",
                                                          "separate", "mixed"};

constexpr int kRealStorePermille = 50;  // of the worlds

std::optional<FaultKind> FindFault(std::string_view name) {
  for (int i = 0; i < kFaultKinds; ++i) {
    if (kFaultNames[static_cast<std::size_t>(i)] == name) {
      return static_cast<FaultKind>(i);
    }
  }
  return std::nullopt;
}

// Half of the allowed kinds on average: few worlds have all of them.
FaultSet DrawFaults(Random& random, const FaultSet& allowed) {
  FaultSet faults = FaultSet::None();
  for (int i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    if (kind == FaultKind::kCheckpoint) continue;  // DrawCheckpoints
    if (allowed.Contains(kind) && random.Chance(500)) faults.Insert(kind);
  }
  return faults;
}

NetworkPlan DrawNetwork(Random& random, const FaultSet& faults) {
  NetworkPlan plan;
  // A rack, a region, a continent.
  plan.delay = random.OneOf(std::array<Micros, 4>{100, 500, 3000, 30000});
  if (faults.Contains(FaultKind::kDelay)) {
    plan.tail_permille = static_cast<int>(random.Between(20, 400));
  }
  if (faults.Contains(FaultKind::kLoss)) {
    plan.loss_permille = static_cast<int>(random.Between(1, 300));
  }
  if (faults.Contains(FaultKind::kDuplicate)) {
    plan.duplicate_permille = static_cast<int>(random.Between(1, 500));
  }
  plan.in_order = !faults.Contains(FaultKind::kReorder);
  return plan;
}

DiskPlan DrawDisk(Random& random) {
  DiskPlan plan;
  plan.sync = random.OneOf(std::array<Micros, 4>{20, 300, 2000, 10000});
  plan.tail_permille = static_cast<int>(random.Between(0, 200));
  return plan;
}

NodePlan DrawNode(Random& random, const FaultSet& faults, Micros tick) {
  NodePlan plan;
  plan.tick = tick;
  if (faults.Contains(FaultKind::kClock)) {
    plan.tick = tick * random.Between(40, 400) / 100;
  }
  plan.turn_delay = random.OneOf(std::array<Micros, 4>{1, 20, 200, 2000});
  plan.gathers = random.Chance(500);
  return plan;
}

WorkloadPlan DrawWorkload(Random& random, const PlanLimits& limits) {
  WorkloadPlan plan;
  plan.clients = static_cast<int>(random.Between(2, 10));
  plan.operations = limits.operations > 0
                        ? limits.operations
                        : static_cast<int>(random.Between(200, 1000));
  // An outage leaves this many commands open at once, in any order: more would
  // make the search for a linearization slow.
  constexpr int kMostOpen = 12;
  plan.pipeline = std::min(random.OneOf(std::array<int, 4>{1, 2, 4, 8}),
                           std::max(1, kMostOpen / plan.clients));
  plan.batch = random.OneOf(std::array<int, 3>{1, 2, 6});
  plan.think =
      random.OneOf(std::array<Micros, 5>{500, 5000, 50000, 500000, 4000000});
  plan.retry = random.OneOf(std::array<Micros, 3>{60000, 300000, 2000000});
  plan.groups = static_cast<int>(random.Between(2, 24));
  plan.hot_permille = random.OneOf(std::array<int, 4>{0, 200, 500, 800});
  for (const OperationKind kind : kClientOperations) {
    int& weight = plan.weights[static_cast<std::size_t>(kind)];
    if (kind > OperationKind::kWithdraw) {
      // Came later: drawn apart, so that worlds without it are what they were.
      Random own = random.Fork(static_cast<std::uint64_t>(kind));
      weight = own.Chance(250) ? static_cast<int>(own.Between(1, 10)) : 0;
      continue;
    }
    weight = random.Chance(750) ? static_cast<int>(random.Between(1, 10)) : 0;
  }
  // Some writes and some reads in every world.
  plan.weights[static_cast<std::size_t>(OperationKind::kPut)] += 1;
  plan.weights[static_cast<std::size_t>(OperationKind::kGet)] += 1;
  plan.multi_permille = random.OneOf(std::array<int, 3>{0, 50, 250});
  return plan;
}

Settings DrawSettings(Random& random, int replicas) {
  Settings settings;
  settings.replicas = replicas;
  settings.conflicts = random.OneOf(std::array<ConflictMode, 4>{
      ConflictMode::kOperation, ConflictMode::kOperation,
      ConflictMode::kReadWrite, ConflictMode::kKey});
  settings.batch_commands =
      random.OneOf(std::array<std::size_t, 4>{1, 3, 32, 1024});
  settings.max_in_flight =
      random.OneOf(std::array<std::size_t, 4>{1, 4, 64, 64});
  settings.max_queued_commands =
      random.OneOf(std::array<std::size_t, 4>{16, 65536, 65536, 65536});
  settings.tick_ms = random.OneOf(std::array<int, 3>{5, 10, 50});
  settings.retransmit_ticks = random.OneOf(std::array<int, 3>{2, 5, 10});
  settings.max_waiting_instances =
      random.OneOf(std::array<std::size_t, 4>{2, 64, 4096, 4096});
  settings.overlap_sync = random.Chance(600);
  settings.lazy_fast_commit = random.Chance(400);
  return settings;
}

// An operator sets retransmission above a round trip and a sync.
void MakeTimersFit(Plan& plan) {
  const Micros round_trip = 2 * plan.network.delay + 2 * plan.disk.sync;
  const auto tick = static_cast<Micros>(plan.settings.tick_ms) * 1000;
  plan.settings.retransmit_ticks =
      std::max(plan.settings.retransmit_ticks,
               static_cast<int>((round_trip + tick - 1) / tick));
}

// At least one and at most f.
ReplicaSet DrawDead(Random& random, int replicas) {
  ReplicaSet dead;
  const int count = 1 + random.Pick((replicas - 1) / 2);
  while (dead.size() < count) dead.Insert(ReplicaAt(random.Pick(replicas)));
  return dead;
}

ReplicaSet Range(int first, int count) {
  return ReplicaSet::FirstN(first + count).Minus(ReplicaSet::FirstN(first));
}

// In order, as many nodes of the role in each part as in any other, or one
// less.
void Divide(ReplicaSet role, int parts,
            std::array<std::uint8_t, kMaxNodes>& part_of) {
  int number = 0;
  for (std::size_t node = 0; node < kMaxNodes; ++node) {
    if (!role.Contains(ReplicaAt(static_cast<int>(node)))) continue;
    part_of[node] = static_cast<std::uint8_t>(number++ * parts / role.size());
  }
}

// Definitions for parts of four nodes, of which any one may be down.
QuorumSpec DrawSelfMeeting(Random& random) {
  switch (random.Pick(3)) {
    case 0: return {};
    case 1: return {.kind = QuorumSpec::Kind::kEven};
    default:
      return {.kind = QuorumSpec::Kind::kWeights,
              .weights = {2, 1, 1, 1},
              .weighted = 4};
  }
}

void DrawPhases(Random& random, Settings& settings) {
  switch (random.Pick(3)) {
    case 0: settings.phase1 = settings.phase2 = DrawSelfMeeting(random); break;
    case 1:
      settings.phase1 = {.kind = QuorumSpec::Kind::kSize, .size = 3};
      settings.phase2 = {.kind = QuorumSpec::Kind::kSize, .size = 2};
      break;
    default:
      settings.phase1 = {
          .kind = QuorumSpec::Kind::kRows, .rows = 2, .columns = 2};
      settings.phase2 = {
          .kind = QuorumSpec::Kind::kColumns, .rows = 2, .columns = 2};
  }
}

// A node a role, as few of each as f needs or one more; with f of 1 perhaps two
// shards or two groups, or quorums that are no majorities.
void DrawSeparateRoles(Random& random, Settings& settings) {
  const int f = settings.replicas >= 5 && random.Chance(300) ? 2 : 1;
  const int shards = f == 1 && random.Chance(400) ? 2 : 1;
  const int groups = f == 1 && random.Chance(400) ? 2 : 1;
  const int spare = f == 1 && shards + groups < 4 ? 1 : 0;
  const bool four = f == 1 && shards + groups == 2 && random.Chance(700);
  int first = 0;
  const auto take = [&](int least, int more) {
    const int count = least + static_cast<int>(random.Between(
                                  0, static_cast<std::uint64_t>(more)));
    return Range(std::exchange(first, first + count), count);
  };
  const int voters = four ? 4 : 2 * f + 1;
  settings.roles = {.leaders = take(f + 1, spare),
                    .dependency_nodes = take(shards * voters, 0),
                    .acceptors = take(groups * voters, 0),
                    .executors = take(f + 1, spare)};
  settings.replicas = first;
  settings.faults = f;
  Divide(settings.roles.dependency_nodes, shards, settings.parts.shard);
  Divide(settings.roles.acceptors, groups, settings.parts.group);
  if (!four) return;
  settings.dependency_quorum = DrawSelfMeeting(random);
  DrawPhases(random, settings);
}

// Any node may have any roles; f is 1.
void DrawMixedRoles(Random& random, Settings& settings) {
  const int n = settings.replicas + random.Pick(4);
  const auto draw = [&](int least, int among) {
    ReplicaSet nodes;
    while (nodes.size() < least ||
           (random.Chance(300) && nodes.size() < among)) {
      nodes.Insert(ReplicaAt(random.Pick(among)));
    }
    return nodes;
  };
  settings.replicas = n;
  settings.faults = 1;
  settings.roles = {.leaders = draw(2, std::min(n, kMaxReplicas)),
                    .dependency_nodes = draw(3, n),
                    .acceptors = draw(3, n),
                    .executors = draw(2, n)};
}

// As many as no role, and no part of one, loses more than f.
ReplicaSet DrawDeadByRole(Random& random, const Settings& settings) {
  const Cluster cluster(settings);
  std::vector<ReplicaSet> needed = {cluster.roles.leaders,
                                    cluster.roles.executors};
  for (int i = 0; i < cluster.shards(); ++i) {
    needed.push_back(cluster.shard(i).members());
  }
  for (int i = 0; i < cluster.groups(); ++i) {
    needed.push_back(cluster.group(i).members());
  }
  ReplicaSet dead;
  for (int tries = 0; tries < 3 * settings.replicas; ++tries) {
    ReplicaSet more = dead;
    more.Insert(ReplicaAt(random.Pick(settings.replicas)));
    bool too_many = false;
    for (const ReplicaSet nodes : needed) {
      too_many |= nodes.Intersect(more).size() > cluster.faults;
    }
    if (!too_many) dead = more;
    if (random.Chance(200) && !dead.empty()) break;
  }
  return dead;
}

// Nodes with all roles, enough of them for two of each part.
void DrawPartsOfAll(Random random, Settings& settings) {
  if (settings.replicas < 6) return;
  const ReplicaSet all = ReplicaSet::FirstN(settings.replicas);
  settings.faults = 1;
  Divide(all, random.Chance(500) ? 2 : 1, settings.parts.shard);
  Divide(all, random.Chance(500) ? 2 : 1, settings.parts.group);
}

// From a stream of its own, as with the checkpoints.
void DrawBpaxos(Random random, const PlanLimits& limits, Plan& plan) {
  Settings& settings = plan.settings;
  settings.thrifty = random.Chance(300);
  // Two round trips an instance, and perhaps one leader left: clients must not
  // repeat themselves faster than that can serve them.
  settings.max_in_flight = std::max<std::size_t>(settings.max_in_flight, 4);
  plan.workload.retry =
      std::max(plan.workload.retry, 20 * (plan.network.delay + plan.disk.sync));
  const auto drawn = static_cast<RoleLayout>(random.Pick(3));
  switch (limits.roles.value_or(drawn)) {
    case RoleLayout::kTogether: DrawPartsOfAll(random.Fork(1), settings); break;
    case RoleLayout::kSeparate: DrawSeparateRoles(random, settings); break;
    case RoleLayout::kMixed: DrawMixedRoles(random, settings); break;
  }
  const auto tick = static_cast<Micros>(settings.tick_ms) * 1000;
  for (NodePlan& node : std::span(plan.nodes).subspan(kMaxReplicas)) {
    node = DrawNode(random, plan.faults, tick);
  }
  if (plan.faults.Contains(FaultKind::kDeath)) {
    plan.dead = DrawDeadByRole(random, settings);
  }
}

// A scheduled fault strikes a handful to dozens of times in a run.
Micros DrawInterval(Random& random, const WorkloadPlan& workload) {
  const auto requests = static_cast<Micros>(
      workload.operations / workload.clients / workload.pipeline + 1);
  const Micros length = std::max<Micros>(requests * workload.think, 500000);
  return length / random.Between(3, 30);
}

// From a stream of its own: the rest of a seed's world is as it was before
// there were checkpoints.
void DrawCheckpoints(Random random, const FaultSet& allowed, Plan& plan) {
  constexpr auto kAt = static_cast<std::size_t>(FaultKind::kCheckpoint);
  if (!allowed.Contains(FaultKind::kCheckpoint) || !random.Chance(500)) return;
  plan.faults.Insert(FaultKind::kCheckpoint);
  plan.interval[kAt] = DrawInterval(random, plan.workload);
  plan.strikes[kAt] = static_cast<int>(random.Between(2, 40));
  // Who lags is left out at once, soon, or never in so short a run.
  plan.settings.retained_bytes =
      random.OneOf(std::array<std::size_t, 4>{1, 1, 20'000, 32 * 1024 * 1024});
}

// Clients think longer than some of these, and are forgotten.
void DrawSessions(Random random, Plan& plan) {
  if (!random.Chance(250)) return;
  plan.settings.session_idle_ms =
      random.OneOf(std::array<std::uint64_t, 4>{100, 500, 2000, 10000});
}

// Some commands read more than they may, and sessions keep few results. What is
// kept in all has room: beyond it replicas need not keep the same.
void DrawResults(Random random, Plan& plan) {
  if (!random.Chance(250)) return;
  plan.workload.result_bytes = random.Between(100, 600);
  plan.settings.results.command_bytes = plan.workload.result_bytes;
}

// "; roles l12 d345 a678 e9": by node. Empty when every node has every role.
std::string DescribeRoles(const Settings& settings) {
  std::string text = settings.thrifty ? "; thrifty" : "";
  if (settings.protocol == Protocol::kBpaxos) {
    const Cluster cluster(settings);
    absl::StrAppend(&text, "; ", cluster.shards(), " shards of ",
                    cluster.shard(0).system().Describe(), "; ",
                    cluster.groups(), " groups of ",
                    cluster.group(0).phase1.system().Describe(), " and ",
                    cluster.group(0).phase2.system().Describe());
  }
  if (settings.roles == Roles()) return text;
  absl::StrAppend(&text, "; roles");
  const auto add = [&](const char* name, ReplicaSet role) {
    absl::StrAppend(&text, " ", name);
    for (int i = 0; i < settings.replicas; ++i) {
      if (role.Contains(ReplicaAt(i))) absl::StrAppend(&text, " r", i + 1);
    }
  };
  add("leaders", settings.roles.leaders);
  add("depsvc", settings.roles.dependency_nodes);
  add("acceptors", settings.roles.acceptors);
  add("executors", settings.roles.executors);
  return text;
}

// From a stream of its own as well: whatever else a seed's world is, it is
// under every rule.
void DrawFastPath(Random random, const PlanLimits& limits, Plan& plan) {
  Settings& settings = plan.settings;
  settings.fast_path = random.OneOf(std::array<FastPathRule, 4>{
      FastPathRule::kEpaxos, FastPathRule::kEpaxos, FastPathRule::kAtlas,
      FastPathRule::kUnanimous});
  const bool fewest_faults = random.Chance(400);
  if (limits.fast_path.has_value()) settings.fast_path = *limits.fast_path;
  if (settings.fast_path == FastPathRule::kEpaxos) return;
  if (fewest_faults) settings.faults = 1;
  if (settings.fast_path == FastPathRule::kAtlas) {
    settings.lazy_fast_commit = false;  // Refused (quorum.h: ValidateSettings).
  }
  for (int i = 0; fewest_faults && plan.dead.size() > 1; ++i) {
    plan.dead.Erase(ReplicaAt(i));
  }
}

// Everybody writes one key at the same time, and faults strike all the time:
// what recovery does about conflicts is rare elsewhere.
void Contend(Random random, Plan& plan) {
  WorkloadPlan& work = plan.workload;
  work.hot_permille = 1000;
  work.multi_permille = 0;
  work.groups = 1;
  work.weights.fill(0);
  work.weights[static_cast<std::size_t>(OperationKind::kPut)] = 4;
  work.weights[static_cast<std::size_t>(OperationKind::kGet)] = 1;
  work.think = random.OneOf(std::array<Micros, 2>{500, 5000});
  plan.settings.batch_commands = 1;
  plan.settings.conflicts = ConflictMode::kKey;
  plan.network.delay = random.OneOf(std::array<Micros, 2>{500, 3000});
  plan.disk.sync = random.OneOf(std::array<Micros, 2>{20, 300});
  plan.outage = random.OneOf(std::array<Micros, 2>{50'000, 300'000});
  plan.interval.fill(plan.outage / 2);
  plan.strikes.fill(400);
}

// From a stream of its own, for the same reason.
void DrawMultipaxos(Random random, Plan& plan) {
  Settings& settings = plan.settings;
  settings.election_ticks = random.OneOf(std::array<int, 3>{10, 30, 100});
  settings.thrifty = random.Chance(300);
  settings.reads = random.Chance(500) ? ReadMode::kLeader : ReadMode::kLog;
  // Larger phase 1 quorums do without fewer nodes.
  if (settings.replicas >= 4 && plan.dead.empty() && random.Chance(300)) {
    const int phase2 = static_cast<int>(
        random.Between(2, static_cast<std::uint64_t>(settings.replicas / 2)));
    settings.phase2 = {.kind = QuorumSpec::Kind::kSize, .size = phase2};
    settings.phase1 = {.kind = QuorumSpec::Kind::kSize,
                       .size = settings.replicas + 1 - phase2};
  }
}

}  // namespace

std::string_view Name(FaultKind kind) {
  return kFaultNames[static_cast<std::size_t>(kind)];
}

std::string_view Name(RoleLayout layout) {
  return kLayoutNames[static_cast<std::size_t>(layout)];
}

std::optional<RoleLayout> ParseRoleLayout(std::string_view name) {
  const auto found = std::ranges::find(kLayoutNames, name);
  if (found == kLayoutNames.end()) return std::nullopt;
  return static_cast<RoleLayout>(found - kLayoutNames.begin());
}

absl::StatusOr<FaultSet> FaultSet::Parse(std::string_view text) {
  if (text == "all") return All();
  FaultSet faults = None();
  if (text == "none") return faults;
  for (const absl::string_view name :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::optional<FaultKind> kind = FindFault({name.data(), name.size()});
    if (!kind.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("unknown fault \"", name,
                                                     "\"; known: all, none, ",
                                                     All().ToString()));
    }
    faults.Insert(*kind);
  }
  return faults;
}

std::string FaultSet::ToString() const {
  if (empty()) return "none";
  std::string text;
  for (int i = 0; i < kFaultKinds; ++i) {
    if (!Contains(static_cast<FaultKind>(i))) continue;
    if (!text.empty()) text += ',';
    text += kFaultNames[static_cast<std::size_t>(i)];
  }
  return text;
}

Plan DrawPlan(Random random, const PlanLimits& limits) {
  Plan plan;
  plan.faults = DrawFaults(random, limits.allowed);
  plan.settings = DrawSettings(random, limits.replicas);
  plan.settings.protocol = limits.protocol;
  plan.workload = DrawWorkload(random, limits);
  if (limits.impatient) plan.workload.give_up_permille = 500;
  plan.network = DrawNetwork(random, plan.faults);
  plan.disk = DrawDisk(random);
  plan.look_out = random.OneOf(std::array<Micros, 4>{0, 200, 200, 5000});
  if (!plan.faults.Contains(FaultKind::kTimers)) MakeTimersFit(plan);
  const auto tick = static_cast<Micros>(plan.settings.tick_ms) * 1000;
  for (NodePlan& node : std::span(plan.nodes).first(kMaxReplicas)) {
    node = DrawNode(random, plan.faults, tick);
  }
  constexpr std::size_t kOthers = kFaultKinds - 1;
  for (Micros& interval : std::span(plan.interval).first(kOthers)) {
    interval = DrawInterval(random, plan.workload);
  }
  for (int& strikes : std::span(plan.strikes).first(kOthers)) {
    strikes = static_cast<int>(random.Between(2, 40));
  }
  plan.outage =
      random.OneOf(std::array<Micros, 4>{20000, 200000, 1000000, 5000000});
  if (plan.faults.Contains(FaultKind::kDeath)) {
    plan.dead = DrawDead(random, limits.replicas);
  }
  DrawCheckpoints(random.Fork(1), limits.allowed, plan);
  switch (limits.protocol) {
    case Protocol::kBpaxos: DrawBpaxos(random.Fork(3), limits, plan); break;
    case Protocol::kMultipaxos: DrawMultipaxos(random.Fork(2), plan); break;
    case Protocol::kEpaxos: DrawFastPath(random.Fork(2), limits, plan); break;
  }
  if (limits.contended) Contend(random.Fork(3), plan);
  DrawSessions(random.Fork(5), plan);
  DrawResults(random.Fork(6), plan);
  plan.real_store =
      limits.real_store || random.Fork(4).Chance(kRealStorePermille);
  return plan;
}

std::string Describe(const Plan& plan) {
  const Settings& settings = plan.settings;
  const WorkloadPlan& work = plan.workload;
  return absl::StrCat(
      "faults ", plan.faults.ToString(), "; us: delay ", plan.network.delay,
      ", sync ", plan.disk.sync, ", outage ", plan.outage, ", think ",
      work.think, ", retry ", work.retry, "; permille: tail ",
      plan.network.tail_permille, ", loss ", plan.network.loss_permille,
      ", duplicate ", plan.network.duplicate_permille, ", hot ",
      work.hot_permille, ", multi ", work.multi_permille, "; tick ",
      settings.tick_ms, " ms, retransmit ", settings.retransmit_ticks,
      " ticks, conflicts ", std::string(Name(settings.conflicts)), ", batch ",
      settings.batch_commands, ", in flight ", settings.max_in_flight,
      ", queue ", settings.max_queued_commands, ", fast path ",
      std::string(Name(settings.fast_path)),
      settings.faults == 1 ? ", one fault" : "",
      settings.overlap_sync ? ", overlap" : "",
      settings.lazy_fast_commit ? ", lazy" : "", ", sessions kept ms ",
      settings.session_idle_ms, ", retained bytes ", settings.retained_bytes,
      ", bytes a result ", settings.results.command_bytes,
      plan.real_store ? ", real store" : "", "; ", work.clients, " clients x ",
      work.pipeline, ", requests of ", work.batch, ", ", work.groups, " groups",
      DescribeRoles(settings));
}

}  // namespace quorate::sim
