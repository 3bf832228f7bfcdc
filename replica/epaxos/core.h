// Answers: what do the roles of one replica share?
//
// The instances with the index of their commands, one journal and one way out.
// A role decides what is proposed, voted for, recovered or forgotten; what
// every one of them needs for that is here: records and messages (durable
// before visible: the Outbox), payloads, the answer that settles a late
// question, the mark of a decision, and the round that a proposer repeats. What
// must be durable first is decided where a message is sent (Send's `rests_on`);
// a vote of one's own counts when its record is durable (Await). Pure,
// copyable.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "depsvc/conflict_index.h"
#include "replica/base/distances.h"
#include "replica/base/outbox.h"
#include "replica/base/quorum.h"
#include "replica/base/settings.h"
#include "replica/epaxos/fast_path.h"
#include "replica/epaxos/instance.h"
#include "replica/epaxos/instance_log.h"
#include "replica/epaxos/recovery_rule.h"
#include "wire/machine.h"
#include "wire/message.h"
#include "wire/record.h"

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
struct Core {
  explicit Core(const Settings& settings_of_replica);

  // ---- records and messages ----
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
  // The value with its payload only if no earlier record has it.
  Value ValueForRecord(Instance& instance) const;
  // Answers a message about a decided or forgotten instance. True if it did.
  bool AnswerIfSettled(ReplicaId from, InstanceId id, const Instance* instance,
                       Actions& actions);
  // To a message of a ballot that is too low: how high it must be.
  void SayPromised(ReplicaId to, InstanceId id, const Instance& instance,
                   Actions& actions);
  bool IsSelf(ReplicaId replica) const { return replica == self; }
  ReplicaSet Everybody() const { return ReplicaSet::FirstN(quorums.replicas); }
  ReplicaSet Others() const;

  // ---- instances ----
  // Marks the decision; the caller persists and announces it.
  void MarkCommitted(InstanceId id, Instance& instance, Value value,
                     const DependencySet& deps);
  void AdvanceCommittedFrontier(ReplicaId column);
  // Hands the decision to the executor. False if it has been.
  bool Release(InstanceId id, Instance& instance, bool fast, Actions& actions);
  void AnnounceCommit(InstanceId id, const Instance& instance,
                      RecordSequence rests_on, Actions& actions);
  // Ends rounds of our own that a higher ballot has overtaken.
  void YieldTo(InstanceId id, Instance& instance, Ballot ballot);
  // A command leader that no longer knows whether it has committed it.
  bool IsRecused(InstanceId id, const Instance& instance) const;
  // Sends the current round again, payload included, to those who are due and
  // have not voted.
  void Retransmit(InstanceId id, Instance& instance, Actions& actions);
  // These have just been asked: when is each asked again?
  void ScheduleRound(Leading& leading, ReplicaSet asked) const;
  // Ticks before what these were asked for is asked again: once their answers
  // could have come.
  int RepeatAfter(ReplicaSet peers) const {
    return settings.retransmit_ticks +
           distances.MostTicks(peers.Minus(suspected));
  }
  int RepeatAfter(ReplicaId peer) const {
    return settings.retransmit_ticks + distances.Ticks(peer);
  }
  void SendRound(InstanceId id, const Instance& instance, ReplicaSet to,
                 Actions& actions);
  void Count(RecoveryRule rule) {
    ++stats.rules[static_cast<std::size_t>(rule)];
  }

  Settings settings;
  QuorumSizes quorums;
  FastPath fast_path;
  ReplicaId self;

  InstanceLog log;
  ConflictIndex index;
  Outbox outbox;
  std::deque<AwaitedRecord> awaited;
  RecordSequence last_record = 0;

  // The next own slot, and own instances proposed and not yet released.
  std::uint64_t next_slot = 1;
  std::size_t own_in_flight = 0;
  // Slots that may have been proposed and forgotten: our own, known from the
  // journal, and those that peers have told of. Every proposal covers them.
  DependencySet forgotten;
  // Some earlier life announced fast commits before their records were durable.
  bool lazy_before = false;
  // Contiguously committed slots of each column.
  DependencySet committed;
  // Highest slot of each column that anything here depends on.
  DependencySet needed;
  // Undecided instances that this replica recovers, in order.
  std::set<InstanceId> recoveries;
  DependencySet drop_floor;  // durable: what lies below is forgotten
  ReplicaSet suspected;
  Distances distances;
  std::uint32_t ticks = 0;
  Stats stats;
};

}  // namespace quorate::epaxos
