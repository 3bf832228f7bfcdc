// Answers: how do tests drive EPaxos machines by hand?
//
// MachineCluster, and time.
#pragma once

#include <initializer_list>
#include <utility>

#include "replica/epaxos/epaxos.h"
#include "tests/replica/machine_cluster.h"

namespace quorate::epaxos {

inline ReplicaSet Set(std::initializer_list<int> members) {
  ReplicaSet set;
  for (const int i : members) set.Insert(ReplicaAt(i));
  return set;
}

class TestCluster : public MachineCluster<Epaxos> {
 public:
  explicit TestCluster(int n, const Settings& base = {})
      : MachineCluster(n, base) {}

  // One round trip: `leader` asks everybody and hears from `voter`.
  InstanceId ProposeAndVote(int leader, CommandBatchPtr batch, int voter) {
    const InstanceId id = Propose(leader, std::move(batch));
    Sync(leader);
    DeliverAll<PreAccept>(voter);
    Sync(voter);
    DeliverAll<PreAcceptReply>(leader);
    return id;
  }
  void SyncAll() {
    for (int i = 0; i < size(); ++i) Sync(i);
  }
  void Tick(int i, int times = 1) {
    for (int t = 0; t < times; ++t) {
      Actions actions;
      at(i).HandleTick(Executed(i), actions);
      TakeActions(i, actions);
    }
  }
  // Ticks everybody and settles, `times` times.
  void Run(int times, ReplicaSet down = {}) {
    for (int t = 0; t < times; ++t) {
      for (int i = 0; i < size(); ++i) {
        if (!down.Contains(ReplicaAt(i))) Tick(i);
      }
      Settle(down);
    }
  }
  void Suspect(int i, int peer, bool suspected = true) {
    Actions actions;
    at(i).HandleSuspicion(ReplicaAt(peer), suspected, actions);
    TakeActions(i, actions);
  }
  // What an executor that runs every contiguous commit at once would report.
  DependencySet Executed(int i) { return at(i).committed_frontier(); }
};

}  // namespace quorate::epaxos
