#include "replica/bpaxos_replica.h"

#include <algorithm>
#include <utility>

#include "wire/check.h"
#include "wire/fingerprint.h"
#include "wire/mutation.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

constexpr std::size_t kRecoveriesInStatus = 8;
// Replies of one instance go in parts of about this size: they must fit a
// frame, whatever its commands have read.
constexpr std::size_t kReplyPartBytes = 1024 * 1024;

std::size_t RoughBytes(const ClientReply& reply) {
  std::size_t bytes = sizeof(ClientReply);
  for (const OperationResult& result : reply.results) {
    bytes += result.value.size();
    for (const auto& [key, value] : result.rows) {
      bytes += key.size() + value.size();
    }
  }
  return bytes;
}

}  // namespace

BpaxosReplica::BpaxosReplica(const Settings& settings)
    : settings_(settings),
      cluster_(settings),
      floors_(cluster_, settings.self),
      executor_(cluster_.columns, settings.conflicts),
      queue_(settings) {
  const Roles& roles = cluster_.roles;
  if (roles.leaders.Contains(settings.self)) {
    leader_.emplace(settings, cluster_);
  }
  if (roles.dependency_nodes.Contains(settings.self)) {
    dependencies_.emplace(cluster_.columns, settings.conflicts);
  }
  if (roles.acceptors.Contains(settings.self)) {
    acceptor_.emplace(cluster_.columns);
  }
  if (roles.executors.Contains(settings.self)) {
    executing_.emplace(settings, cluster_);
    executor_.ReportAll(roles.leaders.Minus(roles.executors));
  }
}

void BpaxosReplica::Step(const Event& event, Actions& actions) {
  Effects effects(shared_, actions);
  const std::size_t first = actions.messages.size();
  std::visit(
      Overloaded{
          [&](const MessageReceived& e) { Handle(e.from, e.message, effects); },
          [&](const ClientCommands& e) { Enqueue(e, actions); },
          [&](const RecordsDurable& e) { HandleDurable(e.through, effects); },
          [&](const Tick&) { HandleTick(effects); },
          [&](const PeerSuspected& e) { HandleSuspicion(e.peer, e.suspected); },
          [&](const SnapshotPart&) { effects.Stale(); },
          [&](const SnapshotDurable&) { effects.Stale(); }},
      event);
  DeliverHere(first, effects);
  Propose(effects);
  DeliverHere(first, effects);
}

// ---- messages ---------------------------------------------------------------

// A role may answer at once, so the list grows while it is read.
void BpaxosReplica::DeliverHere(std::size_t first, Effects& effects) {
  std::vector<OutgoingMessage>& messages = effects.actions().messages;
  bool emptied = false;
  for (std::size_t i = first; i < messages.size(); ++i) {
    if (!messages[i].to.Contains(settings_.self)) continue;
    messages[i].to.Erase(settings_.self);
    if (messages[i].to.empty()) {
      emptied = true;
      const Message message = std::move(messages[i].message);
      Handle(settings_.self, message, effects);
    } else {
      const Message message = messages[i].message;
      Handle(settings_.self, message, effects);
    }
  }
  if (!emptied) return;
  const auto begin = messages.begin() + static_cast<std::ptrdiff_t>(first);
  messages.erase(std::remove_if(begin, messages.end(),
                                [](const OutgoingMessage& each) {
                                  return each.to.empty();
                                }),
                 messages.end());
}

bool BpaxosReplica::IsBelievable(const Message& message) const {
  if (!leader_) return true;
  return std::visit(
      [this](const auto& m) {
        bool believed = true;
        if constexpr (requires { m.instance; }) {
          believed = m.instance.replica != settings_.self ||
                     leader_->HasGivenOut(m.instance.slot);
        }
        if constexpr (requires { m.deps; }) {
          believed = believed && leader_->HasGivenOut(m.deps[settings_.self]);
        }
        return believed;
      },
      message);
}

