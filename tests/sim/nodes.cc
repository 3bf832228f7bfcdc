// The life of one simulated node: start, turns, stop.
#include <algorithm>
#include <array>
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
  at.shell = std::make_unique<Shell>(*this, index);
  at.turn = std::make_unique<Turn>(*at.shell, at.shell.get(),
                                   at.replica->last_record(), DrawTurnLimits());
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
  at.turn = nullptr;
  at.replica = nullptr;
  at.paused = at.sync_fails = at.crashes_in_turn = at.crashing = false;
  at.effects_left.reset();
  at.turn_scheduled = at.look_out_scheduled = at.tick_waiting = false;
  at.awake_until = 0;
  at.writes_checkpoint = at.writes_snapshot = at.checkpoint_due = false;
  at.quick = false;
  at.slice.reset();
  at.chunks.clear();
  at.unsent.clear();
  at.reads = true;
  at.unread.clear();
  at.inbox.clear();
  at.requests.batches.clear();
  at.unanswered.clear();
}

// ---- turns ------------------------------------------------------------------

// What comes from peers waits while they are not listened to.
void Simulation::Enqueue(int index, Event event) {
  Node& at = node(index);
  const bool of_peer = std::holds_alternative<MessageReceived>(event) ||
                       std::holds_alternative<SnapshotPart>(event);
  if (of_peer && !at.reads) {
    at.unread.push_back(std::move(event));
    return;
  }
  at.inbox.push_back(std::move(event));
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
                 if (!now.paused) RunTurn(index);
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
      if (options_.limits.measured) Measure(index);
    }
    ScheduleTick(index);
  });
}

// Of some peer, now what it is and now anything: no promise rests on it.
void Simulation::Measure(int index) {
  const int peer = distance_random_.Pick(plan_.settings.replicas);
  if (peer == index) return;
  const Micros distance = distance_random_.OneOf(
      std::array<Micros, 6>{2 * plan_.network.delay, 2 * plan_.network.delay, 0,
                            30000, 150000, 1000000});
  Enqueue(index,
          PeerMeasured{.peer = ReplicaAt(peer), .round_trip_us = distance});
}

void Simulation::RunTurn(int index) {
  Node& at = node(index);
  ++statistics_.turns;
  at.tick_waiting = false;
  const bool crashes = std::exchange(at.crashes_in_turn, false);
  if (crashes) {
    // Among the first few effects as well as among many.
    at.effects_left =
        node_random_.Below(std::uint64_t{1} << node_random_.Below(6));
  }
  // Scratch, kept for its memory.
  events_.clear();
  events_.swap(at.inbox);
  for (std::size_t i = 0; i < events_.size(); ++i) {
    at.turn->Step(events_[i]);
    const bool is_last = i + 1 == events_.size();
    if (at.plan.gathers || is_last) continue;
    EndTurn(index);
    if (at.crashing || verdict_.failed()) break;
  }
  if (!at.crashing) EndTurn(index);
  if (!crashes) return LookOut(index);
  statistics_.marks.Note(Mark::kCrashInTurn);
  CrashNow(index);
}

void Simulation::EndTurn(int index) {
  Node& at = node(index);
  at.turn->End();
  // Wanted, and not possible now.
  if (!at.slice.has_value()) at.checkpoint_due = false;
}

// Commits that are held back leave when nothing else does.
void Simulation::LookOut(int index) {
  Node& at = node(index);
  if (!at.turn->holds_commits() || at.look_out_scheduled) return;
  at.look_out_scheduled = true;
  queue_.After(1 + at.awake_until - queue_.now(),
               [this, index, life = at.life] {
                 Node& now = node(index);
                 if (now.life != life || now.replica == nullptr) return;
                 now.look_out_scheduled = false;
                 ScheduleTurn(index);
               });
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
