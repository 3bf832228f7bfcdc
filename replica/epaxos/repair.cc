// What a member lacks: frontiers that tell, and decisions sent again.
#include <utility>

#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/repairer.h"
#include "wire/timers.h"

namespace quorate::epaxos {
namespace {

constexpr std::uint64_t kHeartbeatTicks = TicksOf<"epaxos.heartbeat">;

}  // namespace

Repairer::Repairer(const Core& core)
    : base_floor_(core.settings.replicas),
      candidate_floor_(core.settings.replicas),
      candidate_votes_(core.settings.replicas),
      next_base_floor_(core.settings.replicas),
      next_drop_floor_(core.settings.replicas),
      stable_(core.settings.replicas),
      base_floors_(core.settings.replicas, core.Everybody()),
      witnesses_(core.settings.replicas, core.Everybody(), core.self,
                 core.settings.replicas / 2 + 1),
      repair_(core.settings.replicas, core.Everybody(), core.self),
      readers_(core.settings.replicas, core.Everybody()),
      announced_committed_(core.settings.replicas),
      announced_executed_(core.settings.replicas) {
  for (Peer& peer : peers_) {
    peer.committed = DependencySet(core.settings.replicas);
  }
}

void Repairer::HandleTick(Core& core, const DependencySet& executed,
                          Actions& actions) {
  ++ticks_;
  stable_.Note(executed, core.last_record, core.outbox.durable());
  readers_.HandleTick();
  if (ticks_ % static_cast<std::uint64_t>(core.settings.floor_ticks) == 0) {
    RaiseBaseFloor(core, actions);
    RaiseDropFloor(core, actions);
  }
  if (ticks_ % static_cast<std::uint64_t>(core.settings.retransmit_ticks) ==
      0) {
    BeginRepairPeriod(core);
  }
  SendFrontier(core, actions);
}

void Repairer::SendFrontier(Core& core, Actions& actions) {
  const bool news = core.committed != announced_committed_ ||
                    stable_.executed() != announced_executed_ || ticks_ == 1;
  if (!news && ticks_ % kHeartbeatTicks != 0) return;
  announced_committed_ = core.committed;
  announced_executed_ = stable_.executed();
  core.Broadcast(OwnFrontier(core), /*rests_on=*/0, actions);
}

Frontier Repairer::OwnFrontier(const Core& core) const {
  return {.committed = core.committed,
          .executed = stable_.executed(),
          .base_floor = base_floor_,
          .forgotten_through = core.forgotten[core.self]};
}

void Repairer::HandleFrontier(Core& core, ReplicaId from, const Frontier& m,
                              Actions& actions) {
  if (m.forgotten_through > core.log.Newest(from) + InstanceLog::kMaxGap) {
    // Nobody would believe what we propose to depend on it.
    ++core.stats.stale_messages;
    return;
  }
  Peer& peer = peers_[static_cast<std::size_t>(Index(from))];
  base_floors_.Hear(from, m.base_floor);
  witnesses_.Hear(from, m.executed);
  repair_.Hear(from, m.committed);
  core.forgotten.Raise(from, m.forgotten_through);
  readers_.HandleFrontier(from, m.committed, base_floor_);
  peer.committed = m.committed;
  if (!m.committed.Covers(core.drop_floor)) TellTruncated(core, from, actions);
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    // Who reads our checkpoint gets what follows it from us: the others may
    // have forgotten it.
    if (repair_.IsOverdue(from, column) &&
        (readers_.Contains(from) ||
         repair_.IsOurs(from, column, core.suspected))) {
      ResendCommits(core, from, column, actions);
    }
  }
}

void Repairer::ResendCommits(Core& core, ReplicaId to, ReplicaId column,
                             Actions& actions) {
  const auto send = [&](InstanceId id) -> std::optional<std::size_t> {
    const Instance* instance = core.log.Find(id);
    if (instance == nullptr || instance->status != InstanceStatus::kCommitted) {
      return std::nullopt;  // Undecided here too.
    }
    core.SendAgain(
        to,
        Commit{
            .instance = id, .value = instance->value, .deps = instance->deps},
        instance->last_record, actions);
    ++core.stats.retransmissions;
    return instance->value.batch == nullptr
               ? 0
               : instance->value.batch->byte_size();
  };
  repair_.Resend(to, column, send);
}

void Repairer::BeginRepairPeriod(const Core& core) {
  for (Peer& peer : peers_) peer.told_truncated = false;
  repair_.BeginPeriod(Newest(core));
}

DependencySet Repairer::Newest(const Core& core) {
  DependencySet newest(core.quorums.replicas);
  for (int i = 0; i < core.quorums.replicas; ++i) {
    newest.Set(ReplicaAt(i), core.log.Newest(ReplicaAt(i)));
  }
  return newest;
}

void Repairer::HandleDurable(Core& core, RecordSequence through) {
  stable_.HandleDurable(through);
  if (floor_record_ == 0 || floor_record_ > through) return;
  floor_record_ = 0;
  base_floor_ = next_base_floor_;
  core.drop_floor = next_drop_floor_;
  ForgetDropped(core);
}

void Repairer::Greet(Core& core, ReplicaId peer, Actions& actions) {
  repair_.Greet(peer, Newest(core));
  core.Send(peer, OwnFrontier(core), /*rests_on=*/0, actions);
}

void Repairer::MixInto(const Core& core, Fingerprint& print) const {
  const auto mix = [&](const DependencySet& set) {
    for (const std::uint64_t watermark : set.watermarks()) print.Mix(watermark);
  };
  mix(base_floor_);
  mix(stable_.executed());
  print.Mix(witnesses_.Fingerprint());
  mix(core.drop_floor);
  mix(candidate_floor_);
  print.Mix(candidate_mark_);
}

}  // namespace quorate::epaxos
