// What becomes of a step's effects: decisions, records and syncs.
#include <utility>

#include "tests/sim/simulation.h"

namespace quorate::sim {
namespace {

constexpr int kSlowDisk = 100;  // times slower

}  // namespace

void Simulation::Apply(int index, const Actions& actions) {
  const bool crash = node(index).crashes_in_turn;
  std::size_t effects = actions.messages.size() + actions.replies.size();
  bool persists = true;
  if (crash) {
    // Before the records are appended, or after them and some of the effects.
    const std::size_t cut = node_random_.Below(effects + 2);
    persists = cut > 0;
    effects = persists ? cut - 1 : 0;
  }
  Observe(index, actions);
  if (persists) Persist(index, actions);
  for (const OutgoingMessage& message : actions.messages) {
    if (effects == 0) break;
    --effects;
    SendMessage(index, message);
  }
  for (const OutgoingReply& reply : actions.replies) {
    if (effects == 0) break;
    --effects;
    SendReply(index, reply);
  }
  if (crash) {
    statistics_.marks.Note(Mark::kCrashInTurn);
    return CrashNow(index);
  }
  for (const SnapshotRead& read : actions.snapshot_reads) {
    ReadSnapshot(index, read);
  }
  for (const SnapshotWrite& write : actions.snapshot_writes) {
    WriteSnapshot(index, write);
  }
  if (node(index).replica->wants_checkpoint()) BeginCheckpoint(index);
}

// What the machine says it has decided and executed.
void Simulation::Observe(int index, const Actions& actions) {
  const ReplicaId at = ReplicaAt(index);
  for (const CommittedInstance& decision : actions.committed) {
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
  for (const InstanceId id : actions.executed) {
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

void Simulation::Persist(int index, const Actions& actions) {
  Node& at = node(index);
  for (const Record& record : actions.persist) at.disk.Append(record);
  if (at.replica->last_record() != at.disk.last()) {
    verdict_.Fail("a machine numbers its records without gaps",
                  "r" + std::to_string(index + 1));
  }
  if (actions.persist.empty()) return;
  if (!actions.persist_is_lazy) at.urgent = true;
  if (at.disk.syncing()) return;  // They join the next sync.
  if (at.urgent) {
    BeginSync(index);
  } else {
    ScheduleLazySync(index);
  }
}

void Simulation::BeginSync(int index) {
  Node& at = node(index);
  at.disk.BeginSync();
  at.urgent = false;
  Micros time =
      1 + node_random_.HeavyTailed(plan_.disk.sync, plan_.disk.tail_permille);
  if (at.slow_disk) time *= kSlowDisk;
  queue_.After(time, [this, index, life = at.life] {
    if (node(index).life == life && node(index).replica != nullptr) {
      EndSync(index);
    }
  });
}

void Simulation::ScheduleLazySync(int index) {
  Node& at = node(index);
  if (std::exchange(at.lazy_sync_scheduled, true)) return;
  queue_.After(plan_.disk.lazy_wait, [this, index, life = at.life] {
    Node& now = node(index);
    if (now.life != life || now.replica == nullptr) return;
    now.lazy_sync_scheduled = false;
    if (!now.disk.syncing() && now.disk.has_unsynced()) BeginSync(index);
  });
}

void Simulation::EndSync(int index) {
  Node& at = node(index);
  // A failed sync stops the node at once (reliability.md ENV3).
  if (at.sync_fails) {
    at.disk.FailSync();
    return CrashNow(index);
  }
  ghost_.BecameDurable(ReplicaAt(index), at.disk.EndSync());
  NoteInstalled(index);
  trace_.Note({.time = queue_.now(),
               .what = "durable",
               .node = index,
               .a = at.disk.durable(),
               .a_label = "through"});
  Enqueue(index, RecordsDurable{.through = at.disk.durable()});
  if (!at.disk.has_unsynced()) return;
  if (at.urgent) {
    BeginSync(index);
  } else {
    ScheduleLazySync(index);
  }
}

}  // namespace quorate::sim
