// Answers: how do replicas agree on one log under a leader?
//
// Multi-Paxos (Lamport, Paxos Made Simple, 3; protocol.md 6). A ballot is for
// the whole log. A candidate asks a phase 1 quorum what it has accepted above
// the candidate's decided prefix; then it leads: it proposes again what may
// have been chosen, fills the gaps with noops, and from then on one round trip
// to a phase 2 quorum decides each slot, many at once. Followers learn
// decisions from the commit index that travels with the next Accept or, on the
// tick, with Lead.
//
// Split by job: election.cc (Prepare, Promise, roles), replicate.cc (Accept,
// votes, decisions), tick.cc (signs of the leader, repetition, repair, floors),
// reads.cc (reads at the leader), restore.cc (restart, checkpoints, snapshots),
// invariants.cc. Pure, copyable. What must be durable first is decided where a
// message is sent and kept by the Outbox; a vote of one's own counts when its
// record is durable. The only randomness is what Tick brings.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "replica/base/distances.h"
#include "replica/base/floors/readers.h"
#include "replica/base/floors/reports.h"
#include "replica/base/outbox.h"
#include "replica/base/quorum_system.h"
#include "replica/base/settings.h"
#include "replica/base/snapshot_facts.h"
#include "replica/multipaxos/log.h"
#include "wire/machine.h"

namespace quorate::multipaxos {

// Counts since the process started.
struct Stats {
  std::uint64_t decided_here = 0;  // slots proposed by this replica
  std::uint64_t retransmissions = 0;
  // Late, repeated, for another ballot or about something never asked.
  std::uint64_t stale_messages = 0;
  std::uint64_t elections_started = 0;
  std::uint64_t elections_won = 0;
  // Proposed again, or filled, by this replica when it began to lead.
  std::uint64_t recovered_payloads = 0;
  std::uint64_t recovered_noops = 0;
  std::uint64_t leader_reads = 0;  // commands
  std::uint64_t snapshots_installed = 0;
};

// Waits for a sign of the leader.
struct Following {
  int silent_ticks = 0;
};

// Asks for promises at a ballot of its own.
struct Campaigning {
  // Up to here each peer has told its votes; kEndOfLog: it has promised.
  std::array<std::uint64_t, kMaxReplicas> told_through{};
  ReplicaSet promised;  // The own promise counts once it is durable.
  // Of the peers, by slot: the vote of the highest ballot.
  std::map<std::uint64_t, Promise::Vote> votes;
  // The first slot that was asked about.
  std::uint64_t first = 1;
  int age_ticks = 0;
};

// Proposes.
struct Leading {
  std::uint64_t next_slot = 1;
  // Slots up to here may have been decided under earlier leaders: a read must
  // see them.
  std::uint64_t recovered_through = 0;
  std::size_t in_flight = 0;
  // What the followers have been told.
  std::uint64_t announced = 0;
  std::uint64_t announced_tick = 0;
  std::uint64_t since_tick = 0;  // when it began to lead
  // Ticks without a decision while something is in flight.
  int stalled_ticks = 0;

  // Reads that wait, oldest first (reads.cc).
  struct Reads {
    std::vector<CommandBatchPtr> batches;
    std::uint64_t round = 0;  // A quorum must answer this one, or a later one,
    std::uint64_t index = 0;  // and all slots up to here be executed.
  };
  std::deque<Reads> reads;
  // Batches that wait for the next round to begin.
  std::vector<CommandBatchPtr> gathering;
  std::uint64_t round = 0;      // the last one begun
  std::uint64_t confirmed = 0;  // the last one a quorum has answered
  ReplicaSet round_voters;
  std::uint64_t round_tick = 0;
};

class Multipaxos {
 public:
  explicit Multipaxos(const Settings& settings);

  bool leads() const { return std::holds_alternative<Leading>(role_); }
  bool campaigns() const { return std::holds_alternative<Campaigning>(role_); }
  // Who leads, as far as this replica knows.
  std::optional<ReplicaId> leader() const;
  Ballot ballot() const { return promised_ballot_; }

  // Proposes one batch in the next slot. Leaders only.
  InstanceId Propose(CommandBatchPtr batch, Actions& actions);
  // Own proposals without a decision. 0 unless it leads.
  std::size_t in_flight() const;

  // Commands that only read, to be served without the log. Leaders only.
  void Read(CommandBatchPtr batch, Actions& actions);
  // Batches that may be served from the executed state now.
  std::vector<CommandBatchPtr> TakeServableReads(std::uint64_t executed);
  std::size_t waiting_reads() const;

  void Handle(ReplicaId from, const Message& message, Actions& actions);
  void HandleDurable(RecordSequence through, Actions& actions);
  void HandleTick(std::uint64_t random, Actions& actions);
  void HandleSuspicion(ReplicaId peer, bool suspected);
  void HandleMeasured(const PeerMeasured& measured) {
    distances_.Note(measured.peer, measured.round_trip_us);
  }

