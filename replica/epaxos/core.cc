// What every role needs to record, to send, and to know of an instance.
#include "replica/epaxos/core.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "replica/epaxos/rules.h"
#include "wire/check.h"
#include "wire/timers.h"

namespace quorate::epaxos {
namespace {

constexpr int kMaxRetransmitTicks = TicksOf<"epaxos.most_retransmit">;

}  // namespace

Core::Core(const Settings& settings_of_replica)
    : settings(settings_of_replica),
      quorums(QuorumSizesOf(settings)),
      fast_path(settings),
      self(settings.self),
      log(settings.replicas),
      index(settings.replicas, settings.conflicts),
      forgotten(settings.replicas),
      committed(settings.replicas),
      needed(settings.replicas),
      drop_floor(settings.replicas),
      distances(self, settings.replicas, settings.tick_ms) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
}

RecordSequence Core::Persist(Record record, Actions& actions) {
  actions.persist.push_back(std::move(record));
  return ++last_record;
}

void Core::Await(RecordSequence record, InstanceId id, OnDurable then,
                 Actions& actions, Ballot ballot) {
  actions.persist_is_lazy = false;
  awaited.push_back(
      {.sequence = record, .instance = id, .then = then, .ballot = ballot});
}

void Core::Send(ReplicaId to, Message message, RecordSequence rests_on,
                Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox.Send(receiver, std::move(message), rests_on, actions);
}

void Core::SendAgain(ReplicaId to, Message message, RecordSequence rests_on,
                     Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox.SendAgain(receiver, std::move(message), rests_on, actions);
}

void Core::Broadcast(Message message, RecordSequence rests_on,
                     Actions& actions) {
  outbox.Send(Others(), std::move(message), rests_on, actions);
}

void Core::LearnPayload(InstanceId id, Instance& instance,
                        const CommandBatchPtr& batch) {
  if (instance.initial_batch != nullptr) return;
  instance.initial_batch = batch;
  index.Add(id, *batch);
}

// What is known here goes before what came with a message: it is the same, and
// of an own instance, whoever finishes it, the only one that knows its clients.
bool Core::FillPayload(const Instance& instance, Value& value) const {
  if (value.kind != ValueKind::kCommands) return true;
  if (instance.initial_batch != nullptr &&
      instance.initial_batch->digest() == value.digest) {
    value.batch = instance.initial_batch;
  }
  return value.batch != nullptr;
}

// Left out is only what Restore fills in again: the instance's one payload.
Value Core::ValueForRecord(Instance& instance) const {
  const bool known = instance.value.kind == ValueKind::kCommands &&
                     instance.initial_batch != nullptr &&
                     instance.initial_batch->digest() == instance.value.digest;
  if (!known) return instance.value;
  if (instance.payload_recorded) return instance.value.WithoutPayload();
  instance.payload_recorded = true;
  return instance.value;
}

bool Core::AnswerIfSettled(ReplicaId from, InstanceId id,
                           const Instance* instance, Actions& actions) {
  if (log.IsDropped(id)) {
    // B-R3: a forgotten instance must never look like an unknown one.
    Send(from, Truncated{.instance = id, .drop_floor = drop_floor}, 0, actions);
    return true;
  }
  if (instance == nullptr) {
    ++stats.stale_messages;  // Beyond any believable slot.
    return true;
  }
  if (instance->status != InstanceStatus::kCommitted) return false;
  SendAgain(
      from,
      Commit{.instance = id, .value = instance->value, .deps = instance->deps},
      instance->last_record, actions);
  return true;
}

void Core::SayPromised(ReplicaId to, InstanceId id, const Instance& instance,
                       Actions& actions) {
  SendAgain(to,
            Nack{.instance = id, .promised_ballot = instance.promised_ballot},
            instance.last_record, actions);
}

ReplicaSet Core::Others() const {
  ReplicaSet others = Everybody();
  others.Erase(self);
  return others;
}

void Core::MarkCommitted(InstanceId id, Instance& instance, Value value,
                         const DependencySet& deps) {
  instance.status = InstanceStatus::kCommitted;
  instance.decided_ticks = ticks;
  instance.value = std::move(value);
  instance.deps = deps;
  instance.StopRecovering();
  recoveries.erase(id);
  needed.UnionWith(deps);
  if (id.slot == committed[id.replica] + 1) {
    AdvanceCommittedFrontier(id.replica);
  }
}

void Core::AdvanceCommittedFrontier(ReplicaId column) {
  std::uint64_t slot = committed[column];
  for (;;) {
    const Instance* next = log.Find({column, slot + 1});
    if (next == nullptr || next->status != InstanceStatus::kCommitted) break;
    ++slot;
  }
  committed.Set(column, slot);
}

void Core::YieldTo(InstanceId id, Instance& instance, Ballot ballot) {
  if (instance.recovering() && instance.recovering()->ballot < ballot) {
    if (!IsSelf(ballot.owner())) Count(RecoveryRule::kOvertaken);
    instance.StopRecovering();
    if (!IsSelf(id.replica)) recoveries.erase(id);
  }
  // An accept round at a lower ballot can no longer get its quorum. Votes that
  // are already on their way are for a ballot that nobody leads any more.
  if (instance.leading() && rules::EndsRoundOf(instance, ballot)) {
    instance.StopLeading();
  }
}

