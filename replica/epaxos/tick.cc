// What time brings: retransmission, repair of lost commits, and the floors
// below which everybody has executed everything.
#include <algorithm>
#include <utility>

#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"
#include "wire/timers.h"

namespace quorate::epaxos {

namespace {

constexpr std::uint64_t kHeartbeatTicks = TicksOf<"epaxos.heartbeat">;

}  // namespace

void Epaxos::HandleTick(const DependencySet& executed, Actions& actions) {
  ++ticks_;
  if (std::exchange(restored_unfinished_, false)) ResumeAfterRestart(actions);
  RetransmitOwn(actions);
  recoverer_.DriveRecoveries(core_, actions);
  recoverer_.RecoverWhatIsStuck(core_, actions);
  stable_.Note(executed, core_.last_record, core_.outbox.durable());
  readers_.HandleTick();
  if (ticks_ % static_cast<std::uint64_t>(core_.settings.floor_ticks) == 0) {
    RaiseBaseFloor(actions);
    RaiseDropFloor(actions);
  }
  if (ticks_ % static_cast<std::uint64_t>(core_.settings.retransmit_ticks) ==
      0) {
    BeginRepairPeriod();
  }
  SendFrontier(actions);
}

// A command leader that restarts goes on with its instances at ballot 0 as if
// its peers' answers had been lost: its own pre-accept or accept was durable
// before its vote counted, every vote of a peer is durable and is given again
// unchanged, and a fast commit would be durable as well. So this is a run of a
// replica that never stopped; replica/README.md has the argument and the model
// checker's figures. Once it has promised a higher ballot it may not, nor where
// it may have lost a fast commit or the proposal itself.
void Epaxos::ResumeAfterRestart(Actions& actions) {
  for (std::uint64_t slot = core_.committed[core_.self] + 1;
       slot < core_.next_slot; ++slot) {
    const InstanceId id{core_.self, slot};
    Instance* instance = core_.log.Find(id);
    const bool forgotten =
        instance == nullptr || instance->status == InstanceStatus::kUnknown;
    if (forgotten) {
      // Beyond the reservation the journal shows every slot that was used.
      if (slot > core_.forgotten[core_.self]) continue;
      core_.Count(RecoveryRule::kForgotten);
      recoverer_.StartRecovery(core_, id, actions);
      continue;
    }
    // One that is in flight was proposed in this life, before the first tick.
    if (instance->in_flight || instance->status == InstanceStatus::kCommitted) {
      continue;
    }
    if (!instance->promised_ballot.is_initial() ||
        core_.IsRecused(id, *instance)) {
      core_.Count(RecoveryRule::kPromised);
      recoverer_.StartRecovery(core_, id,
                               actions);  // D6: no old ballot is resumed.
      continue;
    }
    core_.Count(RecoveryRule::kResumed);
    Leading& leading = instance->Lead();
    core_.fast_path.Begin(*instance, leading);
    leading.voters.Insert(core_.self);
    leading.matching.Insert(core_.self);
    leading.accept_voters.Insert(core_.self);
    instance->in_flight = true;
    ++core_.own_in_flight;
    core_.Retransmit(id, *instance, actions);
  }
}

void Epaxos::RetransmitOwn(Actions& actions) {
  if (core_.own_in_flight == 0) return;
  for (std::uint64_t slot = core_.committed[core_.self] + 1;
       slot < core_.next_slot; ++slot) {
    const InstanceId id{core_.self, slot};
    Instance* instance = core_.log.Find(id);
    if (instance == nullptr || !instance->leading() || !instance->in_flight) {
      continue;  // Of an earlier life: DriveRecoveries repeats it.
    }
    Leading& leading = *instance->leading();
    if (++leading.age_ticks < leading.next_retransmit_ticks) continue;
    leading.fast_path_given_up = true;
    DecidePreAccept(id, *instance, actions);
    if (instance->leading()) core_.Retransmit(id, *instance, actions);
  }
}

// A peer is there, perhaps after a connection that took messages with it: it
// hears at once what it may lack, and how far we are, so that it does the same.
void Epaxos::Greet(ReplicaId peer, Actions& actions) {
  ReplicaSet to;
  to.Insert(peer);
  if (core_.own_in_flight > 0) {
    for (std::uint64_t slot = core_.committed[core_.self] + 1;
         slot < core_.next_slot; ++slot) {
      const InstanceId id{core_.self, slot};
      const Instance* instance = core_.log.Find(id);
      if (instance != nullptr && instance->leading()) {
        core_.SendRound(id, *instance, to, actions);
      }
    }
  }
  for (const InstanceId id : core_.recoveries) {
    const Instance* instance = core_.log.Find(id);
    if (instance == nullptr) continue;
    if (instance->recovering()) {
      recoverer_.SendAttempt(core_, id, *instance, to, actions);
    } else if (instance->leading() && !core_.IsSelf(id.replica)) {
      core_.SendRound(id, *instance, to, actions);
    }
  }
  repair_.Greet(peer, Newest());
  core_.Send(peer, OwnFrontier(), /*rests_on=*/0, actions);
}

void Epaxos::SendFrontier(Actions& actions) {
  const bool news = core_.committed != announced_committed_ ||
                    stable_.executed() != announced_executed_ || ticks_ == 1;
  if (!news && ticks_ % kHeartbeatTicks != 0) return;
  announced_committed_ = core_.committed;
  announced_executed_ = stable_.executed();
  core_.Broadcast(OwnFrontier(), /*rests_on=*/0, actions);
}

Frontier Epaxos::OwnFrontier() const {
  return {.committed = core_.committed,
          .executed = stable_.executed(),
          .base_floor = base_floor_,
          .forgotten_through = core_.forgotten[core_.self]};
}

void Epaxos::HandleFrontier(ReplicaId from, const Frontier& m,
                            Actions& actions) {
  if (m.forgotten_through > core_.log.Newest(from) + InstanceLog::kMaxGap) {
    // Nobody would believe what we propose to depend on it.
    ++core_.stats.stale_messages;
    return;
  }
  Peer& peer = peers_[static_cast<std::size_t>(Index(from))];
  base_floors_.Hear(from, m.base_floor);
  witnesses_.Hear(from, m.executed);
  repair_.Hear(from, m.committed);
  core_.forgotten.Raise(from, m.forgotten_through);
  readers_.HandleFrontier(from, m.committed, base_floor_);
  peer.committed = m.committed;
  if (!m.committed.Covers(core_.drop_floor)) TellTruncated(from, actions);
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    // Who reads our checkpoint gets what follows it from us: the others may
    // have forgotten it.
    if (repair_.IsOverdue(from, column) &&
        (readers_.Contains(from) ||
         repair_.IsOurs(from, column, core_.suspected))) {
      ResendCommits(from, column, actions);
    }
  }
}

