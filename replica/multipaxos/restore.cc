// A second life, checkpoints, and the snapshot of a peer that has forgotten
// what is lacking here.
#include <algorithm>
#include <utility>

#include "replica/multipaxos/multipaxos.h"
#include "replica/multipaxos/rules.h"
#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::multipaxos {

// ---- the journal ------------------------------------------------------------

void Multipaxos::Restore(const Record& record,
                         std::vector<CommittedInstance>& committed) {
  if (!restoring_checkpoint_) ++last_record_;
  std::visit(
      Overloaded{
          [&](const AcceptedRecord& r) {
            RestoreVote(r.instance.slot, r.ballot, r.value);
          },
          [&](const PromisedRecord& r) {
            rules::TakeBackPromise(r.ballot, promised_ballot_);
          },
          [&](const CommittedRecord& r) {
            RestoreDecision(r.instance.slot, r.value);
            AdvanceCommitted(committed);
          },
          [&](const DecidedRecord& r) { RestoreDecided(r.through, committed); },
          [&](const FloorRecord& r) { RestoreFloor(r.drop_floor[kLogColumn]); },
          [&](const InstanceRecord& r) { RestoreInstance(r, committed); },
          [&](const CheckpointBegunRecord& r) {
            restoring_checkpoint_ = true;
            last_record_ = r.through;
          },
          [&](const CheckpointEndedRecord& r) {
            restoring_checkpoint_ = false;
            last_record_ = r.through;
          },
          // The executor's, or of another protocol.
          [](const auto&) {}},
      record);
  outbox_.Restored(last_record_);
  promise_record_ = last_record_;
}

void Multipaxos::RestoreVote(std::uint64_t number, Ballot ballot,
                             const Value& value) {
  if (!rules::IsVoteTakenBack(number)) return;
  promised_ballot_ = std::max(promised_ballot_, ballot);
  Slot* slot = log_.FindOrCreate(number);
  if (slot == nullptr || slot->decided) return;
  slot->accepted_ballot = ballot;
  slot->last_record = last_record_;
  // Left out when the vote before was for the same.
  if (!value.payload_missing()) {
    slot->value = value;
  } else {
    QUORATE_CHECK(slot->value == value,
                  "an accepted payload is in the journal");
  }
}

void Multipaxos::RestoreDecision(std::uint64_t number, const Value& value) {
  Slot* slot = log_.FindOrCreate(number);
  if (slot == nullptr || slot->decided) return;
  slot->value = value;
  slot->decided = slot->decision_recorded = true;
  slot->last_record = last_record_;
}

void Multipaxos::RestoreDecided(std::uint64_t through,
                                std::vector<CommittedInstance>& committed) {
  for (std::uint64_t number = committed_ + 1; number <= through; ++number) {
    Slot* slot = log_.Find(number);
    QUORATE_CHECK(rules::HasValue(slot),
                  "what the journal says is decided is in the journal");
    if (slot == nullptr) return;
    slot->decided = true;
  }
  AdvanceCommitted(committed);
}

void Multipaxos::RestoreFloor(std::uint64_t floor) {
  log_.DropThrough(floor);
  next_drop_floor_ = std::max(next_drop_floor_, floor);
  base_floor_ = std::max(base_floor_, floor);
  // Of a checkpoint, where nothing else tells of what was dropped.
  committed_ = std::max(committed_, floor);
}

void Multipaxos::RestoreInstance(const InstanceRecord& record,
                                 std::vector<CommittedInstance>& committed) {
  rules::TakeBackPromise(record.promised_ballot, promised_ballot_);
  if (record.status == InstanceStatus::kUnknown) return;
  Value value = record.value;
  if (value.payload_missing()) value.batch = record.initial_batch;
  if (record.status == InstanceStatus::kCommitted) {
    RestoreDecision(record.instance.slot, value);
    if (Slot* slot = log_.Find(record.instance.slot)) {
      slot->accepted_ballot =
          std::max(slot->accepted_ballot, record.accepted_ballot);
    }
    AdvanceCommitted(committed);
  } else {
    RestoreVote(record.instance.slot, record.accepted_ballot, value);
  }
}

