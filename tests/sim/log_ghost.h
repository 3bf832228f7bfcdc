// Answers: do all replicas of a log together keep what Multi-Paxos promises?
//
// Remembers what no replica can: what each of them had on disk when it spoke,
// what was chosen in a slot, what was decided in an earlier life. Checks that a
// slot has one decision, that after a choice every higher ballot carries it,
// that a ballot of a slot has one value and one proposer, that votes and
// promises are on disk before they are told, and that what is forgotten is
// executed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "absl/container/inlined_vector.h"
#include "tests/sim/observer.h"

namespace quorate::sim {

class LogGhost final : public Observer {
 public:
  LogGhost(const Settings& settings, Verdict& verdict);

  void Sent(ReplicaId from, const Message& message) override;
  void Replied(ReplicaId from, const ClientReply& reply) override;
  void BecameDurable(ReplicaId at, std::span<const Record> records) override;
  void Committed(ReplicaId at, const CommittedInstance& decision) override;
  void Installed(ReplicaId at, const DependencySet& drop_floor,
                 std::span<const Record> snapshot) override;
  void SetExecutedFrontier(ReplicaId at,
                           const DependencySet& executed) override;

  bool IsDecided(InstanceId id) const override;
  const CommandBatch* FindDecided(InstanceId id) const override;
  CommandBatchPtr FindPayload(InstanceId id) const override;

 private:
  // One proposal (slot, ballot).
  struct Round {
    Ballot ballot;
    Value value;
    ReplicaSet durable_voters;
  };
  struct Slot {
    absl::InlinedVector<Round, 1> rounds;
    std::optional<Value> chosen;
    Ballot chosen_ballot;
    bool decided = false;  // somebody has acted on it
    // What the newest record of each replica has.
    std::array<Value, kMaxReplicas> on_disk;
    // By a record of its own.
    ReplicaSet decided_on_disk;
  };
  // What one replica has on disk about the log, and what it has executed.
  struct Replica {
    Ballot promised;
    std::uint64_t decided = 0;
    std::uint64_t executed = 0;
  };

  Slot& Get(std::uint64_t slot);
  const Slot* Find(std::uint64_t slot) const;
  Replica& At(ReplicaId replica) {
    return replicas_[static_cast<std::size_t>(Index(replica))];
  }
  void Fail(const char* invariant, ReplicaId at, std::uint64_t slot,
            const std::string& detail = "");

  void NotePayload(ReplicaId at, std::uint64_t slot, const Value& value);
  Round& NoteRound(ReplicaId at, std::uint64_t slot, Ballot ballot,
                   const Value& value);
  void NoteChosen(ReplicaId at, std::uint64_t slot, const Round& round);
  void CheckChosen(ReplicaId at, std::uint64_t slot, const Value& value);
  void ExtendDecided(ReplicaId at);
  // Every slot up to here has been chosen.
  void CheckDecided(ReplicaId at, std::uint64_t through);
  // On disk.
  bool HasVoted(ReplicaId replica, std::uint64_t slot, Ballot ballot);
  void CheckPromised(ReplicaId from, Ballot ballot, const char* what);

  void Durable(ReplicaId at, const AcceptedRecord& r);
  void Durable(ReplicaId at, const PromisedRecord& r);
  void Durable(ReplicaId at, const CommittedRecord& r);
  void Durable(ReplicaId at, const DecidedRecord& r);
  void Durable(ReplicaId at, const FloorRecord& r);

  std::deque<Slot> slots_;
  std::array<Replica, kMaxReplicas> replicas_;
  std::uint64_t chosen_through_ = 0;
};

}  // namespace quorate::sim
