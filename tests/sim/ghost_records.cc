// What is on disk, and what may be forgotten (5, 6, 9, 16).
#include "tests/sim/ghost.h"

#include <algorithm>

namespace quorate::sim {

void Ghost::BecameDurable(ReplicaId at, const PreAcceptedRecord& r) {
  NotePayload(at, r.instance, r.batch);
  NoteInitialDeps(at, r.instance, r.initial_deps);
  NoteFastQuorum(at, r.instance, r.fast_quorum);
  if (!r.deps.Covers(r.initial_deps)) {
    Fail("invariant 6: a vote covers the initial dependencies", at, r.instance);
  }
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (disk.pre_accepted && disk.pre_accepted_deps != r.deps) {
    Fail("invariant 9: a replica votes once on an instance", at, r.instance,
         ToString(disk.pre_accepted_deps) + " and " + ToString(r.deps));
  }
  disk.pre_accepted = true;
  disk.initial_known = true;
  disk.pre_accepted_deps = r.deps;
}

void Ghost::BecameDurable(ReplicaId at, const AcceptedRecord& r) {
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (r.ballot < disk.promised) {
    Fail("invariant 5: nothing is accepted below a promise", at, r.instance);
  }
  disk.promised = std::max(disk.promised, r.ballot);
  Round& round = NoteRound(at, r.instance, r.ballot, r.value, r.deps);
  round.durable_voters.Insert(at);
  const AcceptorGroup* group =
      is_bpaxos() ? &cluster_.GroupOf(r.instance) : nullptr;
  if (group != nullptr && !group->members().Contains(at)) {
    Fail("3.2: only its group votes on an instance", at, r.instance);
  }
  if (group != nullptr ? group->phase2.IsQuorum(round.durable_voters)
                       : round.durable_voters.size() >= sizes_.accept_quorum) {
    NoteChosen(at, r.instance, r.ballot, r.value, r.deps);
  }
}

void Ghost::BecameDurable(ReplicaId at, const PromisedRecord& r) {
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (is_bpaxos() && r.ballot.owner() == at && r.ballot > disk.begun) {
    disk.begun = r.ballot;  // The acceptor's record of it, if any, follows.
    return;
  }
  if (r.ballot < disk.promised) {
    Fail("invariant 5: promised ballots never decrease", at, r.instance);
  }
  disk.promised = std::max(disk.promised, r.ballot);
  if (r.batch == nullptr) return;
  NotePayload(at, r.instance, r.batch);
  if (disk.pre_accepted || disk.collected_deps.has_value()) {
    Fail("3.6: only who has not voted is asked, and once", at, r.instance);
  }
  disk.collected_deps = r.deps;
  disk.collected_ballot = r.ballot;
}

void Ghost::BecameDurable(ReplicaId at, const ValidatedRecord& r) {
  NotePayload(at, r.instance, r.batch);
  NoteInitialDeps(at, r.instance, r.initial_deps);
  DiskOf(at, Get(r.instance)).initial_known = true;
}

void Ghost::BecameDurable(ReplicaId at, const CommittedRecord& r) {
  Instance& instance = Get(r.instance);
  if (!instance.chosen.has_value() && r.instance.replica == at) {
    // Nothing was chosen by accepts, so this is the fast path.
    CheckFastQuorum(at, r.instance, r.deps);
    NoteChosen(at, r.instance, Ballot(), r.value, r.deps);
  }
  NoteDecided(at, r.instance, r.value, r.deps);
  DiskOf(at, instance).committed = true;
}

void Ghost::BecameDurable(ReplicaId at, const DependencyRecord& r) {
  NoteAsked(at, r.instance, r.batch);
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (disk.answered && disk.answer != r.deps) {
    Fail("DS1: a dependency node answers an instance once", at, r.instance,
         ToString(disk.answer) + " and " + ToString(r.deps));
  }
  disk.answered = true;
  disk.answer = r.deps;
}

// Invariant 16: what one replica may forget, all but g have executed for good;
// in BPaxos f+1 executors have, and what executors forget, all or most of them.
void Ghost::BecameDurable(ReplicaId at, const FloorRecord& r) {
  Note(Mark::kFloorRaised);
  if (is_bpaxos()) {
    const int executors = roles_.executors.size();
    const bool passes =
        settings().retained_bytes > 0 && roles_.executors.Contains(at);
    const int enough = std::max(sizes_.faults, executors / 2) + 1;
    CheckFloor(at, r.base_floor, executors - sizes_.faults - 1);
    CheckFloor(at, r.drop_floor, passes ? executors - enough : 0);
  } else {
    CheckFloor(at, r.drop_floor, sizes_.laggards);
  }
  NoteForgotten(at, r.drop_floor);
}

void Ghost::CheckFloor(ReplicaId at, const DependencySet& floor, int lacking) {
  for (int column = 0; column < ColumnsOf(settings()); ++column) {
    DependencySet dropped(ColumnsOf(settings()));
    dropped.Set(ReplicaAt(column), floor[ReplicaAt(column)]);
    int lack_it = 0;
    for (int i = 0; i < settings().replicas; ++i) {
      if (roles_.executors.Contains(ReplicaAt(i)) &&
          !HasStable(ReplicaAt(i), dropped)) {
        ++lack_it;
      }
    }
    if (lack_it > 0) Note(Mark::kLeftOut);
    if (lack_it <= lacking) continue;
    Fail("invariant 16: only what nearly everybody has on disk is forgotten",
         at, {ReplicaAt(column), 0},
         ToString(floor) + " but " + std::to_string(lack_it) +
             " replicas lack some of it");
  }
}

// Invariant 16: of two members that have forgotten something, one has all that
// the other forgot, so that it can hand out its state.
void Ghost::NoteForgotten(ReplicaId at, const DependencySet& floor) {
  DependencySet& forgotten = forgotten_[static_cast<std::size_t>(Index(at))];
  forgotten.UnionWith(floor);
  if (!roles_.executors.Contains(at)) return;
  for (int i = 0; i < settings().replicas; ++i) {
    const ReplicaId other = ReplicaAt(i);
    if (!roles_.executors.Contains(other) || HasStable(other, forgotten) ||
        HasStable(at, forgotten_[static_cast<std::size_t>(i)])) {
      continue;
    }
    Fail(
        "invariant 16: of two that forget, one can give its state to the other",
        at, {other, 0}, ToString(forgotten));
  }
}

void Ghost::Installed(ReplicaId at, const DependencySet& drop_floor,
                      std::span<const Record> snapshot) {
  for (int i = 0; i < ColumnsOf(settings()); ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = 1; slot <= drop_floor[column]; ++slot) {
      DiskOf(at, Get({column, slot})).committed = true;
    }
  }
  for (const Record& record : snapshot) {
    const auto* instance = std::get_if<InstanceRecord>(&record);
    if (instance == nullptr || instance->status != InstanceStatus::kCommitted) {
      continue;
    }
    NoteDecided(at, instance->instance, instance->value, instance->deps);
    DiskOf(at, Get(instance->instance)).committed = true;
  }
  NoteForgotten(at, drop_floor);
}

void Ghost::BecameDurable(ReplicaId at, const ReservedRecord& r) {
  auto& reserved = reserved_[static_cast<std::size_t>(Index(at))];
  reserved = std::max(reserved, r.through);
}

// Remembers how far it has looked, so that each instance is looked at once.
bool Ghost::HasStable(ReplicaId replica, const DependencySet& through) {
  DependencySet& stable = stable_[static_cast<std::size_t>(Index(replica))];
  for (int i = 0; i < ColumnsOf(settings()); ++i) {
    const ReplicaId column = ReplicaAt(i);
    std::uint64_t slot = stable[column];
    while (slot < through[column] &&
           DiskOf(replica, Get({column, slot + 1})).committed) {
      ++slot;
    }
    stable.Raise(column, slot);
  }
  return stable.Covers(through);
}

}  // namespace quorate::sim
