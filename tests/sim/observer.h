// Answers: what does a run tell to those who judge it?
//
// An omniscient observer of all messages, durable records and decisions of a
// run. Each protocol has its own, because each promises something else: Ghost
// for EPaxos and BPaxos, LogGhost for Multi-Paxos. They judge from what they
// were told, not by the code under test. What all of them need is here: which
// commands clients have asked for (G2), and what has been counted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "replica/base/settings.h"
#include "tests/sim/marks.h"
#include "tests/sim/verdict.h"
#include "wire/machine.h"

namespace quorate::sim {

// A command among others.
inline std::pair<std::uint64_t, std::uint64_t> KeyOf(CommandId id) {
  return {static_cast<std::uint64_t>(id.client), id.sequence};
}

class Observer {
 public:
  Observer(const Settings& settings, Verdict& verdict)
      : settings_(settings), verdict_(verdict) {}
  virtual ~Observer() = default;

  // For the protocol of these settings.
  static std::unique_ptr<Observer> Create(const Settings& settings,
                                          Verdict& verdict);

  // A client has asked for this command; only such commands may be decided.
  void Submitted(const CommandBatch& batch, const Command& command);
  // A client was told that this command will never be done.
  void Withdrawn(CommandId id) { withdrawn_.insert(KeyOf(id)); }
  // Counts what is decided though it is withdrawn: it must not take effect.
  void NoteLate(const CommittedInstance& decision);
  virtual void Sent(ReplicaId from, const Message& message) = 0;
  virtual void Replied(ReplicaId from, const ClientReply& reply) = 0;
  virtual void BecameDurable(ReplicaId at, std::span<const Record> records) = 0;
  virtual void Committed(ReplicaId at, const CommittedInstance& decision) = 0;
  // A snapshot is on the replica's disk: with it the decisions up to there, and
  // those of its records.
  virtual void Installed(ReplicaId at, const DependencySet& drop_floor,
                         std::span<const Record> snapshot) = 0;
  // Every instance up to here has been executed at the replica.
  virtual void SetExecutedFrontier(ReplicaId at,
                                   const DependencySet& executed) = 0;

  virtual bool IsDecided(InstanceId id) const = 0;
  // Null when the instance is not decided or is a noop.
  virtual const CommandBatch* FindDecided(InstanceId id) const = 0;
  virtual CommandBatchPtr FindPayload(InstanceId id) const = 0;
  std::uint64_t decided() const { return decided_; }
  // Decided instances that carry commands.
  std::uint64_t decided_with_commands() const { return with_commands_; }
  // Decided by somebody other than who first proposed them.
  std::uint64_t recovered() const { return recovered_; }
  // Rare things that the run has seen.
  const Marks& marks() const { return marks_; }

 protected:
  const Settings& settings() const { return settings_; }
  void Note(Mark mark) { marks_.Note(mark); }
  void CountDecision(bool with_commands, bool recovered);
  // Every command of it, as some client asked for it (G2)?
  bool AreSubmitted(const CommandBatch& batch) const;
  // As that, but perhaps not with all that was asked for.
  bool AreKnown(const CommandBatch& batch) const;
  void Report(const char* invariant, ReplicaId at, const std::string& what,
              const std::string& detail);

 private:
  Settings settings_;
  Verdict& verdict_;
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>
      submitted_;  // command -> digest of its operations
  absl::flat_hash_set<std::pair<std::uint64_t, std::uint64_t>> withdrawn_;
  std::uint64_t decided_ = 0;
  std::uint64_t with_commands_ = 0;
  std::uint64_t recovered_ = 0;
  Marks marks_;
};

// The end of an era, which no client asks for.
inline bool IsOfReplicas(const CommandBatch& batch, const Command& command) {
  return batch.operations(command).front().kind == OperationKind::kEndEra;
}
}  // namespace quorate::sim
