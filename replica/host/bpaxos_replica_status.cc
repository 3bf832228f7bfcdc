// A node looked at from outside: copies, checks, status.
#include "replica/host/bpaxos_replica.h"
#include "wire/fingerprint.h"

namespace quorate {
namespace {

constexpr std::size_t kRecoveriesInStatus = 8;

}  // namespace

std::unique_ptr<Machine> BpaxosReplica::Clone() const {
  return std::make_unique<BpaxosReplica>(*this);
}

void BpaxosReplica::MixInto(quorate::Fingerprint& print) const {
  if (leader_) print.Mix(leader_->Fingerprint());
  if (dependencies_) print.Mix(dependencies_->Fingerprint());
  if (acceptor_) print.Mix(acceptor_->Fingerprint());
  if (executing_) print.Mix(executing_->Fingerprint());
  print.Mix(static_cast<std::uint64_t>(Index(sent_to_)));
  print.Mix(shared_.suspected.bits());
}

absl::Status BpaxosReplica::CheckInvariants() const {
  if (!executor_.committed_frontier().Covers(executor_.executed_frontier())) {
    return absl::InternalError(
        "invariant 13: only committed instances are executed");
  }
  if (!floors_.base().Covers(floors_.drop())) {
    return absl::InternalError(
        "invariant 16: what every executor has executed, f+1 have");
  }
  if (acceptor_) {
    if (absl::Status status = acceptor_->CheckInvariants(); !status.ok()) {
      return status;
    }
  }
  return leader_ ? leader_->CheckInvariants() : absl::OkStatus();
}

void BpaxosReplica::Describe(ReplicaStatus& status) const {
  status.base_floor = floors_.base();
  status.drop_floor = floors_.drop();
  status.slow_commits = shared_.stats.decided;
  status.retransmissions = shared_.stats.retransmissions;
  status.stale_messages = shared_.stats.stale_messages;
  status.recoveries_started = shared_.stats.recoveries_started;
  status.recovered_payloads = shared_.stats.recovered_payloads;
  status.recovered_noops = shared_.stats.recovered_noops;
  status.snapshots_installed = shared_.stats.snapshots_installed;
  if (executing_) {
    status.instances_in_memory += executing_->size();
    status.relays = executing_->repair().relays();
  }
  if (acceptor_) status.instances_in_memory += acceptor_->size();
  if (dependencies_) {
    status.instances_in_memory += dependencies_->answers();
    status.index_entries = dependencies_->index().entries();
  }
  if (!leader_) return;
  status.own_in_flight = leader_->in_flight() + leader_->awaiting_replies();
  status.instances_in_memory += leader_->vertices();
  status.holds_back = HoldsBack();
  for (const auto& [id, proposal] : leader_->proposer().proposals()) {
    if (proposal.ballot.is_initial()) continue;
    ++status.recoveries_under_way;
    if (status.recoveries.size() == kRecoveriesInStatus) continue;
    status.recoveries.push_back(
        {.instance = id,
         .ballot = proposal.ballot,
         .stage = proposal.stage == bpaxos::Proposal::Stage::kPromising
                      ? RecoveryStatus::Stage::kPromising
                      : RecoveryStatus::Stage::kAccepting,
         .answered = proposal.answered});
  }
}

}  // namespace quorate
