// Answers: how is one value chosen for an instance?
//
// The proposer of per-instance Paxos, a part of every leader (protocol.md 3.2).
// Ballot 0 belongs to the instance's leader and skips the first phase; any
// other proposal begins with one, takes the vote of the highest ballot, and
// without a vote proposes what it came with: a noop, or, if the instance's own
// leader was overtaken, the value it had proposed already (a union of f+1
// answers is as good at any ballot). The ballots it begins are durable, because
// after a restart none may be used again with another value. All else is lost
// with a crash, and nothing rests on it. Pure, copyable.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "replica/base/roles.h"
#include "replica/base/settings.h"
#include "replica/bpaxos/effects.h"
#include "wire/message.h"

namespace quorate::bpaxos {

struct Decision {
  InstanceId instance;
  Value value;
  DependencySet deps;
  Ballot ballot;
};

struct Proposal {
  enum class Stage : std::uint8_t { kPromising, kAccepting };

  Stage stage = Stage::kAccepting;
  Ballot ballot;
  // What is proposed, or will be if no vote turns up.
  Value value;
  DependencySet deps;
  bool saw_vote = false;
  Ballot highest_vote;
  // Of this stage. A set: the network may deliver one answer twice (BM12).
  ReplicaSet answered;
  // The highest ballot that refused this one; initial: none did.
  Ballot refused_by;
  // Of its ballot above 0.
  RecordSequence record = 0;
  int attempts = 0;
  int age_ticks = 0;
  int next_retransmit_ticks = 0;
};

class Proposer {
 public:
  Proposer(const Settings& settings, const Cluster& cluster)
      : settings_(settings), cluster_(cluster), floor_(cluster.columns) {}

  // Ballot 0, once an instance (invariant 4: the caller never gives one out
  // twice). `have_payload`: these were sent the payload before.
  void Propose(InstanceId id, const Value& value, const DependencySet& deps,
               ReplicaSet have_payload, Effects& effects);
  // Finishes an instance whose leader is gone. Does nothing while at work on
  // it, or on as many as may be at once.
  void Recover(InstanceId id, Effects& effects);
  // The instance is decided, or forgotten.
  void Abandon(InstanceId id);

  // With a quorum of votes the value is chosen and never changes.
  std::optional<Decision> HandleAcceptReply(ReplicaId from,
                                            const AcceptReply& m,
                                            Effects& effects);
  void HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                          Effects& effects);
  void HandleNack(const Nack& m, Effects& effects);
  // Repeats what is not answered; begins again above a refusal, after a pause
  // that differs from node to node and grows.
  void HandleTick(Effects& effects);

  void RaiseFloor(const DependencySet& floor);
  // A ballot of an earlier life.
  void RestoreBallot(InstanceId id, Ballot ballot);
  void Save(std::vector<Record>& records) const;

  const std::map<InstanceId, Proposal>& proposals() const { return proposals_; }
  std::uint64_t Fingerprint() const;

 private:
  const AcceptorGroup& GroupOf(InstanceId id, const Proposal& proposal) const;
  void StartAttempt(InstanceId id, Proposal& proposal, Effects& effects);
  void SendAccept(InstanceId id, const Proposal& proposal, ReplicaSet to,
                  ReplicaSet have_payload, Effects& effects) const;
  void Retransmit(InstanceId id, Proposal& proposal, Effects& effects);
  int PauseTicks(const Proposal& proposal) const;

  Settings settings_;
  Cluster cluster_;
  // In order: time strikes all of them.
  std::map<InstanceId, Proposal> proposals_;
  std::size_t recoveries_ = 0;
  // Executed for good: no ballot is begun, and none need be known.
  DependencySet floor_;
  // The highest ballot begun here, of instances above the floor.
  std::map<InstanceId, Ballot> used_;
};

}  // namespace quorate::bpaxos
