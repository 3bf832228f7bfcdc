// Reads at the leader, without the log: served from its executed state once a
// phase 2 quorum has answered, after they came, that no higher ballot has its
// promise. Then no other leader can have decided anything before they came, and
// the slots decided by then are those that the leader knows of.
#include <algorithm>
#include <utility>

#include "replica/multipaxos/multipaxos.h"
#include "replica/multipaxos/rules.h"

namespace quorate::multipaxos {

void Multipaxos::Read(CommandBatchPtr batch, Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  stats_.leader_reads += batch->commands().size();
  leading.gathering.push_back(std::move(batch));
  if (leading.confirmed == leading.round) BeginRound(actions);
}

// One round at a time; reads that come meanwhile share the next one.
void Multipaxos::BeginRound(Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  ++leading.round;
  leading.round_tick = ticks_;
  leading.round_voters = {};
  leading.round_voters.Insert(self_);
  leading.reads.push_back(
      {.batches = std::exchange(leading.gathering, {}),
       .round = leading.round,
       .index = std::max(committed_, leading.recovered_through)});
  if (rules::IsConfirmed(leading.round_voters, quorums_)) {
    return ConfirmRound(actions);
  }
  SendLead(Others(), leading.round, actions);
}

void Multipaxos::HandleLeadReply(ReplicaId from, const LeadReply& m,
                                 Actions& actions) {
  auto* leading = std::get_if<Leading>(&role_);
  if (leading == nullptr || m.ballot != promised_ballot_ ||
      m.round != leading->round || leading->confirmed == leading->round) {
    ++stats_.stale_messages;
    return;
  }
  leading->round_voters.Insert(from);
  if (rules::IsConfirmed(leading->round_voters, quorums_)) {
    ConfirmRound(actions);
  }
}

void Multipaxos::ConfirmRound(Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  leading.confirmed = leading.round;
  if (!leading.gathering.empty()) BeginRound(actions);
}

void Multipaxos::RepeatRound(Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  const auto patience = static_cast<std::uint64_t>(RepeatAfter(Others()));
  if (leading.confirmed == leading.round ||
      ticks_ < leading.round_tick + patience) {
    return;
  }
  leading.round_tick = ticks_;
  ++stats_.retransmissions;
  SendLead(Others().Minus(leading.round_voters), leading.round, actions);
}

std::vector<CommandBatchPtr> Multipaxos::TakeServableReads(
    std::uint64_t executed) {
  std::vector<CommandBatchPtr> servable;
  auto* leading = std::get_if<Leading>(&role_);
  if (leading == nullptr) return servable;
  while (!leading->reads.empty()) {
    Leading::Reads& first = leading->reads.front();
    if (first.round > leading->confirmed || first.index > executed) break;
    std::ranges::move(first.batches, std::back_inserter(servable));
    leading->reads.pop_front();
  }
  return servable;
}

std::size_t Multipaxos::waiting_reads() const {
  const auto* leading = std::get_if<Leading>(&role_);
  if (leading == nullptr) return 0;
  std::size_t commands = 0;
  const auto count = [&](const std::vector<CommandBatchPtr>& batches) {
    for (const CommandBatchPtr& batch : batches) {
      commands += batch->commands().size();
    }
  };
  count(leading->gathering);
  for (const Leading::Reads& reads : leading->reads) count(reads.batches);
  return commands;
}

}  // namespace quorate::multipaxos
