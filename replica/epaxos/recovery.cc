// Finishing an instance whose command leader is gone (protocol.md 2.6, rules R1
// and R2 and giving up; arXiv 2511.02743). What is to be concluded from votes
// is a matter of the fast path rule (fast_path.h: R3-R5).
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

void Epaxos::StartRecovery(InstanceId id, Actions& actions) {
  Instance* instance = log_.FindOrCreate(id);
  if (instance == nullptr || instance->status == InstanceStatus::kCommitted) {
    return;
  }
  const Ballot above =
      std::max(instance->promised_ballot, instance->refused_by);
  const Ballot ballot = Ballot::Of(above.round() + 1, self_);
  YieldTo(id, *instance, ballot);
  Recovering& recovering = instance->Recover();
  recovering.next_repeat_ticks = settings_.retransmit_ticks;
  recovering.ballot = ballot;
  if (fast_path_.CollectsInRecovery()) {
    recovering.batch = instance->initial_batch;
  }
  recoveries_.insert(id);
  ++stats_.recoveries_started;
  instance->last_record =
      Persist(PromiseTo(id, *instance, ballot, recovering.batch), actions);
  Await(instance->last_record, id, OnDurable::kCountOwnPromise, actions,
        ballot);
  Broadcast(
      Recover{.instance = id, .ballot = ballot, .batch = recovering.batch},
      instance->last_record, actions);
}

PromisedRecord Epaxos::PromiseTo(InstanceId id, Instance& instance,
                                 Ballot ballot, const CommandBatchPtr& batch) {
  rules::Promise(ballot, instance);
  PromisedRecord record{.instance = id, .ballot = ballot};
  if (!fast_path_.CollectsInRecovery() || batch == nullptr ||
      instance.status != InstanceStatus::kUnknown || instance.collected) {
    return record;
  }
  // From now on every later command is told of this one (atlas_noindex): its
  // recovery may rest on what is answered here.
  record.deps = DependencySet(quorums_.replicas);
  CollectHere(id, instance, batch, record.deps);
  rules::RecordCollected(batch, instance, record);
  instance.collected = true;
  instance.deps = record.deps;
  return record;
}

void Epaxos::YieldTo(InstanceId id, Instance& instance, Ballot ballot) {
  if (instance.recovering() && instance.recovering()->ballot < ballot) {
    if (!IsSelf(ballot.owner())) Count(RecoveryRule::kOvertaken);
    instance.StopRecovering();
    if (!IsSelf(id.replica)) recoveries_.erase(id);
  }
  // An accept round at a lower ballot can no longer get its quorum. Votes that
  // are already on their way are for a ballot that nobody leads any more.
  if (instance.leading() && rules::EndsRoundOf(instance, ballot)) {
    instance.StopLeading();
  }
}

RecoverReply Epaxos::MakeRecoverReply(InstanceId id, const Instance& instance,
                                      Ballot ballot) const {
  return {.instance = id,
          .ballot = ballot,
          .status = instance.status,
          .accepted_ballot = instance.accepted_ballot,
          .value = instance.value,
          .deps = instance.deps.columns() == 0
                      ? DependencySet(quorums_.replicas)
                      : instance.deps,
          .matches_initial = rules::MatchesInitial(instance),
          .recused = IsRecused(id, instance),
          .fast_quorum = instance.status == InstanceStatus::kPreAccepted
                             ? instance.fast_quorum
                             : ReplicaSet()};
}

bool Epaxos::IsRecused(InstanceId id, const Instance& instance) const {
  return IsSelf(id.replica) &&
         rules::MayHaveForgottenCommit(lazy_before_, instance);
}

void Epaxos::HandleRecover(ReplicaId from, const Recover& m, Actions& actions) {
  Instance* instance = log_.FindOrCreate(m.instance);
  if (AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (instance->promised_ballot >= m.ballot) {
    if (instance->promised_ballot == m.ballot &&
        instance->accepted_ballot != m.ballot) {
      // A repetition. What a replica answers is frozen by its promise.
      SendAgain(from, MakeRecoverReply(m.instance, *instance, m.ballot),
                instance->last_record, actions);
      return;
    }
    return SayPromised(from, m.instance, *instance, actions);
  }
  YieldTo(m.instance, *instance, m.ballot);
  instance->last_record =
      Persist(PromiseTo(m.instance, *instance, m.ballot, m.batch), actions);
  Send(from, MakeRecoverReply(m.instance, *instance, m.ballot),
       rules::RestsOn(rules::Effect::kPromise, instance->last_record), actions);
}

void Epaxos::HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                                Actions& actions) {
  const Instance* instance = log_.Find(m.instance);
  if (instance == nullptr || !instance->recovering() ||
      instance->recovering()->ballot != m.ballot) {
    ++stats_.stale_messages;
    return;
  }
  if (m.value.payload_missing() ||
      (m.status != InstanceStatus::kUnknown &&
       m.value.kind == ValueKind::kNone) ||
      // What is pre-accepted are commands, and only that matches.
      ((m.status == InstanceStatus::kPreAccepted || m.matches_initial) &&
       m.value.kind != ValueKind::kCommands) ||
      (m.status == InstanceStatus::kPreAccepted &&
       !fast_path_.MayBeFastQuorum(m.fast_quorum, m.instance.replica, from))) {
    ++stats_.stale_messages;  // Not an answer that a replica gives.
    return;
  }
  CountRecoverReply(from, m, actions);
}

