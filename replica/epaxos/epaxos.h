// Answers: how do replicas agree on (commands, dependencies) without a leader?
//
// EPaxos* (protocol.md 2; Moraru et al., SOSP'13, Fig. 2, with the corrected
// recovery of arXiv 2511.02743): any replica proposes, a fast quorum that
// answers with exactly the command leader's dependencies commits in one round
// trip, otherwise the union is accepted by a classic quorum at ballot 0. Any
// replica finishes an instance whose command leader is gone. No sequence
// numbers: clients hear after execution, so any fixed order inside a component
// will do (protocol.md 1.1).
//
// When one round trip is enough, and what recovery makes of that, is a rule of
// its own (fast_path.h): EPaxos*, Atlas or Unanimous.
//
// Split by phase: pre_accept.cc, accept.cc, commit.cc, recovery.cc,
// validate.cc, tick.cc (retransmission, frontiers, floors), suspicion.cc (who
// recovers, and when), restore.cc, checkpoint.cc, snapshot.cc, invariants.cc.
// Pure, copyable. What must be durable first is decided where a message is sent
// (Send's `rests_on`) and kept by the Outbox; a vote of one's own counts when
// its record is durable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "depsvc/conflict_index.h"
#include "replica/base/floors/readers.h"
#include "replica/base/floors/repair.h"
#include "replica/base/floors/reports.h"
#include "replica/base/floors/stable_execution.h"
#include "replica/base/floors/witnesses.h"
#include "replica/base/settings.h"
#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/core.h"
#include "replica/epaxos/instance.h"
#include "replica/epaxos/recoverer.h"
#include "wire/machine.h"

namespace quorate::epaxos {

class Epaxos {
 public:
  explicit Epaxos(const Settings& settings);

  // Proposes one batch as this replica's next instance.
  InstanceId Propose(CommandBatchPtr batch, Actions& actions);
  void Handle(ReplicaId from, const Message& message, Actions& actions);
  void HandleDurable(RecordSequence through, Actions& actions);
  // `executed`: the executor's frontier.
  void HandleTick(const DependencySet& executed, Actions& actions);
  void HandleSuspicion(ReplicaId peer, bool suspected, Actions& actions);

  // Applies one record of an earlier life; decisions it restores are appended
  // to `committed`. Records of the executor count and do nothing.
  void Restore(const Record& record, std::vector<CommittedInstance>& committed);
  // Appends the records of a checkpoint that give back what is durable here
  // once everything up to last_record() is.
  void Save(std::vector<Record>& records) const;

  // ---- snapshots (snapshot.cc; truncation.md B.3) ----
  // A checkpoint of this replica begins, or is given up (0): readers get this
  // one, and nothing above its committed prefix is forgotten as long as one
  // reads.
  void NoteCheckpoint(RecordSequence through, const DependencySet& executed) {
    readers_.NoteCheckpoint(through, executed);
  }
  const Readers& readers() const { return readers_; }
  // Who told us, since the last call, that it has forgotten what we lack.
  std::optional<Passed> TakePassed();
  // While a snapshot is fetched nothing more is forgotten here: the server need
  // not have executed it.
  void HoldDropFloor(bool hold) { holds_drop_floor_ = hold; }
  // Takes over what another replica has forgotten, executed, and its decisions
  // above, once that is durable here. Own instances it settles are over.
  void Install(const SnapshotFacts& snapshot, Actions& actions);
  // Calls visit(id, instance) for every decision given to the executor that is
  // not forgotten, by column and slot.
  template <typename Visit>
  void ForEachReleased(const Visit& visit) const {
    for (int i = 0; i < core_.quorums.replicas; ++i) {
      const ReplicaId column = ReplicaAt(i);
      for (std::uint64_t slot = core_.log.Dropped(column) + 1;
           slot <= core_.log.Newest(column); ++slot) {
        const Instance& instance = *core_.log.Find({column, slot});
        if (instance.released) visit(InstanceId{column, slot}, instance);
      }
    }
  }

