// Answers: what do the simulated clients ask for?
//
// Keys come in small groups of two registers and a counter; one group is hot,
// the others are cold. A command touches one group only, so that a history
// falls apart into groups that are checked one by one. Every written value is
// unique in the run: a value read names the command that wrote it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tests/sim/plan.h"
#include "tests/sim/random.h"
#include "wire/command.h"

namespace quorate::sim {

// An operation that owns its strings.
struct OwnedOperation {
  OperationKind kind{};
  std::string key;
  std::string value;
  std::string expected;
  std::int64_t number = 0;

  Operation View() const {
    return {.kind = kind,
            .key = key,
            .value = value,
            .expected = expected,
            .number = number};
  }
};

class Workload {
 public:
  Workload(const WorkloadPlan& plan, Random random)
      : plan_(plan), random_(random) {}

  // The operations of one command. `tag` is unique in the run. `seen`: values
  // the client has seen by key, so that a compare-and-set can succeed.
  using Seen = absl::flat_hash_map<std::string, std::string>;
  std::vector<OwnedOperation> Draw(const std::string& tag, const Seen& seen);

  // Every key that Draw can name, sorted.
  std::vector<std::string> Keys() const;
  // The group that a key or a scan's first key belongs to: its first bytes.
  static std::string_view GroupOf(std::string_view key) {
    return key.substr(0, kGroupBytes);
  }

 private:
  static constexpr std::size_t kGroupBytes = 4;  // "g07/"

  static std::string GroupName(int group);
  OperationKind DrawKind(bool scans);
  OwnedOperation DrawOperation(const std::string& group, OperationKind kind,
                               const std::string& tag, const Seen& seen);

  WorkloadPlan plan_;
  Random random_;
};

}  // namespace quorate::sim
