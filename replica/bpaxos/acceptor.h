// Answers: what has this node promised and voted for?
//
// The acceptor of per-instance Paxos (protocol.md 3.2): one promise and one
// vote an instance, both durable before anybody hears of them. Forgets what f+1
// executors have executed for good, and then says so instead of looking like an
// acceptor that never voted. Pure, copyable.
#pragma once

#include <cstdint>
#include <vector>

#include "depsvc/slot_log.h"
#include "replica/bpaxos/effects.h"
#include "wire/dependency_set.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate::bpaxos {

struct Vote {
  // Two ballots: with one, a promise would pass for a vote (BM1).
  Ballot promised_ballot;
  Ballot accepted_ballot;
  Value value;  // kNone: has not voted
  DependencySet deps;
  RecordSequence record = 0;  // the newest about this instance
};

class Acceptor {
 public:
  explicit Acceptor(int columns) : votes_(columns), floor_(columns) {}

  // `m` with its payload. `payload_recorded`: some record of this node has it.
  void HandleAccept(ReplicaId from, const Accept& m, bool payload_recorded,
                    Effects& effects);
  void HandleRecover(ReplicaId from, const Recover& m, Effects& effects);

  // Null when nothing is known of the instance.
  const Vote* Find(InstanceId id) const { return votes_.Find(id); }

  // Everything up to there is executed for good: nobody needs a vote on it.
  void RaiseFloor(const DependencySet& floor);

  // `value` with its payload.
  void RestoreVote(InstanceId id, Ballot ballot, Value value,
                   const DependencySet& deps, RecordSequence sequence);
  void RestorePromise(InstanceId id, Ballot ballot, RecordSequence sequence);
  // Calls visit(id, vote) for everything there is to say.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    votes_.ForEach(visit);
  }

  std::size_t size() const { return votes_.size(); }
  absl::Status CheckInvariants() const;
  std::uint64_t Fingerprint() const;

 private:
  // The state to answer from, or null after answering that it is forgotten.
  Vote* Open(ReplicaId from, InstanceId id, Effects& effects);

  SlotLog<Vote> votes_;
  DependencySet floor_;
};

}  // namespace quorate::bpaxos
