#include "replica/bpaxos/proposer.h"

#include <algorithm>
#include <utility>

#include "replica/bpaxos/rules.h"
#include "wire/check.h"
#include "wire/fingerprint.h"
#include "wire/timers.h"

namespace quorate::bpaxos {
namespace {

constexpr int kMaxDoublings = 6;
constexpr int kLongestPauseTicks = TicksOf<"bpaxos.longest_pause">;

// An acceptor has what it voted for (BP1).
bool IsWhole(const Value& value) {
  return value.kind != ValueKind::kNone && !value.payload_missing();
}

}  // namespace

void Proposer::Propose(InstanceId id, const Value& value,
                       const DependencySet& deps, ReplicaSet have_payload,
                       Effects& effects) {
  const auto [at, is_new] = proposals_.try_emplace(id);
  QUORATE_CHECK(is_new && !used_.contains(id),
                "invariant 4: ballot 0 of an instance is used once");
  Proposal& proposal = at->second;
  proposal.value = value;
  proposal.deps = deps;
  const AcceptorGroup& group = GroupOf(id, proposal);
  proposal.next_retransmit_ticks =
      effects.RepeatAfter(group.members(), settings_.retransmit_ticks);
  const ReplicaSet to =
      settings_.thrifty
          ? group.phase2.Choose(settings_.self, effects.suspected(),
                                effects.distances().nearest_first())
          : group.members();
  SendAccept(id, proposal, to, have_payload, effects);
}

const AcceptorGroup& Proposer::GroupOf(InstanceId id,
                                       const Proposal& proposal) const {
  return rules::GroupOf(cluster_, id, proposal.ballot);
}

void Proposer::SendAccept(InstanceId id, const Proposal& proposal,
                          ReplicaSet to, ReplicaSet have_payload,
                          Effects& effects) const {
  Accept accept{.instance = id,
                .ballot = proposal.ballot,
                .value = proposal.value.WithoutPayload(),
                .deps = proposal.deps};
  effects.Send(to.Intersect(have_payload), accept, 0);
  accept.value = proposal.value;
  effects.Send(to.Minus(have_payload), std::move(accept), 0);
}

void Proposer::Recover(InstanceId id, Effects& effects) {
  if (floor_.Contains(id) || proposals_.contains(id) ||
      recoveries_ >= settings_.max_recoveries) {
    return;
  }
  Proposal& proposal = proposals_[id];
  proposal.value = Value::Noop();
  proposal.deps = DependencySet(cluster_.columns);
  StartAttempt(id, proposal, effects);
}

void Proposer::StartAttempt(InstanceId id, Proposal& proposal,
                            Effects& effects) {
  if (proposal.ballot.is_initial()) ++recoveries_;
  Ballot& used = used_[id];
  const std::uint64_t round = std::max({used.round(), proposal.ballot.round(),
                                        proposal.refused_by.round()}) +
                              1;
  used = Ballot::Of(round, settings_.self);
  proposal.stage = Proposal::Stage::kPromising;
  proposal.ballot = used;
  proposal.saw_vote = false;
  proposal.answered = ReplicaSet();
  proposal.refused_by = Ballot();
  proposal.age_ticks = 0;
  proposal.next_retransmit_ticks = effects.RepeatAfter(
      GroupOf(id, proposal).members(), settings_.retransmit_ticks);
  ++proposal.attempts;
  ++effects.stats().recoveries_started;
  proposal.record =
      effects.Persist(PromisedRecord{.instance = id, .ballot = used});
  effects.Send(GroupOf(id, proposal).members(),
               quorate::Recover{.instance = id, .ballot = used},
               rules::RestsOn(rules::Effect::kRecover, proposal.record));
}

void Proposer::Abandon(InstanceId id) {
  const auto at = proposals_.find(id);
  if (at == proposals_.end()) return;
  if (!at->second.ballot.is_initial()) --recoveries_;
  proposals_.erase(at);
}

std::optional<Decision> Proposer::HandleAcceptReply(ReplicaId from,
                                                    const AcceptReply& m,
                                                    Effects& effects) {
  const auto at = proposals_.find(m.instance);
  if (at == proposals_.end() ||
      at->second.stage != Proposal::Stage::kAccepting ||
      at->second.ballot != m.ballot) {
    effects.Stale();  // Late, repeated, or for a ballot given up.
    return std::nullopt;
  }
  Proposal& proposal = at->second;
  proposal.answered.Insert(from);
  if (!rules::AreVotes(GroupOf(m.instance, proposal), proposal.answered)) {
    return std::nullopt;
  }
  Decision decision{.instance = m.instance,
                    .value = std::move(proposal.value),
                    .deps = proposal.deps,
                    .ballot = proposal.ballot};
  Abandon(m.instance);
  return decision;
}

void Proposer::HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                                  Effects& effects) {
  const auto at = proposals_.find(m.instance);
  if (at == proposals_.end() ||
      at->second.stage != Proposal::Stage::kPromising ||
      at->second.ballot != m.ballot ||
      !GroupOf(m.instance, at->second).members().Contains(from) ||
      (m.status == InstanceStatus::kAccepted && !IsWhole(m.value))) {
    effects.Stale();
    return;
  }
  Proposal& proposal = at->second;
  const AcceptorGroup& group = GroupOf(m.instance, proposal);
  proposal.answered.Insert(from);
  if (rules::IsHigherVote(m, proposal.saw_vote, proposal.highest_vote)) {
    proposal.saw_vote = true;
    proposal.highest_vote = m.accepted_ballot;
    proposal.value = m.value;
    proposal.deps = m.deps;
  }
  if (!rules::ArePromises(group, proposal.answered)) return;
  proposal.stage = Proposal::Stage::kAccepting;
  proposal.answered = ReplicaSet();
  proposal.age_ticks = 0;
  proposal.next_retransmit_ticks =
      effects.RepeatAfter(group.members(), settings_.retransmit_ticks);
  SendAccept(m.instance, proposal, group.members(), ReplicaSet(), effects);
}

