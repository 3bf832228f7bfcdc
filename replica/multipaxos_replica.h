// Answers: how do Multi-Paxos and the executor make one machine?
//
// The leader takes commands in and answers them once they are executed;
// everybody else sends clients to the leader. The log needs no graph: slots go
// to the executor in order and execute at once. A command whose slot was lost
// with the leadership is answered as unknown, a command that was never proposed
// as not done. All decisions are in multipaxos/. Pure.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "executor/executor.h"
#include "replica/checkpointing.h"
#include "replica/command_queue.h"
#include "replica/era_timer.h"
#include "replica/multipaxos/multipaxos.h"
#include "replica/replica.h"
#include "replica/state_transfer.h"

namespace quorate {

class MultipaxosReplica final : public Replica {
 public:
  explicit MultipaxosReplica(const Settings& settings);

  void Step(const Event& event, Actions& actions) override;
  void Restore(std::span<const Record> records) override;
  std::unique_ptr<Machine> Clone() const override;
  std::uint64_t Fingerprint() const override;
  absl::Status CheckInvariants() const override;
  RecordSequence last_record() const override {
    return protocol_.last_record();
  }

  std::optional<RecordSequence> BeginCheckpoint() override;
  bool NextCheckpointRecords(std::size_t bytes,
                             std::vector<Record>& records) override;
  void AbandonCheckpoint() override;
  bool wants_checkpoint() const override {
    return protocol_.wants_checkpoint();
  }
  bool holds_checkpoint() const override { return protocol_.has_readers(); }

  const Executor& executor() const override { return executor_; }
  ReplicaStatus Status() const override;

 private:
  void TakeIn(const ClientCommands& event, Actions& actions);
  void Propose(Actions& actions);
  void EndEra(Actions& actions);
  void SendToLeader(Actions& actions);
  void AnswerOrphans(Actions& actions);
  void Execute(const CommittedInstance& decision);
  void ServeReads(Actions& actions);
  void Answer(Actions& actions);
  void TakePart(const SnapshotPart& part, Actions& actions);
  void Install(Actions& actions);

  Settings settings_;
  multipaxos::Multipaxos protocol_;
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
