// Answers: what if a rule of BPaxos were missing?
//
// In place of replica/bpaxos/rules.h: see tests/mutants/planted.h.
#pragma once

#include <bit>

#include "../../../../replica/bpaxos/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::bpaxos::rules {

inline RecordSequence RestsOn(Effect effect, RecordSequence record) {
  constexpr std::string_view kEarly[] = {"d_reserve", "d_answer", "d_accept",
                                         "d_promise", "d_resume0"};
  if (Mutated(kEarly[static_cast<std::size_t>(effect)])) return 0;
  return kept_rules::RestsOn(effect, record);
}

// ---- dependencies -----------------------------------------------------------

// With one member more: what is a vote short.
inline ReplicaSet PlusOne(const Electorate& electorate, ReplicaSet answered) {
  const ReplicaSet missing = electorate.members().Minus(answered);
  int node = 0;
  while (!missing.empty() && !missing.Contains(ReplicaAt(node))) ++node;
  if (!missing.empty()) answered.Insert(ReplicaAt(node));
  return answered;
}

inline ShardSet ShardsToAsk(ShardSet concerned) {
  return Mutated("first_shard_only")
             ? static_cast<ShardSet>(1u << std::countr_zero(concerned))
             : kept_rules::ShardsToAsk(concerned);
}
inline bool AreAnswers(const Electorate& shard, ReplicaSet answered) {
  return kept_rules::AreAnswers(
      shard, Mutated("deps_from_f") ? PlusOne(shard, answered) : answered);
}
inline bool IsTakenBack(const ReservedRecord& record) {
  return !Mutated("ballot0_twice") && kept_rules::IsTakenBack(record);
}

// ---- votes ------------------------------------------------------------------

inline const AcceptorGroup& GroupOf(const Cluster& cluster, InstanceId id,
                                    Ballot ballot) {
  if (Mutated("foreign_group") && !ballot.is_initial()) ++id.slot;
  return kept_rules::GroupOf(cluster, id, ballot);
}
inline bool MayVote(const AcceptorGroup& group, ReplicaId self) {
  return Mutated("foreign_group") || kept_rules::MayVote(group, self);
}
inline bool AreVotes(const AcceptorGroup& group, ReplicaSet answered) {
  return kept_rules::AreVotes(group, Mutated("slowq_small")
                                         ? PlusOne(group.phase2, answered)
                                         : answered);
}
inline bool ArePromises(const AcceptorGroup& group, ReplicaSet answered) {
  return kept_rules::ArePromises(group, Mutated("quorums_apart")
                                            ? PlusOne(group.phase1, answered)
                                            : answered);
}
inline bool IsHigherVote(const RecoverReply& answer, bool saw_vote,
                         Ballot highest) {
  return !Mutated("ign_accepted") &&
         kept_rules::IsHigherVote(answer, saw_vote, highest);
}

// ---- coming back, and forgetting --------------------------------------------

inline void TakeBackVote(Ballot ballot, Value value, const DependencySet& deps,
                         Vote& vote) {
  if (Mutated("acceptor_forgets")) return;
  kept_rules::TakeBackVote(ballot, std::move(value), deps, vote);
}
inline void TakeBackPromise(Ballot ballot, Vote& vote) {
  if (Mutated("forget_promise")) return;
  kept_rules::TakeBackPromise(ballot, vote);
}
// What is forgotten then is the vote, not the payload of other records.
inline bool IsPayloadOf(const Value& value, const CommandBatchPtr& batch) {
  return !Mutated("acceptor_forgets") && kept_rules::IsPayloadOf(value, batch);
}
inline void KeepVotes(int columns, std::optional<Acceptor>& acceptor) {
  if (acceptor && Mutated("install_no_votes")) acceptor.emplace(columns);
  kept_rules::KeepVotes(columns, acceptor);
}
inline int MayLack(int executors, int faults) {
  return kept_rules::MayLack(executors, Mutated("floor_of_one") ? 0 : faults);
}

}  // namespace quorate::bpaxos::rules
