// Would a fast commit of this instance have been seen? (protocol.md 2.6, rules
// V1-V4 and W1-W5.)
#include <algorithm>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/limits.h"

namespace quorate::epaxos {
namespace {

// The keys of one batch, looked up by many others: hash and access class,
// sorted. Ranges are compared one by one.
//
// The relation must not be coarser than the conflict index: what conflicts here
// and is in nobody's answer would refute a fast commit that there was. It is
// not: the index never misses two operations that share a key or a range, and
// takes two keys of one hash for one, as is done here.
class Footprint {
 public:
  Footprint(const CommandBatch& batch, ConflictMode mode)
      : batch_(batch), mode_(mode) {
    for (const Operation& operation : batch.operations()) {
      if (IsRange(operation.kind)) {
        has_ranges_ = true;
      } else {
        keys_.emplace_back(operation.key_hash, ClassOf(operation.kind, mode));
      }
    }
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }

  // Hash equality stands for key equality, as in the conflict index.
  bool ConflictsWith(const CommandBatch& other) const {
    for (const Operation& operation : other.operations()) {
      if (has_ranges_ || IsRange(operation.kind)) {
        for (const Operation& mine : batch_.operations()) {
          const bool ranges = IsRange(mine.kind) || IsRange(operation.kind);
          if (ranges && Conflict(mine, operation, mode_)) return true;
        }
      }
      if (IsRange(operation.kind)) continue;
      const AccessClass access = ClassOf(operation.kind, mode_);
      auto at =
          std::lower_bound(keys_.begin(), keys_.end(),
                           std::pair{operation.key_hash, AccessClass::kRead});
      for (; at != keys_.end() && at->first == operation.key_hash; ++at) {
        if (Conflict(at->second, access)) return true;
      }
    }
    return false;
  }

