// Answers: how do EPaxos and the executor make one machine?
//
// Decisions of the protocol go to the dependency graph's executor, what that
// executes goes back to the clients of this command leader. All decisions are
// in epaxos/; here is only who is told what, and when. Pure.
#pragma once

#include <memory>
#include <span>

#include "replica/epaxos/epaxos.h"
#include "replica/host/snapshot_replica.h"

namespace quorate {

class EpaxosReplica final : public SnapshotReplica<epaxos::Epaxos> {
 public:
  explicit EpaxosReplica(const Settings& settings);

  void Step(const Event& event, Actions& actions) override;
  void Restore(std::span<const Record> records) override;
  std::unique_ptr<Machine> Clone() const override;
  absl::Status CheckInvariants() const override;
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
  void Install(Actions& actions);
};

}  // namespace quorate