// ---- checkpoints ------------------------------------------------------------

// The promise is told with the first slot above the floor: it is for all.
void Multipaxos::Save(std::vector<Record>& records) const {
  records.emplace_back(FloorRecord{.base_floor = Column(next_drop_floor_),
                                   .drop_floor = Column(next_drop_floor_)});
  const std::uint64_t first = next_drop_floor_ + 1;
  for (std::uint64_t number = first; number <= std::max(first, log_.newest());
       ++number) {
    const Slot* slot = log_.Find(number);
    const bool blank = slot == nullptr || slot->value.kind == ValueKind::kNone;
    if (blank && number != first) continue;
    InstanceRecord record{.instance = InstanceOf(number), .deps = Column(0)};
    if (number == first) record.promised_ballot = promised_ballot_;
    if (!blank) {
      // What is decided above a gap is not, by what is on disk.
      const bool decided = number <= committed_ || slot->decision_recorded;
      record.status =
          decided ? InstanceStatus::kCommitted : InstanceStatus::kAccepted;
      record.accepted_ballot = slot->accepted_ballot;
      record.value = slot->value.WithoutPayload();
      record.initial_batch = slot->value.batch;
    }
    records.push_back(std::move(record));
  }
}

// ---- at the replica that has forgotten --------------------------------------

void Multipaxos::TellTruncated(ReplicaId to, Actions& actions) {
  Peer& peer = At(to);
  if (readers_.Contains(to) || std::exchange(peer.told_truncated, true)) return;
  Send(to,
       Truncated{.instance = InstanceOf(peer.committed + 1),
                 .drop_floor = Column(log_.dropped())},
       0, actions);
}

void Multipaxos::HandleSnapshotRequest(ReplicaId from, const SnapshotRequest& m,
                                       Actions& actions) {
  if (!may_leave_out_ || !committed_frontier().Covers(m.forgotten)) {
    ++stats_.stale_messages;
    return;
  }
  readers_.HandleRequest(from, m, Column(next_drop_floor_), actions);
}

// ---- at the replica that was left out ---------------------------------------

void Multipaxos::HandleTruncated(ReplicaId from, const Truncated& m) {
  // Most are late: what was forgotten is known here.
  if (!may_leave_out_ || committed_ >= m.drop_floor[kLogColumn]) {
    ++stats_.stale_messages;
    return;
  }
  passed_ = {.by = from, .floor = m.drop_floor};
}

std::optional<Passed> Multipaxos::TakePassed() {
  return std::exchange(passed_, std::nullopt);
}

// The decisions need no records: the snapshot is theirs.
void Multipaxos::Install(const SnapshotFacts& snapshot, Actions& actions) {
  ++stats_.snapshots_installed;
  if (!std::holds_alternative<Following>(role_)) Follow();
  // Also what is decided and waits here for a slot before it: it was executed
  // elsewhere, or is about to be with the server's copy, which knows no client.
  for (std::uint64_t number = committed_ + 1; number <= log_.newest();
       ++number) {
    Slot& slot = *log_.Find(number);
    if (slot.own) Orphan(slot);
  }
  for (const InstanceRecord& decision : snapshot.decisions) {
    Slot* slot = log_.FindOrCreate(decision.instance.slot);
    if (slot == nullptr) continue;  // Forgotten here as well.
    QUORATE_CHECK(!slot->decided || slot->value == decision.value,
                  "G1: all decisions of one slot are the same");
    slot->value = decision.value;
    slot->value.batch = decision.initial_batch;
    slot->decided = slot->decision_recorded = true;
  }
  const std::uint64_t floor = snapshot.drop_floor[kLogColumn];
  RestoreFloor(floor);
  // The executor takes what follows from the snapshot itself.
  std::vector<CommittedInstance> known;
  AdvanceCommitted(known);
  if (committed_ > floor) {
    Persist(DecidedRecord{.through = committed_}, actions);
  }
}

}  // namespace quorate::multipaxos
