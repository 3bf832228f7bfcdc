// What becomes of a turn's effects: the product decides their order
// (replica/host/turn.h), and a crash may come between any two.
#include <utility>

#include "tests/sim/simulation.h"

namespace quorate::sim {
namespace {

constexpr int kSlowDisk = 100;  // times slower
// A disk that took longer is left to its thread (storage/journal/journal.h).
constexpr Micros kQuick = 1000;
constexpr int kAtOncePermille = 500;
// Unwritten records stand for so many bytes each.
constexpr std::size_t kRecordBytes = 1000;

}  // namespace

TurnLimits Simulation::DrawTurnLimits() {
  const TurnLimits shipped;
  return {
      .most_lazy_records = node_random_.OneOf(
          std::array<std::size_t, 3>{shipped.most_lazy_records, 64, 4}),
      .slice_bytes = 1 + node_random_.Below(2000),
      .most_unwritten_bytes = node_random_.OneOf(std::array<std::size_t, 3>{
          shipped.most_unwritten_bytes, 200 * kRecordBytes, 10 * kRecordBytes}),
      .most_result_bytes = node_random_.OneOf(
          std::array<std::size_t, 2>{shipped.most_result_bytes, 200})};
}

// ---- the turn ---------------------------------------------------------------

bool Simulation::Shell::Happens() {
  Node& at = this->at();
  if (at.crashing) return false;
  if (at.effects_left.has_value() && (*at.effects_left)-- == 0) {
    at.crashing = true;
  }
  return !at.crashing;
}

// What is told before the machine goes on is told of what it was.
void Simulation::Shell::Step(const Event& event, Actions& actions) {
  if (at().crashing) return;
  if (std::holds_alternative<SnapshotDurable>(event)) {
    // What was executed so far is executed again, or is in the snapshot.
    simulation_.order_.Stopped(ReplicaAt(index_));
    simulation_.RestoreOrderFromSnapshot(index_);
  }
  const std::size_t committed = actions.committed.size();
  const std::size_t executed = actions.executed.size();
  simulation_.Step(at(), event, actions);
  simulation_.Observe(index_, std::span(actions.committed).subspan(committed),
                      std::span(actions.executed).subspan(executed));
}

ClientCommands Simulation::Shell::TakeCommands() {
  return std::exchange(at().requests, {});
}

// ---- messages and replies ---------------------------------------------------

void Simulation::Shell::Send(const OutgoingMessage& message) {
  at().unsent.push_back(message);
}

void Simulation::Shell::Flush() {
  for (const OutgoingMessage& message : std::exchange(at().unsent, {})) {
    if (Happens()) simulation_.SendMessage(index_, message);
  }
}

void Simulation::Shell::Reply(std::vector<OutgoingReply>& replies,
                              std::span<const CommittedInstance>) {
  for (const OutgoingReply& reply : replies) {
    if (Happens()) simulation_.SendReply(index_, reply);
  }
}

void Simulation::Shell::SetReading(bool reads) {
  at().reads = reads;
  if (!reads) return;
  for (Event& event : std::exchange(at().unread, {})) {
    simulation_.Enqueue(index_, std::move(event));
  }
}

void Simulation::Shell::NoteActivity() {
  at().awake_until = simulation_.queue_.now() + simulation_.plan_.look_out;
}

bool Simulation::Shell::stays_awake() const {
  return simulation_.queue_.now() < at().awake_until;
}

// ---- records ----------------------------------------------------------------

bool Simulation::Shell::Take(std::vector<Record>& records,
                             RecordSequence last) {
  if (!Happens()) return false;
  for (Record& record : records) at().disk.Append(std::move(record));
  records.clear();
  if (last != at().disk.last()) {
    simulation_.verdict_.Fail("a machine numbers its records without gaps",
                              "r" + std::to_string(index_ + 1));
  }
  return true;
}

void Simulation::Shell::Append(std::vector<Record>& records,
                               RecordSequence last) {
  if (!Take(records, last) || at().disk.syncing()) return;
  simulation_.BeginSync(index_);
}

bool Simulation::Shell::AppendNow(std::vector<Record>& records,
                                  RecordSequence last) {
  // They join the next sync when one is under way.
  if (!Take(records, last) || at().disk.syncing()) return false;
  if (!at().quick || at().slow_disk || at().sync_fails ||
      !simulation_.node_random_.Chance(kAtOncePermille)) {
    simulation_.BeginSync(index_);
    return false;
  }
  at().disk.BeginSync();
  if (!Happens()) return false;
  simulation_.NoteSynced(index_);
  return true;
}

std::size_t Simulation::Shell::unwritten_bytes() const {
  return (at().disk.last() - at().disk.durable()) * kRecordBytes;
}

void Simulation::BeginSync(int index) {
  Node& at = node(index);
  at.disk.BeginSync();
  Micros time =
      1 + node_random_.HeavyTailed(plan_.disk.sync, plan_.disk.tail_permille);
  if (at.slow_disk) time *= kSlowDisk;
  at.quick = time < kQuick;
  queue_.After(time, [this, index, life = at.life] {
    if (node(index).life == life && node(index).replica != nullptr) {
      EndSync(index);
    }
  });
}

void Simulation::EndSync(int index) {
  Node& at = node(index);
  // A failed sync stops the node at once (reliability.md ENV3).
  if (at.sync_fails) {
    at.disk.FailSync();
    return CrashNow(index);
  }
  NoteSynced(index);
  ScheduleTurn(index);
  if (at.disk.has_unsynced()) BeginSync(index);
}

void Simulation::NoteSynced(int index) {
  SimulatedDisk& disk = node(index).disk;
  ghost_.BecameDurable(ReplicaAt(index), disk.EndSync());
  trace_.Note({.time = queue_.now(),
               .what = "durable",
               .node = index,
               .a = disk.durable(),
               .a_label = "through"});
  FinishSlice(index);
}

// What the machine says it has decided and executed.
void Simulation::Observe(int index,
                         std::span<const CommittedInstance> committed,
                         std::span<const InstanceId> executed) {
  const ReplicaId at = ReplicaAt(index);
  for (const CommittedInstance& decision : committed) {
    ghost_.Committed(at, decision);
    ghost_.NoteLate(decision);
    trace_.Note({.time = queue_.now(),
                 .what = "commit",
                 .name = decision.fast_path ? "fast" : "",
                 .node = index,
                 .instance = decision.instance,
                 .deps = decision.deps,
                 .a = decision.value.digest,
                 .a_label = "digest"});
  }
  for (const InstanceId id : executed) {
    const CommandBatch* batch = ghost_.FindDecided(id);
    if (batch == nullptr) {
      verdict_.Fail("invariant 13: only decided commands are executed",
                    ToString(id));
      return;
    }
    order_.Executed(at, id, *batch);
    trace_.Note({.time = queue_.now(),
                 .what = "execute",
                 .node = index,
                 .instance = id});
  }
  ghost_.SetExecutedFrontier(
      at, node(index).replica->executor().executed_frontier());
}

}  // namespace quorate::sim
