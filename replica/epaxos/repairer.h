// Answers: what does each member lack, and what may everybody forget?
//
// Frontiers tell how far each member has committed, executed and raised its
// floor. From them: decisions sent again to who lacks them (repair.cc), floors
// below which nothing is needed any more (floors.cc; truncation.md B), and
// members that were left out, which need a snapshot (snapshot.cc). Pure,
// copyable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "replica/base/floors/readers.h"
#include "replica/base/floors/repair.h"
#include "replica/base/floors/reports.h"
#include "replica/base/floors/stable_execution.h"
#include "replica/base/floors/witnesses.h"
#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/core.h"
#include "wire/fingerprint.h"

namespace quorate::epaxos {

class Repairer {
 public:
  explicit Repairer(const Core& core);

  // `executed`: the executor's frontier.
  void HandleTick(Core& core, const DependencySet& executed, Actions& actions);
  void HandleDurable(Core& core, RecordSequence through);
  void HandleFrontier(Core& core, ReplicaId from, const Frontier& m,
                      Actions& actions);
  // A peer is there: it hears how far we are, so that it does the same.
  void Greet(Core& core, ReplicaId peer, Actions& actions);

  // ---- members that were left out (snapshot.cc; truncation.md B.3) ----
  void HandleSnapshotRequest(Core& core, ReplicaId from,
                             const SnapshotRequest& m, Actions& actions);
  void HandleTruncated(Core& core, ReplicaId from, const Truncated& m);
  std::optional<Passed> TakePassed();
  void NoteCheckpoint(RecordSequence through, const DependencySet& executed) {
    readers_.NoteCheckpoint(through, executed);
  }
  void HoldDropFloor(bool hold) { holds_drop_floor_ = hold; }
  // Everything below is taken over from a peer that has forgotten it.
  void Install(Core& core, const DependencySet& drop_floor);

  void RestoreFloors(Core& core, const FloorRecord& record);
  // Durable, or with a record on its way.
  FloorRecord newest_floors() const {
    return {.base_floor = next_base_floor_, .drop_floor = next_drop_floor_};
  }

  const DependencySet& base_floor() const { return base_floor_; }
  const DependencySet& newest_drop_floor() const { return next_drop_floor_; }
  // What every new own proposal covers (B-R1b).
  const DependencySet& candidate_floor() const { return candidate_floor_; }
  const Readers& readers() const { return readers_; }
  const Reports& executed_reports() const { return witnesses_.executed(); }
  const Repair& repair() const { return repair_; }
  const Reports& base_floors() const { return base_floors_; }
  void MixInto(const Core& core, Fingerprint& print) const;

 private:
  // What was heard from a peer.
  struct Peer {
    // It has been told in this repair period that it needs a snapshot.
    bool told_truncated = false;
    DependencySet committed;
    int period_ticks = 0;               // of its repair period
    std::uint64_t spoken_to_ticks = 0;  // when it was last sent anything
  };

  // repair.cc
  void SendFrontier(Core& core, Actions& actions);
  void SendHeartbeat(Core& core, Actions& actions);
  void NoteSpokenTo(Core& core);
  bool MayWait(const Core& core) const;
  Frontier OwnFrontier(const Core& core) const;
  void ResendCommits(Core& core, ReplicaId to, ReplicaId column,
                     Actions& actions);
  bool MayBeUnderWay(const Core& core, ReplicaId to, ReplicaId column) const;
  void BeginRepairPeriods(const Core& core);
  static DependencySet Newest(const Core& core);
  // floors.cc
  void RaiseBaseFloor(Core& core, Actions& actions);
  void RaiseDropFloor(Core& core, Actions& actions);
  DependencySet DroppableFloor(Core& core);
  static bool RetainsMoreThan(const Core& core, std::size_t bytes,
                              const DependencySet& from,
                              const DependencySet& to);
  bool VotesCover(const Core& core, const DependencySet& floor) const;
  void ForgetDropped(Core& core);
  // snapshot.cc
  void TellTruncated(Core& core, ReplicaId to, Actions& actions);

  std::array<Peer, kMaxReplicas> peers_;

  // Floors (truncation.md B.2).
  DependencySet base_floor_;          // announced: its record is durable
  DependencySet candidate_floor_;     // every new own proposal covers it
  std::uint64_t candidate_mark_ = 0;  // own slots below must commit first
  // Newest slots known when the candidate was taken: votes on them may miss
  // what it covers (B-R1c').
  DependencySet candidate_votes_;
  DependencySet next_base_floor_;  // persisted, not yet durable
  DependencySet next_drop_floor_;
  RecordSequence floor_record_ = 0;  // 0: none under way
  StableExecution stable_;
  Reports base_floors_;  // of all members
  Witnesses witnesses_;
  Repair repair_;

  Readers readers_;
  std::optional<Passed> passed_;
  bool holds_drop_floor_ = false;

  std::uint64_t ticks_ = 0;
  std::uint64_t announced_ticks_ = 0;
  DependencySet announced_committed_;
  DependencySet announced_executed_;
};

}  // namespace quorate::epaxos
