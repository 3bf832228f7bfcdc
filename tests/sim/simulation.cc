#include "tests/sim/simulation.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/power/system_calls.h"
#include "tests/sim/history_check.h"

namespace quorate::sim {
namespace {

// Streams of chance (Random::Fork).
enum : int { kPlan, kNetwork, kClients, kNodes, kFaults, kTicks, kDistances };

// Faults end at the latest when the work should have been asked for three
// times over, and this much later; answered or not.
constexpr Micros kStormReserve = 300'000'000;
Micros LongestStorm(const WorkloadPlan& work) {
  return kStormReserve +
         3 * work.think * static_cast<Micros>(work.operations / work.clients);
}
// In a healed world everything is answered, and executed everywhere, within
// this time after it was asked for. Far above what is needed: retransmission
// backs off while a world is broken.
constexpr Micros kHealingTime = 300'000'000;
// Commands of each session before some nodes die, and again after.
constexpr int kWorkAroundDeath = 10;
// Of messages before another command is answered: a thousand times what one
// needs, a hundred times what it takes where timers are shorter than the way.
constexpr std::uint64_t kMostMessagesInVain = 1'000'000;
constexpr std::uint64_t kMostMessages = 30'000'000;

}  // namespace

std::uint64_t SimulationStatistics::TotalFaults() const {
  return std::accumulate(faults.begin(), faults.end(), std::uint64_t{0});
}

void SimulationStatistics::Add(const SimulationStatistics& other) {
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
  operations += other.operations;
  refused += other.refused;
  retried += other.retried;
  messages += other.messages;
  through_codec += other.through_codec;
  turns += other.turns;
  restarts += other.restarts;
  checkpoints += other.checkpoints;
  checkpoint_restarts += other.checkpoint_restarts;
  snapshots += other.snapshots;
  instances += other.instances;
  noops += other.noops;
  recovered += other.recovered;
  fast_commits += other.fast_commits;
  slow_commits += other.slow_commits;
  retransmissions += other.retransmissions;
  stale_messages += other.stale_messages;
  largest_component = std::max(largest_component, other.largest_component);
  virtual_time += other.virtual_time;
  marks.Add(other.marks);
}

Simulation::Simulation(const SimulationOptions& options, ReplicaFactory factory)
    : options_(options),
      factory_(std::move(factory)),
      random_(options.seed),
      plan_(DrawPlan(Stream(kPlan), options.limits)),
      roles_(Cluster(plan_.settings).roles),
      trace_(options.trace),
      network_(plan_.network, plan_.settings.replicas, Stream(kNetwork)),
      clients_(
          plan_.workload, plan_.settings.replicas, Stream(kClients),
          {.queue = queue_,
           .trace = trace_,
           .verdict = verdict_,
           .send =
               [this](int to, std::uint32_t connection, CommandBatchPtr batch) {
                 for (const Command& command : batch->commands()) {
                   ghost_.Submitted(*batch, command);
                 }
                 queue_.After(
                     node_random_.HeavyTailed(plan_.network.delay / 4, 50),
                     [this, to, connection, batch = std::move(batch)] {
                       ReceiveRequest(to, connection, batch);
                     });
               },
           .life = [this](int index) { return node(index).life; },
           .era =
               [this](int index) {
                 const auto& replica = node(index).replica;
                 return replica == nullptr ? 0 : replica->era();
               },
           .withdrawn = [this](CommandId id) { ghost_.Withdrawn(id); }}),
      observer_(Observer::Create(plan_.settings, verdict_)),
      ghost_(*observer_),
      order_(plan_.settings, clients_.workload().Keys(), verdict_),
      nodes_(static_cast<std::size_t>(plan_.settings.replicas)),
      node_random_(Stream(kNodes)),
      fault_random_(Stream(kFaults)),
      tick_random_(Stream(kTicks)),
      distance_random_(Stream(kDistances)) {}

void Simulation::Run() {
  if (plan_.real_store) {
    power::SeedSqlite(static_cast<std::uint32_t>(options_.seed));
  }
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    node(i).plan = plan_.nodes[static_cast<std::size_t>(i)];
    Start(i);
  }
  clients_.RestrictTo(roles_.leaders);
  clients_.Start();
  ScheduleFaults();
  RunUntil([this] { return clients_.AllAnswered(); },
           LongestStorm(plan_.workload));
  if (verdict_.failed()) return FillStatistics();
  EndFaults();
  if (!plan_.dead.empty()) RunWithoutTheDead();
  const auto settled = [this] { return Settled(); };
  if (RunUntilSettled(settled)) {
    for (int i = 0; i < plan_.settings.replicas; ++i) {
      if (roles_.leaders.Contains(ReplicaAt(i))) clients_.AddReader(i);
    }
    RunUntilSettled(settled);
  }
  if (!verdict_.failed()) CheckSettled();
  if (!verdict_.failed()) CheckHistory();
  FillStatistics();
}

