// Answers: what does a run tell to those who judge it?
//
// An omniscient observer of all messages, durable records and decisions of a
// run. Each protocol has its own, because each promises something else: Ghost
// for EPaxos, LogGhost for Multi-Paxos. They judge from what they were told,
// not by the code under test.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "replica/settings.h"
#include "tests/sim/marks.h"
#include "tests/sim/verdict.h"
#include "wire/machine.h"

namespace quorate::sim {

class Observer {
 public:
  virtual ~Observer() = default;

  // For the protocol of these settings.
  static std::unique_ptr<Observer> Create(const Settings& settings,
                                          Verdict& verdict);

  // A client has asked for this command; only such commands may be decided.
  virtual void Submitted(const CommandBatch& batch, const Command& command) = 0;
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

  // Null when the instance is not decided or is a noop.
  virtual const CommandBatch* FindDecided(InstanceId id) const = 0;
  virtual CommandBatchPtr FindPayload(InstanceId id) const = 0;
  virtual std::uint64_t decided() const = 0;
  // Decided instances that carry commands.
  virtual std::uint64_t decided_with_commands() const = 0;
  // Decided by somebody other than who first proposed them.
  virtual std::uint64_t recovered() const = 0;
  // Rare things that the run has seen.
  virtual const Marks& marks() const = 0;
};

// Of a command's operations, to tell one submitted command from another.
std::uint64_t DigestOf(std::span<const Operation> operations);

}  // namespace quorate::sim