bool Core::IsRecused(InstanceId id, const Instance& instance) const {
  return IsSelf(id.replica) &&
         rules::MayHaveForgottenCommit(lazy_before, instance);
}

void Core::ScheduleRound(Leading& leading, ReplicaSet asked) const {
  leading.next_retransmit_ticks = std::numeric_limits<int>::max();
  for (int i = 0; i < quorums.replicas; ++i) {
    if (!asked.Contains(ReplicaAt(i))) continue;
    int& due = leading.due_ticks[static_cast<std::size_t>(i)];
    due = leading.age_ticks + RepeatAfter(ReplicaAt(i));
    leading.next_retransmit_ticks =
        std::min(leading.next_retransmit_ticks, due);
  }
}

// Nobody is asked again before its answer can have come; each pause is as long
// as all that went before. A thrifty round then widens to everybody, a fixed
// quorum stays what it is.
void Core::Retransmit(InstanceId id, Instance& instance, Actions& actions) {
  Leading& leading = *instance.leading();
  const bool pre_accepts = instance.status == InstanceStatus::kPreAccepted;
  const bool is_fixed = pre_accepts && fast_path.FixesQuorum();
  if (!pre_accepts) leading.asked = Others();
  const ReplicaSet may_be_asked =
      is_fixed ? Others().Intersect(instance.fast_quorum) : Others();
  const ReplicaSet voted = pre_accepts ? leading.voters : leading.accept_voters;
  const auto due_of = [&](ReplicaId peer) -> int& {
    return leading.due_ticks[static_cast<std::size_t>(Index(peer))];
  };
  bool is_due = false;
  for (int i = 0; i < quorums.replicas; ++i) {
    const ReplicaId peer = ReplicaAt(i);
    if (leading.asked.Minus(voted).Contains(peer)) {
      is_due = is_due || due_of(peer) <= leading.age_ticks;
    }
  }
  ReplicaSet to;
  const ReplicaSet asked =
      is_due || leading.asked.empty() ? may_be_asked : leading.asked;
  leading.next_retransmit_ticks = std::numeric_limits<int>::max();
  for (int i = 0; i < quorums.replicas; ++i) {
    const ReplicaId peer = ReplicaAt(i);
    if (!asked.Minus(voted).Contains(peer)) continue;
    if (due_of(peer) <= leading.age_ticks || !leading.asked.Contains(peer)) {
      to.Insert(peer);
      const int first = RepeatAfter(peer);
      due_of(peer) =
          leading.age_ticks + std::clamp(leading.age_ticks, first,
                                         std::max(first, kMaxRetransmitTicks));
    }
    leading.next_retransmit_ticks =
        std::min(leading.next_retransmit_ticks, due_of(peer));
  }
  leading.asked = asked;
  if (!to.empty()) SendRound(id, instance, to, actions);
}

// Sends the current round once more, to those of `to` that have been asked and
// have not voted.
void Core::SendRound(InstanceId id, const Instance& instance, ReplicaSet to,
                     Actions& actions) {
  const Leading& leading = *instance.leading();
  if (instance.status == InstanceStatus::kPreAccepted) {
    ++stats.retransmissions;
    outbox.SendAgain(to.Intersect(leading.asked).Minus(leading.voters),
                     PreAccept{.instance = id,
                               .batch = instance.initial_batch,
                               .initial_deps = instance.initial_deps,
                               .fast_quorum = instance.fast_quorum},
                     instance.last_record, actions);
  } else if (instance.status == InstanceStatus::kAccepted) {
    ++stats.retransmissions;
    outbox.SendAgain(to.Minus(leading.accept_voters),
                     Accept{.instance = id,
                            .ballot = instance.accepted_ballot,
                            .value = instance.value,
                            .deps = instance.deps},
                     instance.last_record, actions);
  }
}

// Hands the decision to the executor, once.
bool Core::Release(InstanceId id, Instance& instance, bool fast,
                   Actions& actions) {
  if (std::exchange(instance.released, true)) return false;
  instance.StopLeading();
  if (std::exchange(instance.in_flight, false)) --own_in_flight;
  actions.committed.push_back({.instance = id,
                               .value = instance.value,
                               .deps = instance.deps,
                               .fast_path = fast});
  return true;
}

// Those who were asked have the payload on the same connection; a lost one is
// repaired by the frontier exchange.
void Core::AnnounceCommit(InstanceId id, const Instance& instance,
                          RecordSequence rests_on, Actions& actions) {
  const ReplicaSet asked =
      instance.leading() ? instance.leading()->asked : ReplicaSet();
  Commit commit{.instance = id,
                .value = instance.value.WithoutPayload(),
                .deps = instance.deps};
  outbox.Send(asked, commit, rests_on, actions);
  commit.value = instance.value;
  outbox.Send(Others().Minus(asked), std::move(commit), rests_on, actions);
}

}  // namespace quorate::epaxos
