// The first round: propose dependencies, vote on them, take the fast path.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

// EPaxos, SOSP'13, Fig. 2, phase 1 at the command leader.
InstanceId Epaxos::Propose(CommandBatchPtr batch, Actions& actions) {
  const InstanceId id{core_.self, core_.next_slot++};
  Instance* instance = core_.log.FindOrCreate(id);
  QUORATE_CHECK(
      instance != nullptr && instance->status == InstanceStatus::kUnknown,
      "invariant 12: no slot is used twice");
  // B-R1b: every own proposal covers the floor that is being raised.
  DependencySet deps = candidate_floor_;
  deps.UnionWith(core_.drop_floor);
  rules::CoverForgotten(core_.forgotten, deps);
  rules::KeepNoops(core_.log, core_.drop_floor, core_.index);
  core_.index.CollectAndAdd(id, *batch, deps);
  if (core_.fast_path.ClampsOwnColumn()) deps.ClampOwnColumn(id);

  instance->status = InstanceStatus::kPreAccepted;
  instance->value = Value::Commands(batch);
  instance->deps = deps;
  instance->initial_batch = batch;
  instance->initial_deps = deps;
  instance->initial_known = true;
  instance->payload_recorded = true;
  Leading& leading = instance->Lead();
  core_.fast_path.Begin(*instance, leading);
  leading.asked = core_.settings.thrifty || core_.fast_path.FixesQuorum()
                      ? ChooseFastQuorumPeers()
                      : core_.Others();
  if (core_.fast_path.FixesQuorum()) {
    instance->fast_quorum = leading.asked;
    instance->fast_quorum.Insert(core_.self);
  }
  leading.next_retransmit_ticks = core_.settings.retransmit_ticks;
  instance->in_flight = true;
  ++core_.own_in_flight;

  // A proposal that its command leader could forget without a trace would make
  // rule V3 of recovery unsound (d_coord_pre): either its record comes first,
  // or the reservation of its slot. After a crash it comes first until the
  // slots forgotten then are settled, so that a node that crashes again and
  // again does not leave more and more of them behind.
  const bool overlap =
      core_.settings.overlap_sync &&
      core_.committed[core_.self] >= core_.forgotten[core_.self];
  const RecordSequence reserved = Reserve(id.slot, overlap, actions);
  instance->last_record =
      core_.Persist(PreAcceptedRecord{.instance = id,
                                      .batch = batch,
                                      .initial_deps = deps,
                                      .deps = deps,
                                      .fast_quorum = instance->fast_quorum},
                    actions);
  core_.Await(instance->last_record, id, OnDurable::kCountOwnPreAccept,
              actions);
  core_.outbox.Send(leading.asked,
                    PreAccept{.instance = id,
                              .batch = std::move(batch),
                              .initial_deps = deps,
                              .fast_quorum = instance->fast_quorum},
                    rules::RestsOn(rules::Effect::kPreAccept,
                                   overlap ? reserved : instance->last_record),
                    actions);
  return id;
}

// The record that makes it known after a crash that this slot may have been
// used (protocol.md 1.3). Reserved ahead by as much as is in flight, so that
// hardly anybody waits for it; not by more, because what is not used is filled
// with noops after a crash.
RecordSequence Epaxos::Reserve(std::uint64_t slot, bool overlap,
                               Actions& actions) {
  const std::uint64_t ahead =
      std::max(core_.settings.reserved_slots_ahead, core_.own_in_flight - 1);
  const bool block_is_short = overlap && slot + ahead > reservation_.through;
  const bool must_say_lazy =
      core_.settings.lazy_fast_commit && reservation_.record == 0;
  if (block_is_short || must_say_lazy) {
    earlier_reservation_ = reservation_;
    if (overlap) reservation_.through = slot + 2 * ahead;
    reservation_.record = core_.Persist(
        ReservedRecord{.through = reservation_.through,
                       .lazy_fast_commit = core_.settings.lazy_fast_commit},
        actions);
  }
  return slot <= earlier_reservation_.through ? earlier_reservation_.record
                                              : reservation_.record;
}

// The next replicas in ring order, those that are suspected last.
ReplicaSet Epaxos::ChooseFastQuorumPeers() const {
  ReplicaSet chosen;
  const ReplicaSet suspected = core_.suspected;
  for (const bool take_suspected : {false, true}) {
    for (int step = 1; step < core_.quorums.replicas; ++step) {
      const ReplicaId peer =
          ReplicaAt((Index(core_.self) + step) % core_.quorums.replicas);
      if (chosen.size() == core_.quorums.fast() - 1) return chosen;
      if (suspected.Contains(peer) == take_suspected) chosen.Insert(peer);
    }
  }
  return chosen;
}

void Epaxos::HandlePreAcceptReply(ReplicaId from, const PreAcceptReply& m,
                                  Actions& actions) {
  Instance* instance =
      core_.IsSelf(m.instance.replica) ? core_.log.Find(m.instance) : nullptr;
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kPreAccepted) {
    ++core_.stats
          .stale_messages;  // Late: decided, or already on the slow path.
    return;
  }
  Leading& leading = *instance->leading();
  core_.fast_path.CountVote(rules::VoterOf(leading.voters, from), m.deps,
                            *instance, leading);
  DecidePreAccept(m.instance, *instance, actions);
}

void Epaxos::DecidePreAccept(InstanceId id, Instance& instance,
                             Actions& actions) {
  if (instance.status != InstanceStatus::kPreAccepted || !instance.leading() ||
      !rules::MayCommitFast(instance)) {
    return;
  }
  const Leading& leading = *instance.leading();
  if (!leading.voters.Contains(core_.self))
    return;  // Own vote not durable yet.
  if (core_.fast_path.IsFast(instance, leading)) {
    CommitFast(id, instance, actions);
    return;
  }
  switch (
      core_.fast_path.OtherwiseThanFast(instance, leading, core_.suspected)) {
    case Round::kOpen: break;
    case Round::kSlow: StartAccept(id, instance, actions); break;
    case Round::kStuck:
      if (rules::EndsWithItsFastQuorum(id, core_.quorums, instance)) {
        recoverer_.StartRecovery(core_, id, actions);
      }
      break;
  }
}

void Epaxos::CommitFast(InstanceId id, Instance& instance, Actions& actions) {
  core_.MarkCommitted(id, instance, instance.value,
                      core_.fast_path.FastDeps(instance, *instance.leading()));
  instance.last_record =
      core_.Persist(CommittedRecord{.instance = id,
                                    .value = instance.value.WithoutPayload(),
                                    .deps = instance.deps},
                    actions);
  ++core_.stats.fast_commits;
  if (core_.settings.lazy_fast_commit) {
    // After a crash this replica recuses itself (IsRecused).
    AnnounceCommit(id, instance, /*rests_on=*/0, actions);
    Release(id, instance, /*fast_path=*/true, actions);
    return;
  }
  // Durable before anybody hears of it (d_fastcommit): recovery reads "the
  // command leader answered and has not committed" as "no fast commit".
  core_.Await(instance.last_record, id, OnDurable::kReleaseFastCommit, actions);
  AnnounceCommit(
      id, instance,
      rules::RestsOn(rules::Effect::kFastCommit, instance.last_record),
      actions);
}

}  // namespace quorate::epaxos
