#include "replica/epaxos/epaxos.h"

#include <utility>

#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::epaxos {

Epaxos::Epaxos(const Settings& settings)
    : settings_(settings),
      quorums_(QuorumSizesOf(settings)),
      fast_path_(settings),
      self_(settings.self),
      log_(settings.replicas),
      index_(settings.replicas, settings.conflicts),
      forgotten_(settings.replicas),
      committed_(settings.replicas),
      needed_(settings.replicas),
      base_floor_(settings.replicas),
      drop_floor_(settings.replicas),
      candidate_floor_(settings.replicas),
      candidate_votes_(settings.replicas),
      next_base_floor_(settings.replicas),
      next_drop_floor_(settings.replicas),
      stable_(settings.replicas),
      base_floors_(settings.replicas, Everybody()),
      witnesses_(settings.replicas, Everybody(), self_,
                 settings.replicas / 2 + 1),
      repair_(settings.replicas, Everybody(), self_),
      readers_(settings.replicas, Everybody()),
      announced_committed_(settings.replicas),
      announced_executed_(settings.replicas) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
  for (Peer& peer : peers_) peer.committed = DependencySet(settings.replicas);
}

bool Epaxos::IsBelievable(const Message& message) const {
  // Nobody can have heard of a slot of ours that we have not used.
  const auto of_ours = [this](std::uint64_t slot) { return slot < next_slot_; };
  const auto believes = [&](const DependencySet& deps) {
    return log_.Believes(deps) && of_ours(deps[self_]);
  };
  return std::visit(
      [&](const auto& m) {
        bool believed = true;
        if constexpr (requires { m.instance; }) {
          believed = !IsSelf(m.instance.replica) || of_ours(m.instance.slot);
        }
        if constexpr (requires { m.deps; }) {
          believed = believed && believes(m.deps);
        }
        if constexpr (requires { m.initial_deps; }) {
          believed = believed && believes(m.initial_deps);
        }
        return believed;
      },
      message);
}

// Does it show that its sender hears us?
static bool IsAnswer(const Message& message) {
  return std::visit(Overloaded{[](const PreAcceptReply&) { return true; },
                               [](const AcceptReply&) { return true; },
                               [](const RecoverReply&) { return true; },
                               [](const ValidateReply&) { return true; },
                               [](const InquireReply&) { return true; },
                               [](const Nack&) { return true; },
                               [](const auto&) { return false; }},
                    message);
}

void Epaxos::Handle(ReplicaId from, const Message& message, Actions& actions) {
  // A replica that has fallen so far behind learns its columns from below.
  if (IsSelf(from) || !IsBelievable(message)) {
    ++stats_.stale_messages;
    return;
  }
  if (IsAnswer(message)) {
    peers_[static_cast<std::size_t>(Index(from))].mute = false;
  }
  std::visit(
      Overloaded{
          [&](const PreAccept& m) { HandlePreAccept(from, m, actions); },
          [&](const PreAcceptReply& m) {
            HandlePreAcceptReply(from, m, actions);
          },
          [&](const Accept& m) { HandleAccept(from, m, actions); },
          [&](const AcceptReply& m) { HandleAcceptReply(from, m, actions); },
          [&](const Commit& m) { HandleCommit(m, actions); },
          [&](const Frontier& m) { HandleFrontier(from, m, actions); },
          [&](const Nack& m) { HandleNack(m); },
          [&](const Recover& m) { HandleRecover(from, m, actions); },
          [&](const RecoverReply& m) { HandleRecoverReply(from, m, actions); },
          [&](const Validate& m) { HandleValidate(from, m, actions); },
          [&](const ValidateReply& m) {
            HandleValidateReply(from, m, actions);
          },
          [&](const Waiting& m) { HandleWaiting(m, actions); },
          [&](const Truncated& m) { HandleTruncated(from, m); },
          [&](const SnapshotRequest& m) {
            HandleSnapshotRequest(from, m, actions);
          },
          [&](const Inquire& m) { HandleInquire(from, m, actions); },
          [&](const InquireReply& m) { HandleInquireReply(from, m); },
          // Arrives as SnapshotPart.
          [&](const SnapshotChunk&) { ++stats_.stale_messages; },
          // Of another protocol.
          [&](const auto&) { ++stats_.stale_messages; }},
      message);
}

