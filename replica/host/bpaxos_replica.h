// Answers: how do the roles of BPaxos make one node?
//
// Holds whichever roles the node has, its executor, journal numbers and outbox.
// What one role says to another on the same node does not touch the network: it
// is delivered inside the step that lets it go, after the record it rests on is
// durable, like everything else. So a node with all roles is the same cluster
// as one node a role, with shorter wires. Payloads are shared between the roles
// of a node: each is sent to it, and written, once. Pure, copyable.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "depsvc/dependency_node.h"
#include "replica/base/floors/readers.h"
#include "replica/base/roles.h"
#include "replica/bpaxos/acceptor.h"
#include "replica/bpaxos/effects.h"
#include "replica/bpaxos/executor_role.h"
#include "replica/bpaxos/floors.h"
#include "replica/bpaxos/leader.h"
#include "replica/host/replica_host.h"

namespace quorate {

class BpaxosReplica final : public ReplicaHost {
 public:
  explicit BpaxosReplica(const Settings& settings);

  std::unique_ptr<Machine> Clone() const override;
  absl::Status CheckInvariants() const override;
  RecordSequence last_record() const override { return shared_.last_record; }
  // Nodes that do not execute hear of it from those that do.
  std::uint64_t era() const override { return era_; }

 private:
  using Effects = bpaxos::Effects;

  // ReplicaHost.
  void HandleMessage(ReplicaId from, const Message& message,
                     Actions& actions) override;
  void TakeIn(const ClientCommands& event, Actions& actions) override;
  void HandleDurable(RecordSequence through, Actions& actions) override;
  void HandleTick(const Tick& tick, Actions& actions) override;
  void HandleSuspicion(ReplicaId peer, bool suspected, Actions&) override;
  void HandleMeasured(const PeerMeasured& measured) override {
    shared_.distances.Note(measured.peer, measured.round_trip_us);
  }
  void Install(SnapshotFetch& fetched, Actions& actions) override;
  void CountStale() override { ++shared_.stats.stale_messages; }
  void FinishStep(const Before& before, Actions& actions) override;
  void RestoreRecord(const Record& record) override;
  void NoteRestored() override;
  void Save(std::vector<Record>& records) const override;
  void NoteCheckpoint(RecordSequence through) override;
  const Readers& readers() const override { return readers_; }
  StateTransfer::Progress Progress() const override;
  void MixInto(quorate::Fingerprint& print) const override;
  void Describe(ReplicaStatus& status) const override;
  bool MayEndEra() const override { return leader_ && !HoldsBack(); }
  void ProposeNow(CommandBatchPtr batch, Actions& actions) override;

  // ---- messages (bpaxos_replica.cc) ----
  void Handle(ReplicaId from, const Message& message, Effects& effects);
  // It names no own slot that has not been given out, and nothing that no
  // executor here could wait for.
  bool IsBelievable(const Message& message) const;
  // Hands what is addressed to this node, from `first` on, to its roles.
  void DeliverHere(std::size_t first, Effects& effects);
  void HandleDependencyRequest(ReplicaId from, const DependencyRequest& m,
                               Effects& effects);
  bool VotesOn(InstanceId id) const;
  void HandleAccept(ReplicaId from, Accept m, Effects& effects);
  void HandleCommit(Commit m, Effects& effects);
  // False when the executor here does not know the decision.
  bool EndsKnown(InstanceId id, Effects& effects);
  bool TellKnown(ReplicaId to, InstanceId id, Effects& effects);
  void HandleFrontier(ReplicaId from, const Frontier& m, Effects& effects);
  void RaiseFloors(Effects& effects);

  // ---- commands in, answers out (bpaxos_replica_answers.cc) ----
  void Propose(Effects& effects);
  bool HoldsBack() const;
  void Answer(Effects& effects);
  void SendReplies(InstanceReplies& replies, Effects& effects);

  // ---- payloads that several roles hold (..._payloads.cc) ----
  CommandBatchPtr FindPayload(InstanceId id, std::uint64_t digest) const;
  // Puts in the payload that was left out. False when it is not known here.
  bool FillPayload(InstanceId id, Value& value) const;
  // Some record of this node, that a restart finds, has it.
  bool IsRecorded(InstanceId id, const Value& value) const;

  // ---- records (..._restart.cc) ----
  void RestoreInstance(const InstanceRecord& record);
  void RestoreDecision(InstanceId id, Value value, const DependencySet& deps);
  void RestorePromise(InstanceId id, Ballot ballot);
  void ApplyFloors();

  // ---- snapshots (bpaxos_replica_snapshot.cc) ----
  // Can an executor be left out, and come back with a snapshot?
  bool MayLeaveOut() const;
  DependencySet DroppableFloor();
  void HandleSnapshotRequest(ReplicaId from, const SnapshotRequest& m,
                             Effects& effects);
  void FetchIfPassed(ReplicaId by, const DependencySet& forgotten,
                     Effects& effects);
  void ProposeAgainWhatIsExecuted(const SnapshotFetch& fetched);
  void TakeDecisions(const SnapshotFetch& fetched, Effects& effects);

  Cluster cluster_;
  bpaxos::Shared shared_;
  bpaxos::Floors floors_;
  // The roles that this node has.
  std::optional<bpaxos::Leader> leader_;
  std::optional<DependencyNode> dependencies_;
  std::optional<bpaxos::Acceptor> acceptor_;
  std::optional<bpaxos::ExecutorRole> executing_;

  Readers readers_;
  std::uint64_t era_ = 0;
  ReplicaId sent_to_{};  // the leader last named to clients, if none leads here
  std::uint64_t ticks_ = 0;
};

}  // namespace quorate