void Proposer::HandleNack(const Nack& m, Effects& effects) {
  const auto at = proposals_.find(m.instance);
  if (at == proposals_.end() || m.promised_ballot <= at->second.ballot) {
    effects.Stale();
    return;
  }
  Proposal& proposal = at->second;
  if (proposal.refused_by.is_initial()) proposal.age_ticks = 0;
  proposal.refused_by = std::max(proposal.refused_by, m.promised_ballot);
}

int Proposer::PauseTicks(const Proposal& proposal) const {
  const int doublings = std::min(proposal.attempts, kMaxDoublings);
  const int pause = settings_.recovery_ticks * (2 + Index(settings_.self))
                    << doublings;
  return std::min(pause, kLongestPauseTicks + 7 * Index(settings_.self));
}

void Proposer::HandleTick(Effects& effects) {
  for (auto& [id, proposal] : proposals_) {
    ++proposal.age_ticks;
    if (!proposal.refused_by.is_initial()) {
      // Whoever refused is at work: it is given time to finish.
      if (proposal.age_ticks >= PauseTicks(proposal)) {
        StartAttempt(id, proposal, effects);
      }
    } else if (proposal.age_ticks >= proposal.next_retransmit_ticks) {
      Retransmit(id, proposal, effects);
    }
  }
}

// Sends the current phase again, whole, to those who have not answered; a
// thrifty one widens to everybody.
void Proposer::Retransmit(InstanceId id, Proposal& proposal, Effects& effects) {
  const ReplicaSet to =
      GroupOf(id, proposal).members().Minus(proposal.answered);
  proposal.next_retransmit_ticks =
      proposal.age_ticks +
      RepeatTicks(proposal.age_ticks,
                  effects.RepeatAfter(to, settings_.retransmit_ticks));
  ++effects.stats().retransmissions;
  if (proposal.stage == Proposal::Stage::kPromising) {
    effects.SendAgain(
        to, quorate::Recover{.instance = id, .ballot = proposal.ballot},
        proposal.record);
  } else {
    SendAccept(id, proposal, to, ReplicaSet(), effects);
  }
}

void Proposer::RaiseFloor(const DependencySet& floor) {
  floor_.UnionWith(floor);
  std::erase_if(used_,
                [&](const auto& each) { return floor.Contains(each.first); });
  for (auto at = proposals_.begin(); at != proposals_.end();) {
    const InstanceId id = (at++)->first;
    if (floor.Contains(id)) Abandon(id);
  }
}

void Proposer::RestoreBallot(InstanceId id, Ballot ballot) {
  // Another's is the acceptor's promise beside us.
  if (ballot.is_initial() || ballot.owner() != settings_.self) return;
  Ballot& used = used_[id];
  used = std::max(used, ballot);
}

void Proposer::Save(std::vector<Record>& records) const {
  for (const auto& [id, ballot] : used_) {
    records.emplace_back(PromisedRecord{.instance = id, .ballot = ballot});
  }
}

std::uint64_t Proposer::Fingerprint() const {
  quorate::Fingerprint print;
  const auto mix_id = [&print](InstanceId id) {
    print.Mix(id.slot * kMaxReplicas +
              static_cast<std::uint64_t>(Index(id.replica)));
  };
  for (const auto& [id, proposal] : proposals_) {
    mix_id(id);
    print.Mix(static_cast<std::uint64_t>(proposal.stage));
    print.Mix(proposal.ballot.number());
    print.Mix(proposal.refused_by.number());
    print.Mix(proposal.answered.bits());
    print.Mix(static_cast<std::uint64_t>(proposal.value.kind));
    print.Mix(proposal.value.digest);
    for (const std::uint64_t watermark : proposal.deps.watermarks()) {
      print.Mix(watermark);
    }
    print.Mix(proposal.saw_vote ? 1 : 0);
    print.Mix(proposal.highest_vote.number());
    print.Mix(static_cast<std::uint64_t>(proposal.age_ticks));
  }
  for (const auto& [id, ballot] : used_) {
    mix_id(id);
    print.Mix(ballot.number());
  }
  return print.value();
}

}  // namespace quorate::bpaxos
