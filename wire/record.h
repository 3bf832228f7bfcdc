// Answers: what must survive a crash?
//
// Durable facts in the order of their effects, one type a line of the table in
// protocol.md 1.2. Replaying all records of a journal in order through
// Machine::Restore gives back everything the node ever promised or voted. A
// payload is written once an instance, by the first record that has it; later
// records of that instance leave it out (Value::WithoutPayload).
#pragma once

#include <string_view>
#include <variant>

#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate {

// The replica pre-accepted: its own proposal, or a peer's PreAccept. For an own
// proposal deps equals initial_deps. `batch` is never null.
struct PreAcceptedRecord {
  InstanceId instance;
  CommandBatchPtr batch;
  DependencySet initial_deps;
  DependencySet deps;
  ReplicaSet fast_quorum;
};

// It accepted `value` at `ballot` and thereby promised it.
struct AcceptedRecord {
  InstanceId instance;
  Ballot ballot;
  Value value;
  DependencySet deps;
};

// It promised to refuse lower ballots.
struct PromisedRecord {
  InstanceId instance;
  Ballot ballot;
};

// It learned the initial payload and dependencies from a Validate.
struct ValidatedRecord {
  InstanceId instance;
  CommandBatchPtr batch;
  DependencySet initial_deps;
};

// It knows the decision.
struct CommittedRecord {
  InstanceId instance;
  Value value;
  DependencySet deps;
};

// It may forget instances at or below drop_floor; base_floor is what it has
// announced (truncation.md B.2).
struct FloorRecord {
  DependencySet base_floor;
  DependencySet drop_floor;
};

// Own slots up to `through` may be proposed before their own records are
// durable (protocol.md 1.3); own fast commits may be announced before theirs
// are (truncation.md A).
struct ReservedRecord {
  std::uint64_t through = 0;
  bool lazy_fast_commit = false;
};

using Record =
    std::variant<PreAcceptedRecord, AcceptedRecord, PromisedRecord,
                 ValidatedRecord, CommittedRecord, FloorRecord, ReservedRecord>;

std::string_view Name(const Record& record);

}  // namespace quorate