 private:
  const CommandBatch& batch_;
  ConflictMode mode_;
  bool has_ranges_ = false;
  std::vector<std::pair<std::uint64_t, AccessClass>> keys_;
};

}  // namespace

void Epaxos::StartValidation(InstanceId id, Instance& instance,
                             Actions& actions) {
  Recovering& recovering = *instance.recovering();
  recovering.stage = Recovering::Stage::kValidating;
  recovering.age_ticks = 0;
  const Validate validate{.instance = id,
                          .ballot = recovering.ballot,
                          .batch = recovering.batch,
                          .initial_deps = recovering.initial_deps};
  const ValidateReply own = ValidateHere(id, instance, validate, actions);
  for (const ValidateReply::Conflict& conflict : own.conflicts) {
    recovering.conflicts[conflict.instance] |= conflict.committed;
  }
  Await(instance.last_record, id, OnDurable::kCountOwnValidation, actions,
        recovering.ballot);
  ReplicaSet others = recovering.quorum;
  others.Erase(self_);
  outbox_.Send(others, validate, instance.last_record, actions);
}

// Every conflicting instance above the initial dependencies that does not have
// this one in its own.
//
// A log may hold a hundred thousand instances, and many are recovered at once
// when a peer falls silent: only those that may conflict are looked at. Every
// known payload is in the index (D4), so that nothing above its marks for these
// keys conflicts.
std::vector<ValidateReply::Conflict> Epaxos::FindInvalidating(
    InstanceId id, const CommandBatch& batch,
    const DependencySet& initial_deps) {
  const Footprint footprint(batch, settings_.conflicts);
  DependencySet marks(quorums_.replicas);
  index_.Collect(batch, marks);
  std::vector<ValidateReply::Conflict> found;
  for (int i = 0; i < quorums_.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    const std::uint64_t from =
        std::max(rules::FirstToCompare(id, initial_deps, column),
                 log_.Dropped(column) + 1);
    const std::uint64_t last = std::min(log_.Newest(column), marks[column]);
    for (std::uint64_t slot = from; slot <= last; ++slot) {
      ++stats_.instances_compared;
      const InstanceId other_id{column, slot};
      if (other_id == id || rules::IsCovered(other_id, initial_deps)) continue;
      const Instance& other = *log_.Find(other_id);
      if (other.initial_batch == nullptr) continue;
      if (rules::SeesUs(id, other) ||
          !footprint.ConflictsWith(*other.initial_batch)) {
        continue;
      }
      found.push_back(
          {.instance = other_id,
           .committed = other.status == InstanceStatus::kCommitted});
    }
  }
  if (found.size() > kMaxConflicts) {
    // V2: a single one that is committed decides it.
    const auto committed =
        std::ranges::find(found, true, &ValidateReply::Conflict::committed);
    if (committed != found.end()) return {*committed};
  }
  return found;
}

ValidateReply Epaxos::ValidateHere(InstanceId id, Instance& instance,
                                   const Validate& m, Actions& actions) {
  ValidateReply reply{
      .instance = id,
      .ballot = m.ballot,
      .conflicts = FindInvalidating(id, *m.batch, m.initial_deps)};
  rules::LearnValidated(m, instance, index_);
  instance.payload_recorded = true;
  // The status does not change.
  instance.last_record = Persist(
      ValidatedRecord{
          .instance = id, .batch = m.batch, .initial_deps = m.initial_deps},
      actions);
  return reply;
}

void Epaxos::HandleValidate(ReplicaId from, const Validate& m,
                            Actions& actions) {
  Instance* instance = log_.FindOrCreate(m.instance);
  if (AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (!fast_path_.Validates()) {
    ++stats_.stale_messages;
    return;
  }
  if (instance->promised_ballot != m.ballot) {
    return SayPromised(from, m.instance, *instance, actions);
  }
  const std::vector<ValidateReply::Conflict> conflicts =
      FindInvalidating(m.instance, *m.batch, m.initial_deps);
  if (conflicts.size() > kMaxConflicts) {
    // More than a message should carry, and none of them decided: we lag. When
    // we are asked again, their decisions have come.
    ++stats_.stale_messages;
    return;
  }
  if (instance->initial_known && instance->payload_recorded) {
    // On record already: by our vote, or by this message when it came before.
    SendAgain(
        from,
        ValidateReply{
            .instance = m.instance, .ballot = m.ballot, .conflicts = conflicts},
        instance->last_record, actions);
    return;
  }
  ValidateReply reply = ValidateHere(m.instance, *instance, m, actions);
  Send(from, std::move(reply),
       rules::RestsOn(rules::Effect::kValidation, instance->last_record),
       actions);
}

void Epaxos::HandleValidateReply(ReplicaId from, const ValidateReply& m,
                                 Actions& actions) {
  Instance* instance = log_.Find(m.instance);
  if (instance == nullptr || !instance->recovering() ||
      instance->recovering()->ballot != m.ballot ||
      instance->recovering()->stage != Recovering::Stage::kValidating ||
      !instance->recovering()->quorum.Contains(from)) {
    ++stats_.stale_messages;
    return;
  }
  Recovering& recovering = *instance->recovering();
  recovering.validated.Insert(from);
  recovering.age_ticks = 0;
  for (const ValidateReply::Conflict& conflict : m.conflicts) {
    recovering.conflicts[conflict.instance] |= conflict.committed;
  }
  DecideValidation(m.instance, *instance, actions);
}

void Epaxos::DecideValidation(InstanceId id, Instance& instance,
                              Actions& actions) {
  Recovering& recovering = *instance.recovering();
  if (recovering.stage != Recovering::Stage::kValidating ||
      recovering.validated != recovering.quorum) {
    return;
  }
  for (const auto& [other, committed] : recovering.conflicts) {
    if (!rules::RulesOutFast(other.replica, committed, recovering, quorums_)) {
      continue;
    }
    Count(committed ? RecoveryRule::kV2 : RecoveryRule::kV3);
    GiveUp(id, instance, actions);
    return;
  }
  if (rules::NothingStandsAgainst(recovering)) {
    Count(RecoveryRule::kV1);
    const DependencySet deps = recovering.initial_deps;
    ProposeRecovered(id, instance, Value::Commands(recovering.batch), deps,
                     actions);
    return;
  }
  // V4: their fate decides ours.
  Count(RecoveryRule::kV4);
  recovering.stage = Recovering::Stage::kWaiting;
  recovering.age_ticks = 0;
  ++stats_.recoveries_waited;
  instance.waiting_votes = std::max(instance.waiting_votes,
                                    rules::VotesBesidesLeader(id, recovering));
  Broadcast(WaitingOf(id, recovering), instance.last_record, actions);
  EvaluateWaiting(id, instance, actions);
}

Waiting Epaxos::WaitingOf(InstanceId id, const Recovering& recovering) {
  return {.instance = id,
          .matching_votes = static_cast<std::uint8_t>(
              rules::VotesBesidesLeader(id, recovering))};
}

void Epaxos::HandleWaiting(const Waiting& m, Actions& actions) {
  Instance* instance = log_.FindOrCreate(m.instance);
  if (instance == nullptr || m.matching_votes > quorums_.replicas) {
    ++stats_.stale_messages;
    return;
  }
  instance->waiting_votes =
      std::max(instance->waiting_votes, int{m.matching_votes});
  EvaluateAllWaiting(actions);
}

void Epaxos::EvaluateAllWaiting(Actions& actions) {
  if (recoveries_.empty()) return;
  const std::vector<InstanceId> all(recoveries_.begin(), recoveries_.end());
  for (const InstanceId id : all) {
    Instance* instance = log_.Find(id);
    if (instance != nullptr && instance->recovering()) {
      EvaluateWaiting(id, *instance, actions);
    }
  }
}

// Never times out into a decision (skip_wait_nop, skip_wait_acc); only a new
// ballot may follow.
void Epaxos::EvaluateWaiting(InstanceId id, Instance& instance,
                             Actions& actions) {
  Recovering& recovering = *instance.recovering();
  if (recovering.stage != Recovering::Stage::kWaiting) return;
  if (const RecoverReply* late = rules::LateValue(recovering)) {
    Count(RecoveryRule::kW4Value);
    const Value value = late->value;
    ProposeRecovered(id, instance, value, DependencySet(late->deps), actions);
    return;
  }
  bool give_up = rules::LeaderAnsweredLate(id, recovering);
  if (give_up) Count(RecoveryRule::kW4Leader);
  if (rules::TooFewOfAllMatch(recovering, quorums_)) {
    Count(RecoveryRule::kW5);
    give_up = true;
  }
  bool all_see_us = true;
  std::vector<InstanceId> settled;
  for (const auto& [other_id, unused] : recovering.conflicts) {
    const Instance* other = log_.Find(other_id);
    const bool committed =
        other != nullptr && other->status == InstanceStatus::kCommitted;
    const bool sees_us = committed && rules::Follows(id, *other);
    if (committed && !sees_us) {
      Count(RecoveryRule::kW1);
      give_up = true;
    }
    if (!sees_us) all_see_us = false;
    if (sees_us) settled.push_back(other_id);
    if (other != nullptr && rules::WaitsWithTooMany(*other, quorums_)) {
      Count(RecoveryRule::kW3);
      give_up = true;
    }
  }
  // Seen once, it need not be there any more: it may be forgotten before we
  // are done.
  for (const InstanceId other : settled) recovering.conflicts.erase(other);
  if (give_up) {
    GiveUp(id, instance, actions);
  } else if (all_see_us) {
    Count(RecoveryRule::kW2);
    const DependencySet deps = recovering.initial_deps;
    ProposeRecovered(id, instance, Value::Commands(recovering.batch), deps,
                     actions);
  }
}

}  // namespace quorate::epaxos
