// What a member lacks: frontiers that tell, and decisions sent again.
#include <algorithm>
#include <utility>

#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/repairer.h"
#include "wire/timers.h"

namespace quorate::epaxos {
namespace {

constexpr std::uint64_t kHeartbeatTicks = TicksOf<"epaxos.heartbeat">;
constexpr int kGossipTicks = TicksOf<"epaxos.gossip">;

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
  BeginRepairPeriods(core);
  NoteSpokenTo(core);
  SendFrontier(core, actions);
}

// A way that takes many ticks is not told each tick what is new: what a
// frontier is for, repair and floors, takes round trips. Nor are frontiers more
// than what they tell of: all members' together are one an instance at most.
bool Repairer::MayWait(const Core& core) const {
  const int pause =
      std::min(2 * core.distances.MostTicks(core.Others()), kGossipTicks);
  if (ticks_ >= announced_ticks_ + static_cast<std::uint64_t>(pause)) {
    return false;
  }
  std::uint64_t decided = 0;
  for (int i = 0; i < core.quorums.replicas; ++i) {
    decided +=
        core.committed[ReplicaAt(i)] - announced_committed_[ReplicaAt(i)];
  }
  const auto frontiers = static_cast<std::uint64_t>(
      core.quorums.replicas * (core.quorums.replicas - 1));
  return decided < frontiers;
}

void Repairer::SendFrontier(Core& core, Actions& actions) {
  const bool news = core.committed != announced_committed_ ||
                    stable_.executed() != announced_executed_ || ticks_ == 1;
  if (!news || MayWait(core)) return SendHeartbeat(core, actions);
  announced_ticks_ = ticks_;
  announced_committed_ = core.committed;
  announced_executed_ = stable_.executed();
  core.Broadcast(OwnFrontier(core), /*rests_on=*/0, actions);
}

// So that nobody takes us for silent. Where ways take ticks this counts, and
// whoever heard anything else is content with that.
void Repairer::SendHeartbeat(Core& core, Actions& actions) {
  ReplicaSet to;
  if (core.distances.MostTicks(core.Others()) == 0) {
    if (ticks_ % kHeartbeatTicks == 0) to = core.Others();
  } else {
    for (int i = 0; i < core.quorums.replicas; ++i) {
      const Peer& peer = peers_[static_cast<std::size_t>(i)];
      if (ticks_ >= peer.spoken_to_ticks + kHeartbeatTicks) {
        to.Insert(ReplicaAt(i));
      }
    }
    to.Erase(core.self);
  }
  core.outbox.Send(to, OwnFrontier(core), /*rests_on=*/0, actions);
}

void Repairer::NoteSpokenTo(Core& core) {
  const ReplicaSet spoken_to = core.outbox.TakeSpokenTo();
  for (int i = 0; i < core.quorums.replicas; ++i) {
    if (spoken_to.Contains(ReplicaAt(i))) {
      peers_[static_cast<std::size_t>(i)].spoken_to_ticks = ticks_;
    }
  }
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
    if (repair_.IsOverdue(from, column) && !MayBeUnderWay(core, from, column) &&
        (readers_.Contains(from) ||
         repair_.IsOurs(from, column, core.suspected))) {
      ResendCommits(core, from, column, actions);
    }
  }
}

// What a member has said was so before a decision can have come to it, unless
// that is older than the way there and back. Of what lies beyond the first that
// it lacks, its frontier says nothing.
bool Repairer::MayBeUnderWay(const Core& core, ReplicaId to,
                             ReplicaId column) const {
  const Instance* first =
      core.log.Find({column, repair_.CommittedAt(to)[column] + 1});
  if (first == nullptr || !core.distances.IsMeasured(to)) return false;
  return first->status != InstanceStatus::kCommitted ||
         core.ticks - first->decided_ticks <
             static_cast<std::uint32_t>(core.RepeatAfter(to));
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

// A member's is as long as the way there and back, so that nothing is sent
// twice before it can have told that it came.
void Repairer::BeginRepairPeriods(const Core& core) {
  ReplicaSet members;
  for (int i = 0; i < core.quorums.replicas; ++i) {
    Peer& peer = peers_[static_cast<std::size_t>(i)];
    if (++peer.period_ticks < core.RepeatAfter(ReplicaAt(i))) continue;
    peer.period_ticks = 0;
    peer.told_truncated = false;
    members.Insert(ReplicaAt(i));
  }
  if (!members.empty()) repair_.BeginPeriod(Newest(core), members);
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
