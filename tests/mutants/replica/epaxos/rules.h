// Answers: what if a rule of EPaxos*, Atlas or Unanimous were missing?
//
// In place of replica/epaxos/rules.h: see ../../planted.h.
#pragma once

#include "../../../../replica/epaxos/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::epaxos::rules {

// ---- stable before visible --------------------------------------------------

inline RecordSequence RestsOn(Effect effect, RecordSequence record) {
  constexpr std::string_view kEarly[] = {"d_coord_pre", "d_vote",
                                         "d_accept",    "d_fastcommit",
                                         "d_promise",   "d_validate"};
  if (Mutated(kEarly[static_cast<std::size_t>(effect)])) return 0;
  return kept_rules::RestsOn(effect, record);
}

// ---- what is proposed, and voted for ----------------------------------------

template <typename... Arguments>
void CoverForgotten(Arguments&&... arguments) {
  if (Mutated("no_phantom")) return;
  kept_rules::CoverForgotten(arguments...);
}

// The index cannot forget one instance: it is built anew without those that
// have become noops, the decided ones alone or all.
inline void DropNoops(const InstanceLog& log, const DependencySet& floor,
                      ConflictIndex& index) {
  index = ConflictIndex(floor.columns(), index.mode());
  index.RaiseFloor(floor);
  for (int i = 0; i < floor.columns(); ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = log.Dropped(column) + 1;
         slot <= log.Newest(column); ++slot) {
      const Instance& instance = *log.Find({column, slot});
      const bool dropped = instance.value.kind == ValueKind::kNoop &&
                           (instance.status == InstanceStatus::kCommitted ||
                            Mutated("nop_drops_index"));
      if (dropped || instance.initial_batch == nullptr) continue;
      index.Add({column, slot}, *instance.initial_batch);
    }
  }
}
inline void KeepNoops(const InstanceLog& log, const DependencySet& floor,
                      ConflictIndex& index) {
  if (Mutated("nop_drops_index") || Mutated("nopcom_drops")) {
    return DropNoops(log, floor, index);
  }
  kept_rules::KeepNoops(log, floor, index);
}

inline void CollectAndIndex(const Instance& instance, InstanceId id,
                            const CommandBatch& batch, ConflictIndex& index,
                            DependencySet& deps) {
  if (Mutated("no_index")) return;
  if (Mutated("atlas_noindex") && !instance.promised_ballot.is_initial()) {
    return index.Collect(batch, deps);
  }
  kept_rules::CollectAndIndex(instance, id, batch, index, deps);
}

inline DependencySet VoteBeginsWith(const DependencySet& initial_deps,
                                    FastPathRule rule) {
  if (Mutated("atlas_nod") && rule == FastPathRule::kAtlas) {
    return DependencySet(initial_deps.columns());
  }
  return kept_rules::VoteBeginsWith(initial_deps, rule);
}

inline bool ClampsOwnColumn(FastPathRule rule) {
  return Mutated("atlas_clamp") || kept_rules::ClampsOwnColumn(rule);
}

inline bool MayPreAccept(const Instance& instance) {
  return (Mutated("pre_bal") && instance.status == InstanceStatus::kUnknown) ||
         kept_rules::MayPreAccept(instance);
}

// ---- the fast path ----------------------------------------------------------

inline ReplicaId VoterOf(const ReplicaSet& voters, ReplicaId from) {
  return Mutated("duplicate_vote") ? CountedTwice(voters, from)
                                   : kept_rules::VoterOf(voters, from);
}

inline bool IsFastVote(const DependencySet& deps,
                       const DependencySet& initial_deps) {
  return Mutated("fast_allequal") || kept_rules::IsFastVote(deps, initial_deps);
}

inline bool AreFastQuorum(int votes, const QuorumSizes& quorums) {
  const bool one_less =
      Mutated("fq_small") || (quorums.rule == FastPathRule::kUnanimous &&
                              Mutated("unanimous_majority"));
  return kept_rules::AreFastQuorum(votes + (one_less ? 1 : 0), quorums);
}

inline const DependencySet& FastDeps(FastPathRule rule,
                                     const Instance& instance,
                                     const Leading& leading) {
  return Mutated("fast_allequal")
             ? leading.voted_deps
             : kept_rules::FastDeps(rule, instance, leading);
}

inline bool IsPopular(int reporters, const QuorumSizes& quorums) {
  return kept_rules::IsPopular(reporters + (Mutated("atlas_threshold") ? 1 : 0),
                               quorums);
}

