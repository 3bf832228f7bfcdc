// Answers: what is the same in every replica, whatever its protocol?
//
// Queue, executor, answers, checkpoints, restart and a peer's snapshot stand
// here once; a protocol fills in what it does with each event, what of it goes
// into a checkpoint and what an installed snapshot means to it. A step is one
// hook for the event and FinishStep for what follows from it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "executor/executor.h"
#include "replica/base/floors/readers.h"
#include "replica/host/checkpointing.h"
#include "replica/host/command_queue.h"
#include "replica/host/era_timer.h"
#include "replica/host/replica.h"
#include "replica/host/state_transfer.h"
#include "wire/fingerprint.h"

namespace quorate {

class ReplicaHost : public Replica {
 public:
  void Step(const Event& event, Actions& actions) final;
  void Restore(std::span<const Record> records) final;
  std::uint64_t Fingerprint() const final;
  ReplicaStatus Status() const final;

  std::optional<RecordSequence> BeginCheckpoint() final;
  bool NextCheckpointRecords(std::size_t bytes,
                             std::vector<Record>& records) final;
  void AbandonCheckpoint() final;
  bool wants_checkpoint() const final { return readers().wants_checkpoint(); }
  bool holds_checkpoint() const final { return !readers().empty(); }

  const Executor& executor() const final { return executor_; }

 protected:
  // `columns`: of a dependency set.
  ReplicaHost(const Settings& settings, int columns);

  // How many effects of a kind there were before the step.
  struct Before {
    std::size_t committed = 0;
    std::size_t messages = 0;
  };

  // ---- a protocol's part: events -------------------------------------------
  virtual void HandleMessage(ReplicaId from, const Message& message,
                             Actions& actions) = 0;
  virtual void TakeIn(const ClientCommands& event, Actions& actions) {
    queue_.Add(event, actions);
  }
  virtual void HandleDurable(RecordSequence through, Actions& actions) = 0;
  virtual void HandleTick(const Tick& tick, Actions& actions) = 0;
  // Of a peer that may be a member or not.
  virtual void HandleSuspicion(ReplicaId peer, bool suspected,
                               Actions& actions) = 0;
  // How far a peer is.
  virtual void HandleMeasured(const PeerMeasured& /*measured*/) {}
  // Takes over what a peer has executed, now that it is durable here as well.
  // The executor becomes that of the snapshot.
  virtual void Install(SnapshotFetch& fetched, Actions& actions) = 0;
  // A part of a snapshot that is of no use came, or an end without one.
  virtual void CountStale() {}
  // After each event: who has forgotten what is needed here, since last asked.
  virtual std::optional<Passed> TakePassed() { return std::nullopt; }
  // Executes, answers, proposes.
  virtual void FinishStep(const Before& before, Actions& actions) = 0;

  // ---- a protocol's part: records ------------------------------------------
  // Applies a record of an earlier life; decisions go to restored_.
  virtual void RestoreRecord(const Record& record) = 0;
  // All records so far have been given.
  virtual void NoteRestored() {}
  // Appends the records of a checkpoint, floors first.
  virtual void Save(std::vector<Record>& records) const = 0;
  // A checkpoint begins, or is given up (0).
  virtual void NoteCheckpoint(RecordSequence through) = 0;

  // ---- a protocol's part: looked at ----------------------------------------
  virtual const Readers& readers() const = 0;
  virtual StateTransfer::Progress Progress() const = 0;
  virtual void MixInto(quorate::Fingerprint& print) const = 0;
  virtual void Describe(ReplicaStatus& status) const = 0;
  // May the end of an era be proposed here and now, and how.
  virtual bool MayEndEra() const = 0;
  virtual void ProposeNow(CommandBatchPtr batch, Actions& actions) = 0;

  // ---- for the protocol's part ---------------------------------------------
  // One decision to the executor; what that lets execute is in executed_.
  virtual void Execute(const CommittedInstance& decision) {
    executor_.Commit(decision.instance, decision.value.batch, decision.deps,
                     executed_);
  }
  // At a tick, in this order.
  void TickTransfer(Actions& actions) { transfer_.Tick(Progress(), actions); }
  void EndEra(Actions& actions);

  Settings settings_;
  Executor executor_;
  CommandQueue queue_;
  EraTimer era_timer_;
  Executed executed_;  // Scratch, empty between steps.
  CheckpointWriter checkpoint_;
  StateTransfer transfer_;
  // Restoring.
  StateReader reader_;
  std::vector<CommittedInstance> restored_;

 private:
  void HandleEvent(const Event& event, Actions& actions);
  void TakePart(const SnapshotPart& part, Actions& actions);
  void InstallSealed(Actions& actions);
};

}  // namespace quorate
