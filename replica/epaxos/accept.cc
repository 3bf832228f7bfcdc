// The second round: a quorum accepts (value, dependencies) at a ballot.
#include <utility>

#include "replica/epaxos/proposer.h"
#include "replica/epaxos/rules.h"

namespace quorate::epaxos {

// EPaxos, SOSP'13, Fig. 2, Paxos-Accept at ballot 0: the union of all votes.
void Proposer::StartAccept(Core& core, InstanceId id, Instance& instance,
                           Actions& actions) {
  instance.status = InstanceStatus::kAccepted;
  instance.accepted_ballot = Ballot();
  instance.deps = rules::SlowDeps(instance, *instance.leading());
  if (core.distances.any_is_measured()) {
    core.ScheduleRound(*instance.leading(), core.Others());
  }
  instance.last_record =
      core.Persist(AcceptedRecord{.instance = id,
                                  .ballot = instance.accepted_ballot,
                                  .value = core.ValueForRecord(instance),
                                  .deps = instance.deps},
                   actions);
  // The proposer accepts first (d_resume0).
  core.Await(instance.last_record, id, OnDurable::kCountOwnAccept, actions);

  Accept accept{.instance = id,
                .ballot = instance.accepted_ballot,
                .value = instance.value.WithoutPayload(),
                .deps = instance.deps};
  const ReplicaSet without_payload =
      core.Others().Minus(instance.leading()->asked);
  core.outbox.Send(instance.leading()->asked, accept, instance.last_record,
                   actions);
  accept.value = instance.value;
  core.outbox.Send(without_payload, std::move(accept), instance.last_record,
                   actions);
}

// Counts one vote of the slow path. With a quorum of votes for our ballot the
// value and its dependencies are chosen and never change.
void Proposer::HandleAcceptReply(Step& step, ReplicaId from,
                                 const AcceptReply& m) {
  Instance* instance = step.core.log.Find(m.instance);
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kAccepted ||
      instance->accepted_ballot != m.ballot) {
    // Late, repeated, or for a ballot given up.
    ++step.core.stats.stale_messages;
    return;
  }
  instance->leading()->accept_voters.Insert(from);
  DecideAccept(step, m.instance, *instance);
}

void Proposer::DecideAccept(Step& step, InstanceId id, Instance& instance) {
  if (instance.status != InstanceStatus::kAccepted) return;
  const bool recovered = !instance.accepted_ballot.is_initial();
  const ReplicaSet& voters = instance.leading()->accept_voters;
  if (!voters.Contains(step.core.self) ||
      !rules::AreAcceptQuorum(voters.size(), step.core.quorums)) {
    return;
  }
  step.core.MarkCommitted(id, instance, instance.value, instance.deps);
  // Nothing waits for this record: the accepts that chose the value are durable
  // already, so the decision can be found again without it.
  instance.last_record = step.core.Persist(
      CommittedRecord{.instance = id,
                      .value = step.core.ValueForRecord(instance),
                      .deps = instance.deps},
      step.actions);
  step.core.AnnounceCommit(id, instance, /*rests_on=*/0, step.actions);
  if (!recovered) {
    ++step.core.stats.slow_commits;
  } else if (instance.value.kind == ValueKind::kNoop) {
    ++step.core.stats.recovered_noops;
  } else {
    ++step.core.stats.recovered_payloads;
  }
  step.Release(id, instance, /*fast_path=*/false);
}

}  // namespace quorate::epaxos