  // Own instances proposed and not yet given to the executor.
  std::size_t own_in_flight() const { return core_.own_in_flight; }
  // Contiguously committed slots of each column.
  const DependencySet& committed_frontier() const { return core_.committed; }
  const DependencySet& base_floor() const { return base_floor_; }
  const DependencySet& drop_floor() const { return core_.drop_floor; }
  // With a record on its way: no decision below it may be needed again.
  const DependencySet& newest_drop_floor() const { return next_drop_floor_; }
  // How far everybody has executed for good, by what is known here.
  const Reports& executed_reports() const { return witnesses_.executed(); }
  const Repair& repair() const { return repair_; }
  ReplicaSet Suspected() const { return core_.suspected; }
  RecordSequence last_record() const { return core_.last_record; }
  const Stats& stats() const { return core_.stats; }
  // Instances that this replica is finishing for their command leaders.
  const std::set<InstanceId>& recoveries() const { return core_.recoveries; }
  const InstanceLog& log() const { return core_.log; }
  const ConflictIndex& index() const { return core_.index; }

  absl::Status CheckInvariants() const;
  std::uint64_t Fingerprint() const;

 private:
  // What was heard from a peer.
  struct Peer {
    // It has been told in this repair period that it needs a snapshot.
    bool told_truncated = false;
    DependencySet committed;
  };
  // pre_accept.cc
  void HandlePreAcceptReply(ReplicaId from, const PreAcceptReply& m,
                            Actions& actions);
  void DecidePreAccept(InstanceId id, Instance& instance, Actions& actions);
  void CommitFast(InstanceId id, Instance& instance, Actions& actions);
  ReplicaSet ChooseFastQuorumPeers() const;
  RecordSequence Reserve(std::uint64_t slot, bool overlap, Actions& actions);
  // accept.cc
  void StartAccept(InstanceId id, Instance& instance, Actions& actions);
  void HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                         Actions& actions);
  void DecideAccept(InstanceId id, Instance& instance, Actions& actions);
  // commit.cc
  void HandleCommit(const Commit& m, Actions& actions);
  void Release(InstanceId id, Instance& instance, bool fast_path,
               Actions& actions);
  void AnnounceCommit(InstanceId id, const Instance& instance,
                      RecordSequence rests_on, Actions& actions);
  // tick.cc
  void ResumeAfterRestart(Actions& actions);
  void RetransmitOwn(Actions& actions);
  void Greet(ReplicaId peer, Actions& actions);
  void SendFrontier(Actions& actions);
  Frontier OwnFrontier() const;
  void HandleFrontier(ReplicaId from, const Frontier& m, Actions& actions);
  void ResendCommits(ReplicaId to, ReplicaId column, Actions& actions);
  void BeginRepairPeriod();
  DependencySet Newest() const;
  void RaiseBaseFloor(Actions& actions);
  void RaiseDropFloor(Actions& actions);
  DependencySet DroppableFloor();
  bool RetainsMoreThan(std::size_t bytes, const DependencySet& from,
                       const DependencySet& to) const;
  bool VotesCover(const DependencySet& floor) const;
  // snapshot.cc
  void HandleSnapshotRequest(ReplicaId from, const SnapshotRequest& m,
                             Actions& actions);
  void HandleTruncated(ReplicaId from, const Truncated& m);
  void TellTruncated(ReplicaId to, Actions& actions);
  void ForgetDropped();
  // restore.cc
  void RestorePayload(Instance& instance, InstanceId id,
                      const CommandBatchPtr& batch);
  Instance* Touch(InstanceId id);
  void RestoreFloors(const FloorRecord& record);
  void RestoreInstance(const InstanceRecord& record,
                       std::vector<CommittedInstance>& committed);

  // It names no slot that cannot be in use.
  bool IsBelievable(const Message& message) const;

  Core core_;
  Recoverer recoverer_;
  bool restoring_checkpoint_ = false;

  // Own slots up to `through` may be proposed once `record` is durable.
  struct Reservation {
    std::uint64_t through = 0;
    RecordSequence record = 0;
  };
  Reservation reservation_;
  Reservation earlier_reservation_;  // The one before, still of use.
  std::array<Peer, kMaxReplicas> peers_;
  bool restored_unfinished_ = false;

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
  DependencySet announced_committed_;
  DependencySet announced_executed_;
};

}  // namespace quorate::epaxos
