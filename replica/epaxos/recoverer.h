// Answers: who finishes an instance whose command leader is gone, and how?
//
// The recoverer of protocol.md 2.6 and 2.7. Whether and when this replica takes
// an instance over (suspicion.cc) is a matter of columns that stand still, of
// whoever could finish them, and of patience; what it then proposes, of
// promises (recovery.cc: R1, R2, giving up), of the fast path rule
// (fast_path.h: R3-R5) and of validation (validate.cc: V1-V4, W1-W5). Ends in
// an accept round of its own, led like any other. Pure, copyable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "replica/epaxos/core.h"
#include "replica/epaxos/voter.h"

namespace quorate::epaxos {

class Recoverer {
 public:
  // ---- an attempt ----
  void StartRecovery(Core& core, InstanceId id, Actions& actions);
  void HandleRecoverReply(Core& core, ReplicaId from, const RecoverReply& m,
                          Actions& actions);
  // An answer, or one's own once its promise is durable.
  void CountRecoverReply(Core& core, ReplicaId from, RecoverReply m,
                         Actions& actions);
  void HandleNack(Core& core, const Nack& m);
  void HandleValidateReply(Core& core, ReplicaId from, const ValidateReply& m,
                           Actions& actions);
  // Once somebody has validated it.
  void DecideValidation(Core& core, InstanceId id, Instance& instance,
                        Actions& actions);

  // ---- waiting for the fate of others ----
  void HandleWaiting(Core& core, const Waiting& m, Actions& actions);
  // Whenever something was decided.
  void EvaluateAllWaiting(Core& core, Actions& actions);

  // ---- when ----
  // A peer has said something.
  void HandleMessage(ReplicaId from) { speaks_.Insert(from); }
  // A peer has answered something.
  void HandleAnswer(ReplicaId from) { mute_.Erase(from); }
  void HandleInquire(Core& core, ReplicaId from, const Inquire& m,
                     Actions& actions);
  void HandleInquireReply(Core& core, ReplicaId from, const InquireReply& m);
  // Each tick: repeats what runs, begins what nobody else will.
  void DriveRecoveries(Core& core, Actions& actions);
  void RecoverWhatIsStuck(Core& core, Actions& actions);
  // Sends what this attempt asks once more, to those of `to` that owe an
  // answer.
  void SendAttempt(Core& core, InstanceId id, const Instance& instance,
                   ReplicaSet to, Actions& actions);
  // After instances were forgotten that attempts may have waited for.
  void RestartRecoveries(Core& core, Actions& actions);

 private:
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

  void DecideRecovery(Core& core, InstanceId id, Instance& instance,
                      Actions& actions);
  void GiveUp(Core& core, InstanceId id, Instance& instance, Actions& actions);
  void ProposeRecovered(Core& core, InstanceId id, Instance& instance,
                        Value value, const DependencySet& deps,
                        Actions& actions);
  void StartValidation(Core& core, InstanceId id, Instance& instance,
                       Actions& actions);
  static Waiting WaitingOf(InstanceId id, const Recovering& recovering);
  void EvaluateWaiting(Core& core, InstanceId id, Instance& instance,
                       Actions& actions);
  bool NeedsRecovery(Core& core, ReplicaId column, Actions& actions);
  bool WaitsForProposer(Core& core, ReplicaId column, Standstill& still,
                        Actions& actions);
  std::optional<ReplicaId> ProposerOf(const Core& core, ReplicaId column) const;
  int PatienceWith(const Core& core, ReplicaId column) const;
  int PatienceForAnAnswer(const Core& core, const Standstill& still,
                          ReplicaId column) const;
  int RankAfter(const Core& core, ReplicaId column) const;
  bool IsLost(const Core& core, ReplicaId replica) const;
  void RepeatRecovery(Core& core, InstanceId id, Instance& instance,
                      Actions& actions);

  std::array<Standstill, kMaxReplicas> standstills_;  // by column
  // Have not answered a question (Inquire), nor anything since.
  ReplicaSet mute_;
  // Of those that were asked, who has said something since it must have heard
  // the question.
  ReplicaSet speaks_;
};

}  // namespace quorate::epaxos
