// Answers: what does another replica's snapshot say about the protocol?
//
// The part of a checkpoint that is not keys, values and sessions, as a replica
// that was left out takes it over (replica/host/state_transfer.h). Votes and
// promises are not in it: they stay each replica's own. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/record.h"

namespace quorate {

// A peer has forgotten everything up to `floor`, some of which is needed here.
struct Passed {
  ReplicaId by{};
  DependencySet floor;
};

struct SnapshotFacts {
  DependencySet drop_floor;
  // Committed ones only.
  std::vector<InstanceRecord> decisions;

  // Joins these facts to a protocol's own, which begin with its floors at
  // records[first]. Votes and promises stay each replica's own.
  void JoinTo(std::vector<Record>& records, std::size_t first) const {
    auto& floors = std::get<FloorRecord>(records[first]);
    floors.base_floor.UnionWith(drop_floor);
    floors.drop_floor.UnionWith(drop_floor);
    for (const InstanceRecord& decision : decisions) {
      records.emplace_back(
          InstanceRecord{.instance = decision.instance,
                         .status = decision.status,
                         .value = decision.value,
                         .deps = decision.deps,
                         .initial_batch = decision.initial_batch});
    }
  }
};

}  // namespace quorate
