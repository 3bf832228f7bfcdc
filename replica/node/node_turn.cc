// What one turn of the loop does with what has come in.
#include <algorithm>
#include <utility>
#include <vector>

#include "replica/node/node.h"
#include "replica/node/node_running.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

// Lazy records wait for the next tick, but not more than so many.
constexpr std::size_t kMostLazyRecords = 4096;
// What one turn adds to a checkpoint: some tenths of a millisecond.
constexpr std::size_t kSliceBytes = 64 * 1024;
// Records in memory that the disk has yet to take: beyond it peers are not
// listened to, until half of it is written.
constexpr std::size_t kMostUnwrittenBytes = 32 * 1024 * 1024;

}  // namespace

// Large results do not gather to the end of the turn.
void Node::Step(const Event& event) {
  replica_->Step(event, actions_);
  const bool serves = phase_ == Phase::kServing || phase_ == Phase::kDraining;
  if (serves && actions_.result_bytes > kMaxResultBytesAStep) Publish();
}

// ---- a turn ---------------------------------------------------------------

void Node::EndTurn() {
  if (phase_ == Phase::kMeeting) EndMeeting();
  if (phase_ == Phase::kFailed && !silent_) FallSilent();
  if (phase_ != Phase::kServing && phase_ != Phase::kDraining) return;
  running_->clock.Advance();
  StepCommands();
  StepDurable();
  Persist();
  Publish();
  HoldBackPeers();
  FetchSnapshot();
  Checkpoint();
  ServeSnapshot();
  running_->clients.EndTurn();
  if (!running_->look_out.awake()) FlushHeldCommits();
  running_->clock.Advance();
  tick_passed_ = false;
  if (phase_ == Phase::kDraining) FinishDraining();
}

void Node::StepCommands() {
  if (!running_->clients.has_commands()) return;
  Step(ClientCommands{.batches = running_->clients.TakeCommands()});
}

void Node::StepDurable() {
  if (running_->journal == nullptr) return;
  const RecordSequence durable = running_->journal->durable();
  if (durable <= durable_) return;
  durable_ = durable;
  running_->links.NoteDurable(durable);
  Step(RecordsDurable{.through = durable});
}

void Node::Persist() {
  if (running_->journal == nullptr) {
    // Not durable, and said so: a record counts as soon as it is asked for.
    while (!actions_.persist.empty()) {
      actions_.persist.clear();
      Step(RecordsDurable{.through = replica_->last_record()});
    }
    return;
  }
  if (actions_.persist.empty()) return;
  if (actions_.persist_is_lazy) {
    if (!tick_passed_ && actions_.persist.size() < kMostLazyRecords) return;
    running_->journal->Append(actions_.persist, replica_->last_record());
    return;
  }
  while (!actions_.persist.empty() && !actions_.persist_is_lazy) {
    // What may leave already does not wait for the disk.
    Publish();
    FlushHeldCommits();
    actions_.persist_is_lazy = true;
    if (!running_->journal->AppendNow(actions_.persist,
                                      replica_->last_record())) {
      return;
    }
    // The answers are about to come: the look-out begins after the sync.
    running_->look_out.NoteActivity();
    StepDurable();
  }
}

// A disk that is slower than the others must not fill the memory.
void Node::HoldBackPeers() {
  if (running_->journal == nullptr) return;
  const std::size_t unwritten = running_->journal->unwritten_bytes();
  if (unwritten > kMostUnwrittenBytes) {
    running_->links.SetReading(false);
  } else if (unwritten <= kMostUnwrittenBytes / 2) {
    running_->links.SetReading(true);
  }
}

// Peers first: a message of ours delays a command more than a reply does. But
// nobody waits for a Commit as the client waits for its reply: it goes after
// that, with the next message if one comes while the loop looks out. On its own
// it would wake every peer at the moment when the client needs a core for its
// next request.
void Node::Publish() {
  if (!actions_.messages.empty() || !actions_.replies.empty()) {
    ++turns_;
    running_->look_out.NoteActivity();
  }
  const bool only_commits = std::ranges::all_of(
      actions_.messages, [](const OutgoingMessage& outgoing) {
        return std::holds_alternative<Commit>(outgoing.message);
      });
  if (only_commits) Reply();
  for (const OutgoingMessage& outgoing : actions_.messages) {
    running_->links.Send(outgoing.to, outgoing.message);
  }
  if (!only_commits) {
    holds_commits_ = true;  // Whatever is there goes.
    FlushHeldCommits();
    Reply();
  } else if (!actions_.messages.empty()) {
    holds_commits_ = true;
  }
  for (const SnapshotRead& read : actions_.snapshot_reads) {
    if (running_->journal != nullptr) running_->journal->ReadChunks(read);
  }
  for (SnapshotWrite& write : actions_.snapshot_writes) {
    if (write.begins) snapshot_writes_.clear();
    snapshot_writes_.push_back(std::move(write));
  }
  actions_.snapshot_reads.clear();
  actions_.snapshot_writes.clear();
  actions_.messages.clear();
  actions_.replies.clear();
  actions_.result_bytes = 0;
  actions_.committed.clear();
  actions_.executed.clear();
}

