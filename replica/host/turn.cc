#include "replica/host/turn.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace quorate {

Turn::Turn(TurnWorld& world, TurnDisk* disk, RecordSequence durable,
           const TurnLimits& limits)
    : world_(world), disk_(disk), limits_(limits), durable_(durable) {}

// Large results do not gather to the end of the turn.
void Turn::Step(const Event& event, bool may_publish) {
  if (std::holds_alternative<Tick>(event)) tick_passed_ = true;
  world_.Step(event, actions_);
  if (may_publish && actions_.result_bytes > limits_.most_result_bytes) {
    Publish();
  }
}

void Turn::End() {
  StepCommands();
  StepDurable();
  Persist();
  Publish();
  HoldBackPeers();
  FetchSnapshot();
  Checkpoint();
  ServeSnapshot();
  if (!world_.stays_awake()) FlushHeldCommits();
  tick_passed_ = false;
}

void Turn::StepCommands() {
  ClientCommands commands = world_.TakeCommands();
  if (!commands.batches.empty()) Step(std::move(commands));
}

void Turn::StepDurable() {
  if (disk_ == nullptr) return;
  const RecordSequence durable = disk_->durable();
  if (durable <= durable_) return;
  durable_ = durable;
  world_.NoteDurable(durable);
  Step(RecordsDurable{.through = durable});
}

// ---- records ----------------------------------------------------------------

void Turn::Persist() {
  if (disk_ == nullptr) return PersistInMemory();
  if (actions_.persist.empty()) return;
  if (actions_.persist_is_lazy) {
    if (tick_passed_ || actions_.persist.size() >= limits_.most_lazy_records) {
      AppendRest();
    }
    return;
  }
  while (!actions_.persist.empty() && !actions_.persist_is_lazy) {
    // What may leave already does not wait for the disk.
    Publish();
    FlushHeldCommits();
    actions_.persist_is_lazy = true;
    if (!disk_->AppendNow(actions_.persist, world_.replica().last_record())) {
      return;
    }
    // The answers are about to come: the look-out begins after the sync.
    world_.NoteActivity();
    StepDurable();
  }
}

// Not durable, and said so.
void Turn::PersistInMemory() {
  while (!actions_.persist.empty()) {
    actions_.persist.clear();
    Step(RecordsDurable{.through = world_.replica().last_record()});
  }
}

void Turn::AppendRest() {
  if (disk_ == nullptr || actions_.persist.empty()) return;
  disk_->Append(actions_.persist, world_.replica().last_record());
  actions_.persist_is_lazy = true;
}

// A disk that is slower than the others must not fill the memory.
void Turn::HoldBackPeers() {
  if (disk_ == nullptr) return;
  const std::size_t unwritten = disk_->unwritten_bytes();
  if (unwritten > limits_.most_unwritten_bytes) {
    world_.SetReading(false);
  } else if (unwritten <= limits_.most_unwritten_bytes / 2) {
    world_.SetReading(true);
  }
}

// ---- messages and replies ---------------------------------------------------

// Peers first: a message of ours delays a command more than a reply does. But
// nobody waits for a Commit as the client waits for its reply: it goes after
// that, with the next message if one comes while the loop looks out. On its own
// it would wake every peer at the moment when the client needs a core for its
// next request.
void Turn::Publish() {
  if (!actions_.messages.empty() || !actions_.replies.empty()) {
    ++turns_;
    world_.NoteActivity();
  }
  const bool only_commits = std::ranges::all_of(
      actions_.messages, [](const OutgoingMessage& outgoing) {
        return std::holds_alternative<Commit>(outgoing.message);
      });
  if (only_commits) Reply();
  for (const OutgoingMessage& outgoing : actions_.messages) {
    world_.Send(outgoing);
  }
  if (!actions_.messages.empty()) holds_commits_ = true;
  if (!only_commits) {
    FlushHeldCommits();  // Whatever is there goes.
    Reply();
  }
  HandOverSnapshots();
  actions_.messages.clear();
  actions_.result_bytes = 0;
  actions_.executed.clear();
}

void Turn::FlushHeldCommits() {
  if (std::exchange(holds_commits_, false)) world_.Flush();
}

void Turn::Reply() {
  world_.Reply(actions_.replies, actions_.committed);
  actions_.replies.clear();
  actions_.committed.clear();
}

// ---- checkpoints ------------------------------------------------------------

void Turn::HandOverSnapshots() {
  for (const SnapshotRead& read : actions_.snapshot_reads) {
    if (disk_ != nullptr) disk_->ReadChunks(read);
  }
  for (SnapshotWrite& write : actions_.snapshot_writes) {
    if (write.begins) snapshot_writes_.clear();
    snapshot_writes_.push_back(std::move(write));
  }
  actions_.snapshot_reads.clear();
  actions_.snapshot_writes.clear();
}

// Parts go to the disk in order, the last one after every record before it.
void Turn::FetchSnapshot() {
  if (disk_ == nullptr || !disk_->takes_slice()) return;
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
  if (snapshot_ends_) AppendRest();
  disk_->WriteSlice(std::move(write), /*of_peer=*/true);
}

// A slice a turn, and none while the disk is at the one before: its pace is the
// checkpoint's.
void Turn::Checkpoint() {
  if (disk_ == nullptr || !disk_->takes_slice() || !snapshot_writes_.empty() ||
      snapshot_ends_) {
    return;
  }
  // One that was begun too early for the peer that needs it makes room.
  if (world_.replica().wants_checkpoint()) checkpoint_.reset();
  SnapshotWrite slice{.begins = !checkpoint_.has_value()};
  if (slice.begins) {
    if (!WantsCheckpoint()) return;
    // What the picture stands for is on its way to the disk before it.
    AppendRest();
    checkpoint_ = world_.replica().BeginCheckpoint();
    if (!checkpoint_.has_value()) return;
  }
  if (!world_.replica().NextCheckpointRecords(limits_.slice_bytes,
                                              slice.records)) {
    slice.ends = std::exchange(checkpoint_, std::nullopt);
  }
  disk_->WriteSlice(std::move(slice), /*of_peer=*/false);
}

bool Turn::WantsCheckpoint() const {
  if (world_.replica().wants_checkpoint()) return true;
  // A peer reads the last one.
  if (world_.replica().holds_checkpoint()) return false;
  return disk_->checkpoint_is_due();
}

void Turn::ServeSnapshot() {
  if (disk_ == nullptr) return;
  const std::vector<OutgoingMessage> chunks = disk_->TakeChunks();
  if (chunks.empty()) return;
  for (const OutgoingMessage& chunk : chunks) world_.Send(chunk);
  world_.Flush();
}

}  // namespace quorate