// True when `done` came true within the time. A run that goes on talking
// without getting anywhere is ended as well.
bool Simulation::RunUntil(const std::function<bool()>& done, Micros patience) {
  const Micros deadline = queue_.now() + patience;
  while (!verdict_.failed() && queue_.now() < deadline) {
    if (done()) return true;
    queue_.RunNext();
    CheckWork();
  }
  return false;
}

void Simulation::CheckWork() {
  const std::uint64_t sent = network_.statistics().sent;
  const std::uint64_t answered = clients_.statistics().done;
  if (answered != answered_) {
    answered_ = answered;
    sent_until_answered_ = sent;
  }
  const std::uint64_t in_vain = sent - sent_until_answered_;
  if (in_vain <= kMostMessagesInVain && sent <= kMostMessages) return;
  verdict_.Fail("LV4: work is bounded",
                std::to_string(sent) + " messages sent, " +
                    std::to_string(in_vain) + " since the last of " +
                    std::to_string(answered) + " commands was answered");
}

// However much the clients still want to ask, and however they repeat
// themselves: nobody who asks waits longer than healing may take.
bool Simulation::RunUntilSettled(const std::function<bool()>& settled) {
  const Micros healed = queue_.now();
  for (Micros since = healed; since + kHealingTime > queue_.now();
       since = std::max(healed, clients_.WaitingSince())) {
    if (RunUntil(settled, since + kHealingTime - queue_.now())) return true;
    if (verdict_.failed()) return false;
  }
  return false;
}

// No more than f nodes go down for good in the middle of work; the others
// finish what was begun, by whomever, and new work.
void Simulation::RunWithoutTheDead() {
  clients_.AddWork(kWorkAroundDeath);
  const std::uint64_t enough =
      clients_.statistics().done + fault_random_.Below(kWorkAroundDeath) + 1;
  RunUntil(
      [&] {
        return clients_.statistics().done >= enough || clients_.AllAnswered();
      },
      kHealingTime);
  KillSome();
  clients_.AddWork(kWorkAroundDeath);
  if (!RunUntilSettled([this] { return SurvivorsSettled(); })) {
    verdict_.Fail(
        "LV5: a classic quorum that is up finishes everything",
        clients_.AllAnswered() ? "its replicas do not get even" : Unanswered());
  }
  Revive();
}

// The survivors have answered everything and have executed equally much: what
// only the dead know of may wait for them.
bool Simulation::SurvivorsSettled() {
  if (!clients_.AllAnswered()) return false;
  std::optional<std::size_t> executed;
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (node(i).dead) continue;
    const ReplicaStatus status = node(i).replica->Status();
    if (status.own_in_flight > 0 || status.oldest_blocked.has_value()) {
      return false;
    }
    if (!roles_.executors.Contains(ReplicaAt(i))) continue;
    if (executed.value_or(order_.executed(ReplicaAt(i))) !=
        order_.executed(ReplicaAt(i))) {
      return false;
    }
    executed = order_.executed(ReplicaAt(i));
  }
  return true;
}

// Everything answered, decided and executed everywhere?
bool Simulation::Settled() {
  if (!clients_.AllAnswered()) return false;
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (node(i).replica == nullptr || !node(i).unanswered.empty() ||
        (roles_.executors.Contains(ReplicaAt(i)) &&
         order_.executed(ReplicaAt(i)) < ghost_.decided_with_commands())) {
      return false;
    }
  }
  // The costly question last.
  return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& each) {
    const ReplicaStatus status = each.replica->Status();
    return status.own_in_flight == 0 && status.queued_commands == 0;
  });
}

std::string Simulation::Unanswered() const {
  return std::to_string(clients_.waiting()) + " are not, the oldest after " +
         std::to_string((queue_.now() - clients_.WaitingSince()) / 1000000) +
         " s; " + std::to_string(clients_.unasked()) +
         " have not been asked for";
}

