// Answers: how does a test run a BPaxos cluster by hand?
//
// ReplicaCluster, and the clusters that BPaxos' roles make.
#pragma once

#include <initializer_list>
#include <string>

#include "depsvc/shards.h"
#include "replica/base/settings.h"
#include "tests/replica/replica_cluster.h"

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

using TestCluster = ReplicaCluster;

}  // namespace quorate::bpaxos