void Epaxos::ResendCommits(ReplicaId to, ReplicaId column, Actions& actions) {
  const auto send = [&](InstanceId id) -> std::optional<std::size_t> {
    const Instance* instance = core_.log.Find(id);
    if (instance == nullptr || instance->status != InstanceStatus::kCommitted) {
      return std::nullopt;  // Undecided here too.
    }
    core_.SendAgain(
        to,
        Commit{
            .instance = id, .value = instance->value, .deps = instance->deps},
        instance->last_record, actions);
    ++core_.stats.retransmissions;
    return instance->value.batch == nullptr
               ? 0
               : instance->value.batch->byte_size();
  };
  repair_.Resend(to, column, send);
}

void Epaxos::BeginRepairPeriod() {
  for (Peer& peer : peers_) peer.told_truncated = false;
  repair_.BeginPeriod(Newest());
}

DependencySet Epaxos::Newest() const {
  DependencySet newest(core_.quorums.replicas);
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    newest.Set(ReplicaAt(i), core_.log.Newest(ReplicaAt(i)));
  }
  return newest;
}

// B-R1: first every new proposal covers the candidate, then all older own
// instances commit stably, then the floor may rise to it. Where members may be
// left out, so must everything else that this replica has voted on (B-R1c').
void Epaxos::RaiseBaseFloor(Actions& actions) {
  if (candidate_mark_ == 0) {
    if (stable_.executed() == candidate_floor_) return;
    candidate_floor_.UnionWith(stable_.executed());
    candidate_mark_ = core_.next_slot;
    for (int i = 0; i < core_.quorums.replicas; ++i) {
      candidate_votes_.Set(ReplicaAt(i), core_.log.Newest(ReplicaAt(i)));
    }
    return;
  }
  if (stable_.executed()[core_.self] + 1 < candidate_mark_ ||
      floor_record_ != 0) {
    return;
  }
  if (Laggards(core_.settings) > 0 && !VotesCover(candidate_floor_)) return;
  candidate_mark_ = 0;
  next_base_floor_ = candidate_floor_;
  floor_record_ = core_.Persist(FloorRecord{.base_floor = next_base_floor_,
                                            .drop_floor = next_drop_floor_},
                                actions);
}

