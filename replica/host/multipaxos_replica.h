// Answers: how do Multi-Paxos and the executor make one machine?
//
// The leader takes commands in and answers them once they are executed;
// everybody else sends clients to the leader. The log needs no graph: slots go
// to the executor in order and execute at once. A command whose slot was lost
// with the leadership is answered as unknown, a command that was never proposed
// as not done. All decisions are in multipaxos/. Pure.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "replica/host/replica_host.h"
#include "replica/multipaxos/multipaxos.h"

namespace quorate {

class MultipaxosReplica final : public ReplicaHost {
 public:
  explicit MultipaxosReplica(const Settings& settings);

  std::unique_ptr<Machine> Clone() const override;
  absl::Status CheckInvariants() const override;
  RecordSequence last_record() const override {
    return protocol_.last_record();
  }
  // For checkers: what is decided above a gap shows in no effect.
  const multipaxos::Log& log() const { return protocol_.log(); }

 private:
  // ReplicaHost.
  void HandleMessage(ReplicaId from, const Message& message,
                     Actions& actions) override {
    protocol_.Handle(from, message, actions);
  }
  void TakeIn(const ClientCommands& event, Actions& actions) override;
  void HandleDurable(RecordSequence through, Actions& actions) override {
    protocol_.HandleDurable(through, actions);
  }
  void HandleTick(const Tick& tick, Actions& actions) override;
  void HandleSuspicion(ReplicaId peer, bool suspected, Actions&) override {
    protocol_.HandleSuspicion(peer, suspected);
  }
  void HandleMeasured(const PeerMeasured& measured) override {
    protocol_.HandleMeasured(measured);
  }
  void Install(SnapshotFetch& fetched, Actions& actions) override;
  std::optional<Passed> TakePassed() override { return protocol_.TakePassed(); }
  void FinishStep(const Before& before, Actions& actions) override;
  void RestoreRecord(const Record& record) override {
    protocol_.Restore(record, restored_);
  }
  void Save(std::vector<Record>& records) const override {
    protocol_.Save(records);
  }
  void NoteCheckpoint(RecordSequence through) override {
    protocol_.NoteCheckpoint(through, executor_.executed_frontier());
  }
  const Readers& readers() const override { return protocol_.readers(); }
  StateTransfer::Progress Progress() const override;
  void MixInto(quorate::Fingerprint& print) const override {
    print.Mix(protocol_.Fingerprint());
  }
  void Describe(ReplicaStatus& status) const override;
  bool MayEndEra() const override { return protocol_.leads(); }
  void ProposeNow(CommandBatchPtr batch, Actions& actions) override {
    protocol_.Propose(std::move(batch), actions);
  }
  void Execute(const CommittedInstance& decision) override;

  void Propose(Actions& actions);
  void SendToLeader(Actions& actions);
  void ServeReads(Actions& actions);
  void Answer(Actions& actions);

  multipaxos::Multipaxos protocol_;
};

}  // namespace quorate
