// Answers: what is the same in every replica that hands out and fetches
// snapshots?
//
// Holds a protocol, its executor and what goes between them, takes checkpoints
// of both and writes down the parts of a peer's snapshot. Who is told what, and
// what an installed snapshot means, is said by the replica of each protocol.
// Pure.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "executor/executor.h"
#include "replica/host/checkpointing.h"
#include "replica/host/command_queue.h"
#include "replica/host/era_timer.h"
#include "replica/host/replica.h"
#include "replica/host/state_transfer.h"
#include "wire/fingerprint.h"

namespace quorate {

template <typename Protocol>
class SnapshotReplica : public Replica {
 public:
  std::uint64_t Fingerprint() const override {
    quorate::Fingerprint print;
    print.Mix(protocol_.Fingerprint());
    print.Mix(executor_.Fingerprint());
    print.Mix(queue_.waiting_commands());
    print.Mix(transfer_.under_way() ? 1 : 0);
    return print.value();
  }
  RecordSequence last_record() const override {
    return protocol_.last_record();
  }

  std::optional<RecordSequence> BeginCheckpoint() override {
    if (transfer_.received() > 0) return std::nullopt;
    const RecordSequence through = protocol_.last_record();
    protocol_.NoteCheckpoint(through, executor_.executed_frontier());
    checkpoint_.Begin(through, executor_, [this](std::vector<Record>& records) {
      protocol_.Save(records);
    });
    return through;
  }
  bool NextCheckpointRecords(std::size_t bytes,
                             std::vector<Record>& records) override {
    return checkpoint_.Next(bytes, executor_, records);
  }
  void AbandonCheckpoint() override {
    if (!checkpoint_.Abandon(executor_)) return;
    protocol_.NoteCheckpoint(0, executor_.executed_frontier());
  }
  bool wants_checkpoint() const override {
    return protocol_.readers().wants_checkpoint();
  }
  bool holds_checkpoint() const override {
    return !protocol_.readers().empty();
  }

  const Executor& executor() const override { return executor_; }

 protected:
  explicit SnapshotReplica(const Settings& settings)
      : settings_(settings),
        protocol_(settings),
        executor_(settings.replicas, settings.conflicts, settings.results),
        queue_(settings),
        era_timer_(settings),
        transfer_(settings) {}

  void TakePart(const SnapshotPart& part, Actions& actions) {
    SnapshotWrite write;
    const SnapshotFetch::Outcome outcome = transfer_.Take(part, write, actions);
    if (outcome == SnapshotFetch::Outcome::kIgnored ||
        outcome == SnapshotFetch::Outcome::kBroken) {
      return;
    }
    // There is room for one checkpoint at a time.
    AbandonCheckpoint();
    if (outcome == SnapshotFetch::Outcome::kWhole) {
      protocol_.SaveWith(transfer_.fetched().facts(), write.records);
      transfer_.Seal(protocol_.last_record(), write);
    }
    actions.snapshot_writes.push_back(std::move(write));
  }

  // How far this replica and the others are, for a transfer. `forgotten`: what
  // cannot be committed here again.
  StateTransfer::Progress ProgressFrom(const DependencySet& forgotten) const {
    return {.committed = protocol_.committed_frontier(),
            .forgotten = forgotten,
            .executed = protocol_.executed_reports(),
            .suspected = protocol_.Suspected()};
  }

  // What does not depend on the protocol.
  ReplicaStatus StatusOfParts() const {
    ReplicaStatus status;
    Describe(executor_, status);
    status.committed = protocol_.committed_frontier();
    status.era = era();
    status.queued_commands = queue_.waiting_commands();
    Describe(transfer_, status);
    return status;
  }

  Settings settings_;
  Protocol protocol_;
  Executor executor_;
  CommandQueue queue_;
  EraTimer era_timer_;
  Executed executed_;  // Scratch, empty between steps.
  CheckpointWriter checkpoint_;
  StateTransfer transfer_;
  // Restoring.
  StateReader reader_;
  std::vector<CommittedInstance> restored_;
};

}  // namespace quorate
