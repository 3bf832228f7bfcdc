// What a node is made anew from: its journal, and the checkpoints of it.
#include <utility>

#include "replica/host/bpaxos_replica.h"
#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate {

void BpaxosReplica::NoteRestored() {
  shared_.outbox.Restored(shared_.last_record);
}

void BpaxosReplica::RestoreRecord(const Record& record) {
  if (!reader_.is_inside()) ++shared_.last_record;
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
  if (!acceptor_ || record.status != InstanceStatus::kAccepted ||
      floors_.base().Contains(record.instance)) {
    return;  // A snapshot's floor may be above what is saved with it.
  }
  QUORATE_CHECK(FillPayload(record.instance, value),
                "a checkpoint has the payloads of its instances");
  acceptor_->RestoreVote(record.instance, record.accepted_ballot,
                         std::move(value), record.deps, shared_.last_record);
}

void BpaxosReplica::NoteCheckpoint(RecordSequence through) {
  readers_.NoteCheckpoint(through, through == 0
                                       ? DependencySet(cluster_.columns)
                                       : executor_.executed_frontier());
}

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

}  // namespace quorate
