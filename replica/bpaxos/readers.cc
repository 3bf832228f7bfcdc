#include "replica/bpaxos/readers.h"

#include <algorithm>

namespace quorate::bpaxos {
namespace {

// Ticks that a reader may be silent.
constexpr int kPatience = 500;

}  // namespace

Readers::Readers(int columns) : cut_(columns) {
  const DependencySet none(columns);
  readers_.fill({.committed = none, .forgotten = none});
}

void Readers::HandleRequest(ReplicaId from, const SnapshotRequest& m,
                            const DependencySet& forgotten, Effects& effects) {
  Reader& reader = At(from);
  reader.patience_ticks = kPatience;
  if (cut_through_ == 0 || !cut_.Covers(forgotten) ||
      !cut_.Covers(reader.forgotten)) {
    wants_checkpoint_ = true;
    return;
  }
  // Of another one than it has begun to read, it must begin anew.
  const bool same = m.through == cut_through_;
  effects.actions().snapshot_reads.push_back(
      {.to = from, .through = cut_through_, .first = same ? m.first : 0});
}

void Readers::HandleFrontier(ReplicaId from, const Frontier& m,
                             const DependencySet& base) {
  Reader& reader = At(from);
  reader.forgotten.UnionWith(m.base_floor);
  if (reader.patience_ticks > 0 && reader.committed != m.committed) {
    reader.patience_ticks = kPatience;  // It gets on.
  }
  reader.committed = m.committed;
  if (m.committed.Covers(base)) reader.patience_ticks = 0;
}

void Readers::HandleTick() {
  for (Reader& reader : readers_) {
    if (reader.patience_ticks > 0) --reader.patience_ticks;
  }
}

void Readers::NoteCheckpoint(RecordSequence through,
                             const DependencySet& executed) {
  cut_through_ = through;
  cut_ = executed;
  if (through != 0) wants_checkpoint_ = false;
}

bool Readers::empty() const {
  return std::ranges::none_of(
      readers_, [](const Reader& reader) { return reader.patience_ticks > 0; });
}

}  // namespace quorate::bpaxos
