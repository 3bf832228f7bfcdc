// The first round: propose dependencies, vote on them, take the fast path.
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

// EPaxos, SOSP'13, Fig. 2, phase 1 at the command leader.
InstanceId Epaxos::Propose(CommandBatchPtr batch, Actions& actions) {
  const InstanceId id{self_, next_slot_++};
  Instance* instance = log_.FindOrCreate(id);
  QUORATE_CHECK(
      instance != nullptr && instance->status == InstanceStatus::kUnknown,
      "invariant 12: no slot is used twice");
  // B-R1b: every own proposal covers the floor that is being raised.
  DependencySet deps = candidate_floor_;
  deps.UnionWith(drop_floor_);
  rules::CoverForgotten(forgotten_, deps);
  rules::KeepNoops(log_, drop_floor_, index_);
  index_.CollectAndAdd(id, *batch, deps);
  if (fast_path_.ClampsOwnColumn()) deps.ClampOwnColumn(id);

  instance->status = InstanceStatus::kPreAccepted;
  instance->value = Value::Commands(batch);
  instance->deps = deps;
  instance->initial_batch = batch;
  instance->initial_deps = deps;
  instance->initial_known = true;
  instance->payload_recorded = true;
  Leading& leading = instance->Lead();
  fast_path_.Begin(*instance, leading);
  leading.asked = settings_.thrifty || fast_path_.FixesQuorum()
                      ? ChooseFastQuorumPeers()
                      : Others();
  if (fast_path_.FixesQuorum()) {
    instance->fast_quorum = leading.asked;
    instance->fast_quorum.Insert(self_);
  }
  leading.next_retransmit_ticks = settings_.retransmit_ticks;
  instance->in_flight = true;
  ++own_in_flight_;

  // A proposal that its command leader could forget without a trace would make
  // rule V3 of recovery unsound (d_coord_pre): either its record comes first,
  // or the reservation of its slot. After a crash it comes first until the
  // slots forgotten then are settled, so that a node that crashes again and
  // again does not leave more and more of them behind.
  const bool overlap =
      settings_.overlap_sync && committed_[self_] >= forgotten_[self_];
  const RecordSequence reserved = Reserve(id.slot, overlap, actions);
  instance->last_record =
      Persist(PreAcceptedRecord{.instance = id,
                                .batch = batch,
                                .initial_deps = deps,
                                .deps = deps,
                                .fast_quorum = instance->fast_quorum},
              actions);
  Await(instance->last_record, id, OnDurable::kCountOwnPreAccept, actions);
  outbox_.Send(leading.asked,
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
      std::max(settings_.reserved_slots_ahead, own_in_flight_ - 1);
  const bool block_is_short = overlap && slot + ahead > reservation_.through;
  const bool must_say_lazy =
      settings_.lazy_fast_commit && reservation_.record == 0;
  if (block_is_short || must_say_lazy) {
    earlier_reservation_ = reservation_;
    if (overlap) reservation_.through = slot + 2 * ahead;
    reservation_.record =
        Persist(ReservedRecord{.through = reservation_.through,
                               .lazy_fast_commit = settings_.lazy_fast_commit},
                actions);
  }
  return slot <= earlier_reservation_.through ? earlier_reservation_.record
                                              : reservation_.record;
}

// The next replicas in ring order, those that are suspected last.
ReplicaSet Epaxos::ChooseFastQuorumPeers() const {
  ReplicaSet chosen;
  const ReplicaSet suspected = Suspected();
  for (const bool take_suspected : {false, true}) {
    for (int step = 1; step < quorums_.replicas; ++step) {
      const ReplicaId peer =
          ReplicaAt((Index(self_) + step) % quorums_.replicas);
      if (chosen.size() == quorums_.fast() - 1) return chosen;
      if (suspected.Contains(peer) == take_suspected) chosen.Insert(peer);
    }
  }
  return chosen;
}

// What this replica knows to conflict, on top of what `deps` has already. From
// now on the payload is indexed.
void Epaxos::CollectHere(InstanceId id, Instance& instance,
                         const CommandBatchPtr& batch, DependencySet& deps) {
  deps.UnionWith(drop_floor_);
  rules::CoverForgotten(self_, forgotten_, deps);
  rules::KeepNoops(log_, drop_floor_, index_);
  if (instance.initial_batch == nullptr) {
    instance.initial_batch = batch;
    rules::CollectAndIndex(instance, id, *batch, index_, deps);
  } else {
    index_.Collect(*batch, deps);
  }
  if (fast_path_.ClampsOwnColumn()) deps.ClampOwnColumn(id);
}

void Epaxos::HandlePreAccept(ReplicaId from, const PreAccept& m,
                             Actions& actions) {
  // Only the command leader sends PreAccept, and only to those it fixed.
  if (m.instance.replica != from ||
      !fast_path_.MayBeFastQuorum(m.fast_quorum, from, self_)) {
    ++stats_.stale_messages;
    return;
  }
  Instance* instance = log_.FindOrCreate(m.instance);
  if (AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (instance->status == InstanceStatus::kPreAccepted &&
      instance->promised_ballot.is_initial()) {
    // A repetition gets the same vote.
    SendAgain(from,
              PreAcceptReply{.instance = m.instance, .deps = instance->deps},
              instance->last_record, actions);
    return;
  }
  if (!rules::MayPreAccept(*instance)) {
    return SayPromised(from, m.instance, *instance, actions);
  }

  DependencySet deps = rules::VoteBeginsWith(m.initial_deps, fast_path_.rule());
  CollectHere(m.instance, *instance, m.batch, deps);

  instance->status = InstanceStatus::kPreAccepted;
  instance->value = Value::Commands(m.batch);
  instance->deps = deps;
  instance->initial_deps = m.initial_deps;
  instance->initial_known = true;
  instance->fast_quorum = m.fast_quorum;
  instance->payload_recorded = true;
  instance->last_record =
      Persist(PreAcceptedRecord{.instance = m.instance,
                                .batch = m.batch,
                                .initial_deps = m.initial_deps,
                                .deps = deps,
                                .fast_quorum = m.fast_quorum},
              actions);
  Send(from, PreAcceptReply{.instance = m.instance, .deps = deps},
       rules::RestsOn(rules::Effect::kVote, instance->last_record), actions);
}

void Epaxos::HandlePreAcceptReply(ReplicaId from, const PreAcceptReply& m,
                                  Actions& actions) {
  Instance* instance =
      IsSelf(m.instance.replica) ? log_.Find(m.instance) : nullptr;
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kPreAccepted) {
    ++stats_.stale_messages;  // Late: decided, or already on the slow path.
    return;
  }
  Leading& leading = *instance->leading();
  fast_path_.CountVote(rules::VoterOf(leading.voters, from), m.deps, *instance,
                       leading);
  DecidePreAccept(m.instance, *instance, actions);
}

void Epaxos::DecidePreAccept(InstanceId id, Instance& instance,
                             Actions& actions) {
  if (instance.status != InstanceStatus::kPreAccepted || !instance.leading() ||
      !rules::MayCommitFast(instance)) {
    return;
  }
  const Leading& leading = *instance.leading();
  if (!leading.voters.Contains(self_)) return;  // Own vote not durable yet.
  if (fast_path_.IsFast(instance, leading)) {
    CommitFast(id, instance, actions);
    return;
  }
  switch (fast_path_.OtherwiseThanFast(instance, leading, Suspected())) {
    case Round::kOpen: break;
    case Round::kSlow: StartAccept(id, instance, actions); break;
    case Round::kStuck:
      if (rules::EndsWithItsFastQuorum(id, quorums_, instance)) {
        StartRecovery(id, actions);
      }
      break;
  }
}

void Epaxos::CommitFast(InstanceId id, Instance& instance, Actions& actions) {
  MarkCommitted(id, instance, instance.value,
                fast_path_.FastDeps(instance, *instance.leading()));
  instance.last_record =
      Persist(CommittedRecord{.instance = id,
                              .value = instance.value.WithoutPayload(),
                              .deps = instance.deps},
              actions);
  ++stats_.fast_commits;
  if (settings_.lazy_fast_commit) {
    // After a crash this replica recuses itself (IsRecused).
    AnnounceCommit(id, instance, /*rests_on=*/0, actions);
    Release(id, instance, /*fast_path=*/true, actions);
    return;
  }
  // Durable before anybody hears of it (d_fastcommit): recovery reads "the
  // command leader answered and has not committed" as "no fast commit".
  Await(instance.last_record, id, OnDurable::kReleaseFastCommit, actions);
  AnnounceCommit(
      id, instance,
      rules::RestsOn(rules::Effect::kFastCommit, instance.last_record),
      actions);
}

}  // namespace quorate::epaxos
