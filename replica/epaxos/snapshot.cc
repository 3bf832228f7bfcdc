// A member that was left out when others forgot (truncation.md B.3): how it
// learns of that, what they keep for it meanwhile, and what it takes over.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "wire/check.h"

namespace quorate::epaxos {

// ---- at the replica that has forgotten --------------------------------------

void Epaxos::TellTruncated(ReplicaId to, Actions& actions) {
  Peer& peer = peers_[static_cast<std::size_t>(Index(to))];
  if (readers_.Contains(to) || std::exchange(peer.told_truncated, true)) return;
  for (int i = 0; i < quorums_.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (peer.committed[column] >= drop_floor_[column]) continue;
    Send(to,
         Truncated{.instance = {column, peer.committed[column] + 1},
                   .drop_floor = drop_floor_},
         0, actions);
    return;
  }
}

// Only who has executed what the asker has forgotten can serve it.
void Epaxos::HandleSnapshotRequest(ReplicaId from, const SnapshotRequest& m,
                                   Actions& actions) {
  if (Laggards(settings_) == 0 || !stable_.executed().Covers(m.forgotten)) {
    ++stats_.stale_messages;
    return;
  }
  readers_.HandleRequest(from, m, next_drop_floor_, actions);
}

// ---- at the replica that was left out ---------------------------------------

void Epaxos::HandleTruncated(ReplicaId from, const Truncated& m) {
  // Most are late: what was forgotten is known here.
  if (Laggards(settings_) == 0 || committed_.Covers(m.drop_floor)) {
    ++stats_.stale_messages;
    return;
  }
  passed_ = {.by = from, .floor = m.drop_floor};
}

std::optional<Passed> Epaxos::TakePassed() {
  return std::exchange(passed_, std::nullopt);
}

// B-R3'. The base floor may follow the drop floor at once: all but g of the
// others have raised theirs as far, so nobody forgets anything because of it.
void Epaxos::Install(const SnapshotFacts& snapshot, Actions& actions) {
  ++stats_.snapshots_installed;
  for (const InstanceRecord& decision : snapshot.decisions) {
    Instance* instance = log_.FindOrCreate(decision.instance);
    if (instance == nullptr) continue;  // Forgotten here as well.
    Value value = decision.value;
    if (decision.initial_batch != nullptr) {
      LearnPayload(decision.instance, *instance, decision.initial_batch);
      instance->payload_recorded = true;
    }
    if (instance->status == InstanceStatus::kCommitted) {
      QUORATE_CHECK(instance->value == value && instance->deps == decision.deps,
                    "G1: all commits of one instance carry the same decision");
      continue;
    }
    QUORATE_CHECK(FillPayload(*instance, value),
                  "a snapshot has the payloads of its instances");
    MarkCommitted(decision.instance, *instance, std::move(value),
                  decision.deps);
    // Its record is the snapshot.
    instance->released = true;
    instance->StopLeading();
    if (std::exchange(instance->in_flight, false)) --own_in_flight_;
  }
  for (std::uint64_t slot = log_.Dropped(self_) + 1;
       slot <= std::min(snapshot.drop_floor[self_], log_.Newest(self_));
       ++slot) {
    Instance& instance = *log_.Find({self_, slot});
    if (std::exchange(instance.in_flight, false)) --own_in_flight_;
  }
  for (DependencySet* floor :
       {&base_floor_, &next_base_floor_, &drop_floor_, &next_drop_floor_,
        &candidate_floor_, &committed_}) {
    floor->UnionWith(snapshot.drop_floor);
  }
  next_slot_ = std::max(next_slot_, drop_floor_[self_] + 1);
  ForgetDropped();
  for (int i = 0; i < quorums_.replicas; ++i) {
    AdvanceCommittedFrontier(ReplicaAt(i));
  }
  RestartRecoveries(actions);
}

// What an attempt waited for may be forgotten now: only a new ballot may
// follow, whose answers leave it out.
void Epaxos::RestartRecoveries(Actions& actions) {
  const std::vector<InstanceId> all(recoveries_.begin(), recoveries_.end());
  for (const InstanceId id : all) {
    const Instance* instance = log_.Find(id);
    if (instance == nullptr) {
      recoveries_.erase(id);
    } else if (instance->recovering() &&
               instance->recovering()->stage != Recovering::Stage::kPromising) {
      StartRecovery(id, actions);
    }
  }
}

}  // namespace quorate::epaxos
