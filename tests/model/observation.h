// Answers: what can an observer hold against a replica?
//
// Everything one replica has decided and voted over all its lives, and what its
// state machine holds now. The judge looks at one observation of each replica
// together and names the first promise that they break between them: agreement,
// visibility, one value a ballot, nothing else after a choice, one order of
// conflicting commands, at most once. Observations are named by numbers, and
// what was judged is not judged again. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "wire/machine.h"

namespace quorate::model {

// A value with its dependencies, proposed or decided.
struct Outcome {
  InstanceId instance;
  Ballot ballot;  // of a vote
  Value value;    // without payload
  DependencySet deps;

  bool SameAs(const Outcome& other) const {
    return value == other.value && deps == other.deps;
  }
};

struct Observation {
  // By instance; all of them for good.
  std::vector<Outcome> decisions;
  // Accepted durably; by instance and ballot.
  std::vector<Outcome> votes;
  // Decided on the fast path, which chooses at ballot 0.
  std::vector<InstanceId> fast;
  // What each of the scope's keys holds.
  std::vector<std::string> values;
};

using ObservationId = std::uint32_t;

class Observations {
 public:
  ObservationId Intern(const Observation& observation);
  const Observation& Get(ObservationId id) const { return all_[id]; }

 private:
  std::deque<Observation> all_;
  absl::flat_hash_map<std::string, ObservationId> by_bytes_;
};

class Judge {
 public:
  // The payloads that may be decided, by digest.
  using Payloads = absl::flat_hash_map<std::uint64_t, CommandBatchPtr>;

  Judge(const Observations& observations, int accept_quorum, Payloads payloads);

  // The first broken promise, with what was found; empty when there is none.
  std::string Find(std::span<const ObservationId> together);
  std::uint64_t judged() const { return passed_.size(); }

 private:
  const Observations& observations_;
  int accept_quorum_;
  Payloads payloads_;
  absl::flat_hash_set<std::vector<ObservationId>> passed_;
};

}  // namespace quorate::model
