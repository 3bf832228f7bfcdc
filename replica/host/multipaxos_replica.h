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

#include "replica/host/snapshot_replica.h"
#include "replica/multipaxos/multipaxos.h"

namespace quorate {

class MultipaxosReplica final : public SnapshotReplica<multipaxos::Multipaxos> {
 public:
  explicit MultipaxosReplica(const Settings& settings);

  void Step(const Event& event, Actions& actions) override;
  void Restore(std::span<const Record> records) override;
  std::unique_ptr<Machine> Clone() const override;
  absl::Status CheckInvariants() const override;
  ReplicaStatus Status() const override;
  // For checkers: what is decided above a gap shows in no effect.
  const multipaxos::Log& log() const { return protocol_.log(); }

 private:
  void TakeIn(const ClientCommands& event, Actions& actions);
  void Propose(Actions& actions);
  void EndEra(Actions& actions);
  void SendToLeader(Actions& actions);
  void Execute(const CommittedInstance& decision);
  void ServeReads(Actions& actions);
  void Answer(Actions& actions);
  void Install(Actions& actions);
};

}  // namespace quorate