void BpaxosReplica::Handle(ReplicaId from, const Message& message,
                           Effects& effects) {
  if (!IsBelievable(message)) return effects.Stale();
  const auto at_leader = [&](const auto& handle) {
    if (leader_) {
      handle(*leader_);
    } else {
      effects.Stale();
    }
  };
  std::visit(
      Overloaded{[&](const DependencyRequest& m) {
                   HandleDependencyRequest(from, m, effects);
                 },
                 [&](const DependencyReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleDependencyReply(from, m, effects);
                   });
                 },
                 [&](const Accept& m) { HandleAccept(from, m, effects); },
                 [&](const AcceptReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleAcceptReply(from, m, effects);
                   });
                 },
                 [&](const Nack& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleNack(m, effects);
                   });
                 },
                 [&](const Commit& m) { HandleCommit(m, effects); },
                 [&](const Recover& m) {
                   if (!acceptor_ || m.ballot.owner() != from)
                     return effects.Stale();
                   acceptor_->HandleRecover(from, m, effects);
                 },
                 [&](const RecoverReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleRecoverReply(from, m, effects);
                   });
                 },
                 [&](const Inquire& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleInquire(from, m, effects);
                   });
                 },
                 [&](const Frontier& m) { HandleFrontier(from, m, effects); },
                 [&](const Truncated& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleTruncated(m);
                   });
                 },
                 [&](const InstanceReplies& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleInstanceReplies(m, effects);
                   });
                 },
                 [&](const auto&) { effects.Stale(); }},  // Of other protocols.
      message);
}

void BpaxosReplica::HandleDependencyRequest(ReplicaId from,
                                            const DependencyRequest& m,
                                            Effects& effects) {
  if (!dependencies_ || m.instance.replica != from) return effects.Stale();
  if (const auto* answer = dependencies_->Find(m.instance)) {
    effects.SendAgain(
        from, DependencyReply{.instance = m.instance, .deps = answer->deps},
        answer->record);
    return;
  }
  // Forgotten: it is decided, and its leader is about to hear of that.
  if (dependencies_->Refuses(m.instance)) return effects.Stale();
  DependencyNode::Answer& answer =
      dependencies_->AnswerFirst(m.instance, m.batch);
  answer.record = effects.Persist(DependencyRecord{
      .instance = m.instance, .batch = m.batch, .deps = answer.deps});
  effects.Send(from,
               DependencyReply{.instance = m.instance, .deps = answer.deps},
               answer.record);
}

void BpaxosReplica::HandleAccept(ReplicaId from, Accept m, Effects& effects) {
  const ReplicaId owner =
      m.ballot.is_initial() ? m.instance.replica : m.ballot.owner();
  if (!acceptor_ || owner != from || m.value.kind == ValueKind::kNone) {
    return effects.Stale();
  }
  if (!FillPayload(m.instance, m.value)) {
    ++shared_.stats.missing_payloads;  // Comes whole when it is repeated.
    return;
  }
  acceptor_->HandleAccept(from, m, IsRecorded(m.instance, m.value), effects);
}

// Valid at any ballot: the value is decided.
void BpaxosReplica::HandleCommit(Commit m, Effects& effects) {
  if (m.value.kind == ValueKind::kNone) return effects.Stale();
  if (leader_) leader_->HandleCommit(m, effects);
  if (!executing_) return;
  // An own payload that others have proposed to the end knows its clients here
  // only.
  CommandBatchPtr known = m.value.kind == ValueKind::kCommands
                              ? FindPayload(m.instance, m.value.digest)
                              : nullptr;
  if (known != nullptr) m.value.batch = std::move(known);
  if (m.value.payload_missing()) {
    ++shared_.stats.missing_payloads;  // The frontier exchange brings it whole.
    return;
  }
  if (!executing_->Learn(m, IsRecorded(m.instance, m.value), effects)) return;
  effects.actions().committed.push_back(
      {.instance = m.instance, .value = m.value, .deps = m.deps});
  executor_.Commit(m.instance, m.value.batch, m.deps, executed_);
  Answer(effects);
}

void BpaxosReplica::HandleFrontier(ReplicaId from, const Frontier& m,
                                   Effects& effects) {
  floors_.HandleFrontier(from, m.executed);
  if (leader_) leader_->HandleFrontier(from, m);
  if (executing_) executing_->HandleFrontier(from, m, effects);
}

void BpaxosReplica::HandleTick(Effects& effects) {
  ++ticks_;
  if (leader_) leader_->HandleTick(effects);
  if (executing_) {
    executing_->HandleTick(executor_.committed_frontier(),
                           executor_.executed_frontier(), effects);
  }
  if (ticks_ % static_cast<std::uint64_t>(settings_.floor_ticks) != 0) return;
  if (const auto floors = floors_.Raise(&executor_.committed_frontier())) {
    floors_.NoteRecord(effects.Persist(*floors));
  }
}

void BpaxosReplica::HandleDurable(RecordSequence through, Effects& effects) {
  shared_.outbox.Durable(through, effects.actions());
  if (executing_) executing_->HandleDurable(through);
  if (floors_.HandleDurable(through)) ApplyFloors();
}