void Epaxos::HandleDurable(RecordSequence through, Actions& actions) {
  outbox_.Durable(through, actions);
  while (!awaited_.empty() && awaited_.front().sequence <= through) {
    const AwaitedRecord awaited = awaited_.front();
    awaited_.pop_front();
    Instance* instance = log_.Find(awaited.instance);
    if (instance == nullptr) continue;  // Decided by others and forgotten.
    switch (awaited.then) {
      case OnDurable::kCountOwnPreAccept:
        if (!instance->leading()) break;
        instance->leading()->voters.Insert(self_);
        instance->leading()->matching.Insert(self_);
        DecidePreAccept(awaited.instance, *instance, actions);
        break;
      case OnDurable::kCountOwnAccept:
        if (!instance->leading() ||
            instance->accepted_ballot != awaited.ballot) {
          break;
        }
        instance->leading()->accept_voters.Insert(self_);
        DecideAccept(awaited.instance, *instance, actions);
        break;
      case OnDurable::kReleaseFastCommit:
        Release(awaited.instance, *instance, /*fast_path=*/true, actions);
        break;
      case OnDurable::kCountOwnPromise:
        if (!instance->recovering() ||
            instance->recovering()->ballot != awaited.ballot) {
          break;
        }
        CountRecoverReply(
            self_,
            MakeRecoverReply(awaited.instance, *instance, awaited.ballot),
            actions);
        break;
      case OnDurable::kCountOwnValidation:
        if (!instance->recovering() ||
            instance->recovering()->ballot != awaited.ballot) {
          break;
        }
        instance->recovering()->validated.Insert(self_);
        DecideValidation(awaited.instance, *instance, actions);
        break;
    }
  }
  stable_.HandleDurable(through);
  if (floor_record_ != 0 && floor_record_ <= through) {
    floor_record_ = 0;
    base_floor_ = next_base_floor_;
    drop_floor_ = next_drop_floor_;
    ForgetDropped();
  }
}

void Epaxos::HandleSuspicion(ReplicaId peer, bool suspected, Actions& actions) {
  if (IsSelf(peer) || Index(peer) >= quorums_.replicas) return;
  peers_[static_cast<std::size_t>(Index(peer))].suspected = suspected;
  peers_[static_cast<std::size_t>(Index(peer))].mute = false;
  if (!suspected) return Greet(peer, actions);
  // Nobody waits for the vote of a dead peer longer than for its detection.
  for (std::uint64_t slot = committed_[self_] + 1; slot < next_slot_; ++slot) {
    const InstanceId id{self_, slot};
    Instance* instance = log_.Find(id);
    if (instance != nullptr && instance->leading()) {
      DecidePreAccept(id, *instance, actions);
    }
  }
}

RecordSequence Epaxos::Persist(Record record, Actions& actions) {
  actions.persist.push_back(std::move(record));
  return ++last_record_;
}

void Epaxos::Await(RecordSequence record, InstanceId id, OnDurable then,
                   Actions& actions, Ballot ballot) {
  actions.persist_is_lazy = false;
  awaited_.push_back(
      {.sequence = record, .instance = id, .then = then, .ballot = ballot});
}

void Epaxos::Send(ReplicaId to, Message message, RecordSequence rests_on,
                  Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox_.Send(receiver, std::move(message), rests_on, actions);
}

void Epaxos::SendAgain(ReplicaId to, Message message, RecordSequence rests_on,
                       Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox_.SendAgain(receiver, std::move(message), rests_on, actions);
}

void Epaxos::Broadcast(Message message, RecordSequence rests_on,
                       Actions& actions) {
  outbox_.Send(Others(), std::move(message), rests_on, actions);
}

void Epaxos::LearnPayload(InstanceId id, Instance& instance,
                          const CommandBatchPtr& batch) {
  if (instance.initial_batch != nullptr) return;
  instance.initial_batch = batch;
  index_.Add(id, *batch);
}

// What is known here goes before what came with a message: it is the same, and
// of an own instance, whoever finishes it, the only one that knows its clients.
bool Epaxos::FillPayload(const Instance& instance, Value& value) const {
  if (value.kind != ValueKind::kCommands) return true;
  if (instance.initial_batch != nullptr &&
      instance.initial_batch->digest() == value.digest) {
    value.batch = instance.initial_batch;
  }
  return value.batch != nullptr;
}

// Left out is only what Restore fills in again: the instance's one payload.
Value Epaxos::ValueForRecord(Instance& instance) const {
  const bool known = instance.value.kind == ValueKind::kCommands &&
                     instance.initial_batch != nullptr &&
                     instance.initial_batch->digest() == instance.value.digest;
  if (!known) return instance.value;
  if (instance.payload_recorded) return instance.value.WithoutPayload();
  instance.payload_recorded = true;
  return instance.value;
}

bool Epaxos::AnswerIfSettled(ReplicaId from, InstanceId id,
                             const Instance* instance, Actions& actions) {
  if (log_.IsDropped(id)) {
    // B-R3: a forgotten instance must never look like an unknown one.
    Send(from, Truncated{.instance = id, .drop_floor = drop_floor_}, 0,
         actions);
    return true;
  }
  if (instance == nullptr) {
    ++stats_.stale_messages;  // Beyond any believable slot.
    return true;
  }
  if (instance->status != InstanceStatus::kCommitted) return false;
  SendAgain(
      from,
      Commit{.instance = id, .value = instance->value, .deps = instance->deps},
      instance->last_record, actions);
  return true;
}

void Epaxos::SayPromised(ReplicaId to, InstanceId id, const Instance& instance,
                         Actions& actions) {
  SendAgain(to,
            Nack{.instance = id, .promised_ballot = instance.promised_ballot},
            instance.last_record, actions);
}

ReplicaSet Epaxos::Others() const {
  ReplicaSet others = Everybody();
  others.Erase(self_);
  return others;
}

ReplicaSet Epaxos::Suspected() const {
  ReplicaSet suspected;
  for (int i = 0; i < quorums_.replicas; ++i) {
    if (peers_[static_cast<std::size_t>(i)].suspected) {
      suspected.Insert(ReplicaAt(i));
    }
  }
  return suspected;
}

}  // namespace quorate::epaxos