void Epaxos::CountRecoverReply(ReplicaId from, RecoverReply m,
                               Actions& actions) {
  const InstanceId id = m.instance;
  Instance& instance = *log_.Find(id);
  Recovering& recovering = *instance.recovering();
  if (recovering.answered.Contains(from)) return;
  recovering.answered.Insert(from);
  if (recovering.stage == Recovering::Stage::kPromising) {
    recovering.age_ticks = 0;  // It gets on.
  }
  recovering.answers[static_cast<std::size_t>(Index(from))] = std::move(m);
  switch (recovering.stage) {
    case Recovering::Stage::kPromising:
      if (recovering.answered.size() >= quorums_.classic() &&
          recovering.answered.Contains(self_)) {
        DecideRecovery(id, instance, actions);
      }
      break;
    case Recovering::Stage::kValidating:
      break;  // Looked at again when waiting.
    case Recovering::Stage::kWaiting:
      EvaluateWaiting(id, instance, actions);
      break;
  }
}

void Epaxos::DecideRecovery(InstanceId id, Instance& instance,
                            Actions& actions) {
  Recovering& recovering = *instance.recovering();
  recovering.quorum = recovering.answered;
  if (const RecoverReply* highest = rules::HighestAccepted(recovering)) {
    Count(RecoveryRule::kR2);
    const Value value = highest->value;
    ProposeRecovered(id, instance, value, DependencySet(highest->deps),
                     actions);
    return;
  }
  // R3-R5, or what stands for them.
  if (recovering.LeaderIsRecused(id)) Count(RecoveryRule::kRecused);
  recovering.matching = recovering.Matching(recovering.quorum);
  Ruling ruling = fast_path_.AfterPromises(id, recovering);
  if (ruling.rule.has_value()) Count(*ruling.rule);
  switch (ruling.kind) {
    case Ruling::Kind::kGiveUp: return GiveUp(id, instance, actions);
    case Ruling::Kind::kPropose:
      return ProposeRecovered(id, instance, std::move(ruling.value),
                              ruling.deps, actions);
    case Ruling::Kind::kValidate:
      recovering.batch = ruling.value.batch;
      recovering.initial_deps = ruling.deps;
      return StartValidation(id, instance, actions);
    case Ruling::Kind::kAskAgain:
      LearnPayload(id, instance, ruling.value.batch);
      return StartRecovery(id, actions);
  }
}

// No fast commit can have happened. If all of Q had pre-accepted, the commands
// are kept with the union of the votes (D7): what the slow path would propose.
void Epaxos::GiveUp(InstanceId id, Instance& instance, Actions& actions) {
  const Recovering& recovering = *instance.recovering();
  DependencySet deps(quorums_.replicas);
  Value value = Value::Noop();
  const bool salvage = rules::HaveAllVoted(recovering, quorums_.replicas);
  for (int i = 0; salvage && i < quorums_.replicas; ++i) {
    const auto& answer = recovering.answers[static_cast<std::size_t>(i)];
    if (!recovering.quorum.Contains(ReplicaAt(i)) ||
        answer->status != InstanceStatus::kPreAccepted) {
      continue;
    }
    rules::UniteVotes(answer->deps, deps);
    value = answer->value;
  }
  Count(salvage ? RecoveryRule::kSalvage : RecoveryRule::kNoop);
  ProposeRecovered(id, instance, std::move(value), deps, actions);
}

void Epaxos::ProposeRecovered(InstanceId id, Instance& instance, Value value,
                              const DependencySet& deps, Actions& actions) {
  const Ballot ballot = instance.recovering()->ballot;
  QUORATE_CHECK(instance.promised_ballot == ballot,
                "an attempt that was overtaken proposes nothing");
  instance.StopRecovering();
  FillPayload(instance, value);
  if (value.kind == ValueKind::kCommands) {
    LearnPayload(id, instance, value.batch);
  }
  instance.accepted_ballot = ballot;
  instance.status = InstanceStatus::kAccepted;
  instance.value = std::move(value);
  instance.deps = deps;
  Leading& leading = instance.Lead();
  leading.next_retransmit_ticks = settings_.retransmit_ticks;
  instance.last_record =
      Persist(AcceptedRecord{.instance = id,
                             .ballot = ballot,
                             .value = ValueForRecord(instance),
                             .deps = deps},
              actions);
  Await(instance.last_record, id, OnDurable::kCountOwnAccept, actions, ballot);
  Broadcast(Accept{.instance = id,
                   .ballot = ballot,
                   .value = instance.value,
                   .deps = deps},
            instance.last_record, actions);
}

// Somebody has promised more: the round is lost. The next attempt, if one is
// still needed, goes above that ballot and after a pause (suspicion.cc).
void Epaxos::HandleNack(const Nack& m) {
  Instance* instance = log_.Find(m.instance);
  if (instance == nullptr || instance->status == InstanceStatus::kCommitted) {
    ++stats_.stale_messages;
    return;
  }
  instance->refused_by = std::max(instance->refused_by, m.promised_ballot);
  YieldTo(m.instance, *instance, m.promised_ballot);
}

}  // namespace quorate::epaxos
