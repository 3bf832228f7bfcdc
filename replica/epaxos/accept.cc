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
      Persist(AcceptedRecord{.instance = id,
                             .ballot = instance.accepted_ballot,
                             .value = ValueForRecord(instance),
                             .deps = instance.deps},
              actions);
  // The proposer accepts first (d_resume0).
  Await(instance.last_record, id, OnDurable::kCountOwnAccept, actions);

  Accept accept{.instance = id,
                .ballot = instance.accepted_ballot,
                .value = instance.value.WithoutPayload(),
                .deps = instance.deps};
  const ReplicaSet without_payload = Others().Minus(instance.leading()->asked);
  outbox_.Send(instance.leading()->asked, accept, instance.last_record,
               actions);
  accept.value = instance.value;
  outbox_.Send(without_payload, std::move(accept), instance.last_record,
               actions);
}

void Epaxos::HandleAccept(ReplicaId from, const Accept& m, Actions& actions) {
  Instance* instance = log_.FindOrCreate(m.instance);
  if (AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (!rules::MayAccept(*instance, m.ballot)) {
    return SayPromised(from, m.instance, *instance, actions);
  }
  Value value = m.value;
  if (!FillPayload(*instance, value)) {
    ++stats_.missing_payloads;  // The proposer sends it whole when it repeats.
    return;
  }
  if (instance->status == InstanceStatus::kAccepted &&
      instance->accepted_ballot == m.ballot) {
    // A repetition: one value a ballot.
    SendAgain(from, AcceptReply{.instance = m.instance, .ballot = m.ballot},
              instance->last_record, actions);
    return;
  }

  YieldTo(m.instance, *instance, m.ballot);
  if (value.kind == ValueKind::kCommands) {
    LearnPayload(m.instance, *instance, value.batch);
  }
  instance->promised_ballot = m.ballot;
  instance->accepted_ballot = m.ballot;
  instance->status = InstanceStatus::kAccepted;
  instance->value = std::move(value);
  instance->deps = m.deps;
  instance->last_record =
      Persist(AcceptedRecord{.instance = m.instance,
                             .ballot = m.ballot,
                             .value = ValueForRecord(*instance),
                             .deps = m.deps},
              actions);
  Send(from, AcceptReply{.instance = m.instance, .ballot = m.ballot},
       rules::RestsOn(rules::Effect::kAccept, instance->last_record), actions);
}

// Counts one vote of the slow path. With a quorum of votes for our ballot the
// value and its dependencies are chosen and never change.
void Epaxos::HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                               Actions& actions) {
  Instance* instance = log_.Find(m.instance);
  if (instance == nullptr || !instance->leading() ||
      instance->status != InstanceStatus::kAccepted ||
      instance->accepted_ballot != m.ballot) {
    ++stats_.stale_messages;  // Late, repeated, or for a ballot given up.
    return;
  }
  instance->leading()->accept_voters.Insert(from);
  DecideAccept(m.instance, *instance, actions);
}

void Epaxos::DecideAccept(InstanceId id, Instance& instance, Actions& actions) {
  if (instance.status != InstanceStatus::kAccepted) return;
  const bool recovered = !instance.accepted_ballot.is_initial();
  const ReplicaSet& voters = instance.leading()->accept_voters;
  if (!voters.Contains(self_) ||
      !rules::AreAcceptQuorum(voters.size(), quorums_)) {
    return;
  }
  MarkCommitted(id, instance, instance.value, instance.deps);
  // Nothing waits for this record: the accepts that chose the value are durable
  // already, so the decision can be found again without it.
  instance.last_record =
      Persist(CommittedRecord{.instance = id,
                              .value = ValueForRecord(instance),
                              .deps = instance.deps},
              actions);
  AnnounceCommit(id, instance, /*rests_on=*/0, actions);
  if (!recovered) {
    ++stats_.slow_commits;
  } else if (instance.value.kind == ValueKind::kNoop) {
    ++stats_.recovered_noops;
  } else {
    ++stats_.recovered_payloads;
  }
  Release(id, instance, /*fast_path=*/false, actions);
}

}  // namespace quorate::epaxos
