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
// Roles: proposer.h, voter.h, recoverer.h and repairer.h act on what they share
// (core.h: the instances, the index, the journal, the way out). Here messages,
// durable records and time find their role; and here is what concerns all of
// them: a decision that is learned, a snapshot taken over, a second life
// (restore.cc, checkpoint.cc). Pure, copyable.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "depsvc/conflict_index.h"
#include "replica/base/settings.h"
#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/core.h"
#include "replica/epaxos/proposer.h"
#include "replica/epaxos/recoverer.h"
#include "replica/epaxos/repairer.h"
#include "wire/machine.h"

namespace quorate::epaxos {

class Epaxos {
 public:
  explicit Epaxos(const Settings& settings);

  // Proposes one batch as this replica's next instance.
  InstanceId Propose(CommandBatchPtr batch, Actions& actions) {
    return proposer_.Propose(core_, repairer_.candidate_floor(),
                             std::move(batch), actions);
  }
  void Handle(ReplicaId from, const Message& message, Actions& actions);
  void HandleDurable(RecordSequence through, Actions& actions);
  // `executed`: the executor's frontier.
  void HandleTick(const DependencySet& executed, Actions& actions);
  void HandleSuspicion(ReplicaId peer, bool suspected, Actions& actions);
  void HandleMeasured(const PeerMeasured& measured) {
    core_.distances.Note(measured.peer, measured.round_trip_us);
  }

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
    repairer_.NoteCheckpoint(through, executed);
  }
  const Readers& readers() const { return repairer_.readers(); }
  // Who told us, since the last call, that it has forgotten what we lack.
  std::optional<Passed> TakePassed() { return repairer_.TakePassed(); }
  // While a snapshot is fetched nothing more is forgotten here: the server need
  // not have executed it.
  void HoldDropFloor(bool hold) { repairer_.HoldDropFloor(hold); }
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
  const DependencySet& base_floor() const { return repairer_.base_floor(); }
  const DependencySet& drop_floor() const { return core_.drop_floor; }
  // With a record on its way: no decision below it may be needed again.
  const DependencySet& newest_drop_floor() const {
    return repairer_.newest_drop_floor();
  }
  // How far everybody has executed for good, by what is known here.
  const Reports& executed_reports() const {
    return repairer_.executed_reports();
  }
  const Repair& repair() const { return repairer_.repair(); }
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
  // What a proposer acts with.
  Step StepOf(Actions& actions) { return {core_, recoverer_, actions}; }
  void HandleAwaited(const AwaitedRecord& awaited, Actions& actions);
  // commit.cc
  void HandleCommit(const Commit& m, Actions& actions);
  void Greet(ReplicaId peer, Actions& actions);
  // restore.cc
  void RestorePayload(Instance& instance, InstanceId id,
                      const CommandBatchPtr& batch);
  Instance* Touch(InstanceId id);
  void RestoreInstance(const InstanceRecord& record,
                       std::vector<CommittedInstance>& committed);

  // It names no slot that cannot be in use.
  bool IsBelievable(const Message& message) const;

  Core core_;
  Proposer proposer_;
  Recoverer recoverer_;
  Repairer repairer_;
  bool restoring_checkpoint_ = false;
};

}  // namespace quorate::epaxos