// A second fast quorum at ballot 0: what is fast with one of them may not be
// with the other, and recovery knows but one.
inline bool EndsWithItsFastQuorum(InstanceId id, const QuorumSizes& quorums,
                                  Instance& instance) {
  if (!Mutated("atlas_second_fq")) {
    return kept_rules::EndsWithItsFastQuorum(id, quorums, instance);
  }
  ReplicaSet other;
  other.Insert(id.replica);
  for (int step = 1; other.size() < quorums.fast(); ++step) {
    other.Insert(ReplicaAt((Index(id.replica) + quorums.replicas - step) %
                           quorums.replicas));
  }
  instance.fast_quorum = other;
  Leading& leading = *instance.leading();
  leading.asked = other;
  leading.asked.Erase(id.replica);
  leading.voters = {};
  leading.voters.Insert(id.replica);
  leading.voted_deps = instance.initial_deps;
  leading.reporters.fill(1);
  leading.next_retransmit_ticks = 0;
  return false;
}

inline bool MayCommitFast(const Instance& instance) {
  return Mutated("fast_bal") || kept_rules::MayCommitFast(instance);
}
inline bool EndsRoundOf(const Instance& instance, Ballot promised) {
  return !Mutated("fast_bal") && kept_rules::EndsRoundOf(instance, promised);
}

// ---- the slow path ----------------------------------------------------------

inline const DependencySet& SlowDeps(const Instance& instance,
                                     const Leading& leading) {
  return Mutated("slow_initdep") ? instance.initial_deps
                                 : kept_rules::SlowDeps(instance, leading);
}
inline bool MayAccept(const Instance& instance, Ballot ballot) {
  return Mutated("acc_bal") || kept_rules::MayAccept(instance, ballot);
}
inline bool AreAcceptQuorum(int votes, const QuorumSizes& quorums) {
  return kept_rules::AreAcceptQuorum(votes + (Mutated("slowq_small") ? 1 : 0),
                                     quorums);
}

// ---- recovery: promises -----------------------------------------------------

inline void Promise(Ballot ballot, Instance& instance) {
  if (Mutated("single_bal") && instance.status == InstanceStatus::kAccepted) {
    instance.accepted_ballot = instance.promised_ballot;
  }
  kept_rules::Promise(ballot, instance);
}
inline void RecordCollected(const CommandBatchPtr& batch, Instance& instance,
                            PromisedRecord& record) {
  if (Mutated("d_collect")) return;
  kept_rules::RecordCollected(batch, instance, record);
}
inline bool MatchesInitial(const Instance& instance) {
  return (Mutated("r_anypre") &&
          instance.status == InstanceStatus::kPreAccepted) ||
         kept_rules::MatchesInitial(instance);
}
inline bool MayHaveForgottenCommit(bool lazy_before, const Instance& instance) {
  return !Mutated("rec_none") &&
         kept_rules::MayHaveForgottenCommit(lazy_before, instance);
}

// ---- recovery: what may be proposed -----------------------------------------

inline const RecoverReply* HighestAccepted(const Recovering& recovering) {
  if (Mutated("ign_accepted")) return nullptr;
  if (!Mutated("any_accepted")) return kept_rules::HighestAccepted(recovering);
  const RecoverReply* last = nullptr;
  for (const auto& answer : recovering.answers) {
    if (answer && answer->status == InstanceStatus::kAccepted) last = &*answer;
  }
  return last;
}
inline bool LeaderIsNotFast(InstanceId id, const Recovering& recovering) {
  if (Mutated("coord_rule_always")) return true;
  if (Mutated("no_r3")) return false;
  return (Mutated("rec_r3") && recovering.quorum.Contains(id.replica)) ||
         kept_rules::LeaderIsNotFast(id, recovering);
}
inline bool TooFewMatch(const Recovering& recovering,
                        const QuorumSizes& quorums) {
  return !Mutated("no_r4") && kept_rules::TooFewMatch(recovering, quorums);
}
inline Ruling::Kind EnoughMatch() {
  return Mutated("skip_validate") ? Ruling::Kind::kPropose
                                  : kept_rules::EnoughMatch();
}

inline bool HaveAllVoted(const Recovering& recovering, int replicas) {
  return Mutated("unanimous_some") ||
         kept_rules::HaveAllVoted(recovering, replicas);
}
inline void UniteVotes(const DependencySet& vote, DependencySet& deps) {
  if (Mutated("first_deps")) deps = DependencySet(deps.columns());
  kept_rules::UniteVotes(vote, deps);
}

inline ReplicaSet Reporting(InstanceId id, ReplicaSet quorum,
                            ReplicaSet fast_quorum, ReplicaSet voters) {
  return Mutated("atlas_union_all")
             ? quorum
             : kept_rules::Reporting(id, quorum, fast_quorum, voters);
}

// ---- recovery: validation ---------------------------------------------------

