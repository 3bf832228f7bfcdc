// When and how faults strike.
#include "tests/sim/simulation.h"

namespace quorate::sim {
namespace {

// Loss, duplication, reordering, delay and uneven clocks are in the plans of
// network and nodes; the others strike at points of time.
constexpr std::array<FaultKind, 9> kScheduled = {
    FaultKind::kReset, FaultKind::kPartition, FaultKind::kCrash,
    FaultKind::kPower, FaultKind::kSync,      FaultKind::kPause,
    FaultKind::kDisk,  FaultKind::kSuspect,   FaultKind::kCheckpoint};

constexpr int kTailPermille = 200;

}  // namespace

void Simulation::ScheduleFaults() {
  for (const FaultKind kind : kScheduled) {
    if (plan_.faults.Contains(kind)) ScheduleFault(kind);
  }
}

void Simulation::ScheduleFault(FaultKind kind) {
  int& strikes = plan_.strikes[static_cast<std::size_t>(kind)];
  if (strikes-- == 0) return;
  const Micros interval = plan_.interval[static_cast<std::size_t>(kind)];
  queue_.After(1 + fault_random_.HeavyTailed(interval, kTailPermille),
               [this, kind] {
                 if (faults_over_) return;
                 Strike(kind);
                 ScheduleFault(kind);
               });
}

void Simulation::Strike(FaultKind kind) {
  const int n = plan_.settings.replicas;
  const int index = fault_random_.Pick(n);
  switch (kind) {
    case FaultKind::kReset: {
      Count(kind);
      Note("reset", index);
      network_.Reset(index, (index + 1 + fault_random_.Pick(n - 1)) % n);
      clients_.CloseSome();
      return;
    }
    case FaultKind::kPartition: return StrikePartition();
    case FaultKind::kCrash:
      if (node(index).replica == nullptr) return;
      Count(kind);
      // Between two steps, or in the middle of one step's effects.
      if (fault_random_.Chance(500)) return CrashNow(index);
      node(index).crashes_in_turn = true;
      return;
    case FaultKind::kPower: return StrikePower();
    case FaultKind::kSync:
      if (node(index).replica == nullptr) return;
      Count(kind);
      node(index).sync_fails = true;
      return;
    case FaultKind::kPause: return StrikePause();
    case FaultKind::kDisk: return StrikeDisk();
    case FaultKind::kSuspect: return StrikeSuspect();
    case FaultKind::kCheckpoint:
      if (node(index).replica == nullptr ||
          node(index).replica->holds_checkpoint()) {
        return;
      }
      node(index).checkpoint_due = true;
      return ScheduleTurn(index);
    default: return;
  }
}

void Simulation::StrikePower() {
  Count(FaultKind::kPower);
  if (plan_.real_store) statistics_.marks.Note(Mark::kStorePowerOfAll);
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (node(i).replica != nullptr) CrashNow(i, /*power=*/true);
  }
}

void Simulation::StrikePartition() {
  Count(FaultKind::kPartition);
  const char* shape = network_.Partition();
  trace_.Note({.time = queue_.now(), .what = "partition", .name = shape});
  queue_.After(fault_random_.HeavyTailed(plan_.outage, kTailPermille), [this] {
    network_.HealPartition();
    trace_.Note({.time = queue_.now(), .what = "heal"});
  });
}

void Simulation::StrikePause() {
  const int index = fault_random_.Pick(plan_.settings.replicas);
  if (node(index).replica == nullptr || node(index).paused) return;
  Count(FaultKind::kPause);
  Note("pause", index);
  node(index).paused = true;
  queue_.After(fault_random_.HeavyTailed(plan_.outage, kTailPermille),
               [this, index, life = node(index).life] {
                 if (node(index).life != life || !node(index).paused) return;
                 Note("resume", index);
                 node(index).paused = false;
                 ScheduleTurn(index);
               });
}

void Simulation::StrikeDisk() {
  const int index = fault_random_.Pick(plan_.settings.replicas);
  Count(FaultKind::kDisk);
  Note("slow disk", index);
  node(index).slow_disk = true;
  queue_.After(fault_random_.HeavyTailed(plan_.outage, kTailPermille),
               [this, index] { node(index).slow_disk = false; });
}

