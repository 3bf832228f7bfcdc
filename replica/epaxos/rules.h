// Answers: on what does the safety of this protocol rest?
//
// The rules of protocol.md 1.2 and 2.2 to 2.6, truncation.md A and B, and of
// Atlas and Unanimous (README.md), each as a predicate or a step of its own:
// the rest of this folder asks them by name. Names such as acc_bal are mutants:
// tests/mutants/replica/epaxos/rules.h stands before this file where a test
// takes one rule away, and declares again in `rules` what it replaces there.
// Sources include this, headers do not. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "depsvc/conflict_index.h"
#include "replica/base/quorum.h"
#include "replica/epaxos/fast_path.h"
#include "replica/epaxos/instance.h"
#include "replica/epaxos/instance_log.h"
#include "wire/machine.h"
#include "wire/record.h"

namespace quorate::epaxos {
namespace kept_rules {

// ---- stable before visible (D5; protocol.md 1.2) ----------------------------

// What others see of us, and the record that is stable before it leaves.
enum class Effect : std::uint8_t {
  // The proposal, or the reservation of its slot: one that its command leader
  // could forget without a trace would make V3 unsound (d_coord_pre).
  kPreAccept,
  kVote,    // the pre-accept (d_vote)
  kAccept,  // the accept (d_accept)
  // The decision: R3 reads "the command leader answered and has not committed"
  // as "no fast commit" (d_fastcommit).
  kFastCommit,
  kPromise,     // the promise (d_promise)
  kValidation,  // the command with its initial dependencies (d_validate)
};
constexpr RecordSequence RestsOn(Effect, RecordSequence record) {
  return record;
}

// ---- what is proposed, and voted for ----------------------------------------

// Of own slots that an earlier life may have used, and those that others may
// have, nothing may be left but that (protocol.md 1.3; no_phantom): whatever is
// reported covers them.
inline void CoverForgotten(const DependencySet& forgotten,
                           DependencySet& deps) {
  deps.UnionWith(forgotten);
}
inline void CoverForgotten(ReplicaId self, const DependencySet& forgotten,
                           DependencySet& deps) {
  deps.Raise(self, forgotten[self]);
}

// D4: an instance never leaves the index because it became a noop
// (nop_drops_index, nopcom_drops). So there is nothing to do to the index
// before conflicts are collected from it.
constexpr void KeepNoops(const InstanceLog&, const DependencySet&,
                         ConflictIndex&) {}

// Whoever reports what conflicts with an instance, for a vote (no_index) or a
// recovery (atlas_noindex), tells every later one of it.
inline void CollectAndIndex(const Instance&, InstanceId id,
                            const CommandBatch& batch, ConflictIndex& index,
                            DependencySet& deps) {
  index.CollectAndAdd(id, batch, deps);
}

// A vote contains the command leader's dependencies (atlas_nod).
inline const DependencySet& VoteBeginsWith(const DependencySet& initial_deps,
                                           FastPathRule) {
  return initial_deps;
}

// A vote need not cover later instances of its own column, but under Atlas:
// CN6; protocol.md 2.2 (atlas_clamp).
constexpr bool ClampsOwnColumn(FastPathRule rule) {
  return rule != FastPathRule::kAtlas;
}

// Nobody votes at ballot 0 who has promised more (pre_bal), or voted.
inline bool MayPreAccept(const Instance& instance) {
  return instance.promised_ballot.is_initial() &&
         instance.status == InstanceStatus::kUnknown;
}

// ---- the fast path ----------------------------------------------------------

// Whose vote came: votes are sets, and the network may deliver one twice (BM12;
// duplicate_vote).
inline ReplicaId VoterOf(const ReplicaSet&, ReplicaId from) { return from; }

// Compared with the initial dependencies, not with each other: a larger set
// that all agree on cannot be told apart in recovery (fast_allequal). Where all
// n must match this makes no difference, the command leader being one of them.
inline bool IsFastVote(const DependencySet& deps,
                       const DependencySet& initial_deps) {
  return deps == initial_deps;
}
// n-e of them (fq_small), under Unanimous all (unanimous_majority).
inline bool AreFastQuorum(int votes, const QuorumSizes& quorums) {
  return votes >= quorums.fast();
}
inline const DependencySet& FastDeps(FastPathRule rule,
                                     const Instance& instance,
                                     const Leading& leading) {
  return rule == FastPathRule::kAtlas ? leading.voted_deps
                                      : instance.initial_deps;
}
// Atlas: f report whatever the union has (atlas_threshold).
constexpr bool IsPopular(int reporters, const QuorumSizes& quorums) {
  return reporters >= quorums.faults;
}
// Atlas: a recovery knows one fast quorum. Where a member of it does not vote
// nobody else is asked at ballot 0 (atlas_second_fq): the round is over.
constexpr bool EndsWithItsFastQuorum(InstanceId, const QuorumSizes&,
                                     Instance&) {
  return true;
}

// A promise made since then forbids it, so this is asked when deciding, and a
// round ends with a higher promise (fast_bal).
inline bool MayCommitFast(const Instance& instance) {
  return instance.promised_ballot.is_initial();
}
inline bool EndsRoundOf(const Instance& instance, Ballot promised) {
  return instance.accepted_ballot < promised;
}

// ---- the slow path ----------------------------------------------------------

// The union of all votes (slow_initdep): two of these meet, so of two
// conflicting instances one has the other.
inline const DependencySet& SlowDeps(const Instance&, const Leading& leading) {
  return leading.voted_deps;
}
// Nobody votes below its promise (acc_bal).
inline bool MayAccept(const Instance& instance, Ballot ballot) {
  return instance.promised_ballot <= ballot;
}
// Every classic quorum has one of them (slowq_small).
inline bool AreAcceptQuorum(int votes, const QuorumSizes& quorums) {
  return votes >= quorums.accepting();
}

// ---- recovery: promises (protocol.md 2.6) -----------------------------------

// D1: two ballots an instance. With one a promise would pass for a vote (BM1;
// single_bal).
inline void Promise(Ballot ballot, Instance& instance) {
  instance.promised_ballot = ballot;
}
// Atlas: what a recovery was told is on disk, with its payload (d_collect).
inline void RecordCollected(const CommandBatchPtr& batch, Instance& instance,
                            PromisedRecord& record) {
  record.batch = batch;
  instance.payload_recorded = true;
}
// A pre-accept that counts for R4 and R5 (r_anypre).
inline bool MatchesInitial(const Instance& instance) {
  return instance.status == InstanceStatus::kPreAccepted &&
         instance.deps == instance.initial_deps;
}
// A command leader that crashed may have lost a fast commit that it announced.
// So it no longer knows whether its own pre-accepted instances were committed,
// in this life and all that follow (truncation.md A.1; rec_none, rec_nostick).
inline bool MayHaveForgottenCommit(bool lazy_before, const Instance& instance) {
  return lazy_before && instance.restored_pre_accept &&
         instance.status == InstanceStatus::kPreAccepted;
}

// ---- recovery: what may be proposed -----------------------------------------

// R2 (and W4 of a late answer): what was accepted at the highest ballot may be
// chosen (any_accepted, ign_accepted); null: nothing was. Who has committed
// answers with Commit (R1).
inline const RecoverReply* HighestAccepted(const Recovering& recovering) {
  const RecoverReply* highest = nullptr;
  for (const auto& answer : recovering.answers) {
    if (answer && answer->status == InstanceStatus::kAccepted &&
        (highest == nullptr ||
         answer->accepted_ballot > highest->accepted_ballot)) {
      highest = &*answer;
    }
  }
  return highest;
}
// R3: the command leader has promised our ballot and knows that it has not
// committed, so it never commits fast (no_r3, coord_rule_always); A2: unless it
// is recused (rec_r3).
inline bool LeaderIsNotFast(InstanceId id, const Recovering& recovering) {
  return recovering.quorum.Contains(id.replica) &&
         !recovering.LeaderIsRecused(id);
}
// R4: a fast quorum meets Q in at least |Q| - e members, all matching; a
// recused command leader is one of them for certain (no_r4).
inline bool TooFewMatch(const Recovering& recovering,
                        const QuorumSizes& quorums) {
  return recovering.Matching(recovering.quorum) <
         recovering.quorum.size() - quorums.fast_faults;
}
// R5: the initial dependencies may have been committed fast, and only who has
// seen the other instances can tell (skip_validate).
constexpr Ruling::Kind EnoughMatch() { return Ruling::Kind::kValidate; }

// D7: giving up keeps the commands where all of Q had voted (unanimous_some),
// with the union of the votes (first_deps): what the slow path would propose.
inline bool HaveAllVoted(const Recovering& recovering, int replicas) {
  for (int i = 0; i < replicas; ++i) {
    const auto& answer = recovering.answers[static_cast<std::size_t>(i)];
    if (recovering.quorum.Contains(ReplicaAt(i)) &&
        answer->status != InstanceStatus::kPreAccepted) {
      return false;
    }
  }
  return true;
}
inline void UniteVotes(const DependencySet& vote, DependencySet& deps) {
  deps.UnionWith(vote);
}

// Atlas: who must have reported for the union to be good. If all of FQ in Q
// have voted and the command leader is not in Q, they; else, as there was no
// fast commit, all of Q (atlas_union_all).
inline ReplicaSet Reporting(InstanceId id, ReplicaSet quorum,
                            ReplicaSet fast_quorum, ReplicaSet voters) {
  const ReplicaSet of_both = quorum.Intersect(fast_quorum);
  const bool may_be_fast = !voters.empty() && !quorum.Contains(id.replica) &&
                           of_both.Minus(voters).empty();
  return may_be_fast ? of_both : quorum;
}

// ---- recovery: validation ---------------------------------------------------

// Instances of the column below this one do not speak against (id, D). D has
// all up to its watermark (latest_only). In its own column nothing below it
// does: its command leader had proposed all of that before and knew it, or
// depends on all that it may have forgotten (protocol.md 1.3).
inline std::uint64_t FirstToCompare(InstanceId id, const DependencySet& deps,
                                    ReplicaId column) {
  const std::uint64_t covered = deps[column];
  return std::max(covered, column == id.replica ? id.slot : 0) + 1;
}
// D3: one watermark a column stands for all below it (latest_only).
inline bool IsCovered(InstanceId other, const DependencySet& deps) {
  return deps.Contains(other);
}
// Tested on *initial* dependencies while undecided (val_use_dep,
// ign_uncomm_inv), on the decided ones afterwards (ign_committed_inv). What is
// not known to be proposed says nothing.
inline bool SeesUs(InstanceId id, const Instance& other) {
  if (other.status == InstanceStatus::kCommitted) {
    return other.value.kind == ValueKind::kNoop || other.deps.Contains(id);
  }
  return !other.initial_known || other.initial_deps.Contains(id);
}
// Whoever validates an instance tells every later one of it (validate_noindex).
inline void LearnValidated(const Validate& validate, Instance& instance,
                           ConflictIndex& index) {
  if (instance.initial_batch == nullptr) {
    instance.initial_batch = validate.batch;
    index.Add(validate.instance, *validate.batch);
  }
  instance.initial_deps = validate.initial_deps;
  instance.initial_known = true;
}
// V2: an obstacle was decided without us, so we were not committed fast. V3:
// everybody outside Q would have to be in our fast quorum (nopcoord_any), but
// the obstacle's command leader, outside Q (nopcoord_inq), knew its own first.
// V4: otherwise its fate decides ours (skip_wait_nop).
inline bool RulesOutFast(ReplicaId obstacle_leader, bool committed,
                         const Recovering& recovering,
                         const QuorumSizes& quorums) {
  const bool all_outside_needed =
      recovering.matching == recovering.quorum.size() - quorums.fast_faults;
  return committed ||
         (all_outside_needed && !recovering.quorum.Contains(obstacle_leader));
}
// V1: nothing stands against it (skip_wait_acc).
inline bool NothingStandsAgainst(const Recovering& recovering) {
  return recovering.conflicts.empty();
}

// ---- recovery: waiting for the fate of others -------------------------------

// W1, W2: decided, and a noop or with us among its dependencies
// (post_ignore_dep).
inline bool Follows(InstanceId id, const Instance& decided) {
  return decided.value.kind == ValueKind::kNoop || decided.deps.Contains(id);
}
// W3 counts replicas besides the command leader (rec_k), which is among the
// matching ones only if it is recused.
inline int VotesBesidesLeader(InstanceId id, const Recovering& recovering) {
  const bool counted =
      recovering.quorum.Contains(id.replica) && recovering.LeaderIsRecused(id);
  return recovering.matching - (counted ? 1 : 0);
}
// W3: the other waits with too many matching votes for ours to be fast (no_w3,
// wait_ge).
inline bool WaitsWithTooMany(const Instance& other,
                             const QuorumSizes& quorums) {
  return other.waiting_votes >
         quorums.replicas - quorums.faults - quorums.fast_faults;
}
// W4: an answer from outside Q that settles it (no_w4): a value accepted, or
// the command leader, if it knows (rec_w4).
inline const RecoverReply* LateValue(const Recovering& recovering) {
  return HighestAccepted(recovering);
}
inline bool LeaderAnsweredLate(InstanceId id, const Recovering& recovering) {
  return recovering.answered.Minus(recovering.quorum).Contains(id.replica) &&
         !recovering.LeaderIsRecused(id);
}
// W5: rule R4 over all answers so far (no_w5).
inline bool TooFewOfAllMatch(const Recovering& recovering,
                             const QuorumSizes& quorums) {
  return recovering.Matching(recovering.answered) <
         recovering.answered.size() - quorums.fast_faults;
}

// ---- progress ---------------------------------------------------------------

// Somebody must finish what a dead replica began (no_recovery).
constexpr bool IsOutOfPatience(int ticks, int patience) {
  return ticks >= patience;
}
// Decided, or led by us: nobody need recover it. What somebody waits for
// counts for no more (wait_for_ever).
inline bool NeedsNobody(const Instance& instance) {
  return instance.status == InstanceStatus::kCommitted || instance.leading();
}
// An attempt that does not get on is followed by one at a new ballot, perhaps
// with another Q, also while it waits (wait_for_ever).
constexpr bool IsTooOld(const Recovering&, int age, int limit) {
  return age >= limit;
}

// ---- forgetting, and coming back --------------------------------------------

// B-R2w: what members lack is forgotten as far as there are witnesses
// (pass_each_other).
inline void KeepToWitnessed(const DependencySet& held,
                            const DependencySet& everybody,
                            DependencySet& floor) {
  floor.IntersectWith(held);
  floor.UnionWith(everybody);
}
// D6: after a restart nobody goes back behind its disk: no promise is forgotten
// (forget_promise), nor an own accept at ballot 0 (d_resume0), nor a decision
// changed (replay_differs).
template <typename Record>
constexpr bool IsTakenBack(const Record&) {
  return true;
}
inline DependencySet ReplayedDeps(const Instance& decided) {
  return decided.deps;
}

}  // namespace kept_rules

// Looked up here, as rules::MayAccept. What a mutant declares here itself hides
// the rule of that name.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate::epaxos