  // Does a client wait here for what this slot carries?
  bool IsOwn(InstanceId id) const;
  // Own proposals, and reads, that this replica has lost sight of since the
  // last call, because it no longer leads: what became of them is not known
  // here.
  std::vector<CommandBatchPtr> TakeOrphans();

  // Applies one record of an earlier life; decisions it restores are appended
  // to `committed`. Records of the executor count and do nothing.
  void Restore(const Record& record, std::vector<CommittedInstance>& committed);
  // Appends the records of a checkpoint that give back what is durable here
  // once everything up to last_record() is.
  void Save(std::vector<Record>& records) const;

  // ---- snapshots, as in epaxos.h ----
  void NoteCheckpoint(RecordSequence through, const DependencySet& executed) {
    readers_.NoteCheckpoint(through, executed);
  }
  const Readers& readers() const { return readers_; }
  const Reports& executed_reports() const { return executed_; }
  ReplicaSet Suspected() const;
  std::optional<Passed> TakePassed();
  void HoldDropFloor(bool hold) { holds_drop_floor_ = hold; }
  void Install(const SnapshotFacts& snapshot, Actions& actions);

  // Every slot up to here is decided, and given to the executor.
  std::uint64_t committed() const { return committed_; }
  DependencySet committed_frontier() const { return Column(committed_); }
  std::uint64_t base_floor() const { return base_floor_; }
  std::uint64_t drop_floor() const { return log_.dropped(); }
  std::uint64_t newest_drop_floor() const { return next_drop_floor_; }
  RecordSequence last_record() const { return last_record_; }
  const Stats& stats() const { return stats_; }
  const Log& log() const { return log_; }
  const PaxosQuorums& quorums() const { return quorums_; }
  // The slot as a watermark in the log's column.
  DependencySet Column(std::uint64_t slot) const;

  absl::Status CheckInvariants() const;
  std::uint64_t Fingerprint() const;

 private:
  // What happens when a record becomes durable.
  enum class OnDurable : std::uint8_t { kCountOwnPromise, kCountOwnVote };
  struct AwaitedRecord {
    RecordSequence sequence = 0;
    OnDurable then{};
    // The round that waits; ignored if it is over by then.
    Ballot ballot;
    std::uint64_t slot = 0;
  };
  // What was heard from a peer.
  struct Peer {
    bool suspected = false;
    bool told_truncated = false;  // in this repair period
    std::uint64_t committed = 0;
    // Slots up to here were decided here when the current repair period began,
    // so a peer that lacks one of them has probably lost it.
    std::uint64_t overdue = 0;
    std::uint64_t overdue_next = 0;
    std::uint64_t resent = 0;  // in this period
  };

  // election.cc
  void DriveElection(std::uint64_t random, Actions& actions);
  int Patience() const;
  void DrawPatience(std::uint64_t random);
  void StartElection(Actions& actions);
  void AskForPromises(Actions& actions);
  void HandlePrepare(ReplicaId from, const Prepare& m, Actions& actions);
  Promise TellVotes(const Prepare& m, RecordSequence& rests_on) const;
  void HandlePromise(ReplicaId from, const Promise& m, Actions& actions);
  void NoteVote(Campaigning& campaign, const Promise::Vote& vote,
                Actions& actions);
  void DecideElection(Actions& actions);
  void BeginToLead(Actions& actions);
  void ProposeAgain(std::uint64_t slot, const Promise::Vote* told,
                    Actions& actions);
  void HandleNack(ReplicaId from, const Nack& m, Actions& actions);
  // Is there a leader near that should not be disturbed by `candidate`?
  bool HearsLeader(ReplicaId candidate) const;
  bool LeadsFirmly() const;
  // Promises a ballot of another replica, and with it gives up every own one.
  void Yield(Ballot ballot);
  void Follow();
  void Orphan(Slot& slot);
  void LeaveReads();
  // A leader at this ballot has given a sign. False when it is not to be
  // believed; then it has been told so.
  bool HearLeader(ReplicaId from, Ballot ballot, Actions& actions);
  void Refuse(ReplicaId to, std::uint64_t slot, Actions& actions);

  // replicate.cc
  void ProposeAt(std::uint64_t slot, Value value, Actions& actions);
  ReplicaSet Asked() const;
  void HandleAccept(ReplicaId from, const Accept& m, Actions& actions);
  void HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                         Actions& actions);
  void CountVote(std::uint64_t slot, ReplicaId voter, Actions& actions);
  void LearnCommitted(std::uint64_t through, Actions& actions);
  void HandleCommit(const Commit& m, Actions& actions);
  void LearnDecision(std::uint64_t slot, const Value& value, Actions& actions);
  void Decide(Slot& slot);
  void Advance(Actions& actions);
  void AdvanceCommitted(std::vector<CommittedInstance>& committed);

