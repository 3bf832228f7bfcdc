// Answers: what leaves a node, in which order, and what waits for what?
//
// A turn is what a node does with all that has come in since the last one:
// events are stepped into the machine as they come; at the end of the turn
// client commands follow as one step, then records go to the disk and messages
// and replies leave. Everything about order and time that lies between the
// machine and the kernel is decided here, once, for the node (replica/node) and
// the simulator (tests/sim): both stand behind TurnWorld and TurnDisk, and do
// what they are told when they are told. No clock, thread or I/O.
//
//   - What may leave does not wait for the disk: it is published before records
//     that somebody waits for are handed over, and what they release at once is
//     published in the same turn.
//   - Records that nobody waits for go with the next that somebody waits for,
//     at the latest at the next tick or when they are many.
//   - Messages leave before replies, but for Commits alone: these are held back
//     until the next message, or until the loop would sleep or sync.
//   - A checkpoint, own or a peer's, grows by a slice a turn, once the slice
//     before is written; records that it stands for are handed over before it.
//   - Without a disk a record counts as soon as it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "replica/host/replica.h"
#include "wire/limits.h"
#include "wire/machine.h"

namespace quorate {

// Where records and checkpoints are kept.
class TurnDisk {
 public:
  virtual ~TurnDisk() = default;

  // Every record up to here is on disk.
  virtual RecordSequence durable() const = 0;
  // Takes the records, in order after all earlier ones; `last` is the newest's
  // sequence. Leaves none.
  virtual void Append(std::vector<Record>& records, RecordSequence last) = 0;
  // As Append, and at once if the disk is idle and quick. True if the records
  // are durable when it returns; false if they will be later, or never.
  virtual bool AppendNow(std::vector<Record>& records, RecordSequence last) = 0;
  // Memory of records that are not yet written.
  virtual std::size_t unwritten_bytes() const = 0;

  // Has the last slice of a checkpoint been written? If it ended one, that is
  // this node's checkpoint now.
  virtual bool takes_slice() const = 0;
  virtual void WriteSlice(SnapshotWrite slice, bool of_peer) = 0;
  // Enough has been written since the last checkpoint for another one.
  virtual bool checkpoint_is_due() const = 0;

  // Parts of the last checkpoint for peers: asked for, and read since.
  virtual void ReadChunks(const SnapshotRead& read) = 0;
  virtual std::vector<OutgoingMessage> TakeChunks() = 0;
};

// The machine, its peers and its clients.
class TurnWorld {
 public:
  virtual ~TurnWorld() = default;

  virtual Replica& replica() = 0;
  // Steps the machine.
  virtual void Step(const Event& event, Actions& actions) = 0;

  // Commands that have come in since the last call.
  virtual ClientCommands TakeCommands() = 0;
  // The next message for these peers; leaves with Flush.
  virtual void Send(const OutgoingMessage& message) = 0;
  virtual void Flush() = 0;
  // To clients, at once. `committed` was decided since the last call.
  virtual void Reply(std::vector<OutgoingReply>& replies,
                     std::span<const CommittedInstance> committed) = 0;
  // Whether peers are listened to.
  virtual void SetReading(bool reads) = 0;

  virtual void NoteDurable(RecordSequence /*through*/) {}
  // Something left, or was synced that others wait for.
  virtual void NoteActivity() {}
  // There will be another turn soon, whether or not something comes in.
  virtual bool stays_awake() const { return false; }
};

struct TurnLimits {
  // Lazy records wait for the next tick, but not more than so many.
  std::size_t most_lazy_records = 4096;
  // What one turn adds to a checkpoint: some tenths of a millisecond.
  std::size_t slice_bytes = 64 * 1024;
  // Records in memory that the disk has yet to take: beyond it peers are not
  // listened to, until half of it is written.
  std::size_t most_unwritten_bytes = 32 * 1024 * 1024;
  // Results that may gather before the turn's end.
  std::size_t most_result_bytes = kMaxResultBytesAStep;
};

class Turn {
 public:
  // `disk` is null where nothing is kept; `durable` is what the machine was
  // restored from.
  Turn(TurnWorld& world, TurnDisk* disk, RecordSequence durable,
       const TurnLimits& limits = {});

  // Something came in. What it gives leaves at the end of the turn, or now if
  // it is much; nothing before then unless `may_publish`.
  void Step(const Event& event, bool may_publish = true);
  // All that came in has been stepped.
  void End();

  // Commits leave that were held back.
  void FlushHeldCommits();
  // The last turn is over: hands over all records that are left.
  void AppendRest();

  bool holds_commits() const { return holds_commits_; }
  bool writes_checkpoint() const { return checkpoint_.has_value(); }
  // Turns that gave something to send.
  std::uint64_t turns() const { return turns_; }
  // Records that were asked for and not yet handed to the disk.
  std::span<const Record> kept_records() const { return actions_.persist; }

 private:
  void StepCommands();
  void StepDurable();
  void Persist();
  void PersistInMemory();
  void Publish();
  void Reply();
  void HandOverSnapshots();
  void HoldBackPeers();
  void FetchSnapshot();
  void Checkpoint();
  bool WantsCheckpoint() const;
  void ServeSnapshot();

  TurnWorld& world_;
  TurnDisk* const disk_;
  const TurnLimits limits_;
  Actions actions_;  // Of this turn; lazy records stay for later ones.
  RecordSequence durable_;
  bool tick_passed_ = false;
  bool holds_commits_ = false;  // Sent, and not flushed.
  std::uint64_t turns_ = 0;
  // The record that the checkpoint under way stands for.
  std::optional<RecordSequence> checkpoint_;
  // A peer's state on its way to the disk as this node's next checkpoint.
  std::deque<SnapshotWrite> snapshot_writes_;
  bool snapshot_ends_ = false;  // Its last part is being written.
};

}  // namespace quorate
