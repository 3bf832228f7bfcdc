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
#include <deque>
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
#include "replica/base/outbox.h"
#include "replica/base/quorum.h"
#include "replica/base/settings.h"
#include "replica/base/snapshot_facts.h"
#include "replica/epaxos/fast_path.h"
#include "replica/epaxos/instance.h"
#include "replica/epaxos/instance_log.h"
#include "replica/epaxos/recovery_rule.h"
#include "wire/machine.h"

namespace quorate::epaxos {

// Counts since the process started.
struct Stats {
  std::uint64_t fast_commits = 0;  // own instances
  std::uint64_t slow_commits = 0;
  std::uint64_t retransmissions = 0;
  // Late, repeated, for another ballot or about something never asked.
  std::uint64_t stale_messages = 0;
  // Came without a payload that is not known here; repaired later.
  std::uint64_t missing_payloads = 0;
  // Attempts begun, and how the instances they were about ended.
  std::uint64_t recoveries_started = 0;
  std::uint64_t recovered_payloads = 0;
  std::uint64_t recovered_noops = 0;
  std::uint64_t recoveries_waited = 0;
  // With instances that are validated: the dear part of a recovery.
  std::uint64_t instances_compared = 0;
  std::uint64_t snapshots_installed = 0;
  // Times that members could have been passed but for the witnesses.
  std::uint64_t floors_held_back = 0;
  RuleCounts rules{};
};

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
    for (int i = 0; i < quorums_.replicas; ++i) {
      const ReplicaId column = ReplicaAt(i);
      for (std::uint64_t slot = log_.Dropped(column) + 1;
           slot <= log_.Newest(column); ++slot) {
        const Instance& instance = *log_.Find({column, slot});
        if (instance.released) visit(InstanceId{column, slot}, instance);
      }
    }
  }

  // Own instances proposed and not yet given to the executor.
  std::size_t own_in_flight() const { return own_in_flight_; }
  // Contiguously committed slots of each column.
  const DependencySet& committed_frontier() const { return committed_; }
  const DependencySet& base_floor() const { return base_floor_; }
  const DependencySet& drop_floor() const { return drop_floor_; }
  // With a record on its way: no decision below it may be needed again.
  const DependencySet& newest_drop_floor() const { return next_drop_floor_; }
  // How far everybody has executed for good, by what is known here.
  const Reports& executed_reports() const { return witnesses_.executed(); }
  const Repair& repair() const { return repair_; }
  ReplicaSet Suspected() const;
  RecordSequence last_record() const { return last_record_; }
  const Stats& stats() const { return stats_; }
  // Instances that this replica is finishing for their command leaders.
  const std::set<InstanceId>& recoveries() const { return recoveries_; }
  const InstanceLog& log() const { return log_; }
  const ConflictIndex& index() const { return index_; }

  absl::Status CheckInvariants() const;
  std::uint64_t Fingerprint() const;

 private:
  // What happens when a record becomes durable.
  enum class OnDurable : std::uint8_t {
    kCountOwnPreAccept,
    kCountOwnAccept,
    kReleaseFastCommit,
    kCountOwnPromise,
    kCountOwnValidation,
  };
  struct AwaitedRecord {
    RecordSequence sequence = 0;
    InstanceId instance;
    OnDurable then{};
    // The round that waits; ignored if it is over by then.
    Ballot ballot;
  };
  // What was heard from a peer.
  struct Peer {
    bool suspected = false;
    // Has not answered a question (Inquire), nor anything since.
    bool mute = false;
    // It has been told in this repair period that it needs a snapshot.
    bool told_truncated = false;
    DependencySet committed;
  };
  // A column whose next instance is not decided, though something needs it.
  struct Standstill {
    std::uint64_t committed = 0;  // its frontier when that last moved
    // Since then, or since somebody has said that it is at work.
    int ticks = 0;
    // Who was asked about it last (Inquire), and how long an answer has been
    // waited for; how often somebody was at work, and whether that one is not.
    std::optional<ReplicaId> asked;
    int asking_ticks = 0;
    int believed = 0;
    bool idle = false;
  };

  // pre_accept.cc
  void HandlePreAccept(ReplicaId from, const PreAccept& m, Actions& actions);
  void HandlePreAcceptReply(ReplicaId from, const PreAcceptReply& m,
                            Actions& actions);
  void DecidePreAccept(InstanceId id, Instance& instance, Actions& actions);
  void CommitFast(InstanceId id, Instance& instance, Actions& actions);
  ReplicaSet ChooseFastQuorumPeers() const;
  void CollectHere(InstanceId id, Instance& instance,
                   const CommandBatchPtr& batch, DependencySet& deps);
  RecordSequence Reserve(std::uint64_t slot, bool overlap, Actions& actions);
  // accept.cc
  void StartAccept(InstanceId id, Instance& instance, Actions& actions);
  void HandleAccept(ReplicaId from, const Accept& m, Actions& actions);
  void HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                         Actions& actions);
  void DecideAccept(InstanceId id, Instance& instance, Actions& actions);
  // commit.cc
  void HandleCommit(const Commit& m, Actions& actions);
  // Marks the decision; the caller persists and announces it.
  void MarkCommitted(InstanceId id, Instance& instance, Value value,
                     const DependencySet& deps);
  void Release(InstanceId id, Instance& instance, bool fast_path,
               Actions& actions);
  void AnnounceCommit(InstanceId id, const Instance& instance,
                      RecordSequence rests_on, Actions& actions);
  void AdvanceCommittedFrontier(ReplicaId column);
  // tick.cc
  void ResumeAfterRestart(Actions& actions);
  void RetransmitOwn(Actions& actions);
  void Retransmit(InstanceId id, Instance& instance, Actions& actions);
  void SendRound(InstanceId id, const Instance& instance, ReplicaSet to,
                 Actions& actions);
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
  void RestartRecoveries(Actions& actions);
  void ForgetDropped();
  // recovery.cc
  void StartRecovery(InstanceId id, Actions& actions);
  void HandleRecover(ReplicaId from, const Recover& m, Actions& actions);
  void HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                          Actions& actions);
  void CountRecoverReply(ReplicaId from, RecoverReply m, Actions& actions);
  void HandleNack(const Nack& m);
  void DecideRecovery(InstanceId id, Instance& instance, Actions& actions);
  void GiveUp(InstanceId id, Instance& instance, Actions& actions);
  void ProposeRecovered(InstanceId id, Instance& instance, Value value,
                        const DependencySet& deps, Actions& actions);
  RecoverReply MakeRecoverReply(InstanceId id, const Instance& instance,
                                Ballot ballot) const;
  bool IsRecused(InstanceId id, const Instance& instance) const;
  void Count(RecoveryRule rule) {
    ++stats_.rules[static_cast<std::size_t>(rule)];
  }
  // Under a rule that collects in recovery: answers the payload of a Recover,
  // if it is the first to show it. The record of the promise says so.
  PromisedRecord PromiseTo(InstanceId id, Instance& instance, Ballot ballot,
                           const CommandBatchPtr& batch);
  // Ends rounds of our own that a higher ballot has overtaken.
  void YieldTo(InstanceId id, Instance& instance, Ballot ballot);
  // validate.cc
  void StartValidation(InstanceId id, Instance& instance, Actions& actions);
  void HandleValidate(ReplicaId from, const Validate& m, Actions& actions);
  ValidateReply ValidateHere(InstanceId id, Instance& instance,
                             const Validate& m, Actions& actions);
  std::vector<ValidateReply::Conflict> FindInvalidating(
      InstanceId id, const CommandBatch& batch,
      const DependencySet& initial_deps);
  void HandleValidateReply(ReplicaId from, const ValidateReply& m,
                           Actions& actions);
  void DecideValidation(InstanceId id, Instance& instance, Actions& actions);
  static Waiting WaitingOf(InstanceId id, const Recovering& recovering);
  void HandleWaiting(const Waiting& m, Actions& actions);
  void EvaluateWaiting(InstanceId id, Instance& instance, Actions& actions);
  void EvaluateAllWaiting(Actions& actions);
  // suspicion.cc
  void RecoverWhatIsStuck(Actions& actions);
  bool NeedsRecovery(ReplicaId column, Actions& actions);
  bool WaitsForProposer(ReplicaId column, Standstill& still, Actions& actions);
  void HandleInquire(ReplicaId from, const Inquire& m, Actions& actions);
  void HandleInquireReply(ReplicaId from, const InquireReply& m);
  std::optional<ReplicaId> ProposerOf(ReplicaId column) const;
  int PatienceWith(ReplicaId column) const;
  int RankAfter(ReplicaId column) const;
  bool IsLost(ReplicaId replica) const;
  void DriveRecoveries(Actions& actions);
  void RepeatRecovery(InstanceId id, Instance& instance, Actions& actions);
  void SendAttempt(InstanceId id, const Instance& instance, ReplicaSet to,
                   Actions& actions);
  // restore.cc
  void RestorePayload(Instance& instance, InstanceId id,
                      const CommandBatchPtr& batch);
  Instance* Touch(InstanceId id);
  void RestoreFloors(const FloorRecord& record);
  void RestoreInstance(const InstanceRecord& record,
                       std::vector<CommittedInstance>& committed);

  // ---- small helpers shared by the phases (epaxos.cc) ----
  RecordSequence Persist(Record record, Actions& actions);
  void Await(RecordSequence record, InstanceId id, OnDurable then,
             Actions& actions, Ballot ballot = {});
  void Send(ReplicaId to, Message message, RecordSequence rests_on,
            Actions& actions);
  // For repetitions: Outbox::SendAgain.
  void SendAgain(ReplicaId to, Message message, RecordSequence rests_on,
                 Actions& actions);
  void Broadcast(Message message, RecordSequence rests_on, Actions& actions);
  // Learns the payload of an instance: remembers and indexes it once.
  void LearnPayload(InstanceId id, Instance& instance,
                    const CommandBatchPtr& batch);
  // Puts in the payload that is known here, whether or not the message left it
  // out. False when there is none.
  bool FillPayload(const Instance& instance, Value& value) const;
  // It names no slot that cannot be in use.
  bool IsBelievable(const Message& message) const;
  // The value with its payload only if no earlier record has it.
  Value ValueForRecord(Instance& instance) const;
  // Answers a message about a decided or forgotten instance. True if it did.
  bool AnswerIfSettled(ReplicaId from, InstanceId id, const Instance* instance,
                       Actions& actions);
  // To a message of a ballot that is too low: how high it must be.
  void SayPromised(ReplicaId to, InstanceId id, const Instance& instance,
                   Actions& actions);
  bool IsSelf(ReplicaId replica) const { return replica == self_; }
  ReplicaSet Everybody() const { return ReplicaSet::FirstN(quorums_.replicas); }
  ReplicaSet Others() const;

  Settings settings_;
  QuorumSizes quorums_;
  FastPath fast_path_;
  ReplicaId self_;

  InstanceLog log_;
  ConflictIndex index_;
  Outbox outbox_;
  std::deque<AwaitedRecord> awaited_;
  RecordSequence last_record_ = 0;
  bool restoring_checkpoint_ = false;

  std::uint64_t next_slot_ = 1;
  // Own slots up to `through` may be proposed once `record` is durable.
  struct Reservation {
    std::uint64_t through = 0;
    RecordSequence record = 0;
  };
  Reservation reservation_;
  Reservation earlier_reservation_;  // The one before, still of use.
  // Slots that may have been proposed and forgotten: our own, known from the
  // journal, and those that peers have told of. Every proposal covers them.
  DependencySet forgotten_;
  // Some earlier life announced fast commits before their records were durable.
  bool lazy_before_ = false;
  std::size_t own_in_flight_ = 0;
  DependencySet committed_;
  std::array<Peer, kMaxReplicas> peers_;
  bool restored_unfinished_ = false;
  // Undecided instances that this replica recovers, in order.
  std::set<InstanceId> recoveries_;
  // Highest slot of each column that anything here depends on.
  DependencySet needed_;
  std::array<Standstill, kMaxReplicas> standstills_;  // by column

  // Floors (truncation.md B.2).
  DependencySet base_floor_;          // announced: its record is durable
  DependencySet drop_floor_;          // durable: what lies below may go
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
  Stats stats_;
};

}  // namespace quorate::epaxos