void Simulation::CheckSettled() {
  if (!clients_.AllAnswered()) {
    verdict_.Fail("LV1: in a healed world every command is answered",
                  Unanswered());
    return;
  }
  std::optional<std::uint64_t> expected;
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (!roles_.executors.Contains(ReplicaAt(i))) continue;
    const std::string name = "r" + std::to_string(i + 1);
    if (order_.executed(ReplicaAt(i)) != ghost_.decided_with_commands()) {
      verdict_.Fail("LV2: in a healed world everything is executed everywhere",
                    name + " has executed " +
                        std::to_string(order_.executed(ReplicaAt(i))) + " of " +
                        std::to_string(ghost_.decided_with_commands()));
    }
    const std::uint64_t state = node(i).replica->executor().state_hash();
    if (expected.value_or(state) != state) {
      verdict_.Fail("invariant 17: equal executions give equal states",
                    name + " and one before it differ");
    }
    expected = state;
    trace_.Note({.time = queue_.now(),
                 .what = "settled",
                 .node = i,
                 .a = node(i).replica->Fingerprint(),
                 .b = node(i).replica->executor().state_hash(),
                 .a_label = "fingerprint",
                 .b_label = "state"});
  }
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    // Its client may have gone elsewhere; the connection still counts it.
    if (node(i).unanswered.empty()) continue;
    const auto& [origin, id] = node(i).unanswered.begin()->first;
    verdict_.Fail("LV6: a node that lives answers every command it took",
                  "r" + std::to_string(i + 1) + " owes " +
                      std::to_string(node(i).unanswered.size()) +
                      ", one of them to connection " + std::to_string(origin) +
                      ", sequence " + std::to_string(id.sequence));
  }
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    const ReplicaStatus status = node(i).replica->Status();
    if (status.own_in_flight == 0 && status.queued_commands == 0) continue;
    verdict_.Fail(
        "LV3: in a healed world every proposal is decided",
        "r" + std::to_string(i + 1) + " has " +
            std::to_string(status.own_in_flight) + " instances in flight and " +
            std::to_string(status.queued_commands) + " commands queued");
  }
}

// Commands that took effect, in an order that should explain what clients saw:
// those whose session was forgotten by then, or that gave too much, did not.
std::vector<CommandId> Simulation::InOrderOfExecution() const {
  const int columns = ColumnsOf(plan_.settings);
  Executor executor(columns, plan_.settings.conflicts, plan_.settings.results);
  executor.ReportAll(ReplicaSet::FirstN(columns));
  std::vector<CommandId> done;
  Executed executed;
  for (const InstanceId id : order_.first_executions()) {
    executed.Clear();
    executor.Commit(id, ghost_.FindPayload(id), DependencySet(columns),
                    executed);
    for (const ExecutedCommand& command : executed.commands) {
      if (command.status != ReplyStatus::kRefused) done.push_back(command.id);
    }
  }
  return done;
}

void Simulation::CheckHistory() {
  trace_.Note({.time = queue_.now(),
               .what = "history",
               .a = Digest(clients_.history()),
               .a_label = "digest"});
  if (options_.history != nullptr) {
    WriteHistory(clients_.history(), options_.history);
    std::fflush(options_.history);
  }
  const std::string problem =
      CheckLinearizable(clients_.history(), InOrderOfExecution());
  if (!problem.empty()) {
    verdict_.Fail("G5: what clients saw is linearizable", problem);
  }
}

void Simulation::FillStatistics() {
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (node(i).replica != nullptr) Stop(i);
  }
  statistics_.faults[static_cast<std::size_t>(FaultKind::kLoss)] =
      network_.statistics().lost;
  statistics_.faults[static_cast<std::size_t>(FaultKind::kDuplicate)] =
      network_.statistics().duplicated;
  statistics_.messages = network_.statistics().sent;
  statistics_.operations = clients_.statistics().done;
  statistics_.refused = clients_.statistics().refused;
  statistics_.retried = clients_.statistics().retried;
  statistics_.instances = ghost_.decided();
  statistics_.noops = ghost_.decided() - ghost_.decided_with_commands();
  statistics_.recovered = ghost_.recovered();
  statistics_.virtual_time = queue_.now();
  statistics_.marks.Note(Mark::kBusy, clients_.statistics().busy);
  statistics_.marks.Note(Mark::kExpiredCommand, clients_.statistics().expired);
  statistics_.marks.Note(Mark::kGivenUp, clients_.statistics().given_up);
  statistics_.marks.Note(Mark::kWithdrawn, clients_.statistics().withdrawn);
  statistics_.marks.Note(Mark::kResultTooLarge,
                         clients_.statistics().too_large);
  statistics_.marks.Note(Mark::kResultGone, clients_.statistics().results_gone);
  statistics_.marks.Add(ghost_.marks());
  for (const Node& each : nodes_) statistics_.marks.Add(each.disk.marks());
}

}  // namespace quorate::sim
