// Answers: when is a peer's snapshot fetched, and from whom?
//
// Drives SnapshotFetch: begins one when a peer has forgotten what is needed
// here, asks again when nothing comes, goes to another server when one is
// silent or makes no sense, and leaves repair the time it needs afterwards.
// What the snapshot means to the protocol is its replica's to say. Pure,
// copyable.
#pragma once

#include <cstdint>
#include <optional>

#include "replica/settings.h"
#include "replica/snapshot_fetch.h"
#include "wire/machine.h"

namespace quorate {

class StateTransfer {
 public:
  explicit StateTransfer(const Settings& settings)
      : settings_(settings),
        lacked_(ColumnsOf(settings)),
        last_committed_(ColumnsOf(settings)) {}

  // `forgotten`: what this replica cannot commit again, its own floor.
  void Begin(const Passed& passed, const DependencySet& forgotten,
             Actions& actions);
  // The failure detector suspects a peer.
  void LoseServer(ReplicaId peer);
  // `committed`: this replica's frontier. Repair gets on where it was behind
  // what a peer has forgotten; that other columns move says nothing.
  void Tick(const DependencySet& committed, Actions& actions);

  // What is to be written of the part is in `write`; the caller hands it on
  // unless the part was ignored or broke the attempt. After kWhole it appends
  // the protocol's records and calls Seal.
  SnapshotFetch::Outcome Take(const SnapshotPart& part, SnapshotWrite& write,
                              Actions& actions);
  void Seal(RecordSequence through, SnapshotWrite& write);

  // Everything is here and on disk, or on the way there.
  bool is_sealed() const { return fetch_ && fetch_->is_writing; }
  // What was fetched; sealed only.
  SnapshotFetch& fetched() { return *fetch_; }
  void NoteInstalled();

  bool under_way() const { return fetch_.has_value(); }
  // Chunks that are here, of how many (0: not known).
  std::uint64_t received() const { return fetch_ ? fetch_->received() : 0; }
  std::uint64_t chunks() const { return fetch_ ? fetch_->chunks() : 0; }

 private:
  // Ticks that repair may stand still before the next snapshot.
  static constexpr int kRepairPatience = 100;

  void Request(Actions& actions);
  void GiveUp();
  bool GetsOn(const DependencySet& committed) const;

  Settings settings_;
  std::optional<SnapshotFetch> fetch_;
  // Ticks since the last snapshot, or since what followed it came in.
  int installed_ticks_ = kRepairPatience;
  // The last server that was given up, and for how long others go first.
  ReplicaId avoided_{};
  int avoid_ticks_ = 0;
  DependencySet lacked_;  // up to there, when a peer last said so
  DependencySet last_committed_;
};

}  // namespace quorate
