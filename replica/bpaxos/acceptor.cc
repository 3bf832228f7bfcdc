#include "replica/bpaxos/acceptor.h"

#include <algorithm>
#include <utility>

#include "replica/bpaxos/rules.h"
#include "wire/fingerprint.h"

namespace quorate::bpaxos {

Vote* Acceptor::Open(ReplicaId from, InstanceId id, Effects& effects) {
  if (votes_.IsDropped(id)) {
    // A forgotten instance must never look like an unknown one (B-R3).
    effects.Send(from, Truncated{.instance = id, .drop_floor = floor_}, 0);
    return nullptr;
  }
  Vote* vote = votes_.FindOrCreate(id);
  if (vote == nullptr) effects.Stale();  // Beyond any believable slot.
  return vote;
}

void Acceptor::HandleAccept(ReplicaId from, const Accept& m,
                            bool payload_recorded, Effects& effects) {
  Vote* vote = Open(from, m.instance, effects);
  if (vote == nullptr) return;
  if (vote->promised_ballot > m.ballot) {
    effects.SendAgain(
        from,
        Nack{.instance = m.instance, .promised_ballot = vote->promised_ballot},
        vote->record);
    return;
  }
  const AcceptReply reply{.instance = m.instance, .ballot = m.ballot};
  if (vote->value.kind != ValueKind::kNone &&
      vote->accepted_ballot == m.ballot) {
    effects.SendAgain(from, reply, vote->record);  // One value a ballot.
    return;
  }
  vote->promised_ballot = m.ballot;
  vote->accepted_ballot = m.ballot;
  vote->value = m.value;
  vote->deps = m.deps;
  vote->record = effects.Persist(AcceptedRecord{
      .instance = m.instance,
      .ballot = m.ballot,
      .value = payload_recorded ? m.value.WithoutPayload() : m.value,
      .deps = m.deps});
  effects.Send(from, reply,
               rules::RestsOn(rules::Effect::kAccept, vote->record));
}

void Acceptor::HandleRecover(ReplicaId from, const Recover& m,
                             Effects& effects) {
  Vote* vote = Open(from, m.instance, effects);
  if (vote == nullptr) return;
  const bool voted = vote->value.kind != ValueKind::kNone;
  // Whoever has voted at this ballot has answered its first phase before.
  if (vote->promised_ballot > m.ballot ||
      (voted && vote->accepted_ballot == m.ballot)) {
    effects.SendAgain(
        from,
        Nack{.instance = m.instance, .promised_ballot = vote->promised_ballot},
        vote->record);
    return;
  }
  RecoverReply reply{.instance = m.instance,
                     .ballot = m.ballot,
                     .deps = DependencySet(floor_.columns())};
  if (voted) {
    reply.status = InstanceStatus::kAccepted;
    reply.accepted_ballot = vote->accepted_ballot;
    reply.value = vote->value;
    reply.deps = vote->deps;
  }
  if (vote->promised_ballot == m.ballot) {
    effects.SendAgain(from, std::move(reply), vote->record);
    return;
  }
  vote->promised_ballot = m.ballot;
  vote->record = effects.Persist(
      PromisedRecord{.instance = m.instance, .ballot = m.ballot});
  effects.Send(from, std::move(reply),
               rules::RestsOn(rules::Effect::kPromise, vote->record));
}

void Acceptor::RaiseFloor(const DependencySet& floor) {
  floor_.UnionWith(floor);
  votes_.DropThrough(floor_);
}

void Acceptor::RestoreVote(InstanceId id, Ballot ballot, Value value,
                           const DependencySet& deps, RecordSequence sequence) {
  Vote* vote = votes_.FindOrCreate(id);
  if (vote == nullptr) return;  // Forgotten in the earlier life.
  vote->promised_ballot = std::max(vote->promised_ballot, ballot);
  vote->record = sequence;
  rules::TakeBackVote(ballot, std::move(value), deps, *vote);
}

void Acceptor::RestorePromise(InstanceId id, Ballot ballot,
                              RecordSequence sequence) {
  Vote* vote = votes_.FindOrCreate(id);
  if (vote == nullptr) return;
  rules::TakeBackPromise(ballot, *vote);
  vote->record = sequence;
}

absl::Status Acceptor::CheckInvariants() const {
  absl::Status status;
  votes_.ForEach([&](InstanceId, const Vote& vote) {
    if (vote.accepted_ballot > vote.promised_ballot) {
      status = absl::InternalError(
          "invariant 5: nothing is accepted above the promise");
    }
    if (vote.value.payload_missing()) {
      status = absl::InternalError("BP1: an acceptor has what it voted for");
    }
  });
  return status;
}

std::uint64_t Acceptor::Fingerprint() const {
  quorate::Fingerprint print;
  votes_.ForEach([&](InstanceId id, const Vote& vote) {
    if (vote.promised_ballot.is_initial() &&
        vote.value.kind == ValueKind::kNone) {
      return;  // As good as never touched.
    }
    print.Mix(id.slot * kMaxReplicas +
              static_cast<std::uint64_t>(Index(id.replica)));
    print.Mix(vote.promised_ballot.number());
    print.Mix(vote.accepted_ballot.number());
    print.Mix(static_cast<std::uint64_t>(vote.value.kind));
    print.Mix(vote.value.digest);
    for (const std::uint64_t watermark : vote.deps.watermarks()) {
      print.Mix(watermark);
    }
  });
  return print.value();
}

}  // namespace quorate::bpaxos
