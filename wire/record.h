// Answers: what must survive a crash?
//
// Durable facts in the order of their effects, one type a line of the table in
// protocol.md 1.2. Replaying all records of a journal in order through
// Machine::Restore gives back everything the node ever promised or voted. A
// payload is written once an instance, by the first record that has it; later
// records of that instance leave it out (Value::WithoutPayload).
//
// A checkpoint stands for all records up to a sequence. It is a list of records
// as well, of types of its own: one record holds all of an instance, instead of
// the history that led there, so nothing is said twice and nothing untrue (an
// accepted payload below an accepted noop has no history that could be told).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/message.h"
#include "wire/result.h"

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

// It promised to refuse lower ballots; in Multi-Paxos, of this slot of the log
// and all after it.
struct PromisedRecord {
  InstanceId instance;
  Ballot ballot;
  // Atlas rule: the payload that came with the ballot, and what was known here
  // to conflict with it, if that was asked for the first time; null otherwise.
  CommandBatchPtr batch;
  DependencySet deps;
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

// A dependency node's one answer about an instance (protocol.md 3.2). In a
// checkpoint as well, where it stands for itself. `batch` is never null.
struct DependencyRecord {
  InstanceId instance;
  CommandBatchPtr batch;
  DependencySet deps;
};

// Multi-Paxos: every slot of the log up to `through` is decided, with the value
// that the newest record of the slot has.
struct DecidedRecord {
  std::uint64_t through = 0;
};

// ---- a checkpoint, in this order ------------------------------------------

// What follows is the state as of record `through` of the node's journal.
struct CheckpointBegunRecord {
  RecordSequence through = 0;
};

// Everything up to `executed` has been executed, and the instances `above`.
// Where these are many, further records have the same `executed` and more of
// them.
struct ExecutedRecord {
  static constexpr std::size_t kMostAbove = 16 * 1024;
  DependencySet executed;
  std::vector<InstanceId> above;
  // The era of sessions.
  std::uint64_t era = 0;
};

// All that is durable of one instance: the state, not how it came about. A
// FloorRecord stands in front of the first.
struct InstanceRecord {
  InstanceId instance;
  InstanceStatus status = InstanceStatus::kUnknown;
  Ballot promised_ballot;
  Ballot accepted_ballot;
  // Without its payload when that is `initial_batch`, which it is.
  Value value;
  DependencySet deps;
  // The payload, if it is known; also when a noop is decided. May be null.
  CommandBatchPtr initial_batch;
  bool initial_known = false;
  // Atlas rule: whether a Recover has asked for `deps`; the fast quorum of a
  // PreAccept.
  bool collected = false;
  ReplicaSet fast_quorum;
  DependencySet initial_deps;
};

// Keys and values, by column: sizes in order, bytes of key and value in turn.
struct EntriesRecord {
  std::vector<std::uint32_t> key_sizes;
  std::vector<std::uint32_t> value_sizes;
  std::string bytes;
};

// Client sessions: which sequences were executed, as intervals with gaps in
// between, ascending; and what they gave as far as it is kept: each a reply
// with its id, status, reason and results, and in place of an instance's slot
// its age, which counts up (0: of no size). A session that is large goes on in
// the next records, with further intervals or results.
struct SessionsRecord {
  struct Interval {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const Interval&, const Interval&) = default;
  };
  struct Session {
    ClientId client{};
    std::uint64_t acknowledged = 0;
    // The era of its last command.
    std::uint64_t last_era = 0;
    // Of the set of executed requests: to find it anew would take a step for
    // every command there ever was.
    std::uint64_t requests_hash = 0;
    // Larger results of sequences up to here are not kept.
    std::uint64_t results_cut = 0;
    std::vector<Interval> executed;
    friend bool operator==(const Session&, const Session&) = default;
  };
  std::vector<Session> sessions;
  // Of these sessions, or of the last one before.
  std::vector<ClientReply> results;
};

// The checkpoint is whole. What it gives must have this hash.
struct CheckpointEndedRecord {
  RecordSequence through = 0;
  std::uint64_t state_hash = 0;
};

// Compiled once, as Message is.
struct Record
    : std::variant<PreAcceptedRecord, AcceptedRecord, PromisedRecord,
                   ValidatedRecord, CommittedRecord, FloorRecord,
                   ReservedRecord, CheckpointBegunRecord, ExecutedRecord,
                   InstanceRecord, EntriesRecord, SessionsRecord,
                   CheckpointEndedRecord, DependencyRecord, DecidedRecord> {
  using variant::variant;
  Record(const Record& other);
  Record(Record&& other) noexcept;
  Record& operator=(const Record& other);
  Record& operator=(Record&& other) noexcept;
  ~Record();
};

std::string_view Name(const Record& record);

}  // namespace quorate
