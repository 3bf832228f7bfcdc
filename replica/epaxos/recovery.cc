// Finishing an instance whose command leader is gone (protocol.md 2.6, rules R1
// and R2 and giving up; arXiv 2511.02743). What is to be concluded from votes
// is a matter of the fast path rule (fast_path.h: R3-R5).
#include <algorithm>
#include <utility>

#include "replica/epaxos/recoverer.h"
#include "replica/epaxos/rules.h"
#include "wire/check.h"

namespace quorate::epaxos {

void Recoverer::StartRecovery(Core& core, InstanceId id, Actions& actions) {
  Instance* instance = core.log.FindOrCreate(id);
  if (instance == nullptr || instance->status == InstanceStatus::kCommitted) {
    return;
  }
  const Ballot above =
      std::max(instance->promised_ballot, instance->refused_by);
  const Ballot ballot = Ballot::Of(above.round() + 1, core.self);
  core.YieldTo(id, *instance, ballot);
  Recovering& recovering = instance->Recover();
  recovering.next_repeat_ticks = core.RepeatAfter(core.Others());
  recovering.ballot = ballot;
  if (core.fast_path.CollectsInRecovery()) {
    recovering.batch = instance->initial_batch;
  }
  core.recoveries.insert(id);
  ++core.stats.recoveries_started;
  instance->last_record = core.Persist(
      Voter::PromiseTo(core, id, *instance, ballot, recovering.batch), actions);
  core.Await(instance->last_record, id, OnDurable::kCountOwnPromise, actions,
             ballot);
  core.Broadcast(
      Recover{.instance = id, .ballot = ballot, .batch = recovering.batch},
      instance->last_record, actions);
}

void Recoverer::HandleRecoverReply(Core& core, ReplicaId from,
                                   const RecoverReply& m, Actions& actions) {
  const Instance* instance = core.log.Find(m.instance);
  if (instance == nullptr || !instance->recovering() ||
      instance->recovering()->ballot != m.ballot) {
    ++core.stats.stale_messages;
    return;
  }
  if (m.value.payload_missing() ||
      (m.status != InstanceStatus::kUnknown &&
       m.value.kind == ValueKind::kNone) ||
      // What is pre-accepted are commands, and only that matches.
      ((m.status == InstanceStatus::kPreAccepted || m.matches_initial) &&
       m.value.kind != ValueKind::kCommands) ||
      (m.status == InstanceStatus::kPreAccepted &&
       !core.fast_path.MayBeFastQuorum(m.fast_quorum, m.instance.replica,
                                       from))) {
    ++core.stats.stale_messages;  // Not an answer that a replica gives.
    return;
  }
  CountRecoverReply(core, from, m, actions);
}

void Recoverer::CountRecoverReply(Core& core, ReplicaId from, RecoverReply m,
                                  Actions& actions) {
  const InstanceId id = m.instance;
  Instance& instance = *core.log.Find(id);
  Recovering& recovering = *instance.recovering();
  if (recovering.answered.Contains(from)) return;
  recovering.answered.Insert(from);
  if (recovering.stage == Recovering::Stage::kPromising) {
    recovering.age_ticks = 0;  // It gets on.
  }
  recovering.answers[static_cast<std::size_t>(Index(from))] = std::move(m);
  switch (recovering.stage) {
    case Recovering::Stage::kPromising:
      if (recovering.answered.size() >= core.quorums.classic() &&
          recovering.answered.Contains(core.self)) {
        DecideRecovery(core, id, instance, actions);
      }
      break;
    case Recovering::Stage::kValidating:
      break;  // Looked at again when waiting.
    case Recovering::Stage::kWaiting:
      EvaluateWaiting(core, id, instance, actions);
      break;
  }
}

void Recoverer::DecideRecovery(Core& core, InstanceId id, Instance& instance,
                               Actions& actions) {
  Recovering& recovering = *instance.recovering();
  recovering.quorum = recovering.answered;
  if (const RecoverReply* highest = rules::HighestAccepted(recovering)) {
    core.Count(RecoveryRule::kR2);
    const Value value = highest->value;
    ProposeRecovered(core, id, instance, value, DependencySet(highest->deps),
                     actions);
    return;
  }
  // R3-R5, or what stands for them.
  if (recovering.LeaderIsRecused(id)) core.Count(RecoveryRule::kRecused);
  recovering.matching = recovering.Matching(recovering.quorum);
  Ruling ruling = core.fast_path.AfterPromises(id, recovering);
  if (ruling.rule.has_value()) core.Count(*ruling.rule);
  switch (ruling.kind) {
    case Ruling::Kind::kGiveUp: return GiveUp(core, id, instance, actions);
    case Ruling::Kind::kPropose:
      return ProposeRecovered(core, id, instance, std::move(ruling.value),
                              ruling.deps, actions);
    case Ruling::Kind::kValidate:
      recovering.batch = ruling.value.batch;
      recovering.initial_deps = ruling.deps;
      return StartValidation(core, id, instance, actions);
    case Ruling::Kind::kAskAgain:
      core.LearnPayload(id, instance, ruling.value.batch);
      return StartRecovery(core, id, actions);
  }
}

// No fast commit can have happened. If all of Q had pre-accepted, the commands
// are kept with the union of the votes (D7): what the slow path would propose.
void Recoverer::GiveUp(Core& core, InstanceId id, Instance& instance,
                       Actions& actions) {
  const Recovering& recovering = *instance.recovering();
  DependencySet deps(core.quorums.replicas);
  Value value = Value::Noop();
  const bool salvage = rules::HaveAllVoted(recovering, core.quorums.replicas);
  for (int i = 0; salvage && i < core.quorums.replicas; ++i) {
    const auto& answer = recovering.answers[static_cast<std::size_t>(i)];
    if (!recovering.quorum.Contains(ReplicaAt(i)) ||
        answer->status != InstanceStatus::kPreAccepted) {
      continue;
    }
    rules::UniteVotes(answer->deps, deps);
    value = answer->value;
  }
  core.Count(salvage ? RecoveryRule::kSalvage : RecoveryRule::kNoop);
  ProposeRecovered(core, id, instance, std::move(value), deps, actions);
}

void Recoverer::ProposeRecovered(Core& core, InstanceId id, Instance& instance,
                                 Value value, const DependencySet& deps,
                                 Actions& actions) {
  const Ballot ballot = instance.recovering()->ballot;
  QUORATE_CHECK(instance.promised_ballot == ballot,
                "an attempt that was overtaken proposes nothing");
  instance.StopRecovering();
  core.FillPayload(instance, value);
  if (value.kind == ValueKind::kCommands) {
    core.LearnPayload(id, instance, value.batch);
  }
  instance.accepted_ballot = ballot;
  instance.status = InstanceStatus::kAccepted;
  instance.value = std::move(value);
  instance.deps = deps;
  Leading& leading = instance.Lead();
  core.ScheduleRound(leading, core.Others());
  instance.last_record =
      core.Persist(AcceptedRecord{.instance = id,
                                  .ballot = ballot,
                                  .value = core.ValueForRecord(instance),
                                  .deps = deps},
                   actions);
  core.Await(instance.last_record, id, OnDurable::kCountOwnAccept, actions,
             ballot);
  core.Broadcast(Accept{.instance = id,
                        .ballot = ballot,
                        .value = instance.value,
                        .deps = deps},
                 instance.last_record, actions);
}

// Somebody has promised more: the round is lost. The next attempt, if one is
// still needed, goes above that ballot and after a pause (suspicion.cc).
void Recoverer::HandleNack(Core& core, const Nack& m) {
  Instance* instance = core.log.Find(m.instance);
  if (instance == nullptr || instance->status == InstanceStatus::kCommitted) {
    ++core.stats.stale_messages;
    return;
  }
  instance->refused_by = std::max(instance->refused_by, m.promised_ballot);
  core.YieldTo(m.instance, *instance, m.promised_ballot);
}

}  // namespace quorate::epaxos
