// Answers: how does a test run a BPaxos cluster by hand?
//
// Whole replicas, each with a journal that syncs when asked and a network whose
// messages lie in a list until somebody delivers or drops them. Nothing happens
// by itself. Every decision is compared with every other one: agreement and
// visibility hold after each step, or the test fails.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "depsvc/shards.h"
#include "replica/paxos/roles.h"
#include "replica/replica.h"
#include "tests/replica/in_flight.h"
#include "wire/commutation.h"

namespace quorate::bpaxos {

inline CommandBatchPtr Put(std::uint64_t sequence, const std::string& key,
                           std::uint32_t origin = 7) {
  return MakeBatch({ClientId{9}, sequence},
                   {.kind = OperationKind::kPut, .key = key, .value = "v"},
                   origin);
}

inline ReplicaSet Nodes(std::initializer_list<int> indexes) {
  ReplicaSet nodes;
  for (const int index : indexes) nodes.Insert(ReplicaAt(index));
  return nodes;
}

// The leader's first instance.
inline InstanceId First(int leader) { return {ReplicaAt(leader), 1}; }

// Leaders 0 1, dependency nodes 2 3 4, acceptors 5 6 7, executors 8 9.
inline Settings SeparateSettings() {
  return {.protocol = Protocol::kBpaxos,
          .replicas = 10,
          .roles = {.leaders = Nodes({0, 1}),
                    .dependency_nodes = Nodes({2, 3, 4}),
                    .acceptors = Nodes({5, 6, 7}),
                    .executors = Nodes({8, 9})}};
}

inline Settings ColocatedSettings(int nodes = 3) {
  return {.protocol = Protocol::kBpaxos, .replicas = nodes};
}

// Leaders 0 1, shards 2 3 4 and 5 6 7, groups 8 9 10 and 11 12 13, executors
// 14 15.
inline Settings DividedSettings() {
  return {.protocol = Protocol::kBpaxos,
          .replicas = 16,
          .roles = {.leaders = Nodes({0, 1}),
                    .dependency_nodes = Nodes({2, 3, 4, 5, 6, 7}),
                    .acceptors = Nodes({8, 9, 10, 11, 12, 13}),
                    .executors = Nodes({14, 15})},
          .parts = {.shard = {0, 0, 0, 0, 0, 1, 1, 1},
                    .group = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}}};
}

// A key of one of two shards.
inline std::string KeyIn(int shard) {
  for (int i = 0;; ++i) {
    std::string key = "k" + std::to_string(i);
    if (ShardOfKey(HashKey(key), 2) == shard) return key;
  }
}

// One command on a key of each.
inline CommandBatchPtr PutBoth(std::uint64_t sequence,
                               std::uint32_t origin = 7) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{9}, sequence}, 0, origin);
  for (const int shard : {0, 1}) {
    builder.AddOperation(
        {.kind = OperationKind::kPut, .key = KeyIn(shard), .value = "v"});
  }
  return builder.Finish();
}

class TestCluster {
 public:
  explicit TestCluster(const Settings& settings)
      : settings_(settings),
        roles_(Cluster(settings).roles),
        nodes_(static_cast<std::size_t>(settings.replicas)) {
    for (int i = 0; i < settings.replicas; ++i) Create(i);
  }

  int size() const { return settings_.replicas; }
  const Roles& roles() const { return roles_; }
  Replica& at(int i) { return *node(i).replica; }
  std::vector<InFlight>& network() { return network_; }
  std::vector<ClientReply>& replies() { return replies_; }
  const std::map<InstanceId, CommittedInstance>& decided() const {
    return decided_;
  }
  const std::vector<Record>& journal(int i) { return node(i).journal; }