// B-R1c'. A vote cast after the candidate was taken has every conflicting
// instance that the candidate covers: those were committed, so the index had
// them. An earlier one may lack some, unless it covers the floor by itself. The
// commits that this relies on lie before the floor's record in the journal.
bool Epaxos::VotesCover(const DependencySet& floor) const {
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = core_.committed[column] + 1;
         slot <= candidate_votes_[column]; ++slot) {
      const Instance* instance = core_.log.Find({column, slot});
      if (instance == nullptr) continue;
      const bool undecided = instance->status == InstanceStatus::kPreAccepted ||
                             instance->status == InstanceStatus::kAccepted;
      const DependencySet& voted = instance->status == InstanceStatus::kAccepted
                                       ? instance->initial_deps
                                       : instance->deps;
      if (undecided && instance->initial_known && !voted.Covers(floor)) {
        return false;
      }
    }
  }
  return true;
}

// B-R2: what every member no longer needs. When keeping it for those that are
// far behind takes too much memory, B-R2': what all but g of them no longer
// need, column by column, and we neither, as far as the witnesses go: two that
// leave out each other could not help each other any more.
DependencySet Epaxos::DroppableFloor() {
  base_floors_.Hear(core_.self, base_floor_);
  witnesses_.Hear(core_.self, stable_.executed());
  const int laggards = Laggards(core_.settings);
  const DependencySet everybody = base_floors_.ReachedByAllBut(0);
  if (laggards == 0) return everybody;
  DependencySet most = base_floors_.ReachedByAllBut(laggards);
  most.IntersectWith(base_floor_);
  const DependencySet held = witnesses_.HeldByEnough();
  const auto retains = [this](std::size_t bytes, const DependencySet& from,
                              const DependencySet& to) {
    return RetainsMoreThan(bytes, from, to);
  };
  DependencySet floor =
      readers_.Limit(everybody, most, core_.settings.retained_bytes, retains);
  if (held.Covers(floor) || everybody.Covers(floor)) return floor;
  ++core_.stats.floors_held_back;
  rules::KeepToWitnessed(held, everybody, floor);
  return floor;
}

// Do the instances above `from`, up to `to`, take more memory than that?
bool Epaxos::RetainsMoreThan(std::size_t bytes, const DependencySet& from,
                             const DependencySet& to) const {
  std::size_t total = 0;
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = from[column] + 1; slot <= to[column]; ++slot) {
      const Instance* instance = core_.log.Find({column, slot});
      if (instance == nullptr) continue;  // Forgotten already.
      total += sizeof(Instance);
      if (instance->initial_batch != nullptr) {
        total += instance->initial_batch->memory_size();
      }
      if (total > bytes) return true;
    }
  }
  return false;
}

void Epaxos::RaiseDropFloor(Actions& actions) {
  if (floor_record_ != 0 || holds_drop_floor_) return;
  const DependencySet lowest = DroppableFloor();
  if (next_drop_floor_.Covers(lowest)) return;
  next_drop_floor_.UnionWith(lowest);
  floor_record_ = core_.Persist(FloorRecord{.base_floor = next_base_floor_,
                                            .drop_floor = next_drop_floor_},
                                actions);
}

void Epaxos::ForgetDropped() {
  QUORATE_CHECK(base_floor_.Covers(core_.drop_floor),
                "invariant 16: nothing is dropped above the own floor");
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    core_.log.DropThrough(ReplicaAt(i), core_.drop_floor[ReplicaAt(i)]);
  }
  core_.index.RaiseFloor(core_.drop_floor);
}

}  // namespace quorate::epaxos
