// Answers: how do EPaxos and the executor make one machine?
//
// Decisions of the protocol go to the dependency graph's executor, what that
// executes goes back to the clients of this command leader. All decisions are
// in epaxos/; here is only who is told what, and when. Pure.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "executor/executor.h"
#include "replica/checkpointing.h"
#include "replica/command_queue.h"
#include "replica/epaxos/epaxos.h"
#include "replica/era_timer.h"
#include "replica/replica.h"
#include "replica/state_transfer.h"

namespace quorate {

class EpaxosReplica final : public Replica {
 public:
  explicit EpaxosReplica(const Settings& settings);

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
  void Propose(Actions& actions);
  void EndEra(Actions& actions);
  bool HoldsBack() const;
  bool IsUnaffected(std::span<const Operation> operations) const;
  void AddRecoveries(ReplicaStatus& status) const;
  void Execute(std::size_t first, Actions& actions);
  void Answer(Actions& actions);
  void Resubmit(InstanceId id);
  void TakePart(const SnapshotPart& part, Actions& actions);
  void Install(Actions& actions);

  Settings settings_;
  epaxos::Epaxos protocol_;
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