void BpaxosReplica::ApplyFloors() {
  if (leader_) leader_->RaiseFloor(floors_.base());
  if (dependencies_) dependencies_->RaiseFloor(floors_.base());
  if (acceptor_) acceptor_->RaiseFloor(floors_.base());
  if (executing_) executing_->RaiseFloor(floors_.drop());
}

void BpaxosReplica::HandleSuspicion(ReplicaId peer, bool suspected) {
  if (peer == settings_.self || !cluster_.everybody.Contains(peer)) return;
  if (suspected) {
    shared_.suspected.Insert(peer);
  } else {
    shared_.suspected.Erase(peer);
  }
}

// ---- commands in, answers out -----------------------------------------------

void BpaxosReplica::Enqueue(const ClientCommands& event, Actions& actions) {
  if (leader_) return queue_.Add(event, actions);
  // Another leader each time: which of them are up is not known here.
  do {
    sent_to_ = ReplicaAt((Index(sent_to_) + 1) % kMaxNodes);
  } while (!cluster_.roles.leaders.Contains(sent_to_));
  const std::size_t first = actions.replies.size();
  for (const CommandBatchPtr& batch : event.batches) {
    RefuseAll(*batch, RefusalReason::kNotLeader, actions);
  }
  for (std::size_t i = first; i < actions.replies.size(); ++i) {
    actions.replies[i].reply.instance.replica = sent_to_;
  }
}

void BpaxosReplica::Propose(Effects& effects) {
  if (!leader_) return;
  for (CommandBatchPtr& batch : leader_->TakeResubmissions()) {
    queue_.AddAgain(std::move(batch));
  }
  while (!queue_.empty() && !HoldsBack() &&
         leader_->in_flight() < settings_.max_in_flight) {
    leader_->Propose(queue_.Take(), effects);
  }
}

// What waits for execution, here or, as far as this leader can tell, elsewhere.
bool BpaxosReplica::HoldsBack() const {
  return executor_.stats().waiting_instances >=
             settings_.max_waiting_instances ||
         leader_->awaiting_replies() >= settings_.max_waiting_instances;
}

// Clients hear from their leader: from its own executor if it has one,
// otherwise from the executor whose part the instance is.
void BpaxosReplica::Answer(Effects& effects) {
  InstanceReplies replies;
  std::size_t bytes = 0;
  bool is_ours = false;
  for (ExecutedCommand& command : executed_.commands) {
    const ReplicaId leader = command.instance.replica;
    ClientReply reply{.id = command.id,
                      .origin = command.origin,
                      .status = command.status,
                      .reason = command.reason,
                      .instance = command.instance};
    if (leader == settings_.self) {
      reply.results = std::move(command.results);
      effects.actions().replies.push_back({.reply = std::move(reply)});
      continue;
    }
    // A batch that is shared in memory shows its origin to every node.
    if (cluster_.roles.executors.Contains(leader)) continue;
    if (command.instance != replies.instance || bytes > kReplyPartBytes) {
      SendReplies(replies, effects);
      replies.instance = command.instance;
      bytes = 0;
      is_ours = executing_->AnswersFor(command.instance, shared_.suspected);
    }
    if (!is_ours) continue;
    reply.origin = 0;
    reply.results = std::move(command.results);
    bytes += RoughBytes(reply);
    replies.replies.push_back(std::move(reply));
  }
  SendReplies(replies, effects);
  std::vector<InstanceId>& executed = effects.actions().executed;
  executed.insert(executed.end(), executed_.instances.begin(),
                  executed_.instances.end());
  executed_.Clear();
}

void BpaxosReplica::SendReplies(InstanceReplies& replies, Effects& effects) {
  if (replies.replies.empty()) return;
  const ReplicaId leader = replies.instance.replica;
  effects.Send(leader, std::exchange(replies, {}), 0);
}

// ---- payloads that several roles hold ---------------------------------------

// The leader's own first: it knows its clients.
CommandBatchPtr BpaxosReplica::FindPayload(InstanceId id,
                                           std::uint64_t digest) const {
  const auto fits = [digest](const CommandBatchPtr& batch) {
    return batch != nullptr && batch->digest() == digest;
  };
  if (leader_) {
    if (CommandBatchPtr batch = leader_->FindPayload(id); fits(batch)) {
      return batch;
    }
  }
  if (dependencies_) {
    const auto* answer = dependencies_->Find(id);
    if (answer != nullptr && fits(answer->batch)) return answer->batch;
  }
  if (acceptor_) {
    const bpaxos::Vote* vote = acceptor_->Find(id);
    if (vote != nullptr && fits(vote->value.batch)) return vote->value.batch;
  }
  return nullptr;
}

