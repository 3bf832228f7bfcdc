// Answers: do all replicas execute conflicting instances in the same order?
//
// For every instance the order comes down to a set: the conflicting instances
// that were executed before it. The first replica to execute an instance fixes
// a hash of that set, key by key, and every other one must have the same (G4,
// protocol.md 10, 13); commuting instances may differ freely. Sets need no
// order, so a replica that rebuilt its state from records, whose order nobody
// saw, is checked again from its first new execution on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "replica/base/settings.h"
#include "tests/sim/verdict.h"
#include "wire/command.h"
#include "wire/commutation.h"
#include "wire/ids.h"

namespace quorate::sim {

class ExecutionOrder {
 public:
  // `keys`: every key that a command of the run can touch, sorted.
  ExecutionOrder(const Settings& settings, std::vector<std::string> keys,
                 Verdict& verdict);

  void Executed(ReplicaId at, InstanceId id, const CommandBatch& batch);
  // The replica stopped: what it had executed is gone.
  void Stopped(ReplicaId at);
  // It has executed this instance again while it restored its records.
  void Restored(ReplicaId at, InstanceId id, const CommandBatch& batch);

  // Every instance, in the order in which some replica was the first to execute
  // it. That moment lies between call and reply of its commands, and of
  // conflicting ones everybody has one order: if all is well, this one explains
  // what clients saw.
  const std::vector<InstanceId>& first_executions() const { return first_; }

  // Instances the replica has executed in its present life.
  std::size_t executed(ReplicaId at) const {
    return replicas_[static_cast<std::size_t>(Index(at))].executed.size();
  }

 private:
  // One bit an access class.
  using Classes = std::uint8_t;
  struct Access {
    std::size_t key = 0;
    Classes classes = 0;
    friend bool operator==(const Access&, const Access&) = default;
  };
  // Hash sums of the instances executed so far, one an access class. A sum, so
  // that the order inside does not count.
  using KeyState = std::array<std::uint64_t, kAccessClasses>;
  struct ReplicaState {
    std::vector<KeyState> keys;
    absl::flat_hash_set<InstanceId> executed;
  };

  std::vector<Access> AccessesOf(const CommandBatch& batch) const;
  std::uint64_t ConflictingPast(const ReplicaState& replica,
                                const std::vector<Access>& accesses) const;
  void Add(ReplicaState& replica, InstanceId id,
           const std::vector<Access>& accesses);
  bool Insert(ReplicaId at, InstanceId id);
  void NoteFirst(InstanceId id);

  ConflictMode mode_;
  std::vector<std::string> keys_;
  Verdict& verdict_;
  std::vector<ReplicaState> replicas_;
  // What the first replica to execute the instance had executed before.
  absl::flat_hash_map<InstanceId, std::uint64_t> past_;
  std::vector<InstanceId> first_;
  absl::flat_hash_set<InstanceId> executed_somewhere_;
};

}  // namespace quorate::sim
