// The life of one simulated node: start, turns, stop.
#include <algorithm>
#include <utility>

#include "tests/sim/simulation.h"

namespace quorate::sim {
namespace {

constexpr int kClonePermille = 3;        // of the turns go on with a copy
constexpr int kInvariantPermille = 100;  // of the turns look inside

}  // namespace

void Simulation::Note(const char* what, int index) {
  trace_.Note({.time = queue_.now(), .what = what, .node = index});
}

// ---- start and stop ---------------------------------------------------------

void Simulation::Start(int index) {
  Node& at = node(index);
  Settings settings = plan_.settings;
  settings.self = ReplicaAt(index);
  at.replica = factory_(settings);
  if (++at.life == 1 && plan_.real_store) {
    at.disk.UseStore(
        std::make_unique<StoreDisk>(index, ColumnsOf(settings), verdict_));
  }
  if (at.life > 1) Restore(index);
  Note("start", index);
  ScheduleTick(index);
  if (at.life == 1) return;
  for (int other = 0; other < plan_.settings.replicas; ++other) {
    if (other == index) continue;
    queue_.After(node_random_.HeavyTailed(20000, 200), [this, other, index] {
      if (node(index).replica != nullptr) Suspect(other, index, false);
    });
  }
}

void Simulation::Stop(int index) {
  Node& at = node(index);
  const ReplicaStatus status = at.replica->Status();
  statistics_.fast_commits += status.fast_commits;
  statistics_.slow_commits += status.slow_commits;
  statistics_.retransmissions += status.retransmissions;
  statistics_.stale_messages += status.stale_messages;
  statistics_.snapshots += status.snapshots_installed;
  statistics_.largest_component = std::max(statistics_.largest_component,
                                           status.executor.largest_component);
  Marks& marks = statistics_.marks;
  marks.Note(status.recovery_rules);
  marks.Note(Mark::kFastCommit, status.fast_commits);
  marks.Note(Mark::kSlowCommit, status.slow_commits);
  marks.Note(Mark::kMissingPayload, status.missing_payloads);
  marks.Note(Mark::kFloorHeldBack, status.floors_held_back);
  marks.Note(Mark::kRelayed, status.relays);
  marks.Note(Mark::kRepetition, status.executor.repeated_commands);
  marks.Note(Mark::kSessionExpired, status.expired_sessions);
  marks.Note(Mark::kCycle,
             status.executor.components - status.executor.component_sizes[0]);
  order_.Stopped(ReplicaAt(index));
  at.replica = nullptr;
  at.paused = at.sync_fails = at.crashes_in_turn = false;
  at.turn_scheduled = at.lazy_sync_scheduled = at.tick_waiting = false;
  at.urgent = at.writes_checkpoint = at.writes_snapshot = false;
  at.inbox.clear();
  at.requests.batches.clear();
  at.unanswered.clear();
}

// ---- turns ------------------------------------------------------------------

void Simulation::Enqueue(int index, Event event) {
  node(index).inbox.push_back(std::move(event));
  ScheduleTurn(index);
}

void Simulation::ScheduleTurn(int index) {
  Node& at = node(index);
  if (at.turn_scheduled || at.paused) return;
  at.turn_scheduled = true;
  queue_.After(1 + node_random_.Below(2 * at.plan.turn_delay),
               [this, index, life = at.life] {
                 Node& now = node(index);
                 if (now.life != life || now.replica == nullptr) return;
                 now.turn_scheduled = false;
                 if (!now.paused) Turn(index);
               });
}

void Simulation::ScheduleTick(int index) {
  Node& at = node(index);
  const Micros jitter = node_random_.Below(at.plan.tick / 8 + 1);
  queue_.After(at.plan.tick + jitter, [this, index, life = at.life] {
    Node& now = node(index);
    if (now.life != life || now.replica == nullptr) return;
    // A node that stood still finds one tick when it goes on, not hundreds.
    if (!now.tick_waiting) {
      now.tick_waiting = true;
      Enqueue(index, Tick{.random = tick_random_.Next()});
    }
    ScheduleTick(index);
  });
}

void Simulation::Turn(int index) {
  Node& at = node(index);
  ++statistics_.turns;
  at.tick_waiting = false;
  // Scratch, kept for its memory.
  events_.clear();
  events_.swap(at.inbox);
  if (!at.requests.batches.empty()) {
    events_.emplace_back(std::exchange(at.requests, {}));
  }
  actions_.Clear();
  const std::uint64_t life = at.life;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const bool installs = std::holds_alternative<SnapshotDurable>(events_[i]);
    if (installs) {
      // What was executed so far is executed again, or is in the snapshot.
      Apply(index, actions_);
      actions_.Clear();
      if (at.replica == nullptr || at.life != life) return;
      order_.Stopped(ReplicaAt(index));
      RestoreOrderFromSnapshot(index);
    }
    Step(at, events_[i], actions_);
    const bool is_last = i + 1 == events_.size();
    if (at.plan.gathers && !is_last && !installs) continue;
    Apply(index, actions_);
    actions_.Clear();
    if (at.replica == nullptr || at.life != life || verdict_.failed()) return;
  }
}

void Simulation::Step(Node& at, const Event& event, Actions& actions) {
  if (!node_random_.Chance(kClonePermille)) {
    at.replica->Step(event, actions);
  } else {
    // Equal state and event give equal state and effects; the run goes on with
    // the copy.
    std::unique_ptr<Replica> copy(
        static_cast<Replica*>(at.replica->Clone().release()));
    Actions discarded;
    at.replica->Step(event, discarded);
    const std::size_t before = actions.messages.size();
    copy->Step(event, actions);
    if (copy->Fingerprint() != at.replica->Fingerprint() ||
        discarded.messages.size() != actions.messages.size() - before) {
      verdict_.Fail("equal state and event give equal state and effects", "");
    }
    at.replica = std::move(copy);
  }
  if (node_random_.Chance(kInvariantPermille)) {
    if (const absl::Status status = at.replica->CheckInvariants();
        !status.ok()) {
      verdict_.Fail(std::string(status.message()), "CheckInvariants");
    }
  }
}

}  // namespace quorate::sim
