// Answers: what is a protocol to the world around it?
//
// A machine is a pure value: Step takes one event in and gives one struct of
// effects out. Equal state and event give equal state and effects: no clock,
// thread, randomness, I/O or callback lives below this line. The same object
// runs under the event loop (replica/node), the simulator (tests/sim) and the
// explorer. Time arrives as ticks, the disk as RecordsDurable.
//
// Durable before visible: a machine appends records to `persist` in the order
// of their effects, numbered on from the last one, and a message or reply that
// rests on a record appears in `messages` or `replies` only in the step that
// learns that the record is durable. So whatever a step hands out may leave at
// once; `rests_on` is kept for checkers to assert exactly that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/message.h"
#include "wire/record.h"
#include "wire/result.h"

namespace quorate {

// ---- events ---------------------------------------------------------------

struct MessageReceived {
  ReplicaId from{};
  Message message;
};

// Commands of this node's clients, all that came in one turn of the loop.
// Each has been checked against wire/limits.h; `origin` is set.
struct ClientCommands {
  std::vector<CommandBatchPtr> batches;
};

// Every record up to `through` is on disk.
struct RecordsDurable {
  RecordSequence through = 0;
};

// Time passes. One tick is Settings::tick_ms of the shell's clock, or of the
// simulator's.
struct Tick {
  // Drawn by whoever keeps the time, for those who must not all act at once:
  // a machine has no randomness but this.
  std::uint64_t random = 0;
};

// The shell's failure detector changed its mind about a peer, or a connection
// with it has come up: a peer that is not suspected may lack what was sent
// last.
struct PeerSuspected {
  ReplicaId peer{};
  bool suspected = true;
};

// A peer answered so long after it was asked: its distance, without its disk.
// What is made of it is the machine's business; it may be wrong or missing.
struct PeerMeasured {
  ReplicaId peer{};
  std::uint64_t round_trip_us = 0;
};

// A SnapshotChunk that was decoded: the machine sees records, not their bytes.
struct SnapshotPart {
  ReplicaId from{};
  std::uint64_t through = 0;
  std::uint64_t index = 0;
  std::uint64_t chunks = 0;
  std::vector<Record> records;
};

// What Actions::snapshot_writes ended with is this node's checkpoint now.
struct SnapshotDurable {};

// Compiled once, as Message is.
struct Event
    : std::variant<MessageReceived, ClientCommands, RecordsDurable, Tick,
                   PeerSuspected, PeerMeasured, SnapshotPart, SnapshotDurable> {
  using variant::variant;
  Event(const Event& other);
  Event(Event&& other) noexcept;
  Event& operator=(const Event& other);
  Event& operator=(Event&& other) noexcept;
  ~Event();
};

// ---- effects --------------------------------------------------------------

struct OutgoingMessage {
  ReplicaSet to;  // Never contains the sender.
  Message message;
  // The record this message rests on; durable when the message appears here.
  RecordSequence rests_on = 0;
};

struct OutgoingReply {
  ClientReply reply;
  RecordSequence rests_on = 0;
};

// A decision this replica has learned, in the order it learned them.
struct CommittedInstance {
  InstanceId instance;
  Value value;
  DependencySet deps;
  // Decided without the Accept round. Meaningful at the command leader.
  bool fast_path = false;
};

// Send a peer chunks of the last whole checkpoint, if it is the one that stands
// for `through`, from `first` on.
struct SnapshotRead {
  ReplicaId to{};
  RecordSequence through = 0;
  std::uint64_t first = 0;
};

// The first chunk to send of a checkpoint that has so many. What was asked for
// is not in it where a crash has put another one in its place that stands for
// the same records: from the beginning.
inline std::uint64_t FirstChunkOf(const SnapshotRead& read,
                                  std::uint64_t chunks) {
  return read.first < chunks ? read.first : 0;
}

// A peer's state is written as this node's next checkpoint, in place of any
// that is under way.
struct SnapshotWrite {
  bool begins = false;
  std::vector<Record> records;
  // The last: with it the checkpoint stands for every record up to here. When
  // it is finished, SnapshotDurable.
  std::optional<RecordSequence> ends;
};

// The effects of one step. Cleared by the caller, not by the machine, so that
// a caller may let several steps gather into one.
struct Actions {
  // Append to the journal in this order; then, or later, RecordsDurable.
  std::vector<Record> persist;
  // Nothing waits for these records: they may join the next write that
  // somebody waits for. True unless some message, reply or decision waits.
  bool persist_is_lazy = true;
  std::vector<OutgoingMessage> messages;
  std::vector<OutgoingReply> replies;
  // Of the results in replies and InstanceReplies, roughly: a caller that lets
  // several steps gather should hand them on before they fill its memory.
  std::size_t result_bytes = 0;
  std::vector<SnapshotRead> snapshot_reads;
  std::vector<SnapshotWrite> snapshot_writes;
  // For observers (commit latency, traces, checkers).
  std::vector<CommittedInstance> committed;
  // Executed here in this order, for observers.
  std::vector<InstanceId> executed;

  void Clear() {
    persist.clear();
    persist_is_lazy = true;
    messages.clear();
    replies.clear();
    result_bytes = 0;
    snapshot_reads.clear();
    snapshot_writes.clear();
    committed.clear();
    executed.clear();
  }
};

class Machine {
 public:
  virtual ~Machine() = default;

  // Appends the effects of `event` to `actions`.
  virtual void Step(const Event& event, Actions& actions) = 0;

  // Rebuilds the state from the journal of an earlier life: called any number
  // of times before the first Step, with the records in order; those of a
  // checkpoint come first and stand for all up to its sequence. Has no effects;
  // what must be said after a restart comes with the first Tick.
  virtual void Restore(std::span<const Record> records) = 0;

  // An independent copy.
  virtual std::unique_ptr<Machine> Clone() const = 0;

  // Equal states have equal fingerprints, in every process. Covers what the
  // machine's future depends on, statistics excluded.
  virtual std::uint64_t Fingerprint() const = 0;

  // The first broken invariant of protocol.md 10 that one machine can see.
  virtual absl::Status CheckInvariants() const = 0;

  // The sequence of the newest record appended or restored.
  virtual RecordSequence last_record() const = 0;
};

}  // namespace quorate
