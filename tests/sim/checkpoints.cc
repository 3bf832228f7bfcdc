// Checkpoints, of a node's own state and of a peer's: written slice by slice,
// sent chunk by chunk, installed.
#include <algorithm>
#include <utility>

#include "tests/sim/simulation.h"

namespace quorate::sim {

// ---- slices -----------------------------------------------------------------

bool Simulation::Shell::takes_slice() const {
  return !at().crashing && !at().slice.has_value();
}

bool Simulation::Shell::checkpoint_is_due() const {
  return at().checkpoint_due;
}

void Simulation::Shell::WriteSlice(SnapshotWrite slice, bool of_peer) {
  if (!Happens()) return;
  if (slice.begins) simulation_.NoteCheckpointBegins(index_, of_peer);
  at().slice.emplace(Slice{.write = std::move(slice), .of_peer = of_peer});
  simulation_.AfterDisk(index_, [simulation = &simulation_, index = index_] {
    simulation->WriteSlice(index);
  });
}

void Simulation::NoteCheckpointBegins(int index, bool of_peer) {
  Node& at = node(index);
  at.writes_checkpoint = !of_peer;  // One that was under way makes room.
  at.writes_snapshot = of_peer;
  if (of_peer) return StrikeReader(index);
  at.checkpoint_due = false;
  Count(FaultKind::kCheckpoint);
  Note("checkpoint", index);
  if (at.replica->last_record() != at.disk.last()) {
    verdict_.Fail("a checkpoint stands for every record so far",
                  "r" + std::to_string(index + 1));
  }
}

// The disk's thread is at its work, which a life's end undoes.
void Simulation::AfterDisk(int index, std::function<void()> work) {
  queue_.After(1 + node_random_.HeavyTailed(plan_.disk.sync, 200),
               [this, index, life = node(index).life, work = std::move(work)] {
                 const Node& at = node(index);
                 if (at.life == life && at.replica != nullptr) work();
               });
}

void Simulation::WriteSlice(int index) {
  Node& at = node(index);
  SnapshotWrite& write = at.slice->write;
  if (write.begins) at.disk.BeginCheckpoint();
  at.disk.AppendCheckpoint(std::move(write.records));
  if (write.ends.has_value()) {
    at.disk.FinishCheckpoint(*write.ends, at.slice->of_peer);
  }
  at.slice->written = true;
  FinishSlice(index);
}

// A last slice is not done before every record that it stands for is durable.
void Simulation::FinishSlice(int index) {
  Node& at = node(index);
  if (!at.slice.has_value() || !at.slice->written ||
      at.disk.finishes_checkpoint()) {
    return;
  }
  const Slice slice = *std::exchange(at.slice, std::nullopt);
  ScheduleTurn(index);
  if (!slice.write.ends.has_value()) return;
  if (slice.of_peer) {
    at.writes_snapshot = false;
    NoteInstalled(index);
    return;
  }
  at.writes_checkpoint = false;
  ++statistics_.checkpoints;
  statistics_.marks.Note(Mark::kCheckpoint);
}

// A peer's state is on disk now; the machine is told in the next turn.
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
}

// ---- chunks for peers -------------------------------------------------------

void Simulation::Shell::ReadChunks(const SnapshotRead& read) {
  if (!Happens()) return;
  simulation_.AfterDisk(index_,
                        [simulation = &simulation_, index = index_, read] {
                          simulation->ReadSnapshot(index, read);
                        });
}

std::vector<OutgoingMessage> Simulation::Shell::TakeChunks() {
  return std::exchange(at().chunks, {});
}

void Simulation::ReadSnapshot(int index, const SnapshotRead& read) {
  Node& at = node(index);
  if (at.disk.checkpoint().empty() ||
      at.disk.checkpoint_through() != read.through) {
    return;
  }
  statistics_.marks.Note(Mark::kSnapshotRead);
  const std::uint64_t first = FirstChunkOf(read, at.disk.chunks());
  for (std::uint64_t i = first; i < first + kSnapshotWindow; ++i) {
    std::optional<SimulatedDisk::Chunk> chunk = at.disk.ReadChunk(i);
    if (!chunk.has_value()) break;
    OutgoingMessage& message = at.chunks.emplace_back();
    message.to.Insert(read.to);
    message.message = SnapshotChunk{.through = read.through,
                                    .index = i,
                                    .chunks = chunk->of,
                                    .entries = std::move(chunk->entries)};
  }
  ScheduleTurn(index);
}

}  // namespace quorate::sim