bool BpaxosReplica::FillPayload(InstanceId id, Value& value) const {
  if (!value.payload_missing()) return true;
  value.batch = FindPayload(id, value.digest);
  return value.batch != nullptr;
}

bool BpaxosReplica::IsRecorded(InstanceId id, const Value& value) const {
  if (value.kind != ValueKind::kCommands) return false;
  // What is forgotten then is the vote, not the payload of other records.
  if (Mutated("acceptor_forgets")) return false;
  const auto fits = [&](const CommandBatchPtr& batch) {
    return batch != nullptr && batch->digest() == value.digest;
  };
  if (dependencies_) {
    const auto* answer = dependencies_->Find(id);
    if (answer != nullptr && fits(answer->batch)) return true;
  }
  const bpaxos::Vote* vote = acceptor_ ? acceptor_->Find(id) : nullptr;
  return vote != nullptr && fits(vote->value.batch);
}

// ---- restart and checkpoints ------------------------------------------------

void BpaxosReplica::Restore(std::span<const Record> records) {
  for (const Record& record : records) {
    if (!reader_.is_inside()) ++shared_.last_record;
    RestoreRecord(record);
    reader_.Take(record, executor_);
  }
  shared_.outbox.Restored(shared_.last_record);
  // Nothing may be applied to half of a state.
  if (reader_.is_inside()) return;
  for (const CommittedInstance& decision : restored_) {
    executor_.Commit(decision.instance, decision.value.batch, decision.deps,
                     executed_);
  }
  restored_.clear();
  executed_.Clear();
}

void BpaxosReplica::RestoreRecord(const Record& record) {
  const RecordSequence sequence = shared_.last_record;
  std::visit(
      Overloaded{[&](const DependencyRecord& r) {
                   if (dependencies_) dependencies_->Restore(r, sequence);
                 },
                 [&](const AcceptedRecord& r) {
                   if (!acceptor_ || floors_.base().Contains(r.instance))
                     return;
                   Value value = r.value;
                   QUORATE_CHECK(FillPayload(r.instance, value),
                                 "an accepted payload is in the journal");
                   acceptor_->RestoreVote(r.instance, r.ballot,
                                          std::move(value), r.deps, sequence);
                 },
                 [&](const PromisedRecord& r) {
                   RestorePromise(r.instance, r.ballot);
                 },
                 [&](const CommittedRecord& r) {
                   RestoreDecision(r.instance, r.value, r.deps);
                 },
                 [&](const ReservedRecord& r) {
                   if (leader_) leader_->Restore(r);
                 },
                 [&](const FloorRecord& r) {
                   floors_.Restore(r);
                   ApplyFloors();
                 },
                 [&](const InstanceRecord& r) { RestoreInstance(r); },
                 [&](const CheckpointBegunRecord& r) {
                   shared_.last_record = r.through;
                 },
                 [&](const CheckpointEndedRecord& r) {
                   shared_.last_record = r.through;
                 },
                 [](const auto&) {}},  // The executor's, or another protocol's.
      record);
}

void BpaxosReplica::RestorePromise(InstanceId id, Ballot ballot) {
  if (acceptor_) acceptor_->RestorePromise(id, ballot, shared_.last_record);
  if (leader_ && !floors_.base().Contains(id)) {
    leader_->RestoreBallot(id, ballot);
  }
}

void BpaxosReplica::RestoreDecision(InstanceId id, Value value,
                                    const DependencySet& deps) {
  if (!executing_ || floors_.drop().Contains(id)) return;
  QUORATE_CHECK(FillPayload(id, value),
                "a committed payload is in the journal");
  if (!executing_->Restore(id, value, deps, shared_.last_record)) return;
  restored_.push_back(
      {.instance = id, .value = std::move(value), .deps = deps});
}

// Of a checkpoint: a vote, or a decision.
void BpaxosReplica::RestoreInstance(const InstanceRecord& record) {
  Value value = record.value;
  if (value.payload_missing()) value.batch = record.initial_batch;
  if (record.status == InstanceStatus::kCommitted) {
    RestoreDecision(record.instance, std::move(value), record.deps);
    return;
  }
  RestorePromise(record.instance, record.promised_ballot);
  if (!acceptor_ || record.status != InstanceStatus::kAccepted) return;
  QUORATE_CHECK(FillPayload(record.instance, value),
                "a checkpoint has the payloads of its instances");
  acceptor_->RestoreVote(record.instance, record.accepted_ballot,
                         std::move(value), record.deps, shared_.last_record);
}

