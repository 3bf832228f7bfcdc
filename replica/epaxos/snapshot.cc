// A member that was left out when others forgot (truncation.md B.3): how it
// learns of that, what they keep for it meanwhile, and what it takes over.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"

namespace quorate::epaxos {

// ---- at the replica that has forgotten --------------------------------------

void Repairer::TellTruncated(Core& core, ReplicaId to, Actions& actions) {
  Peer& peer = peers_[static_cast<std::size_t>(Index(to))];
  if (readers_.Contains(to) || std::exchange(peer.told_truncated, true)) return;
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (peer.committed[column] >= core.drop_floor[column]) continue;
    core.Send(to,
              Truncated{.instance = {column, peer.committed[column] + 1},
                        .drop_floor = core.drop_floor},
              0, actions);
    return;
  }
}

// Only who has executed what the asker has forgotten can serve it.
void Repairer::HandleSnapshotRequest(Core& core, ReplicaId from,
                                     const SnapshotRequest& m,
                                     Actions& actions) {
  if (Laggards(core.settings) == 0 || !stable_.executed().Covers(m.forgotten)) {
    ++core.stats.stale_messages;
    return;
  }
  readers_.HandleRequest(from, m, next_drop_floor_, actions);
}

// ---- at the replica that was left out ---------------------------------------

void Repairer::HandleTruncated(Core& core, ReplicaId from, const Truncated& m) {
  // Most are late: what was forgotten is known here.
  if (Laggards(core.settings) == 0 || core.committed.Covers(m.drop_floor)) {
    ++core.stats.stale_messages;
    return;
  }
  passed_ = {.by = from, .floor = m.drop_floor};
}

std::optional<Passed> Repairer::TakePassed() {
  return std::exchange(passed_, std::nullopt);
}

// B-R3'. The base floor may follow the drop floor at once: all but g of the
// others have raised theirs as far, so nobody forgets anything because of it.
void Repairer::Install(Core& core, const DependencySet& drop_floor) {
  for (DependencySet* floor :
       {&base_floor_, &next_base_floor_, &core.drop_floor, &next_drop_floor_,
        &candidate_floor_, &core.committed}) {
    floor->UnionWith(drop_floor);
  }
  core.next_slot = std::max(core.next_slot, core.drop_floor[core.self] + 1);
  ForgetDropped(core);
}

void Epaxos::Install(const SnapshotFacts& snapshot, Actions& actions) {
  ++core_.stats.snapshots_installed;
  for (const InstanceRecord& decision : snapshot.decisions) {
    Instance* instance = core_.log.FindOrCreate(decision.instance);
    if (instance == nullptr) continue;  // Forgotten here as well.
    Value value = decision.value;
    if (decision.initial_batch != nullptr) {
      core_.LearnPayload(decision.instance, *instance, decision.initial_batch);
      instance->payload_recorded = true;
    }
    if (instance->status == InstanceStatus::kCommitted) {
      QUORATE_CHECK(instance->value == value && instance->deps == decision.deps,
                    "G1: all commits of one instance carry the same decision");
      continue;
    }
    QUORATE_CHECK(core_.FillPayload(*instance, value),
                  "a snapshot has the payloads of its instances");
    core_.MarkCommitted(decision.instance, *instance, std::move(value),
                        decision.deps);
    // Its record is the snapshot.
    instance->released = true;
    instance->StopLeading();
    if (std::exchange(instance->in_flight, false)) --core_.own_in_flight;
  }
  for (std::uint64_t slot = core_.log.Dropped(core_.self) + 1;
       slot <=
       std::min(snapshot.drop_floor[core_.self], core_.log.Newest(core_.self));
       ++slot) {
    Instance& instance = *core_.log.Find({core_.self, slot});
    if (std::exchange(instance.in_flight, false)) --core_.own_in_flight;
  }
  repairer_.Install(core_, snapshot.drop_floor);
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    core_.AdvanceCommittedFrontier(ReplicaAt(i));
  }
  recoverer_.RestartRecoveries(core_, actions);
}

}  // namespace quorate::epaxos
