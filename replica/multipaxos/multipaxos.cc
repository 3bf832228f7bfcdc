#include "replica/multipaxos/multipaxos.h"

#include <algorithm>
#include <utility>

#include "replica/base/quorum.h"
#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::multipaxos {

Multipaxos::Multipaxos(const Settings& settings)
    : settings_(settings),
      self_(settings.self),
      distances_(settings.self, settings.replicas, settings.tick_ms),
      executed_(settings.replicas, ReplicaSet::FirstN(settings.replicas)),
      readers_(settings.replicas, ReplicaSet::FirstN(settings.replicas)) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
  quorums_ = *PaxosQuorumsOf(settings);
  // Without a disk there is no snapshot that they could fetch.
  may_leave_out_ = settings.retained_bytes > 0;
}

std::optional<ReplicaId> Multipaxos::leader() const {
  if (leads()) return self_;
  if (campaigns() || leader_ballot_.is_initial() ||
      leader_ballot_ < promised_ballot_ || IsSelf(leader_ballot_.owner())) {
    return std::nullopt;
  }
  const ReplicaId leader = leader_ballot_.owner();
  const bool suspected =
      peers_[static_cast<std::size_t>(Index(leader))].suspected;
  return suspected ? std::nullopt : std::optional(leader);
}

std::size_t Multipaxos::in_flight() const {
  const Leading* leading = std::get_if<Leading>(&role_);
  return leading == nullptr ? 0 : leading->in_flight;
}

bool Multipaxos::IsOwn(InstanceId id) const {
  const Slot* slot = log_.Find(id.slot);
  return slot != nullptr && slot->own;
}

std::vector<CommandBatchPtr> Multipaxos::TakeOrphans() {
  return std::exchange(orphans_, {});
}

DependencySet Multipaxos::Column(std::uint64_t slot) const {
  DependencySet column(settings_.replicas);
  column.Set(kLogColumn, slot);
  return column;
}

void Multipaxos::Handle(ReplicaId from, const Message& message,
                        Actions& actions) {
  if (IsSelf(from) || Index(from) >= settings_.replicas) {
    ++stats_.stale_messages;
    return;
  }
  std::visit(
      Overloaded{
          [&](const Accept& m) { HandleAccept(from, m, actions); },
          [&](const AcceptReply& m) { HandleAcceptReply(from, m, actions); },
          [&](const Lead& m) { HandleLead(from, m, actions); },
          [&](const LeadReply& m) { HandleLeadReply(from, m, actions); },
          [&](const Commit& m) { HandleCommit(m, actions); },
          [&](const Frontier& m) { HandleFrontier(from, m, actions); },
          [&](const Prepare& m) { HandlePrepare(from, m, actions); },
          [&](const Promise& m) { HandlePromise(from, m, actions); },
          [&](const Nack& m) { HandleNack(from, m, actions); },
          [&](const Truncated& m) { HandleTruncated(from, m); },
          [&](const SnapshotRequest& m) {
            HandleSnapshotRequest(from, m, actions);
          },
          // Of another protocol.
          [&](const auto&) { ++stats_.stale_messages; }},
      message);
}

void Multipaxos::HandleDurable(RecordSequence through, Actions& actions) {
  outbox_.Durable(through, actions);
  while (!awaited_.empty() && awaited_.front().sequence <= through) {
    const AwaitedRecord awaited = awaited_.front();
    awaited_.pop_front();
    if (awaited.ballot != promised_ballot_) continue;  // Given up since.
    switch (awaited.then) {
      case OnDurable::kCountOwnPromise:
        if (auto* campaign = std::get_if<Campaigning>(&role_)) {
          campaign->promised.Insert(self_);
          DecideElection(actions);
        }
        break;
      case OnDurable::kCountOwnVote:
        CountVote(awaited.slot, self_, actions);
        break;
    }
  }
  if (stable_record_ != 0 && stable_record_ <= through) {
    // A snapshot may have raised it meanwhile.
    base_floor_ = std::max(base_floor_, next_base_floor_);
    stable_record_ = 0;
  }
  if (floor_record_ != 0 && floor_record_ <= through) {
    floor_record_ = 0;
    log_.DropThrough(next_drop_floor_);
  }
}

void Multipaxos::HandleSuspicion(ReplicaId peer, bool suspected) {
  if (IsSelf(peer) || Index(peer) >= settings_.replicas) return;
  At(peer).suspected = suspected;
}

RecordSequence Multipaxos::Persist(Record record, Actions& actions) {
  actions.persist.push_back(std::move(record));
  return ++last_record_;
}

void Multipaxos::Await(AwaitedRecord awaited, Actions& actions) {
  actions.persist_is_lazy = false;
  awaited_.push_back(awaited);
}

void Multipaxos::Send(ReplicaId to, Message message, RecordSequence rests_on,
                      Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox_.Send(receiver, std::move(message), rests_on, actions);
}

void Multipaxos::SendAgain(ReplicaId to, Message message,
                           RecordSequence rests_on, Actions& actions) {
  ReplicaSet receiver;
  receiver.Insert(to);
  outbox_.SendAgain(receiver, std::move(message), rests_on, actions);
}

ReplicaSet Multipaxos::Others() const {
  ReplicaSet others = ReplicaSet::FirstN(settings_.replicas);
  others.Erase(self_);
  return others;
}

ReplicaSet Multipaxos::Suspected() const {
  ReplicaSet suspected;
  for (int i = 0; i < settings_.replicas; ++i) {
    if (peers_[static_cast<std::size_t>(i)].suspected) {
      suspected.Insert(ReplicaAt(i));
    }
  }
  return suspected;
}

}  // namespace quorate::multipaxos