std::optional<RecordSequence> BpaxosReplica::BeginCheckpoint() {
  checkpoint_.Begin(shared_.last_record, executor_,
                    [this](std::vector<Record>& records) { Save(records); });
  return shared_.last_record;
}

bool BpaxosReplica::NextCheckpointRecords(std::size_t bytes,
                                          std::vector<Record>& records) {
  return checkpoint_.Next(bytes, executor_, records);
}

void BpaxosReplica::AbandonCheckpoint() { checkpoint_.Abandon(executor_); }

// Floors first: what lies below them is not made again. The newest ones count,
// durable or not, because their record is among those that this stands for.
void BpaxosReplica::Save(std::vector<Record>& records) const {
  const FloorRecord floors = floors_.newest();
  records.emplace_back(floors);
  if (leader_) leader_->Save(records);
  if (dependencies_) dependencies_->Save(records);
  // A payload once: with the answer, the vote or the decision.
  const auto payload = [&](InstanceId id, const Value& value) {
    const auto* answer = dependencies_ && !floors.base_floor.Contains(id)
                             ? dependencies_->Find(id)
                             : nullptr;
    const bool is_there = answer != nullptr && value.batch != nullptr &&
                          answer->batch->digest() == value.digest;
    return is_there ? nullptr : value.batch;
  };
  if (acceptor_) {
    acceptor_->ForEach([&](InstanceId id, const bpaxos::Vote& vote) {
      const bool voted = vote.value.kind != ValueKind::kNone;
      if (!voted && vote.promised_ballot.is_initial()) return;
      records.emplace_back(
          InstanceRecord{.instance = id,
                         .status = voted ? InstanceStatus::kAccepted
                                         : InstanceStatus::kUnknown,
                         .promised_ballot = vote.promised_ballot,
                         .accepted_ballot = vote.accepted_ballot,
                         .value = vote.value.WithoutPayload(),
                         .deps = vote.deps,
                         .initial_batch = payload(id, vote.value)});
    });
  }
  if (!executing_) return;
  executing_->ForEach([&](InstanceId id, const bpaxos::KnownDecision& known) {
    if (known.value.kind == ValueKind::kNone) return;
    records.emplace_back(
        InstanceRecord{.instance = id,
                       .status = InstanceStatus::kCommitted,
                       .value = known.value.WithoutPayload(),
                       .deps = known.deps,
                       .initial_batch = payload(id, known.value)});
  });
}

// ---- checks -----------------------------------------------------------------

std::unique_ptr<Machine> BpaxosReplica::Clone() const {
  return std::make_unique<BpaxosReplica>(*this);
}

std::uint64_t BpaxosReplica::Fingerprint() const {
  quorate::Fingerprint print;
  if (leader_) print.Mix(leader_->Fingerprint());
  if (dependencies_) print.Mix(dependencies_->Fingerprint());
  if (acceptor_) print.Mix(acceptor_->Fingerprint());
  if (executing_) print.Mix(executing_->Fingerprint());
  print.Mix(executor_.Fingerprint());
  print.Mix(queue_.waiting_commands());
  print.Mix(static_cast<std::uint64_t>(Index(sent_to_)));
  print.Mix(shared_.suspected.bits());
  return print.value();
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

ReplicaStatus BpaxosReplica::Status() const {
  ReplicaStatus status;
  status.committed = executor_.committed_frontier();
  status.executed = executor_.executed_frontier();
  status.base_floor = floors_.base();
  status.drop_floor = floors_.drop();
  status.state_hash = executor_.state_hash();
  status.keys = executor_.state_machine().size();
  status.queued_commands = queue_.waiting_commands();
  status.slow_commits = shared_.stats.decided;
  status.retransmissions = shared_.stats.retransmissions;
  status.stale_messages = shared_.stats.stale_messages;
  status.recoveries_started = shared_.stats.recoveries_started;
  status.recovered_payloads = shared_.stats.recovered_payloads;
  status.recovered_noops = shared_.stats.recovered_noops;
  status.executor = executor_.stats();
  status.oldest_blocked = executor_.OldestBlocked();
  if (executing_) status.instances_in_memory += executing_->size();
  if (acceptor_) status.instances_in_memory += acceptor_->size();
  if (dependencies_) {
    status.instances_in_memory += dependencies_->answers();
    status.index_entries = dependencies_->index().entries();
  }
  if (!leader_) return status;
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
  return status;
}

}  // namespace quorate
