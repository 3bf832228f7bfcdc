// Answers: how do EPaxos and the executor make one machine?
//
// Decisions of the protocol go to the dependency graph's executor, what that
// executes goes back to the clients of this command leader. All decisions are
// in epaxos/; here is only who is told what, and when. Pure.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "replica/epaxos/epaxos.h"
#include "replica/host/replica_host.h"

namespace quorate {

class EpaxosReplica final : public ReplicaHost {
 public:
  explicit EpaxosReplica(const Settings& settings);

  std::unique_ptr<Machine> Clone() const override;
  absl::Status CheckInvariants() const override;
  RecordSequence last_record() const override {
    return protocol_.last_record();
  }

 private:
  // ReplicaHost.
  void HandleMessage(ReplicaId from, const Message& message,
                     Actions& actions) override {
    protocol_.Handle(from, message, actions);
  }
  void HandleDurable(RecordSequence through, Actions& actions) override {
    protocol_.HandleDurable(through, actions);
  }
  void HandleTick(const Tick& tick, Actions& actions) override;
  void HandleSuspicion(ReplicaId peer, bool suspected,
                       Actions& actions) override {
    protocol_.HandleSuspicion(peer, suspected, actions);
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
  // Everything after it waits for it: not while there is too much to wait for.
  bool MayEndEra() const override { return !HoldsBack(); }
  void ProposeNow(CommandBatchPtr batch, Actions& actions) override {
    protocol_.Propose(std::move(batch), actions);
  }

  void Propose(Actions& actions);
  bool HoldsBack() const;
  bool IsUnaffected(std::span<const Operation> operations) const;
  void AddRecoveries(ReplicaStatus& status) const;
  void Answer(Actions& actions);
  void Resubmit(InstanceId id);

  epaxos::Epaxos protocol_;
};

}  // namespace quorate