void Simulation::StrikeSuspect() {
  const int n = plan_.settings.replicas;
  const int index = fault_random_.Pick(n);
  const int peer = (index + 1 + fault_random_.Pick(n - 1)) % n;
  Count(FaultKind::kSuspect);
  Suspect(index, peer, true);
  queue_.After(fault_random_.HeavyTailed(plan_.outage, kTailPermille),
               [this, index, peer] { Suspect(index, peer, false); });
}

void Simulation::Suspect(int index, int peer, bool suspected) {
  if (node(index).replica == nullptr) return;
  trace_.Note({.time = queue_.now(),
               .what = suspected ? "suspect" : "trust",
               .node = index,
               .a = static_cast<std::uint64_t>(peer + 1),
               .a_label = "peer"});
  Enqueue(index,
          PeerSuspected{.peer = ReplicaAt(peer), .suspected = suspected});
}

// A snapshot is written within a few milliseconds, where hardly any crash
// strikes by chance: two in five readers are struck on purpose.
void Simulation::StrikeReader(int index) {
  if (faults_over_ || !plan_.faults.Contains(FaultKind::kCrash) ||
      !fault_random_.Chance(400)) {
    return;
  }
  Count(FaultKind::kCrash);
  node(index).crashes_in_turn = true;
}

// A stopped node always comes back: see EndFaults for those still down then.
void Simulation::CrashNow(int index, bool power) {
  Note("crash", index);
  const std::vector<Mark> parts = PartsUnderWay(index);
  if (node(index).writes_checkpoint) {
    statistics_.marks.Note(Mark::kCheckpointInterrupted);
  }
  if (node(index).writes_snapshot) {
    statistics_.marks.Note(Mark::kSnapshotInterrupted);
  }
  node(index).disk.NoteLost(node(index).turn->kept_records());
  const std::span<const Record> survivors =
      node(index).disk.Crash(fault_random_, power);
  for (const Mark part : parts) {
    statistics_.marks.Note(part);
    if (node(index).disk.power_was_cut()) {
      statistics_.marks.Note(PowerCutOf(part));
    }
  }
  ghost_.BecameDurable(ReplicaAt(index), survivors);
  trace_.Note({.time = queue_.now(),
               .what = "journal",
               .node = index,
               .a = node(index).disk.last(),
               .b = survivors.size(),
               .a_label = "records",
               .b_label = "unsynced"});
  Stop(index);
  clients_.NodeStopped(index);
  SuspectStopped(index);
  queue_.After(1 + fault_random_.HeavyTailed(plan_.outage, kTailPermille),
               [this, index] {
                 if (node(index).replica == nullptr && !node(index).dead) {
                   Start(index);
                 }
               });
}

// The others notice after a while, each for itself, and notice the return.
void Simulation::SuspectStopped(int index) {
  for (int other = 0; other < plan_.settings.replicas; ++other) {
    if (other == index) continue;
    queue_.After(fault_random_.HeavyTailed(200000, kTailPermille),
                 [this, other, index] {
                   if (node(index).replica == nullptr) {
                     Suspect(other, index, true);
                   }
                 });
  }
}

void Simulation::KillSome() {
  ReplicaSet alive = ReplicaSet::FirstN(plan_.settings.replicas);
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (!plan_.dead.Contains(ReplicaAt(i))) continue;
    Count(FaultKind::kDeath);
    node(i).dead = true;
    alive.Erase(ReplicaAt(i));
    CrashNow(i);
  }
  clients_.RestrictTo(alive.Intersect(roles_.leaders));
}

void Simulation::Revive() {
  clients_.RestrictTo(roles_.leaders);
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    if (!node(i).dead) continue;
    node(i).dead = false;
    Start(i);
  }
}

void Simulation::EndFaults() {
  faults_over_ = true;
  trace_.Note({.time = queue_.now(), .what = "end of faults"});
  network_.Calm();
  for (int i = 0; i < plan_.settings.replicas; ++i) {
    Node& each = node(i);
    each.slow_disk = false;
    each.sync_fails = false;
    each.crashes_in_turn = false;
    if (each.replica == nullptr) Start(i);
    if (each.paused) {
      each.paused = false;
      ScheduleTurn(i);
    }
    for (int peer = 0; peer < plan_.settings.replicas; ++peer) {
      if (peer != i) Suspect(i, peer, false);
    }
  }
}

}  // namespace quorate::sim
