// Votes: what this replica answers to those that lead a round.
#include "replica/epaxos/voter.h"

#include <utility>

#include "replica/epaxos/rules.h"

namespace quorate::epaxos {

// What this replica knows to conflict, on top of what `deps` has already. From
// now on the payload is indexed.
void Voter::CollectHere(Core& core, InstanceId id, Instance& instance,
                        const CommandBatchPtr& batch, DependencySet& deps) {
  deps.UnionWith(core.drop_floor);
  rules::CoverForgotten(core.self, core.forgotten, deps);
  rules::KeepNoops(core.log, core.drop_floor, core.index);
  if (instance.initial_batch == nullptr) {
    instance.initial_batch = batch;
    rules::CollectAndIndex(instance, id, *batch, core.index, deps);
  } else {
    core.index.Collect(*batch, deps);
  }
  if (core.fast_path.ClampsOwnColumn()) deps.ClampOwnColumn(id);
}

void Voter::HandlePreAccept(Core& core, ReplicaId from, const PreAccept& m,
                            Actions& actions) {
  // Only the command leader sends PreAccept, and only to those it fixed.
  if (m.instance.replica != from ||
      !core.fast_path.MayBeFastQuorum(m.fast_quorum, from, core.self)) {
    ++core.stats.stale_messages;
    return;
  }
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (core.AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (instance->status == InstanceStatus::kPreAccepted &&
      instance->promised_ballot.is_initial()) {
    // A repetition gets the same vote.
    core.SendAgain(
        from, PreAcceptReply{.instance = m.instance, .deps = instance->deps},
        instance->last_record, actions);
    return;
  }
  if (!rules::MayPreAccept(*instance)) {
    return core.SayPromised(from, m.instance, *instance, actions);
  }

  DependencySet deps =
      rules::VoteBeginsWith(m.initial_deps, core.fast_path.rule());
  CollectHere(core, m.instance, *instance, m.batch, deps);

  instance->status = InstanceStatus::kPreAccepted;
  instance->value = Value::Commands(m.batch);
  instance->deps = deps;
  instance->initial_deps = m.initial_deps;
  instance->initial_known = true;
  instance->fast_quorum = m.fast_quorum;
  instance->payload_recorded = true;
  instance->last_record =
      core.Persist(PreAcceptedRecord{.instance = m.instance,
                                     .batch = m.batch,
                                     .initial_deps = m.initial_deps,
                                     .deps = deps,
                                     .fast_quorum = m.fast_quorum},
                   actions);
  core.Send(from, PreAcceptReply{.instance = m.instance, .deps = deps},
            rules::RestsOn(rules::Effect::kVote, instance->last_record),
            actions);
}

void Voter::HandleAccept(Core& core, ReplicaId from, const Accept& m,
                         Actions& actions) {
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (core.AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (!rules::MayAccept(*instance, m.ballot)) {
    return core.SayPromised(from, m.instance, *instance, actions);
  }
  Value value = m.value;
  if (!core.FillPayload(*instance, value)) {
    // The proposer sends it whole when it repeats.
    ++core.stats.missing_payloads;
    return;
  }
  if (instance->status == InstanceStatus::kAccepted &&
      instance->accepted_ballot == m.ballot) {
    // A repetition: one value a ballot.
    core.SendAgain(from,
                   AcceptReply{.instance = m.instance, .ballot = m.ballot},
                   instance->last_record, actions);
    return;
  }

  core.YieldTo(m.instance, *instance, m.ballot);
  if (value.kind == ValueKind::kCommands) {
    core.LearnPayload(m.instance, *instance, value.batch);
  }
  instance->promised_ballot = m.ballot;
  instance->accepted_ballot = m.ballot;
  instance->status = InstanceStatus::kAccepted;
  instance->value = std::move(value);
  instance->deps = m.deps;
  instance->last_record =
      core.Persist(AcceptedRecord{.instance = m.instance,
                                  .ballot = m.ballot,
                                  .value = core.ValueForRecord(*instance),
                                  .deps = m.deps},
                   actions);
  core.Send(from, AcceptReply{.instance = m.instance, .ballot = m.ballot},
            rules::RestsOn(rules::Effect::kAccept, instance->last_record),
            actions);
}

PromisedRecord Voter::PromiseTo(Core& core, InstanceId id, Instance& instance,
                                Ballot ballot, const CommandBatchPtr& batch) {
  rules::Promise(ballot, instance);
  PromisedRecord record{.instance = id, .ballot = ballot};
  if (!core.fast_path.CollectsInRecovery() || batch == nullptr ||
      instance.status != InstanceStatus::kUnknown || instance.collected) {
    return record;
  }
  // From now on every later command is told of this one (atlas_noindex): its
  // recovery may rest on what is answered here.
  record.deps = DependencySet(core.quorums.replicas);
  CollectHere(core, id, instance, batch, record.deps);
  rules::RecordCollected(batch, instance, record);
  instance.collected = true;
  instance.deps = record.deps;
  return record;
}

RecoverReply Voter::MakeRecoverReply(const Core& core, InstanceId id,
                                     const Instance& instance, Ballot ballot) {
  return {.instance = id,
          .ballot = ballot,
          .status = instance.status,
          .accepted_ballot = instance.accepted_ballot,
          .value = instance.value,
          .deps = instance.deps.columns() == 0
                      ? DependencySet(core.quorums.replicas)
                      : instance.deps,
          .matches_initial = rules::MatchesInitial(instance),
          .recused = core.IsRecused(id, instance),
          .fast_quorum = instance.status == InstanceStatus::kPreAccepted
                             ? instance.fast_quorum
                             : ReplicaSet()};
}

void Voter::HandleRecover(Core& core, ReplicaId from, const Recover& m,
                          Actions& actions) {
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (core.AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (instance->promised_ballot >= m.ballot) {
    if (instance->promised_ballot == m.ballot &&
        instance->accepted_ballot != m.ballot) {
      // A repetition. What a replica answers is frozen by its promise.
      core.SendAgain(from,
                     MakeRecoverReply(core, m.instance, *instance, m.ballot),
                     instance->last_record, actions);
      return;
    }
    return core.SayPromised(from, m.instance, *instance, actions);
  }
  core.YieldTo(m.instance, *instance, m.ballot);
  instance->last_record = core.Persist(
      PromiseTo(core, m.instance, *instance, m.ballot, m.batch), actions);
  core.Send(from, MakeRecoverReply(core, m.instance, *instance, m.ballot),
            rules::RestsOn(rules::Effect::kPromise, instance->last_record),
            actions);
}

}  // namespace quorate::epaxos
