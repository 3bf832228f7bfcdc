#include "replica/host/epaxos_replica.h"

#include <utility>
#include <vector>

#include "replica/host/answers.h"
#include "replica/host/rules.h"

namespace quorate {
namespace {

constexpr std::size_t kShownRecoveries = 8;

RecoveryStatus StatusOf(InstanceId id, const epaxos::Instance& instance) {
  RecoveryStatus status{.instance = id,
                        .ballot = instance.promised_ballot,
                        .stage = RecoveryStatus::Stage::kAccepting};
  if (instance.leading()) status.answered = instance.leading()->accept_voters;
  if (!instance.recovering()) return status;
  const epaxos::Recovering& recovering = *instance.recovering();
  using Stage = epaxos::Recovering::Stage;
  status.ballot = recovering.ballot;
  status.stage = recovering.stage == Stage::kPromising
                     ? RecoveryStatus::Stage::kPromising
                 : recovering.stage == Stage::kValidating
                     ? RecoveryStatus::Stage::kValidating
                     : RecoveryStatus::Stage::kWaiting;
  status.answered = recovering.answered;
  for (const auto& [other, unused] : recovering.conflicts) {
    status.waits_for.push_back(other);
  }
  return status;
}

}  // namespace

EpaxosReplica::EpaxosReplica(const Settings& settings)
    : ReplicaHost(settings, settings.replicas), protocol_(settings) {}

void EpaxosReplica::HandleTick(const Tick&, Actions& actions) {
  if (!rules::TimeGoesOn(executor_)) return;
  protocol_.HandleTick(executor_.executed_frontier(), actions);
  TickTransfer(actions);
  EndEra(actions);
}

// How far this replica and the others are, for a transfer. What is forgotten
// cannot be committed here again.
StateTransfer::Progress EpaxosReplica::Progress() const {
  return {.committed = protocol_.committed_frontier(),
          .forgotten = protocol_.newest_drop_floor(),
          .executed = protocol_.executed_reports(),
          .suspected = protocol_.Suspected()};
}

// Feeds what was decided to the executor and answers the clients whose commands
// that executes.
void EpaxosReplica::FinishStep(const Before& before, Actions& actions) {
  protocol_.HoldDropFloor(transfer_.under_way());
  for (std::size_t i = before.committed; i < actions.committed.size(); ++i) {
    const CommittedInstance& decision = actions.committed[i];
    Execute(decision);
    if (decision.value.kind == ValueKind::kNoop) Resubmit(decision.instance);
  }
  Answer(actions);
  Propose(actions);
}

// ---- checks -----------------------------------------------------------------

std::unique_ptr<Machine> EpaxosReplica::Clone() const {
  return std::make_unique<EpaxosReplica>(*this);
}

absl::Status EpaxosReplica::CheckInvariants() const {
  if (!protocol_.committed_frontier().Covers(executor_.executed_frontier())) {
    return absl::InternalError(
        "invariant 13: only committed instances are executed");
  }
  return protocol_.CheckInvariants();
}

// ---- commands in, answers out -----------------------------------------------

void EpaxosReplica::Propose(Actions& actions) {
  const bool holds_back = HoldsBack();
  while (protocol_.own_in_flight() < settings_.max_in_flight) {
    if (holds_back ? !queue_.has_unasked() : queue_.empty()) return;
    CommandBatchPtr batch =
        holds_back ? queue_.TakeOnly([this](const CommandBatch& of,
                                            const Command& command) {
          return IsUnaffected(of.operations(command));
        })
                   : queue_.Take();
    if (batch != nullptr) protocol_.Propose(std::move(batch), actions);
  }
}

// Would an instance with these operations depend only on what is executed here?
// Then it makes no chain longer that is waited for.
bool EpaxosReplica::IsUnaffected(std::span<const Operation> operations) const {
  DependencySet conflicts(settings_.replicas);
  protocol_.index().Collect(operations, conflicts);
  for (int i = 0; i < settings_.replicas; ++i) {
    const InstanceId newest{ReplicaAt(i), conflicts[ReplicaAt(i)]};
    if (newest.slot != 0 && !executor_.IsExecuted(newest)) return false;
  }
  return true;
}

bool EpaxosReplica::HoldsBack() const {
  return rules::TooManyWait(executor_.stats().waiting_instances,
                            settings_.max_waiting_instances);
}

void EpaxosReplica::Answer(Actions& actions) {
  const auto is_own = [this](InstanceId id) {
    return id.replica == settings_.self;
  };
  AnswerExecuted(is_own, executed_, actions);
}

// A recovery decided that an own instance has no effect, while its clients
// still wait: their commands go into a new instance, under their old numbers
// (protocol.md 2.8).
void EpaxosReplica::Resubmit(InstanceId id) {
  if (id.replica != settings_.self) return;
  const epaxos::Instance* instance = protocol_.log().Find(id);
  if (instance == nullptr || instance->initial_batch == nullptr) return;
  const CommandBatch& batch = *instance->initial_batch;
  const bool somebody_waits =
      !batch.commands().empty() && batch.commands().front().origin != 0;
  if (somebody_waits) queue_.AddAgain(instance->initial_batch);
}

// ---- a snapshot of a peer ---------------------------------------------------

// Own commands that the snapshot has executed: their results are in the session
// table, as long as their sessions are. Whoever still waits asks for them, and
// is not told that a command of a forgotten session was never done.
void EpaxosReplica::Install(SnapshotFetch& fetched, Actions& actions) {
  std::vector<InstanceId> open;
  for (std::uint64_t slot = protocol_.log().Dropped(settings_.self) + 1;
       slot <= protocol_.log().Newest(settings_.self); ++slot) {
    const InstanceId id{settings_.self, slot};
    const epaxos::Instance* instance = protocol_.log().Find(id);
    if (instance == nullptr || instance->initial_batch == nullptr) continue;
    if (!fetched.HasExecuted(id)) {
      if (!instance->released) open.push_back(id);
    } else if (!executor_.IsExecuted(id)) {
      AnswerUnknown(*instance->initial_batch, actions);
    }
  }
  protocol_.Install(fetched.facts(), actions);
  executor_ = std::move(fetched.executor());
  protocol_.ForEachReleased(
      [this](InstanceId id, const epaxos::Instance& instance) {
        executor_.Commit(id, instance.value.batch, instance.deps, executed_);
      });
  // The snapshot's server may have learned that one of them came to nothing.
  for (const InstanceId id : open) {
    const epaxos::Instance* instance = protocol_.log().Find(id);
    if (instance != nullptr && instance->released &&
        instance->value.kind == ValueKind::kNoop) {
      Resubmit(id);
    }
  }
  Answer(actions);
}

// ---- status -----------------------------------------------------------------

void EpaxosReplica::Describe(ReplicaStatus& status) const {
  status.committed = protocol_.committed_frontier();
  status.base_floor = protocol_.base_floor();
  status.drop_floor = protocol_.drop_floor();
  status.own_in_flight = protocol_.own_in_flight();
  status.instances_in_memory = protocol_.log().size();
  status.index_entries = protocol_.index().entries();
  status.fast_commits = protocol_.stats().fast_commits;
  status.slow_commits = protocol_.stats().slow_commits;
  status.missing_payloads = protocol_.stats().missing_payloads;
  status.retransmissions = protocol_.stats().retransmissions;
  status.stale_messages = protocol_.stats().stale_messages;
  status.holds_back = HoldsBack();
  AddRecoveries(status);
  status.snapshots_installed = protocol_.stats().snapshots_installed;
  status.floors_held_back = protocol_.stats().floors_held_back;
  status.relays = protocol_.repair().relays();
}

void EpaxosReplica::AddRecoveries(ReplicaStatus& status) const {
  status.recoveries_started = protocol_.stats().recoveries_started;
  status.recovered_payloads = protocol_.stats().recovered_payloads;
  status.recovered_noops = protocol_.stats().recovered_noops;
  status.recovery_rules = protocol_.stats().rules;
  status.recoveries_waited = protocol_.stats().recoveries_waited;
  status.recoveries_under_way = protocol_.recoveries().size();
  for (const InstanceId id : protocol_.recoveries()) {
    if (status.recoveries.size() == kShownRecoveries) break;
    const epaxos::Instance* instance = protocol_.log().Find(id);
    if (instance != nullptr) {
      status.recoveries.push_back(StatusOf(id, *instance));
    }
  }
}

}  // namespace quorate
