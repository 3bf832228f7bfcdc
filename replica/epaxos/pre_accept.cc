// The first round: propose dependencies, vote on them, take the fast path.
#include <algorithm>
#include <utility>

#include "replica/epaxos/proposer.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

// EPaxos, SOSP'13, Fig. 2, phase 1 at the command leader.
InstanceId Proposer::Propose(Core& core, const DependencySet& floor,
                             CommandBatchPtr batch, Actions& actions) {
  const InstanceId id{core.self, core.next_slot++};
  Instance* instance = core.log.FindOrCreate(id);
  QUORATE_CHECK(
      instance != nullptr && instance->status == InstanceStatus::kUnknown,
      "invariant 12: no slot is used twice");
  // B-R1b: every own proposal covers the floor that is being raised.
  DependencySet deps = floor;
  deps.UnionWith(core.drop_floor);
  rules::CoverForgotten(core.forgotten, deps);
  rules::KeepNoops(core.log, core.drop_floor, core.index);
  core.index.CollectAndAdd(id, *batch, deps);
  if (core.fast_path.ClampsOwnColumn()) deps.ClampOwnColumn(id);

  instance->status = InstanceStatus::kPreAccepted;
  instance->value = Value::Commands(batch);
  instance->deps = deps;
  instance->initial_batch = batch;
  instance->initial_deps = deps;
  instance->initial_known = true;
  instance->payload_recorded = true;
  Leading& leading = instance->Lead();
  core.fast_path.Begin(*instance, leading);
  leading.asked = core.settings.thrifty || core.fast_path.FixesQuorum()
                      ? ChooseFastQuorumPeers(core)
                      : core.Others();
  if (core.fast_path.FixesQuorum()) {
    instance->fast_quorum = leading.asked;
    instance->fast_quorum.Insert(core.self);
  }
  core.ScheduleRound(leading, leading.asked);
  instance->in_flight = true;
  ++core.own_in_flight;

  // A proposal that its command leader could forget without a trace would make
  // rule V3 of recovery unsound (d_coord_pre): either its record comes first,
  // or the reservation of its slot. After a crash it comes first until the
  // slots forgotten then are settled, so that a node that crashes again and
  // again does not leave more and more of them behind.
  const bool overlap = core.settings.overlap_sync &&
                       core.committed[core.self] >= core.forgotten[core.self];
  const RecordSequence reserved = Reserve(core, id.slot, overlap, actions);
  instance->last_record =
      core.Persist(PreAcceptedRecord{.instance = id,
                                     .batch = batch,
                                     .initial_deps = deps,
                                     .deps = deps,
                                     .fast_quorum = instance->fast_quorum},
                   actions);
  core.Await(instance->last_record, id, OnDurable::kCountOwnPreAccept, actions);
  core.outbox.Send(leading.asked,
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
// used (protocol.md 1.3), and that fast decisions were announced before their
// record.
RecordSequence Proposer::Reserve(Core& core, std::uint64_t slot, bool overlap,
                                 Actions& actions) {
  const std::uint64_t ahead =
      std::max(core.settings.reserved_slots_ahead, core.own_in_flight - 1);
  const bool wants_block = overlap && reserved_.IsShort(slot, ahead);
  const bool must_say_lazy =
      core.settings.lazy_fast_commit && !reserved_.has_record();
  if (wants_block || must_say_lazy) {
    const std::uint64_t through =
        overlap ? Reservation::BlockFor(slot, ahead) : reserved_.through();
    reserved_.Extend(
        through,
        core.Persist(
            ReservedRecord{.through = through,
                           .lazy_fast_commit = core.settings.lazy_fast_commit},
            actions));
  }
  return reserved_.RecordOf(slot);
}

// The nearest replicas (ring order where nothing is measured), those that are
// suspected last.
ReplicaSet Proposer::ChooseFastQuorumPeers(const Core& core) {
  ReplicaSet chosen;
  const ReplicaSet suspected = core.suspected;
  for (const bool take_suspected : {false, true}) {
    for (const ReplicaId peer : core.distances.nearest_first()) {
      if (chosen.size() == core.quorums.fast() - 1) return chosen;
      if (suspected.Contains(peer) == take_suspected) chosen.Insert(peer);
    }
  }
  return chosen;
}

void Proposer::HandlePreAcceptReply(Step& step, ReplicaId from,
                                    const PreAcceptReply& m) {
  Instance* instance = step.core.IsSelf(m.instance.replica)
                           ? step.core.log.Find(m.instance)
                           : nullptr;
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kPreAccepted) {
    // Late: decided, or already on the slow path.
    ++step.core.stats.stale_messages;
    return;
  }
  Leading& leading = *instance->leading();
  step.core.fast_path.CountVote(rules::VoterOf(leading.voters, from), m.deps,
                                *instance, leading);
  DecidePreAccept(step, m.instance, *instance);
}

void Proposer::DecidePreAccept(Step& step, InstanceId id, Instance& instance) {
  if (instance.status != InstanceStatus::kPreAccepted || !instance.leading() ||
      !rules::MayCommitFast(instance)) {
    return;
  }
  const Leading& leading = *instance.leading();
  // Own vote not durable yet.
  if (!leading.voters.Contains(step.core.self)) return;
  if (step.core.fast_path.IsFast(instance, leading)) {
    CommitFast(step, id, instance);
    return;
  }
  switch (step.core.fast_path.OtherwiseThanFast(instance, leading,
                                                Hopeless(step.core, leading))) {
    case Round::kOpen: break;
    case Round::kSlow:
      StartAccept(step.core, id, instance, step.actions);
      break;
    case Round::kStuck:
      if (rules::EndsWithItsFastQuorum(id, step.core.quorums, instance)) {
        step.recoverer.StartRecovery(step.core, id, step.actions);
      }
      break;
  }
}

void Proposer::CommitFast(Step& step, InstanceId id, Instance& instance) {
  step.core.MarkCommitted(
      id, instance, instance.value,
      step.core.fast_path.FastDeps(instance, *instance.leading()));
  instance.last_record = step.core.Persist(
      CommittedRecord{.instance = id,
                      .value = instance.value.WithoutPayload(),
                      .deps = instance.deps},
      step.actions);
  ++step.core.stats.fast_commits;
  if (step.core.settings.lazy_fast_commit) {
    // After a crash this replica recuses itself (IsRecused).
    step.core.AnnounceCommit(id, instance, /*rests_on=*/0, step.actions);
    step.Release(id, instance, /*fast_path=*/true);
    return;
  }
  // Durable before anybody hears of it (d_fastcommit): recovery reads "the
  // command leader answered and has not committed" as "no fast commit".
  step.core.Await(instance.last_record, id, OnDurable::kReleaseFastCommit,
                  step.actions);
  step.core.AnnounceCommit(
      id, instance,
      rules::RestsOn(rules::Effect::kFastCommit, instance.last_record),
      step.actions);
}

}  // namespace quorate::epaxos
