// Checkpoints, of a node's own state and of a peer's: written slice by slice,
// sent chunk by chunk, installed.
#include <algorithm>
#include <utility>

#include "tests/sim/simulation.h"

namespace quorate::sim {
// ---- checkpoints ------------------------------------------------------------

void Simulation::BeginCheckpoint(int index) {
  Node& at = node(index);
  const std::optional<RecordSequence> through = at.replica->BeginCheckpoint();
  if (!through.has_value()) return;
  at.checkpoint_through = *through;
  Count(FaultKind::kCheckpoint);
  Note("checkpoint", index);
  if (*through != at.disk.last()) {
    verdict_.Fail("a checkpoint stands for every record so far",
                  "r" + std::to_string(index + 1));
  }
  at.disk.BeginCheckpoint();
  if (!std::exchange(at.writes_checkpoint, true)) {
    ScheduleCheckpointSlice(index);
  }
}

// Slices come between turns, one now and several then.
void Simulation::ScheduleCheckpointSlice(int index) {
  queue_.After(1 + node_random_.HeavyTailed(plan_.disk.sync, 200),
               [this, index, life = node(index).life] {
                 Node& at = node(index);
                 if (at.life != life || at.replica == nullptr) return;
                 if (!at.writes_checkpoint) return;  // A snapshot's turn.
                 if (!at.paused) ContinueCheckpoint(index);
                 if (at.writes_checkpoint) ScheduleCheckpointSlice(index);
               });
}

void Simulation::ContinueCheckpoint(int index) {
  Node& at = node(index);
  std::vector<Record> records;
  if (at.replica->NextCheckpointRecords(1 + node_random_.Below(2000),
                                        records)) {
    at.disk.AppendCheckpoint(std::move(records));
    return;
  }
  at.writes_checkpoint = false;
  at.disk.FinishCheckpoint(at.checkpoint_through, /*is_snapshot=*/false);
  ++statistics_.checkpoints;
  statistics_.marks.Note(Mark::kCheckpoint);
}

// ---- snapshots --------------------------------------------------------------

void Simulation::ReadSnapshot(int index, const SnapshotRead& read) {
  Node& at = node(index);
  if (at.disk.checkpoint().empty() ||
      at.disk.checkpoint_through() != read.through) {
    return;
  }
  statistics_.marks.Note(Mark::kSnapshotRead);
  for (std::uint64_t i = 0; i < kSnapshotWindow; ++i) {
    std::optional<SimulatedDisk::Chunk> chunk =
        at.disk.ReadChunk(read.first + i);
    if (!chunk.has_value()) return;
    ReplicaSet to;
    to.Insert(read.to);
    SendMessage(index, {.to = to,
                        .message = SnapshotChunk{
                            .through = read.through,
                            .index = read.first + i,
                            .chunks = chunk->of,
                            .entries = std::move(chunk->entries)}});
  }
}

void Simulation::WriteSnapshot(int index, const SnapshotWrite& write) {
  Node& at = node(index);
  if (write.begins) {
    at.writes_checkpoint = false;  // One that was under way makes room.
    at.writes_snapshot = true;
    at.disk.BeginCheckpoint();
    StrikeReader(index);
  }
  at.disk.AppendCheckpoint(write.records);
  if (!write.ends.has_value()) return;
  at.writes_snapshot = false;
  at.disk.FinishCheckpoint(*write.ends, /*is_snapshot=*/true);
  NoteInstalled(index);
}

// The snapshot is on disk now, perhaps.
void Simulation::NoteInstalled(int index) {
  Node& at = node(index);
  if (!at.disk.TakeInstalled()) return;
  statistics_.marks.Note(Mark::kSnapshotInstalled);
  Note("snapshot", index);
  for (const Record& record : at.disk.snapshot()) {
    if (const auto* floors = std::get_if<FloorRecord>(&record)) {
      ghost_.Installed(ReplicaAt(index), floors->drop_floor,
                       at.disk.snapshot());
    }
  }
  Enqueue(index, SnapshotDurable{});
}

}  // namespace quorate::sim