void Node::FlushHeldCommits() {
  if (std::exchange(holds_commits_, false)) running_->links.Flush();
}

void Node::Reply() {
  running_->clock.NoteCommits(actions_.committed);
  running_->clients.NoteEra(replica_->era());
  for (OutgoingReply& outgoing : actions_.replies) {
    running_->clients.Route(std::move(outgoing.reply));
  }
  running_->clients.Flush();
}

bool Node::WantsCheckpoint() const {
  if (replica_->wants_checkpoint()) return true;
  if (replica_->holds_checkpoint()) return false;  // A peer reads the last one.
  const Journal& journal = *running_->journal;
  return journal.journal_bytes() >= std::max(config_.checkpoint_journal_bytes,
                                             journal.checkpoint_bytes() / 100 *
                                                 config_.checkpoint_percent);
}

// A slice a turn, and none while the journal's thread is at the one before: the
// disk's pace is the checkpoint's.
void Node::Checkpoint() {
  Journal* journal = running_->journal.get();
  if (journal == nullptr || !journal->takes_slice() ||
      !snapshot_writes_.empty() || snapshot_ends_) {
    return;
  }
  // One that was begun too early for the peer that needs it makes room.
  if (replica_->wants_checkpoint()) checkpoint_.reset();
  CheckpointSlice slice{.begins = !checkpoint_.has_value()};
  if (slice.begins) {
    if (!WantsCheckpoint()) return;
    // What the picture stands for is on its way to the disk before it.
    if (!actions_.persist.empty()) {
      journal->Append(actions_.persist, replica_->last_record());
    }
    checkpoint_ = replica_->BeginCheckpoint();
    if (!checkpoint_.has_value()) return;
  }
  if (!replica_->NextCheckpointRecords(kSliceBytes, slice.records)) {
    slice.ends = std::exchange(checkpoint_, std::nullopt);
    checkpoint_us_ = NowUs();
  }
  journal->AppendCheckpoint(std::move(slice));
}

// ---- snapshots ------------------------------------------------------------

void Node::ServeSnapshot() {
  Journal* journal = running_->journal.get();
  if (journal == nullptr) return;
  std::vector<Journal::ReadChunk> chunks = journal->TakeChunks();
  if (chunks.empty()) return;
  for (Journal::ReadChunk& read : chunks) {
    ReplicaSet to;
    to.Insert(read.to);
    running_->links.Send(to, std::move(read.chunk));
  }
  running_->links.Flush();
}

void Node::OnSnapshotChunk(ReplicaId from, const SnapshotChunk& chunk) {
  SnapshotPart part{.from = from,
                    .through = chunk.through,
                    .index = chunk.index,
                    .chunks = chunk.chunks};
  const absl::Status decoded = DecodeRecords(
      chunk.entries, ColumnsOf(config_.settings),
      [&](Record&& record) { part.records.push_back(std::move(record)); });
  // What cannot be read did not come: it is asked for again.
  if (decoded.ok()) Step(std::move(part));
}

// Parts go to the disk in order, the last one after every record before it.
void Node::FetchSnapshot() {
  Journal* journal = running_->journal.get();
  if (journal == nullptr || !journal->takes_slice()) return;
  if (std::exchange(snapshot_ends_, false)) {
    Step(SnapshotDurable{});
    Persist();
    Publish();
  }
  if (snapshot_writes_.empty()) return;
  SnapshotWrite write = std::move(snapshot_writes_.front());
  snapshot_writes_.pop_front();
  if (write.begins) checkpoint_.reset();
  snapshot_ends_ = write.ends.has_value();
  if (snapshot_ends_ && !actions_.persist.empty()) {
    journal->Append(actions_.persist, replica_->last_record());
  }
  journal->AppendCheckpoint({.records = std::move(write.records),
                             .begins = write.begins,
                             .ends = write.ends});
}

}  // namespace quorate
