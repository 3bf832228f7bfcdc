#include "replica/base/floors/readers.h"

#include <bit>

#include "wire/timers.h"

namespace quorate {
namespace {

// Ticks that a reader may be silent.
constexpr int kPatienceTicks = TicksOf<"readers.silent">;

}  // namespace

Readers::Readers(int columns, ReplicaSet members)
    : readers_(static_cast<std::size_t>(std::bit_width(members.bits())),
               {.committed = DependencySet(columns)}),
      cut_(columns) {}

void Readers::HandleRequest(ReplicaId from, const SnapshotRequest& m,
                            const DependencySet& forgotten, Actions& actions) {
  readers_[static_cast<std::size_t>(Index(from))].patience_ticks =
      kPatienceTicks;
  if (cut_through_ == 0 || !cut_.Covers(forgotten) ||
      !cut_.Covers(m.forgotten)) {
    wants_checkpoint_ = true;
    return;
  }
  // Of another one than it has begun to read, it must begin anew.
  const bool same = m.through == cut_through_;
  actions.snapshot_reads.push_back(
      {.to = from, .through = cut_through_, .first = same ? m.first : 0});
}

void Readers::HandleFrontier(ReplicaId from, const DependencySet& committed,
                             const DependencySet& enough) {
  Reader& reader = readers_[static_cast<std::size_t>(Index(from))];
  if (reader.patience_ticks > 0 && reader.committed != committed) {
    reader.patience_ticks = kPatienceTicks;  // It gets on.
  }
  reader.committed = committed;
  if (committed.Covers(enough)) reader.patience_ticks = 0;
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

}  // namespace quorate