  // tick.cc
  void HandleLead(ReplicaId from, const Lead& m, Actions& actions);
  void SendLead(ReplicaSet to, std::uint64_t round, Actions& actions);
  void LeadOn(Actions& actions);
  void NoteAnnounced();
  void Repeat(Actions& actions);
  void SendFrontier(Actions& actions);
  void HandleFrontier(ReplicaId from, const Frontier& m, Actions& actions);
  void ResendDecisions(ReplicaId to, Actions& actions);
  void BeginRepairPeriod();
  void NoteStable();
  void RaiseDropFloor(Actions& actions);
  std::uint64_t DroppableFloor();
  std::uint64_t FloorThatRetains(std::size_t bytes, std::uint64_t above) const;

  // reads.cc
  void BeginRound(Actions& actions);
  void HandleLeadReply(ReplicaId from, const LeadReply& m, Actions& actions);
  void ConfirmRound(Actions& actions);
  void RepeatRound(Actions& actions);

  // restore.cc
  void HandleSnapshotRequest(ReplicaId from, const SnapshotRequest& m,
                             Actions& actions);
  void HandleTruncated(ReplicaId from, const Truncated& m);
  void TellTruncated(ReplicaId to, Actions& actions);
  void RestoreFloor(std::uint64_t floor);
  void RestoreDecision(std::uint64_t slot, const Value& value);
  void RestoreInstance(const InstanceRecord& record,
                       std::vector<CommittedInstance>& committed);
  void RestoreVote(std::uint64_t slot, Ballot ballot, const Value& value);
  void RestoreDecided(std::uint64_t through,
                      std::vector<CommittedInstance>& committed);

  // ---- small helpers (multipaxos.cc) ----
  RecordSequence Persist(Record record, Actions& actions);
  void Await(AwaitedRecord awaited, Actions& actions);
  void Send(ReplicaId to, Message message, RecordSequence rests_on,
            Actions& actions);
  void SendAgain(ReplicaId to, Message message, RecordSequence rests_on,
                 Actions& actions);
  bool IsSelf(ReplicaId replica) const { return replica == self_; }
  ReplicaSet Others() const;
  // Ticks before what these were asked for is asked again.
  int RepeatAfter(ReplicaSet peers) const {
    return settings_.retransmit_ticks +
           distances_.MostTicks(peers.Minus(Suspected()));
  }
  Peer& At(ReplicaId peer) {
    return peers_[static_cast<std::size_t>(Index(peer))];
  }
  // Slots that are in memory anyway, or little more.
  bool IsBelievable(std::uint64_t slot) const {
    return slot > 0 && slot <= log_.newest() + kMaxSlotGap;
  }

  Settings settings_;
  ReplicaId self_;
  PaxosQuorums quorums_;
  bool may_leave_out_ = false;  // members that lag; they fetch a snapshot

  Distances distances_;
  Log log_;
  Outbox outbox_;
  std::deque<AwaitedRecord> awaited_;
  RecordSequence last_record_ = 0;
  bool restoring_checkpoint_ = false;

  // Durable: what is promised, for every slot.
  Ballot promised_ballot_;
  RecordSequence promise_record_ = 0;

  std::variant<Following, Campaigning, Leading> role_;
  // The last ballot whose owner has shown that it leads.
  Ballot leader_ballot_;
  // The highest commit index heard at leader_ballot_.
  std::uint64_t leader_committed_ = 0;
  // Ticks of silence before this replica wants to lead.
  int patience_ticks_ = 0;
  bool patience_drawn_ = false;
  // Begun here since something was decided, or since nothing waited for it.
  int fruitless_elections_ = 0;
  // The highest ballot heard of in a refusal: the next one goes above it.
  Ballot refused_by_;

  std::uint64_t committed_ = 0;

  std::array<Peer, kMaxReplicas> peers_;
  std::uint64_t base_floor_ = 0;       // decided durably here, and executed
  std::uint64_t next_base_floor_ = 0;  // becomes so with this record:
  RecordSequence stable_record_ = 0;   // 0: none under way
  std::uint64_t next_drop_floor_ = 0;
  RecordSequence floor_record_ = 0;  // 0: none under way
  bool holds_drop_floor_ = false;

  Reports executed_;  // of all members, for good
  Readers readers_;
  std::optional<Passed> passed_;

  std::vector<CommandBatchPtr> orphans_;
  std::uint64_t ticks_ = 0;
  std::uint64_t announced_committed_ = 0;
  std::uint64_t announced_floor_ = 0;
  Stats stats_;
};

}  // namespace quorate::multipaxos
