// Answers: what if a rule of Multi-Paxos were missing?
//
// In place of replica/multipaxos/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../../replica/multipaxos/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::multipaxos::rules {

inline RecordSequence RestsOn(Effect effect, RecordSequence record) {
  if (Mutated(effect == Effect::kVote ? "log_vote" : "log_promise")) return 0;
  return kept_rules::RestsOn(effect, record);
}

// ---- leading ----------------------------------------------------------------

inline bool IsOutOfPatience(int ticks, int patience) {
  return !Mutated("no_election") &&
         kept_rules::IsOutOfPatience(ticks, patience);
}
inline bool MayLead(ReplicaId self, ReplicaSet promised,
                    const PaxosQuorums& quorums) {
  return Mutated("skip_phase1") ||
         (Mutated("phases_apart") && promised.Contains(self)) ||
         kept_rules::MayLead(self, promised, quorums);
}
inline bool GoesBefore(const Promise::Vote& told, const Slot& slot) {
  return !Mutated("ign_votes") && kept_rules::GoesBefore(told, slot);
}
inline bool IsConfirmed(ReplicaSet round_voters, const PaxosQuorums& quorums) {
  return Mutated("read_unconfirmed") ||
         kept_rules::IsConfirmed(round_voters, quorums);
}

// ---- votes and decisions ----------------------------------------------------

inline bool MayFollow(Ballot ballot, Ballot promised) {
  return Mutated("log_acc_bal") || kept_rules::MayFollow(ballot, promised);
}
inline ReplicaId VoterOf(const ReplicaSet& voters, ReplicaId from) {
  return Mutated("log_duplicate") ? CountedTwice(voters, from)
                                  : kept_rules::VoterOf(voters, from);
}
inline bool IsDecidedBy(Ballot leader, const Slot& slot) {
  return Mutated("any_committed") || kept_rules::IsDecidedBy(leader, slot);
}

// ---- coming back ------------------------------------------------------------

inline bool IsVoteTakenBack(std::uint64_t slot) {
  return !Mutated("forget_vote") && kept_rules::IsVoteTakenBack(slot);
}
inline void TakeBackPromise(Ballot ballot, Ballot& promised) {
  if (Mutated("log_forget_promise")) return;
  kept_rules::TakeBackPromise(ballot, promised);
}
inline bool HasValue(const Slot* slot) {
  return Mutated("forget_vote") || kept_rules::HasValue(slot);
}

}  // namespace quorate::multipaxos::rules