inline std::uint64_t FirstToCompare(InstanceId id, const DependencySet& deps,
                                    ReplicaId column) {
  return Mutated("latest_only") ? 1
                                : kept_rules::FirstToCompare(id, deps, column);
}
inline bool IsCovered(InstanceId other, const DependencySet& deps) {
  return Mutated("latest_only") ? other.slot == deps[other.replica]
                                : kept_rules::IsCovered(other, deps);
}
inline bool SeesUs(InstanceId id, const Instance& other) {
  const bool committed = other.status == InstanceStatus::kCommitted;
  if (Mutated(committed ? "ign_committed_inv" : "ign_uncomm_inv")) return true;
  if (!committed && other.initial_known && Mutated("val_use_dep")) {
    return other.deps.Contains(id);
  }
  return kept_rules::SeesUs(id, other);
}
inline void LearnValidated(const Validate& validate, Instance& instance,
                           ConflictIndex& index) {
  if (Mutated("validate_noindex")) return;
  kept_rules::LearnValidated(validate, instance, index);
}
inline bool RulesOutFast(ReplicaId obstacle_leader, bool committed,
                         const Recovering& recovering,
                         const QuorumSizes& quorums) {
  const bool outside = !recovering.quorum.Contains(obstacle_leader);
  const bool needed =
      recovering.matching == recovering.quorum.size() - quorums.fast_faults;
  return Mutated("skip_wait_nop") || (Mutated("nopcoord_any") && outside) ||
         (Mutated("nopcoord_inq") && needed) ||
         kept_rules::RulesOutFast(obstacle_leader, committed, recovering,
                                  quorums);
}
inline bool NothingStandsAgainst(const Recovering& recovering) {
  return Mutated("skip_wait_acc") ||
         kept_rules::NothingStandsAgainst(recovering);
}

// ---- recovery: waiting for the fate of others -------------------------------

// What wait_for_ever lacks: all that ends a wait but W1 and W2.
inline bool Lacks(std::string_view rule) {
  return Mutated(rule) || Mutated("wait_for_ever");
}

inline bool Follows(InstanceId id, const Instance& decided) {
  return Mutated("post_ignore_dep") || kept_rules::Follows(id, decided);
}
inline int VotesBesidesLeader(InstanceId id, const Recovering& recovering) {
  return Mutated("rec_k") ? recovering.matching
                          : kept_rules::VotesBesidesLeader(id, recovering);
}
inline bool WaitsWithTooMany(const Instance& other,
                             const QuorumSizes& quorums) {
  if (Lacks("no_w3")) return false;
  if (!Mutated("wait_ge")) return kept_rules::WaitsWithTooMany(other, quorums);
  Instance one_more;
  one_more.waiting_votes = other.waiting_votes + 1;
  return kept_rules::WaitsWithTooMany(one_more, quorums);
}
inline const RecoverReply* LateValue(const Recovering& recovering) {
  return Lacks("no_w4") ? nullptr : kept_rules::LateValue(recovering);
}
inline bool LeaderAnsweredLate(InstanceId id, const Recovering& recovering) {
  if (Lacks("no_w4")) return false;
  const ReplicaSet late = recovering.answered.Minus(recovering.quorum);
  return (Mutated("rec_w4") && late.Contains(id.replica)) ||
         kept_rules::LeaderAnsweredLate(id, recovering);
}
inline bool TooFewOfAllMatch(const Recovering& recovering,
                             const QuorumSizes& quorums) {
  return !Lacks("no_w5") && kept_rules::TooFewOfAllMatch(recovering, quorums);
}

// ---- progress ---------------------------------------------------------------

inline bool IsOutOfPatience(int ticks, int patience) {
  return !Mutated("no_recovery") &&
         kept_rules::IsOutOfPatience(ticks, patience);
}
inline bool NeedsNobody(const Instance& instance) {
  return (Mutated("wait_for_ever") && instance.waiting_votes > 0) ||
         kept_rules::NeedsNobody(instance);
}
inline bool IsTooOld(const Recovering& recovering, int age, int limit) {
  return !(Mutated("wait_for_ever") &&
           recovering.stage == Recovering::Stage::kWaiting) &&
         kept_rules::IsTooOld(recovering, age, limit);
}

// ---- forgetting, and coming back --------------------------------------------

inline void KeepToWitnessed(const DependencySet& held,
                            const DependencySet& everybody,
                            DependencySet& floor) {
  if (Mutated("pass_each_other")) return;
  kept_rules::KeepToWitnessed(held, everybody, floor);
}
inline bool IsTakenBack(const AcceptedRecord& record) {
  return !(Mutated("d_resume0") && record.ballot.is_initial()) &&
         kept_rules::IsTakenBack(record);
}
inline bool IsTakenBack(const PromisedRecord& record) {
  return !Mutated("forget_promise") && kept_rules::IsTakenBack(record);
}
inline DependencySet ReplayedDeps(const Instance& decided) {
  return Mutated("replay_differs") ? DependencySet(decided.deps.columns())
                                   : kept_rules::ReplayedDeps(decided);
}

}  // namespace quorate::epaxos::rules
