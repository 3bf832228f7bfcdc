// Answers: how do a client's commands become a decided instance?
//
// The leader of BPaxos (protocol.md 3.2): gives the commands an instance of its
// column, asks each shard of the dependency service that they touch about what
// concerns it, proposes (commands, union of a quorum's answers of each) at
// ballot 0, tells the executors what was chosen, and hands their replies to its
// clients. It keeps its instances until f+1 executors have executed them, and
// repeats whatever is not answered.
//
// Durable is only that its slots are reserved, so that no slot, and with it no
// ballot 0, is ever used in two lives: after a restart it recovers what earlier
// lives may have begun, and never proposes it again (ballot0_twice). Any leader
// finishes any instance that an executor asks for (Inquire). Pure, copyable.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "depsvc/shards.h"
#include "depsvc/slot_log.h"
#include "replica/base/reservation.h"
#include "replica/base/roles.h"
#include "replica/base/settings.h"
#include "replica/bpaxos/effects.h"
#include "replica/bpaxos/proposer.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate::bpaxos {

// One instance of this life, above the floor.
struct Vertex {
  enum class Stage : std::uint8_t { kAsking, kProposing, kDecided };

  Stage stage = Stage::kAsking;
  CommandBatchPtr batch;  // what was proposed, or is to be
  DependencySet deps;     // union of the answers; then what was decided
  Value value;            // decided; kNone: by whom and as what is not known
  // Shards of the dependency service that it touches: a quorum of each answers.
  ShardSet shards = 0;
  // Dependency nodes that were sent the whole of it, and that have answered. A
  // set (BM12).
  ReplicaSet has_payload;
  ReplicaSet answered;
  // Clients wait here for executors on other nodes to answer; which of them
  // have been answered, by the batch's order, when replies came in parts.
  bool awaits_replies = false;
  std::vector<bool> replied;
  // Asking: ticks since it began. Decided: ticks since an executor executed it
  // and yet the replies have not come.
  int age_ticks = 0;
  int next_retransmit_ticks = 0;
};

class Leader {
 public:
  Leader(const Settings& settings, const Cluster& cluster);

  InstanceId Propose(CommandBatchPtr batch, Effects& effects);

  void HandleDependencyReply(ReplicaId from, const DependencyReply& m,
                             Effects& effects);
  void HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                         Effects& effects);
  void HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                          Effects& effects);
  void HandleNack(const Nack& m, Effects& effects) {
    proposer_.HandleNack(m, effects);
  }
  // Somebody has decided it. False when nobody can have: an own instance of
  // this life with another payload.
  bool HandleCommit(const Commit& m, Effects& effects);
  // An executor waits for it.
  void HandleInquire(ReplicaId from, const Inquire& m, Effects& effects);
  void HandleTruncated(const Truncated& m);
  // Of an executor.
  void HandleFrontier(ReplicaId from, const Frontier& m);
  void HandleInstanceReplies(const InstanceReplies& m, Effects& effects);
  void HandleTick(Effects& effects);

  // Everything up to there is executed by f+1 executors, for good.
  void RaiseFloor(const DependencySet& floor);

  // Its clients, if they wait, were not answered when it was executed.
  void AskAgain(const CommandBatchPtr& batch);
  // Of a command that was perhaps done before, on its way to the client, who
  // has asked once and would take a refusal for certain.
  void Review(ClientReply& reply);

  // Batches whose clients wait although their instance came to nothing, or was
  // executed without a reply: they go into new instances under their old
  // numbers (protocol.md 2.8). Empties the list.
  std::vector<CommandBatchPtr> TakeResubmissions();

  // The payload that this node proposed in this life, or null.
  CommandBatchPtr FindPayload(InstanceId id) const;

  void Restore(const ReservedRecord& record);
  void RestoreBallot(InstanceId id, Ballot ballot) {
    proposer_.RestoreBallot(id, ballot);
  }
  void Save(std::vector<Record>& records) const;

  // Nobody can have heard of an own slot that has not been given out.
  bool HasGivenOut(std::uint64_t slot) const { return slot < next_slot_; }
  // Own instances proposed in this life and not decided.
  std::size_t in_flight() const { return in_flight_; }
  // Decided, and their clients wait for executors on other nodes.
  std::size_t awaiting_replies() const { return awaiting_replies_; }
  const Proposer& proposer() const { return proposer_; }
  std::size_t vertices() const { return vertices_.size(); }
  absl::Status CheckInvariants() const;
  std::uint64_t Fingerprint() const;

 private:
  struct ExecutorState {
    bool heard = false;
    DependencySet committed;
    DependencySet executed;
    // Its frontier of this column when the present repair period began.
    std::uint64_t repaired_at = 0;
  };

  bool IsOwn(InstanceId id) const { return id.replica == settings_.self; }
  // Of another instance, or what this one may carry: one payload an instance.
  bool MayBeDecided(InstanceId id, const Value& value) const;
  bool ExecutesHere() const {
    return cluster_.roles.executors.Contains(settings_.self);
  }
  RecordSequence Reserve(std::uint64_t slot, Effects& effects);
  // Sends the shard its part of the batch. `again`: only to those that have not
  // answered, and all of them.
  void Ask(InstanceId id, Vertex& vertex, int shard, bool again,
           Effects& effects);
  bool HasAnswered(const Vertex& vertex, int shard) const;
  bool HaveAllAnswered(const Vertex& vertex) const;
  void Decide(Decision decision, Effects& effects);
  void Settle(InstanceId id, Vertex& vertex, Value value,
              const DependencySet& deps, Effects& effects);
  void SendCommit(InstanceId id, const Vertex& vertex, Effects& effects);
  void SettleUnknown(Vertex& vertex);
  void AdvanceFirstOpen();
  void AgeVertices(Effects& effects);
  void AgeUnanswered(InstanceId id, Vertex& vertex);
  static CommandBatchPtr Unanswered(const Vertex& vertex);
  void RecoverEarlierLives(Effects& effects);
  void RepairExecutors(Effects& effects);
  void Repair(ReplicaId executor, ExecutorState& state, Effects& effects);

  Settings settings_;
  Cluster cluster_;
  Proposer proposer_;
  SlotLog<Vertex> vertices_;  // of the own column
  std::uint64_t next_slot_ = 1;
  // Every slot below is decided and answered.
  std::uint64_t first_open_ = 1;
  std::size_t in_flight_ = 0;
  std::size_t awaiting_replies_ = 0;
  Reservation reserved_;  // Own slots that may be asked about.
  // Slots that earlier lives may have used; 0: none, or all are decided.
  std::uint64_t earlier_through_ = 0;
  std::uint64_t next_to_recover_ = 0;
  DependencySet floor_;
  std::array<ExecutorState, kMaxNodes> executors_;
  // Slots up to here were given out when the present (the next) repair period
  // began: an executor that lacks one of them has probably lost it.
  std::uint64_t overdue_ = 0;
  std::uint64_t overdue_next_ = 0;
  std::uint64_t ticks_ = 0;
  std::vector<CommandBatchPtr> resubmissions_;
  // Commands among them, and of those taken since, that an earlier instance may
  // have executed: their session may be forgotten before they are executed
  // again, and then nobody knows.
  std::set<CommandId> perhaps_done_;
};

}  // namespace quorate::bpaxos
