// Would a fast commit of this instance have been seen? (protocol.md 2.6, rules
// V1-V4 and W1-W5.)
#include <algorithm>
#include <utility>

#include "replica/epaxos/recoverer.h"
#include "replica/epaxos/rules.h"
#include "wire/limits.h"

namespace quorate::epaxos {

void Recoverer::StartValidation(Core& core, InstanceId id, Instance& instance,
                                Actions& actions) {
  Recovering& recovering = *instance.recovering();
  recovering.stage = Recovering::Stage::kValidating;
  recovering.age_ticks = 0;
  const Validate validate{.instance = id,
                          .ballot = recovering.ballot,
                          .batch = recovering.batch,
                          .initial_deps = recovering.initial_deps};
  const ValidateReply own =
      Voter::ValidateHere(core, id, instance, validate, actions);
  for (const ValidateReply::Conflict& conflict : own.conflicts) {
    recovering.conflicts[conflict.instance] |= conflict.committed;
  }
  core.Await(instance.last_record, id, OnDurable::kCountOwnValidation, actions,
             recovering.ballot);
  ReplicaSet others = recovering.quorum;
  others.Erase(core.self);
  core.outbox.Send(others, validate, instance.last_record, actions);
}

void Recoverer::HandleValidateReply(Core& core, ReplicaId from,
                                    const ValidateReply& m, Actions& actions) {
  Instance* instance = core.log.Find(m.instance);
  if (instance == nullptr || !instance->recovering() ||
      instance->recovering()->ballot != m.ballot ||
      instance->recovering()->stage != Recovering::Stage::kValidating ||
      !instance->recovering()->quorum.Contains(from)) {
    ++core.stats.stale_messages;
    return;
  }
  Recovering& recovering = *instance->recovering();
  recovering.validated.Insert(from);
  recovering.age_ticks = 0;
  for (const ValidateReply::Conflict& conflict : m.conflicts) {
    recovering.conflicts[conflict.instance] |= conflict.committed;
  }
  DecideValidation(core, m.instance, *instance, actions);
}

void Recoverer::DecideValidation(Core& core, InstanceId id, Instance& instance,
                                 Actions& actions) {
  Recovering& recovering = *instance.recovering();
  if (recovering.stage != Recovering::Stage::kValidating ||
      recovering.validated != recovering.quorum) {
    return;
  }
  for (const auto& [other, committed] : recovering.conflicts) {
    if (!rules::RulesOutFast(other.replica, committed, recovering,
                             core.quorums)) {
      continue;
    }
    core.Count(committed ? RecoveryRule::kV2 : RecoveryRule::kV3);
    GiveUp(core, id, instance, actions);
    return;
  }
  if (rules::NothingStandsAgainst(recovering)) {
    core.Count(RecoveryRule::kV1);
    const DependencySet deps = recovering.initial_deps;
    ProposeRecovered(core, id, instance, Value::Commands(recovering.batch),
                     deps, actions);
    return;
  }
  // V4: their fate decides ours.
  core.Count(RecoveryRule::kV4);
  recovering.stage = Recovering::Stage::kWaiting;
  recovering.age_ticks = 0;
  ++core.stats.recoveries_waited;
  instance.waiting_votes = std::max(instance.waiting_votes,
                                    rules::VotesBesidesLeader(id, recovering));
  core.Broadcast(WaitingOf(id, recovering), instance.last_record, actions);
  EvaluateWaiting(core, id, instance, actions);
}

Waiting Recoverer::WaitingOf(InstanceId id, const Recovering& recovering) {
  return {.instance = id,
          .matching_votes = static_cast<std::uint8_t>(
              rules::VotesBesidesLeader(id, recovering))};
}

void Recoverer::HandleWaiting(Core& core, const Waiting& m, Actions& actions) {
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (instance == nullptr || m.matching_votes > core.quorums.replicas) {
    ++core.stats.stale_messages;
    return;
  }
  instance->waiting_votes =
      std::max(instance->waiting_votes, int{m.matching_votes});
  EvaluateAllWaiting(core, actions);
}

void Recoverer::EvaluateAllWaiting(Core& core, Actions& actions) {
  if (core.recoveries.empty()) return;
  const std::vector<InstanceId> all(core.recoveries.begin(),
                                    core.recoveries.end());
  for (const InstanceId id : all) {
    Instance* instance = core.log.Find(id);
    if (instance != nullptr && instance->recovering()) {
      EvaluateWaiting(core, id, *instance, actions);
    }
  }
}

// Never times out into a decision (skip_wait_nop, skip_wait_acc); only a new
// ballot may follow.
void Recoverer::EvaluateWaiting(Core& core, InstanceId id, Instance& instance,
                                Actions& actions) {
  Recovering& recovering = *instance.recovering();
  if (recovering.stage != Recovering::Stage::kWaiting) return;
  if (const RecoverReply* late = rules::LateValue(recovering)) {
    core.Count(RecoveryRule::kW4Value);
    const Value value = late->value;
    ProposeRecovered(core, id, instance, value, DependencySet(late->deps),
                     actions);
    return;
  }
  bool give_up = rules::LeaderAnsweredLate(id, recovering);
  if (give_up) core.Count(RecoveryRule::kW4Leader);
  if (rules::TooFewOfAllMatch(recovering, core.quorums)) {
    core.Count(RecoveryRule::kW5);
    give_up = true;
  }
  bool all_see_us = true;
  std::vector<InstanceId> settled;
  for (const auto& [other_id, unused] : recovering.conflicts) {
    const Instance* other = core.log.Find(other_id);
    const bool committed =
        other != nullptr && other->status == InstanceStatus::kCommitted;
    const bool sees_us = committed && rules::Follows(id, *other);
    if (committed && !sees_us) {
      core.Count(RecoveryRule::kW1);
      give_up = true;
    }
    if (!sees_us) all_see_us = false;
    if (sees_us) settled.push_back(other_id);
    if (other != nullptr && rules::WaitsWithTooMany(*other, core.quorums)) {
      core.Count(RecoveryRule::kW3);
      give_up = true;
    }
  }
  // Seen once, it need not be there any more: it may be forgotten before we
  // are done.
  for (const InstanceId other : settled) recovering.conflicts.erase(other);
  if (give_up) {
    GiveUp(core, id, instance, actions);
  } else if (all_see_us) {
    core.Count(RecoveryRule::kW2);
    const DependencySet deps = recovering.initial_deps;
    ProposeRecovered(core, id, instance, Value::Commands(recovering.batch),
                     deps, actions);
  }
}

}  // namespace quorate::epaxos
