#include "tests/sim/plan.h"

#include <algorithm>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace quorate::sim {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kFaultNames = {
    "loss",  "duplicate", "reorder", "delay", "reset", "partition", "crash",
    "power", "sync",      "pause",   "disk",  "clock", "suspect",   "timers",
    "death", "checkpoint"};

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
  plan.lazy_wait = random.Between(100, 50000);
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
  plan.think = random.OneOf(std::array<Micros, 5>{
      500, 5000, 50000, 500000, 4000000});
  plan.retry = random.OneOf(std::array<Micros, 3>{60000, 300000, 2000000});
  plan.groups = static_cast<int>(random.Between(2, 24));
  plan.hot_permille = random.OneOf(std::array<int, 4>{0, 200, 500, 800});
  for (int& weight : plan.weights) {
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
  settings.max_in_flight = random.OneOf(std::array<std::size_t, 4>{1, 4, 64, 64});
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

// A scheduled fault strikes a handful to dozens of times in a run.
Micros DrawInterval(Random& random, const WorkloadPlan& workload) {
  const auto requests = static_cast<Micros>(
      workload.operations / workload.clients / workload.pipeline + 1);
  const Micros length =
      std::max<Micros>(requests * workload.think, 500000);
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
  plan.settings.retained_bytes = random.OneOf(
      std::array<std::size_t, 4>{1, 1, 20'000, 32 * 1024 * 1024});
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

absl::StatusOr<FaultSet> FaultSet::Parse(std::string_view text) {
  if (text == "all") return All();
  FaultSet faults = None();
  if (text == "none") return faults;
  for (const absl::string_view name :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::optional<FaultKind> kind =
        FindFault({name.data(), name.size()});
    if (!kind.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown fault \"", name, "\"; known: all, none, ",
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
  plan.network = DrawNetwork(random, plan.faults);
  plan.disk = DrawDisk(random);
  if (!plan.faults.Contains(FaultKind::kTimers)) MakeTimersFit(plan);
  const auto tick = static_cast<Micros>(plan.settings.tick_ms) * 1000;
  for (NodePlan& node : plan.nodes) {
    node = DrawNode(random, plan.faults, tick);
  }
  constexpr std::size_t kOthers = kFaultKinds - 1;
  for (Micros& interval : std::span(plan.interval).first(kOthers)) {
    interval = DrawInterval(random, plan.workload);
  }
  for (int& strikes : std::span(plan.strikes).first(kOthers)) {
    strikes = static_cast<int>(random.Between(2, 40));
  }
  plan.outage = random.OneOf(std::array<Micros, 4>{20000, 200000, 1000000,
                                                   5000000});
  if (plan.faults.Contains(FaultKind::kDeath)) {
    plan.dead = DrawDead(random, limits.replicas);
  }
  DrawCheckpoints(random.Fork(1), limits.allowed, plan);
  if (limits.protocol == Protocol::kMultipaxos) {
    DrawMultipaxos(random.Fork(2), plan);
  }
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
      ", queue ", settings.max_queued_commands,
      settings.overlap_sync ? ", overlap" : "",
      settings.lazy_fast_commit ? ", lazy" : "", ", retained bytes ",
      settings.retained_bytes, "; ", work.clients,
      " clients x ", work.pipeline, ", requests of ", work.batch, ", ",
      work.groups, " groups");
}

}  // namespace quorate::sim
