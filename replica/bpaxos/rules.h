// Answers: on what does the safety of this protocol rest?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/replica/bpaxos/rules.h. Sources include this, headers do not.
// Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "depsvc/shards.h"
#include "replica/base/electorate.h"
#include "replica/base/roles.h"
#include "replica/bpaxos/acceptor.h"
#include "wire/machine.h"
#include "wire/record.h"

namespace quorate::bpaxos {
namespace kept_rules {

// ---- stable before visible (D5; protocol.md 1.2) ----------------------------

// What others see of a role, and the record that is stable before it leaves.
enum class Effect : std::uint8_t {
  kRequest,  // the reservation of the slot (d_reserve)
  kAnswer,   // the answer of a dependency node (d_answer)
  kAccept,   // the vote (d_accept)
  kPromise,  // the promise (d_promise)
  // The ballot: a restarted proposer never uses it again (d_resume0).
  kRecover,
};
constexpr RecordSequence RestsOn(Effect, RecordSequence record) {
  return record;
}

// ---- dependencies (protocol.md 3.2) -----------------------------------------

// Every shard that the command concerns is asked (first_shard_only).
constexpr ShardSet ShardsToAsk(ShardSet concerned) { return concerned; }
// Any two quorums of a shard have a node in common (deps_from_f).
inline bool AreAnswers(const Electorate& shard, ReplicaSet answered) {
  return shard.IsQuorum(answered);
}
// Slots that an earlier life may have used are not used again, at ballot 0 or
// any (ballot0_twice).
constexpr bool IsTakenBack(const ReservedRecord&) { return true; }

// ---- votes ------------------------------------------------------------------

// The group is the instance's, whoever proposes at whatever ballot: a later one
// must meet the same votes (foreign_group).
inline const AcceptorGroup& GroupOf(const Cluster& cluster, InstanceId id,
                                    Ballot) {
  return cluster.GroupOf(id);
}
inline bool MayVote(const AcceptorGroup& group, ReplicaId self) {
  return group.members().Contains(self);
}
// Quorums of the two phases meet (slowq_small, quorums_apart).
inline bool AreVotes(const AcceptorGroup& group, ReplicaSet answered) {
  return group.phase2.IsQuorum(answered);
}
inline bool ArePromises(const AcceptorGroup& group, ReplicaSet answered) {
  return group.phase1.IsQuorum(answered);
}
// What was accepted at the highest ballot may be chosen (ign_accepted).
inline bool IsHigherVote(const RecoverReply& answer, bool saw_vote,
                         Ballot highest) {
  return answer.status == InstanceStatus::kAccepted &&
         (!saw_vote || answer.accepted_ballot > highest);
}

// ---- coming back, and forgetting --------------------------------------------

// D6: a restart forgets neither votes (acceptor_forgets) nor promises
// (forget_promise).
inline void TakeBackVote(Ballot ballot, Value value, const DependencySet& deps,
                         Vote& vote) {
  vote.accepted_ballot = ballot;
  vote.value = std::move(value);
  vote.deps = deps;
}
inline void TakeBackPromise(Ballot ballot, Vote& vote) {
  vote.promised_ballot = std::max(vote.promised_ballot, ballot);
}
// A record may leave out the payload that another one of this node has
// (acceptor_forgets: none that is forgotten).
inline bool IsPayloadOf(const Value& value, const CommandBatchPtr& batch) {
  return batch != nullptr && batch->digest() == value.digest;
}
// A node that takes over another one's state keeps its own votes
// (install_no_votes): nothing is done to them.
constexpr void KeepVotes(int, std::optional<Acceptor>&) {}
// What f+1 executors have executed outlives f of them (floor_of_one): so many
// may lack it.
constexpr int MayLack(int executors, int faults) {
  return executors - 1 - faults;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate::bpaxos
