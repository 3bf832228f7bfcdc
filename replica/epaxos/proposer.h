// Answers: how does a replica get its own instances decided?
//
// The command leader of protocol.md 2.1 to 2.4: proposes dependencies, counts
// the votes on them, commits fast or has the union accepted, and goes on after
// a restart. The accept round that ends a recovery is counted here as well: it
// is a round like any other. What it cannot end it hands to the recoverer.
// Pure, copyable.
#pragma once

#include <cstdint>

#include "replica/base/reservation.h"
#include "replica/epaxos/core.h"
#include "replica/epaxos/recoverer.h"

namespace quorate::epaxos {

// What a proposer acts with: what all roles share, who finishes what it cannot,
// and who hears of each decision, and the way out.
struct Step {
  Core& core;
  Recoverer& recoverer;
  Actions& actions;

  // Hands the decision to the executor, once.
  void Release(InstanceId id, Instance& instance, bool fast_path) const {
    if (!core.Release(id, instance, fast_path, actions)) return;
    recoverer.EvaluateAllWaiting(core, actions);
  }
};

class Proposer {
 public:
  // ---- the first round (pre_accept.cc) ----
  // Proposes one batch as this replica's next instance; its dependencies cover
  // `floor`.
  InstanceId Propose(Core& core, const DependencySet& floor,
                     CommandBatchPtr batch, Actions& actions);
  static void HandlePreAcceptReply(Step& step, ReplicaId from,
                                   const PreAcceptReply& m);
  // Once a vote came, or nobody waits for one any more.
  static void DecidePreAccept(Step& step, InstanceId id, Instance& instance);

  // ---- the second round (accept.cc) ----
  static void HandleAcceptReply(Step& step, ReplicaId from,
                                const AcceptReply& m);
  static void DecideAccept(Step& step, InstanceId id, Instance& instance);

  // ---- time (resume.cc) ----
  void HandleTick(Step& step);
  // Somebody fell silent whose vote may be waited for.
  static void HandleSuspicion(Step& step);
  // Sends own rounds once more to those of `to` that owe an answer.
  static void Greet(Core& core, ReplicaSet to, Actions& actions);

  // ---- a second life ----
  // Something of an earlier life may have to be gone on with.
  void NoteEarlierLife() { restored_unfinished_ = true; }
  // Own slots that are used, or never will be.
  const Reservation& reserved() const { return reserved_; }

 private:
  static ReplicaSet ChooseFastQuorumPeers(const Core& core);
  RecordSequence Reserve(Core& core, std::uint64_t slot, bool overlap,
                         Actions& actions);
  static void CommitFast(Step& step, InstanceId id, Instance& instance);
  static void StartAccept(Core& core, InstanceId id, Instance& instance,
                          Actions& actions);
  // late.cc
  static bool NoteLate(const Core& core, Leading& leading);
  static ReplicaSet Hopeless(const Core& core, const Leading& leading);
  static void ResumeAfterRestart(Step& step);
  static void RetransmitOwn(Step& step);

  Reservation reserved_;  // Own slots that may be proposed.
  bool restored_unfinished_ = false;
};

}  // namespace quorate::epaxos
