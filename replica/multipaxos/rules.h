// Answers: on what does the safety of this protocol rest?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/replica/multipaxos/rules.h. Sources include this, headers do
// not. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "replica/base/quorum_system.h"
#include "replica/multipaxos/log.h"
#include "wire/machine.h"
#include "wire/message.h"

namespace quorate::multipaxos {
namespace kept_rules {

// ---- stable before visible (D5; protocol.md 1.2) ----------------------------

enum class Effect : std::uint8_t {
  kVote,     // the accept (log_vote)
  kPromise,  // the promise, and the votes that it tells (log_promise)
};
constexpr RecordSequence RestsOn(Effect, RecordSequence record) {
  return record;
}

// ---- leading ----------------------------------------------------------------

// Somebody replaces a leader that is silent (no_election).
constexpr bool IsOutOfPatience(int ticks, int patience) {
  return ticks >= patience;
}
// The own promise, and those of a quorum that meets every quorum of votes
// (skip_phase1, phases_apart).
inline bool MayLead(ReplicaId self, ReplicaSet promised,
                    const PaxosQuorums& quorums) {
  return promised.Contains(self) && quorums.phase1().IsQuorum(promised);
}
// What may have been chosen is proposed again: of all votes that are told and
// our own the one of the highest ballot (ign_votes).
inline bool GoesBefore(const Promise::Vote& told, const Slot& slot) {
  return slot.value.kind == ValueKind::kNone ||
         slot.accepted_ballot < told.ballot;
}
// A leader reads what is decided once a quorum has said that it still leads
// (read_unconfirmed; BS1).
inline bool IsConfirmed(ReplicaSet round_voters, const PaxosQuorums& quorums) {
  return quorums.phase2().IsQuorum(round_voters);
}

// ---- votes and decisions ----------------------------------------------------

// Nobody follows, or votes, below its promise (log_acc_bal).
inline bool MayFollow(Ballot ballot, Ballot promised) {
  return ballot >= promised;
}
// Votes are sets, and the network may deliver one twice (log_duplicate).
inline ReplicaId VoterOf(const ReplicaSet&, ReplicaId from) { return from; }
// What was accepted at the leader's ballot is what the leader proposed, so its
// commit index decides it. A slot that was accepted at a lower one may hold
// something else: its decision comes by repair (any_committed).
inline bool IsDecidedBy(Ballot leader, const Slot& slot) {
  return slot.accepted_ballot == leader;
}

// ---- coming back ------------------------------------------------------------

// D6: a restart forgets neither votes (forget_vote) nor promises
// (log_forget_promise).
constexpr bool IsVoteTakenBack(std::uint64_t) { return true; }
inline void TakeBackPromise(Ballot ballot, Ballot& promised) {
  promised = std::max(promised, ballot);
}
// What the journal says is decided is in the journal.
inline bool HasValue(const Slot* slot) {
  return slot != nullptr && slot->value.kind != ValueKind::kNone;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate::multipaxos
