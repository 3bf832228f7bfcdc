// The second round: a quorum accepts (value, dependencies) at a ballot.
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"

namespace quorate::epaxos {

// EPaxos, SOSP'13, Fig. 2, Paxos-Accept at ballot 0: the union of all votes.
void Epaxos::StartAccept(InstanceId id, Instance& instance, Actions& actions) {
  instance.status = InstanceStatus::kAccepted;
  instance.accepted_ballot = Ballot();
  instance.deps = rules::SlowDeps(instance, *instance.leading());
  instance.last_record =
      core_.Persist(AcceptedRecord{.instance = id,
                                   .ballot = instance.accepted_ballot,
                                   .value = core_.ValueForRecord(instance),
                                   .deps = instance.deps},
                    actions);
  // The proposer accepts first (d_resume0).
  core_.Await(instance.last_record, id, OnDurable::kCountOwnAccept, actions);

  Accept accept{.instance = id,
                .ballot = instance.accepted_ballot,
                .value = instance.value.WithoutPayload(),
                .deps = instance.deps};
  const ReplicaSet without_payload =
      core_.Others().Minus(instance.leading()->asked);
  core_.outbox.Send(instance.leading()->asked, accept, instance.last_record,
                    actions);
  accept.value = instance.value;
  core_.outbox.Send(without_payload, std::move(accept), instance.last_record,
                    actions);
}

// Counts one vote of the slow path. With a quorum of votes for our ballot the
// value and its dependencies are chosen and never change.
void Epaxos::HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                               Actions& actions) {
  Instance* instance = core_.log.Find(m.instance);
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kAccepted ||
      instance->accepted_ballot != m.ballot) {
    ++core_.stats.stale_messages;  // Late, repeated, or for a ballot given up.
    return;
  }
  instance->leading()->accept_voters.Insert(from);
  DecideAccept(m.instance, *instance, actions);
}

void Epaxos::DecideAccept(InstanceId id, Instance& instance, Actions& actions) {
  if (instance.status != InstanceStatus::kAccepted) return;
  const bool recovered = !instance.accepted_ballot.is_initial();
  const ReplicaSet& voters = instance.leading()->accept_voters;
  if (!voters.Contains(core_.self) ||
      !rules::AreAcceptQuorum(voters.size(), core_.quorums)) {
    return;
  }
  core_.MarkCommitted(id, instance, instance.value, instance.deps);
  // Nothing waits for this record: the accepts that chose the value are durable
  // already, so the decision can be found again without it.
  instance.last_record =
      core_.Persist(CommittedRecord{.instance = id,
                                    .value = core_.ValueForRecord(instance),
                                    .deps = instance.deps},
                    actions);
  AnnounceCommit(id, instance, /*rests_on=*/0, actions);
  if (!recovered) {
    ++core_.stats.slow_commits;
  } else if (instance.value.kind == ValueKind::kNoop) {
    ++core_.stats.recovered_noops;
  } else {
    ++core_.stats.recovered_payloads;
  }
  Release(id, instance, /*fast_path=*/false, actions);
}

}  // namespace quorate::epaxos
