// What must hold of one replica at any time, and what its future depends on.
#include "absl/strings/str_cat.h"
#include "replica/multipaxos/multipaxos.h"
#include "wire/fingerprint.h"

namespace quorate::multipaxos {
namespace {

absl::Status Broken(const char* invariant, std::uint64_t slot) {
  return absl::InternalError(absl::StrCat(invariant, ": slot ", slot));
}

void Mix(Fingerprint& print, const Slot& slot) {
  print.Mix(slot.accepted_ballot.number());
  print.Mix(static_cast<std::uint64_t>(slot.value.kind));
  print.Mix(slot.value.digest);
  print.Mix(slot.decided ? 1 : 0);
  print.Mix(slot.own ? 1 : 0);
  if (slot.decided) return;
  print.Mix(slot.asked.bits());
  print.Mix(slot.voters.bits());
}

void Mix(Fingerprint& print, const Campaigning& campaign) {
  for (const std::uint64_t told : campaign.told_through) print.Mix(told);
  print.Mix(campaign.promised.bits());
  for (const auto& [slot, vote] : campaign.votes) {
    print.Mix(slot);
    print.Mix(vote.ballot.number());
    print.Mix(vote.value.digest);
  }
}

void Mix(Fingerprint& print, const Leading& leading) {
  print.Mix(leading.next_slot);
  print.Mix(leading.recovered_through);
  print.Mix(leading.in_flight);
  print.Mix(leading.reads.size());
  print.Mix(leading.gathering.size());
  print.Mix(leading.round);
  print.Mix(leading.confirmed);
  print.Mix(leading.round_voters.bits());
}

}  // namespace

absl::Status Multipaxos::CheckInvariants() const {
  if (base_floor_ > committed_ || log_.dropped() > base_floor_) {
    return Broken("invariant 16: dropped <= base floor <= decided prefix",
                  log_.dropped());
  }
  std::size_t in_flight = 0;
  for (std::uint64_t number = log_.dropped() + 1; number <= log_.newest();
       ++number) {
    const Slot& slot = *log_.Find(number);
    if (slot.accepted_ballot > promised_ballot_) {
      return Broken("invariant 5: a vote is a promise", number);
    }
    if (slot.value.payload_missing()) {
      return Broken("invariant 8: what is accepted is known", number);
    }
    if (slot.decided && slot.value.kind == ValueKind::kNone) {
      return Broken("invariant 5: a decision has a value", number);
    }
    if (number <= committed_ && !slot.decided) {
      return Broken("invariant 5: the decided prefix is decided", number);
    }
    if (!slot.decided && leads() && slot.accepted_ballot == promised_ballot_) {
      ++in_flight;
    }
  }
  const auto* leading = std::get_if<Leading>(&role_);
  if (leading == nullptr) return absl::OkStatus();
  if (in_flight != leading->in_flight) {
    return Broken("invariant 9: a leader counts what it has proposed",
                  leading->in_flight);
  }
  if (leading->next_slot <= log_.newest()) {
    return Broken("invariant 12: no slot is used twice", leading->next_slot);
  }
  return absl::OkStatus();
}

std::uint64_t Multipaxos::Fingerprint() const {
  quorate::Fingerprint print;
  print.Mix(promised_ballot_.number());
  print.Mix(leader_ballot_.number());
  print.Mix(leader_committed_);
  // Only where the next attempt begins.
  print.Mix(std::max(refused_by_, promised_ballot_).number());
  print.Mix(role_.index());
  if (const auto* campaign = std::get_if<Campaigning>(&role_)) {
    Mix(print, *campaign);
  }
  if (const auto* leading = std::get_if<Leading>(&role_)) Mix(print, *leading);
  print.Mix(log_.dropped());
  print.Mix(log_.newest());
  for (std::uint64_t number = log_.dropped() + 1; number <= log_.newest();
       ++number) {
    Mix(print, *log_.Find(number));
  }
  print.Mix(committed_);
  print.Mix(base_floor_);
  for (int i = 0; i < settings_.replicas; ++i) {
    print.Mix(peers_[static_cast<std::size_t>(i)].suspected ? 1 : 0);
    print.Mix(executed_.Of(ReplicaAt(i))[kLogColumn]);
  }
  print.Mix(last_record_ - outbox_.durable());
  print.Mix(outbox_.waiting().size());
  return print.value();
}

}  // namespace quorate::multipaxos
