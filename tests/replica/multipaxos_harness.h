// Answers: how do tests drive Multi-Paxos machines by hand?
//
// MachineCluster, and time, reads and elections.
#pragma once

#include <string>

#include "replica/multipaxos/multipaxos.h"
#include "tests/replica/machine_cluster.h"

namespace quorate::multipaxos {

class TestCluster : public MachineCluster<Multipaxos> {
 public:
  explicit TestCluster(int n, const Settings& base = {})
      : MachineCluster(n, WithProtocol(base)) {}

  void Read(int i, CommandBatchPtr batch) {
    Actions actions;
    at(i).Read(std::move(batch), actions);
    TakeActions(i, actions);
  }
  void Tick(int i, std::uint64_t random = 0) {
    Actions actions;
    at(i).HandleTick(random, actions);
    TakeActions(i, actions);
  }
  // Ticks replica i until it begins to ask for promises.
  void Campaign(int i) {
    const std::uint64_t before = at(i).stats().elections_started;
    for (int t = 0; t < 1000 && at(i).stats().elections_started == before;
         ++t) {
      Tick(i);
    }
    ASSERT_GT(at(i).stats().elections_started, before);
  }
  // It leads, unless a quorum is down or has promised more to others.
  void Elect(int i, ReplicaSet down = {}) {
    Campaign(i);
    Settle(down);
  }
  // Replicas in `down` hear nothing and are not heard.
  void Settle(ReplicaSet down = {}) { MachineCluster::Settle(down, down); }
  // Ticks everybody and settles, `times` times.
  void Run(int times, ReplicaSet down = {}, std::uint64_t random = 0) {
    for (int t = 0; t < times; ++t) {
      for (int i = 0; i < size(); ++i) {
        // Each draws its own.
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (!down.Contains(ReplicaAt(i))) Tick(i, random >> 33);
      }
      Settle(down);
    }
  }
  void Suspect(int i, int peer, bool suspected = true) {
    at(i).HandleSuspicion(ReplicaAt(peer), suspected);
  }
  // Puts 1 to `count`, one after the other; replicas in `down` miss them.
  void ProposeMany(int i, std::uint64_t count, ReplicaSet down = {}) {
    for (std::uint64_t number = 1; number <= count; ++number) {
      Propose(i, Put("a", std::to_string(number), number));
      Settle(down);
    }
  }
  // Everybody believes that it is gone.
  void SuspectEverywhere(int peer) {
    for (int i = 0; i < size(); ++i) {
      if (i != peer) Suspect(i, peer);
    }
  }

 private:
  static Settings WithProtocol(Settings settings) {
    settings.protocol = Protocol::kMultipaxos;
    return settings;
  }
};

inline ReplicaSet Only(int replica) {
  ReplicaSet set;
  set.Insert(ReplicaAt(replica));
  return set;
}

}  // namespace quorate::multipaxos
