// Answers: when is a peer's snapshot fetched, and from whom?
//
// Drives SnapshotFetch: begins one when a peer has forgotten what is needed
// here, asks again when nothing comes, goes to another server when one is
// silent or makes no sense, and leaves repair the time it needs afterwards. A
// server must have executed all that this replica has forgotten itself; of
// those that are up the one that said so first, else whoever has most. Where no
// single one has all, a second snapshot follows the first.
// What the snapshot means to the protocol is its replica's to say. Pure,
// copyable.
#pragma once

#include <cstdint>
#include <optional>

#include "replica/base/floors/reports.h"
#include "replica/base/settings.h"
#include "replica/host/snapshot_fetch.h"
#include "wire/machine.h"
#include "wire/timers.h"

namespace quorate {

class StateTransfer {
 public:
  // How far this replica and the others are.
  struct Progress {
    DependencySet committed;
    // What cannot be committed here again, the own floor: a server that has not
    // executed as much is of no use.
    DependencySet forgotten;
    const Reports& executed;  // of everybody, for good
    ReplicaSet suspected;
  };

  explicit StateTransfer(const Settings& settings)
      : self_(settings.self),
        settings_(settings),
        lacked_(ColumnsOf(settings)),
        last_committed_(ColumnsOf(settings)) {}

  void Begin(const Passed& passed, const Progress& now, Actions& actions);
  // The failure detector suspects a peer.
  void LoseServer(ReplicaId peer);
  // Repair gets on where this replica was behind what a peer has forgotten;
  // that other columns move says nothing.
  void Tick(const Progress& now, Actions& actions);

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
  std::optional<ReplicaId> server() const {
    return fetch_ ? std::optional(fetch_->server()) : std::nullopt;
  }
  // What is lacked here is forgotten by those that are up, and none of them can
  // give its state: one of these must come back. Usually empty.
  ReplicaSet waits_for() const { return waits_for_; }
  // Chunks that are here, of how many (0: not known).
  std::uint64_t received() const { return fetch_ ? fetch_->received() : 0; }
  std::uint64_t chunks() const { return fetch_ ? fetch_->chunks() : 0; }

 private:
  // Ticks that repair may stand still before the next snapshot.
  static constexpr int kRepairTicks = TicksOf<"snapshot.repair">;

  void Request(Actions& actions);
  void GiveUp();
  bool GetsOn(const DependencySet& committed) const;
  bool CanServe(ReplicaId peer, const Progress& now) const;
  std::optional<ReplicaId> FindServer(ReplicaId told_by,
                                      const Progress& now) const;
  bool RepairMayDo(const Passed& passed, const Progress& now) const;
  ReplicaSet WhoMustComeBack(const Progress& now) const;

  ReplicaId self_;
  Settings settings_;
  std::optional<SnapshotFetch> fetch_;
  // Ticks since the last snapshot, or since what followed it came in.
  int installed_ticks_ = kRepairTicks;
  // The last server that was given up, and for how long others go first.
  ReplicaId avoided_{};
  int avoid_ticks_ = 0;
  // Where the last snapshot came from.
  std::optional<ReplicaId> installed_from_;
  DependencySet lacked_;  // up to there, when a peer last said so
  DependencySet last_committed_;
  // Ticks since repair last got on while something is lacked, and a server is.
  int stuck_ticks_ = 0;
  ReplicaSet waits_for_;
};

}  // namespace quorate
