// Answers: what is one node, without its sockets, disk and clock?
//
// Protocol, executor and outbox as one machine: client commands become
// instances, decisions are executed in order, replies leave after execution,
// and nothing leaves before the record it rests on is durable. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "replica/base/settings.h"
#include "replica/epaxos/recovery_rule.h"
#include "wire/machine.h"

namespace quorate {

class StateTransfer;

// An instance that this replica is finishing for its command leader.
struct RecoveryStatus {
  InstanceId instance;
  Ballot ballot;
  enum class Stage : std::uint8_t {
    kPromising,   // asks what others know
    kValidating,  // asks whether a fast commit would have been seen
    kWaiting,     // for the fate of `waits_for`
    kAccepting,   // has proposed what it found
  } stage = Stage::kPromising;
  ReplicaSet answered;
  std::vector<InstanceId> waits_for;
};

// What `quorate status` and metrics show. Counts since the process started.
struct ReplicaStatus {
  DependencySet committed;
  DependencySet executed;
  DependencySet base_floor;
  DependencySet drop_floor;
  std::uint64_t state_hash = 0;
  std::uint64_t keys = 0;
  std::uint64_t sessions = 0;
  std::uint64_t expired_sessions = 0;
  // Of results that are kept for retries, and how many had to go early.
  std::uint64_t kept_result_bytes = 0;
  std::uint64_t results_gone = 0;
  std::uint64_t era = 0;
  std::uint64_t own_in_flight = 0;
  std::uint64_t queued_commands = 0;
  std::uint64_t instances_in_memory = 0;
  std::uint64_t index_entries = 0;
  std::uint64_t fast_commits = 0;  // own instances
  std::uint64_t slow_commits = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t missing_payloads = 0;
  std::uint64_t stale_messages = 0;  // late, repeated or for another ballot
  std::uint64_t recoveries_started = 0;
  std::uint64_t recovered_payloads = 0;  // decided by a recovery led here
  std::uint64_t recovered_noops = 0;
  std::uint64_t recoveries_waited = 0;
  epaxos::RuleCounts recovery_rules{};
  // Under way, the smallest instances first; at most eight.
  std::vector<RecoveryStatus> recoveries;
  std::uint64_t recoveries_under_way = 0;
  // Proposes only what depends on nothing that waits (max_waiting_instances).
  bool holds_back = false;
  // Multi-Paxos: who leads, as far as is known here, and at which ballot.
  bool leads = false;
  std::optional<ReplicaId> leader;
  Ballot ballot;
  std::uint64_t elections_won = 0;
  std::uint64_t leader_reads = 0;  // commands served without the log
  // A snapshot being fetched from a peer: parts of how many (0: not known).
  bool fetches_snapshot = false;
  std::optional<ReplicaId> snapshot_from;
  // What is lacked here has been forgotten by those that are up, and none of
  // them can give its state: one of these must come back.
  ReplicaSet snapshot_waits_for;
  std::uint64_t snapshot_parts = 0;
  std::uint64_t snapshot_parts_of = 0;
  std::uint64_t snapshots_installed = 0;
  // Times that members would have been passed but for the witnesses, and that
  // decisions were sent in place of a member nearer to them
  // (replica/base/floors).
  std::uint64_t floors_held_back = 0;
  std::uint64_t relays = 0;
  ExecutorStats executor;
  std::optional<Executor::Blocked> oldest_blocked;
};

// Fills in what an executor knows, its frontiers among it.
void Describe(const Executor& executor, ReplicaStatus& status);
// And how a snapshot comes here.
void Describe(const StateTransfer& transfer, ReplicaStatus& status);

class Replica : public Machine {
 public:
  // The machine for settings.protocol rules; the settings must be valid
  // (replica/base/quorum.h: ValidateSettings).
  static std::unique_ptr<Replica> Create(const Settings& settings);

  // Takes a picture of the machine as of last_record(), for the records that it
  // stands for to be forgotten: the protocol's part at once, keys, values and
  // sessions as they are asked for, unchanged by the steps in between. Ends one
  // that is not finished. Nullopt: this machine takes none.
  virtual std::optional<RecordSequence> BeginCheckpoint() {
    return std::nullopt;
  }
  // Appends the next records of the checkpoint, about `bytes` of them; the last
  // one is a CheckpointEndedRecord. False when it has been given. Restore takes
  // them in this order, followed by the records after it.
  virtual bool NextCheckpointRecords(std::size_t /*bytes*/,
                                     std::vector<Record>& /*records*/) {
    return false;
  }
  virtual void AbandonCheckpoint() {}
  // Somebody waits for a checkpoint that begins now, or reads the last one,
  // which should then not be replaced without need.
  virtual bool wants_checkpoint() const { return false; }
  virtual bool holds_checkpoint() const { return false; }

  virtual ReplicaStatus Status() const = 0;
  virtual const Executor& executor() const = 0;
  // The era of sessions, as far as this node knows: clients are told of it.
  virtual std::uint64_t era() const { return executor().sessions().era(); }
  std::unique_ptr<Machine> Clone() const override = 0;
};

}  // namespace quorate