  void Step(int i, const Event& event) {
    Actions actions;
    at(i).Step(event, actions);
    const absl::Status status = at(i).CheckInvariants();
    EXPECT_TRUE(status.ok()) << status;
    for (Record& record : actions.persist) {
      node(i).journal.push_back(std::move(record));
    }
    EXPECT_EQ(at(i).last_record(), node(i).journal.size());
    for (const OutgoingMessage& out : actions.messages) {
      EXPECT_LE(out.rests_on, node(i).durable);
      EXPECT_FALSE(out.to.Contains(ReplicaAt(i))) << Name(out.message);
      for (int to = 0; to < size(); ++to) {
        if (!out.to.Contains(ReplicaAt(to))) continue;
        network_.push_back({.from = ReplicaAt(i),
                            .to = ReplicaAt(to),
                            .message = out.message});
      }
    }
    for (OutgoingReply& out : actions.replies) {
      replies_.push_back(std::move(out.reply));
    }
    for (const CommittedInstance& decision : actions.committed) {
      CheckDecision(decision);
    }
  }

  void Submit(int leader, CommandBatchPtr batch) {
    Step(leader, ClientCommands{.batches = {std::move(batch)}});
  }
  void Sync(int i) {
    if (node(i).durable == node(i).journal.size()) return;
    node(i).durable = node(i).journal.size();
    Step(i, RecordsDurable{.through = node(i).durable});
  }
  void Tick(int i) { Step(i, quorate::Tick{}); }
  void Suspect(int i, int peer, bool suspected = true) {
    Step(i, PeerSuspected{.peer = ReplicaAt(peer), .suspected = suspected});
  }
  void Deliver(int to, ReplicaId from, const Message& message) {
    Step(to, MessageReceived{.from = from, .message = message});
  }
  void Deliver(const InFlight& each) {
    Deliver(Index(each.to), each.from, each.message);
  }

  // What is not synced is gone; what is on the way stays on the way.
  void CrashAndRestart(int i) {
    node(i).journal.resize(node(i).durable);
    Create(i);
    std::vector<Record> records = node(i).journal;
    at(i).Restore(records);
    EXPECT_EQ(at(i).last_record(), node(i).journal.size());
  }

  // Delivers and syncs until nothing is left; drops what `lost` says.
  template <typename Lost>
  void Settle(const Lost& lost) {
    for (int round = 0; round < 1000; ++round) {
      for (int i = 0; i < size(); ++i) Sync(i);
      if (network_.empty()) return;
      for (const InFlight& message : std::exchange(network_, {})) {
        if (!lost(message)) Deliver(message);
      }
    }
    ADD_FAILURE() << "the cluster never settles";
  }
  void Settle() {
    Settle([](const InFlight&) { return false; });
  }
  // Time passes, with all of the above in between.
  void Run(int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
      for (int i = 0; i < size(); ++i) Tick(i);
      Settle();
    }
  }

  // The messages of one kind that are on the way.
  template <typename M>
  std::vector<InFlight> OnTheWay() const {
    std::vector<InFlight> found;
    for (const InFlight& each : network_) {
      if (std::holds_alternative<M>(each.message)) found.push_back(each);
    }
    return found;
  }

 private:
  struct Node {
    std::unique_ptr<Replica> replica;
    std::vector<Record> journal;
    RecordSequence durable = 0;
  };

  Node& node(int i) { return nodes_[static_cast<std::size_t>(i)]; }

  void Create(int i) {
    Settings settings = settings_;
    settings.self = ReplicaAt(i);
    node(i).replica = Replica::Create(settings);
  }

  void CheckDecision(const CommittedInstance& c) {
    const auto [known, fresh] = decided_.try_emplace(c.instance, c);
    ASSERT_TRUE(known->second.value == c.value && known->second.deps == c.deps)
        << "agreement on " << ToString(c.instance);
    if (!fresh || c.value.kind == ValueKind::kNoop) return;
    for (const auto& [id, other] : decided_) {
      if (id == c.instance || other.value.kind == ValueKind::kNoop ||
          !Conflict(*c.value.batch, *other.value.batch, settings_.conflicts)) {
        continue;
      }
      ASSERT_TRUE(other.deps.Contains(c.instance) || c.deps.Contains(id))
          << "visibility of " << ToString(id) << " and "
          << ToString(c.instance);
    }
  }

  Settings settings_;
  Roles roles_;
  std::vector<Node> nodes_;
  std::vector<InFlight> network_;
  std::vector<ClientReply> replies_;
  std::map<InstanceId, CommittedInstance> decided_;
};

}  // namespace quorate::bpaxos
