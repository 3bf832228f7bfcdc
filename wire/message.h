// Answers: what do replicas say to each other?
//
// The messages of EPaxos, recovery's included (protocol.md 2.4), and of
// Multi-Paxos (6), as plain values. The sender of a message is the connection
// it came on, never a field. Deliveries may be lost, repeated and reordered;
// every handler is idempotent. Payloads are shared, immutable batches; a null
// payload inside a Value means that it was left out for a receiver that should
// have it already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/command.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/result.h"

namespace quorate {

// What an instance carries: a client's commands or nothing.
enum class ValueKind : std::uint8_t {
  kNone,      // not known here
  kNoop,      // decided to have no effect
  kCommands,  // the payload its command leader proposed
};

struct Value {
  ValueKind kind = ValueKind::kNone;
  // kCommands only. Null when left out; `digest` then names it.
  CommandBatchPtr batch;
  // batch->digest(), kept when the batch is left out. 0 unless kCommands.
  std::uint64_t digest = 0;

  static Value Noop() { return {ValueKind::kNoop, nullptr, 0}; }
  static Value Commands(CommandBatchPtr batch) {
    const std::uint64_t digest = batch->digest();
    return {ValueKind::kCommands, std::move(batch), digest};
  }
  // The same value with the payload left out.
  Value WithoutPayload() const { return {kind, nullptr, digest}; }
  bool payload_missing() const {
    return kind == ValueKind::kCommands && batch == nullptr;
  }
  // One payload an instance: equal digests are equal values.
  friend bool operator==(const Value& a, const Value& b) {
    return a.kind == b.kind && a.digest == b.digest;
  }
};

// How far an instance has come at one replica.
enum class InstanceStatus : std::uint8_t {
  kUnknown,
  kPreAccepted,
  kAccepted,
  kCommitted,
};
std::string_view Name(InstanceStatus status);

// Command leader to all (or to a fast quorum): order these commands.
struct PreAccept {
  InstanceId instance;
  CommandBatchPtr batch;
  DependencySet initial_deps;
  // The fast quorum fixed by the command leader (Atlas rule); empty otherwise.
  ReplicaSet fast_quorum;
};

// The replica's own view: initial_deps plus the conflicts it knows.
struct PreAcceptReply {
  InstanceId instance;
  DependencySet deps;
};

// Proposer to all: accept this value at this ballot.
struct Accept {
  InstanceId instance;
  Ballot ballot;
  Value value;
  DependencySet deps;
  // Multi-Paxos: every slot of the log up to here is decided.
  std::uint64_t committed = 0;
};

struct AcceptReply {
  InstanceId instance;
  Ballot ballot;
};

// A ballot was refused: a higher one has been promised.
struct Nack {
  InstanceId instance;
  Ballot promised_ballot;
};

// The decision. Valid at any ballot.
struct Commit {
  InstanceId instance;
  Value value;
  DependencySet deps;
};

// Recoverer to all: promise this ballot and tell what you know.
struct Recover {
  InstanceId instance;
  Ballot ballot;
  // Known payload, if any (Atlas rule): who has not voted tells what it knows
  // to conflict with it. Null otherwise.
  CommandBatchPtr batch;
};

struct RecoverReply {
  InstanceId instance;
  Ballot ballot;
  InstanceStatus status = InstanceStatus::kUnknown;
  Ballot accepted_ballot;
  Value value;
  DependencySet deps;
  // status is kPreAccepted and deps equals the command leader's initial_deps.
  bool matches_initial = false;
  // The sender led this instance in an earlier life and may have lost its fast
  // commit of it: "not committed" says nothing (truncation.md A).
  bool recused = false;
  // As PreAccept named it (Atlas rule); empty otherwise.
  ReplicaSet fast_quorum;
};

// Recoverer to its quorum: would these initial dependencies have been safe?
struct Validate {
  InstanceId instance;
  Ballot ballot;
  CommandBatchPtr batch;
  DependencySet initial_deps;
};

struct ValidateReply {
  struct Conflict {
    InstanceId instance;
    bool committed = false;
    friend bool operator==(const Conflict&, const Conflict&) = default;
  };
  InstanceId instance;
  Ballot ballot;
  std::vector<Conflict> conflicts;
};

// A recovery of `instance` waits for others; it has this many matching votes.
struct Waiting {
  InstanceId instance;
  std::uint8_t matching_votes = 0;
};

// Is somebody at work on this instance?
struct Inquire {
  InstanceId instance;
};

// Answer when it is not committed; a committed one is answered with Commit.
struct InquireReply {
  InstanceId instance;
  InstanceStatus status = InstanceStatus::kUnknown;
  Ballot promised_ballot;
  bool working_on_it = false;
};

// How far the sender is. Sent on the tick; lets peers resend commits that the
// sender lacks, and lets everybody forget what everybody has executed.
struct Frontier {
  // Every instance up to here is committed at the sender.
  DependencySet committed;
  // Every instance up to here is committed *stably* and executed there.
  DependencySet executed;
  // truncation.md B: every instance the sender may still need lies above. In
  // BPaxos, what the sender has forgotten: who lacks some of it must fetch it.
  DependencySet base_floor;
  // Own slots of the sender up to here may have been proposed in an earlier
  // life and forgotten: every proposal is to depend on them (protocol.md 1.3).
  std::uint64_t forgotten_through = 0;
  // The era that the sender's executor has come to.
  std::uint64_t era = 0;
};

// The instance lies at or below what the sender has forgotten.
struct Truncated {
  InstanceId instance;
  DependencySet drop_floor;
};

// From a replica that lacks what the receiver has forgotten: some chunks of the
// receiver's checkpoint, from `first` on. A few at a time, so that the asker
// sets the pace and may go on after a lost connection.
struct SnapshotRequest {
  // Which checkpoint: its CheckpointBegunRecord's `through`; 0: the last one.
  std::uint64_t through = 0;
  std::uint64_t first = 0;
  // What the asker itself has forgotten: a checkpoint without that is of no
  // use to it.
  DependencySet forgotten;
};
inline constexpr std::uint64_t kSnapshotWindow = 4;

// One chunk, as the journal's entries (codec.h: DecodeRecords), each with its
// checksum.
struct SnapshotChunk {
  std::uint64_t through = 0;
  std::uint64_t index = 0;
  std::uint64_t chunks = 0;  // of the whole checkpoint
  std::string entries;
};

// ---- BPaxos: the dependency service and executors of their own -------------
// (protocol.md 3.2). Accept, AcceptReply, Recover, RecoverReply, Nack, Commit,
// Inquire, Frontier and Truncated mean the same as above.

// Leader to dependency nodes: what must be ordered with these commands?
struct DependencyRequest {
  InstanceId instance;
  CommandBatchPtr batch;
};

// The node's one answer about this instance, whoever asks how often.
struct DependencyReply {
  InstanceId instance;
  DependencySet deps;
};

// Executor to the leader that holds the clients' connections: what the commands
// of one of its instances gave, one reply a command, in the batch's order.
struct InstanceReplies {
  InstanceId instance;
  std::vector<ClientReply> replies;
};

// ---- Multi-Paxos: the log is one column, and its slots are instances --------

inline constexpr ReplicaId kLogColumn{};

// Candidate to all: promise this ballot for the whole log, and tell what you
// have accepted from slot `first` on.
struct Prepare {
  Ballot ballot;
  std::uint64_t first = 1;
};

// As much of it as one message takes: all votes in slots `first` to `through`.
struct Promise {
  static constexpr std::uint64_t kEndOfLog = ~std::uint64_t{0};
  struct Vote {
    std::uint64_t slot = 0;
    Ballot ballot;  // accepted at
    Value value;
    bool decided = false;
  };
  Ballot ballot;
  std::uint64_t first = 1;
  std::uint64_t through = kEndOfLog;
  std::vector<Vote> votes;  // by slot
};

// Leader to all, on the tick: it leads at this ballot, and every slot up to
// `committed` is decided.
struct Lead {
  Ballot ballot;
  std::uint64_t committed = 0;
  // Not 0: answer, so that reads which came before may be served.
  std::uint64_t round = 0;
};

struct LeadReply {
  Ballot ballot;
  std::uint64_t round = 0;
};

// A variant whose copies, moves and end are compiled once (wire/message.cc),
// not in every source that holds one, where they took longest of all.
struct Message
    : std::variant<PreAccept, PreAcceptReply, Accept, AcceptReply, Nack, Commit,
                   Recover, RecoverReply, Validate, ValidateReply, Waiting,
                   Inquire, InquireReply, Frontier, Truncated, SnapshotRequest,
                   SnapshotChunk, DependencyRequest, DependencyReply,
                   InstanceReplies, Prepare, Promise, Lead, LeadReply> {
  using variant::variant;
  Message(const Message& other);
  Message(Message&& other) noexcept;
  Message& operator=(const Message& other);
  Message& operator=(Message&& other) noexcept;
  ~Message();
};

// "PreAccept", ...
std::string_view Name(const Message& message);

}  // namespace quorate
