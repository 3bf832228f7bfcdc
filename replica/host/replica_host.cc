#include "replica/host/replica_host.h"

#include <utility>

#include "wire/overloaded.h"

namespace quorate {

ReplicaHost::ReplicaHost(const Settings& settings, int columns)
    : settings_(settings),
      executor_(columns, settings.conflicts, settings.results),
      queue_(settings),
      era_timer_(settings),
      transfer_(settings) {}

// ---- steps ------------------------------------------------------------------

void ReplicaHost::Step(const Event& event, Actions& actions) {
  const Before before{.committed = actions.committed.size(),
                      .messages = actions.messages.size()};
  HandleEvent(event, actions);
  if (const auto passed = TakePassed()) {
    transfer_.Begin(*passed, Progress(), actions);
  }
  FinishStep(before, actions);
}

void ReplicaHost::HandleEvent(const Event& event, Actions& actions) {
  std::visit(
      Overloaded{
          [&](const MessageReceived& e) {
            HandleMessage(e.from, e.message, actions);
          },
          [&](const ClientCommands& e) { TakeIn(e, actions); },
          [&](const RecordsDurable& e) { HandleDurable(e.through, actions); },
          [&](const Tick& e) { HandleTick(e, actions); },
          [&](const PeerSuspected& e) {
            HandleSuspicion(e.peer, e.suspected, actions);
            if (e.suspected) transfer_.LoseServer(e.peer);
          },
          [&](const PeerMeasured& e) { HandleMeasured(e); },
          [&](const SnapshotPart& e) { TakePart(e, actions); },
          [&](const SnapshotDurable&) { InstallSealed(actions); }},
      event);
}

void ReplicaHost::EndEra(Actions& actions) {
  CommandBatchPtr batch = era_timer_.Tick(era());
  if (batch != nullptr && MayEndEra()) ProposeNow(std::move(batch), actions);
}

// ---- a snapshot of a peer ---------------------------------------------------

void ReplicaHost::TakePart(const SnapshotPart& part, Actions& actions) {
  SnapshotWrite write;
  const SnapshotFetch::Outcome outcome = transfer_.Take(part, write, actions);
  if (outcome == SnapshotFetch::Outcome::kIgnored ||
      outcome == SnapshotFetch::Outcome::kKept ||
      outcome == SnapshotFetch::Outcome::kBroken) {
    return CountStale();
  }
  // There is room for one checkpoint at a time.
  AbandonCheckpoint();
  if (outcome == SnapshotFetch::Outcome::kWhole) {
    const std::size_t first = write.records.size();
    Save(write.records);
    transfer_.fetched().facts().JoinTo(write.records, first);
    transfer_.Seal(last_record(), write);
  }
  actions.snapshot_writes.push_back(std::move(write));
}

void ReplicaHost::InstallSealed(Actions& actions) {
  if (!transfer_.is_sealed()) return CountStale();
  Install(transfer_.fetched(), actions);
  transfer_.NoteInstalled();
}

// ---- checkpoint and restart -------------------------------------------------

std::optional<RecordSequence> ReplicaHost::BeginCheckpoint() {
  // There is room for one at a time, and a snapshot is on its way.
  if (transfer_.received() > 0) return std::nullopt;
  const RecordSequence through = last_record();
  NoteCheckpoint(through);
  checkpoint_.Begin(through, executor_,
                    [this](std::vector<Record>& records) { Save(records); });
  return through;
}

bool ReplicaHost::NextCheckpointRecords(std::size_t bytes,
                                        std::vector<Record>& records) {
  return checkpoint_.Next(bytes, executor_, records);
}

void ReplicaHost::AbandonCheckpoint() {
  if (checkpoint_.Abandon(executor_)) NoteCheckpoint(0);
}

void ReplicaHost::Restore(std::span<const Record> records) {
  for (const Record& record : records) {
    RestoreRecord(record);
    reader_.Take(record, executor_);
  }
  NoteRestored();
  // Nothing may be applied to half of a state.
  if (reader_.is_inside()) return;
  for (const CommittedInstance& decision : restored_) Execute(decision);
  restored_.clear();
  executed_.Clear();
}

// ---- looked at --------------------------------------------------------------

std::uint64_t ReplicaHost::Fingerprint() const {
  quorate::Fingerprint print;
  MixInto(print);
  print.Mix(executor_.Fingerprint());
  print.Mix(queue_.waiting_commands());
  print.Mix(transfer_.under_way() ? 1 : 0);
  return print.value();
}

ReplicaStatus ReplicaHost::Status() const {
  ReplicaStatus status;
  quorate::Describe(executor_, status);
  status.era = era();
  status.queued_commands = queue_.waiting_commands();
  quorate::Describe(transfer_, status);
  Describe(status);
  return status;
}

}  // namespace quorate
