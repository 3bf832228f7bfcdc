#include "replica/host/multipaxos_replica.h"

#include <algorithm>
#include <utility>

#include "replica/host/answers.h"

namespace quorate {
namespace {

struct ReadsAndOthers {
  CommandBatchPtr reads;  // null when there are none
  CommandBatchPtr others;
};

ReadsAndOthers SplitReads(const CommandBatchPtr& batch) {
  const auto commands = batch->commands();
  const auto reads = [&](const Command& command) {
    return IsReadOnly(batch->operations(command));
  };
  const auto count = std::ranges::count_if(commands, reads);
  if (count == 0) return {.others = batch};
  if (count == std::ssize(commands)) return {.reads = batch};
  CommandBatchBuilder read_builder;
  CommandBatchBuilder other_builder;
  for (const Command& command : commands) {
    (reads(command) ? read_builder : other_builder).AddCopy(*batch, command);
  }
  return {.reads = read_builder.Finish(), .others = other_builder.Finish()};
}

}  // namespace

MultipaxosReplica::MultipaxosReplica(const Settings& settings)
    : ReplicaHost(settings, settings.replicas), protocol_(settings) {}

void MultipaxosReplica::HandleTick(const Tick& tick, Actions& actions) {
  protocol_.HandleTick(tick.random, actions);
  TickTransfer(actions);
  EndEra(actions);
}

StateTransfer::Progress MultipaxosReplica::Progress() const {
  return {.committed = protocol_.committed_frontier(),
          .forgotten = protocol_.Column(protocol_.newest_drop_floor()),
          .executed = protocol_.executed_reports(),
          .suspected = protocol_.Suspected()};
}

void MultipaxosReplica::FinishStep(const Before& before, Actions& actions) {
  protocol_.HoldDropFloor(transfer_.under_way());
  for (std::size_t i = before.committed; i < actions.committed.size(); ++i) {
    Execute(actions.committed[i]);
  }
  Answer(actions);
  ServeReads(actions);
  for (const CommandBatchPtr& batch : protocol_.TakeOrphans()) {
    AnswerUnknown(*batch, actions);
  }
  Propose(actions);
}

// ---- checks -----------------------------------------------------------------

std::unique_ptr<Machine> MultipaxosReplica::Clone() const {
  return std::make_unique<MultipaxosReplica>(*this);
}

absl::Status MultipaxosReplica::CheckInvariants() const {
  if (executor_.executed_frontier()[kLogColumn] != protocol_.committed()) {
    return absl::InternalError(
        "invariant 13: the decided prefix is executed, and nothing else");
  }
  if (!queue_.empty() && !protocol_.leads() && !protocol_.campaigns()) {
    return absl::InternalError("a follower holds no commands of clients");
  }
  return protocol_.CheckInvariants();
}

// ---- commands in ------------------------------------------------------------

void MultipaxosReplica::TakeIn(const ClientCommands& event, Actions& actions) {
  if (settings_.reads == ReadMode::kLog || !protocol_.leads()) {
    queue_.Add(event, actions);
    return;
  }
  ClientCommands writes;
  for (const CommandBatchPtr& batch : event.batches) {
    const auto [reads, others] = SplitReads(batch);
    if (others != nullptr) writes.batches.push_back(others);
    if (reads == nullptr) continue;
    if (protocol_.waiting_reads() >= settings_.max_queued_commands) {
      RefuseAll(*reads, RefusalReason::kBusy, actions);
    } else {
      protocol_.Read(reads, actions);
    }
  }
  queue_.Add(writes, actions);
}

void MultipaxosReplica::Propose(Actions& actions) {
  // A candidate may lead in a moment; its clients wait so long.
  if (protocol_.campaigns()) return;
  if (!protocol_.leads()) return SendToLeader(actions);
  while (!queue_.empty() && protocol_.in_flight() < settings_.max_in_flight) {
    protocol_.Propose(queue_.Take(), actions);
  }
}

// None of these was proposed here, so they are definitely not done.
void MultipaxosReplica::SendToLeader(Actions& actions) {
  if (queue_.empty()) return;
  const std::optional<ReplicaId> leader = protocol_.leader();
  const RefusalReason reason =
      leader ? RefusalReason::kNotLeader : RefusalReason::kNoLeader;
  while (!queue_.empty()) {
    const std::size_t first = actions.replies.size();
    RefuseAll(*queue_.Take(), reason, actions);
    if (!leader) continue;
    for (std::size_t i = first; i < actions.replies.size(); ++i) {
      actions.replies[i].reply.instance.replica = *leader;
    }
  }
}

// ---- answers out ------------------------------------------------------------

// In order, so nothing ever waits for another slot.
void MultipaxosReplica::Execute(const CommittedInstance& decision) {
  executor_.Commit(decision.instance, decision.value.batch,
                   DependencySet(settings_.replicas), executed_);
}

void MultipaxosReplica::Answer(Actions& actions) {
  // Commands come slot by slot.
  InstanceId last;
  bool last_is_own = false;
  const auto is_own = [&](InstanceId id) {
    if (id != last) {
      last = id;
      last_is_own = protocol_.IsOwn(id);
    }
    return last_is_own;
  };
  AnswerExecuted(is_own, executed_, actions);
}

void MultipaxosReplica::ServeReads(Actions& actions) {
  if (settings_.reads == ReadMode::kLog) return;
  for (const CommandBatchPtr& batch :
       protocol_.TakeServableReads(protocol_.committed())) {
    executor_.Read(*batch, executed_);
  }
  AnswerExecuted([](InstanceId) { return true; }, executed_, actions);
}

// ---- a snapshot of a peer ---------------------------------------------------

void MultipaxosReplica::Install(SnapshotFetch& fetched, Actions& actions) {
  protocol_.Install(fetched.facts(), actions);
  executor_ = std::move(fetched.executor());
  const multipaxos::Log& log = protocol_.log();
  for (std::uint64_t slot = executor_.executed_frontier()[kLogColumn] + 1;
       slot <= protocol_.committed(); ++slot) {
    actions.committed.push_back({.instance = multipaxos::InstanceOf(slot),
                                 .value = log.Find(slot)->value,
                                 .deps = protocol_.Column(slot - 1)});
  }
}

// ---- status -----------------------------------------------------------------

void MultipaxosReplica::Describe(ReplicaStatus& status) const {
  const multipaxos::Stats& stats = protocol_.stats();
  status.committed = protocol_.committed_frontier();
  status.base_floor = protocol_.Column(protocol_.base_floor());
  status.drop_floor = protocol_.Column(protocol_.drop_floor());
  status.own_in_flight = protocol_.in_flight();
  status.instances_in_memory = protocol_.log().size();
  status.slow_commits = stats.decided_here;
  status.retransmissions = stats.retransmissions;
  status.stale_messages = stats.stale_messages;
  status.recoveries_started = stats.elections_started;
  status.recovered_payloads = stats.recovered_payloads;
  status.recovered_noops = stats.recovered_noops;
  status.recoveries_under_way = protocol_.campaigns() ? 1 : 0;
  status.leads = protocol_.leads();
  status.leader = protocol_.leader();
  status.ballot = protocol_.ballot();
  status.elections_won = stats.elections_won;
  status.leader_reads = stats.leader_reads;
  status.snapshots_installed = stats.snapshots_installed;
}

}  // namespace quorate
