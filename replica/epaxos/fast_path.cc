#include "replica/epaxos/fast_path.h"

#include "wire/mutation.h"

namespace quorate::epaxos {

int Recovering::Matching(ReplicaSet among) const {
  ReplicaSet found;
  for (int i = 0; i < kMaxReplicas; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    if (answer && answer->matches_initial) found.Insert(ReplicaAt(i));
  }
  return found.Intersect(among).size();
}

bool FastPath::MayBeFastQuorum(ReplicaSet quorum, ReplicaId leader,
                               ReplicaId self) const {
  if (!FixesQuorum()) return quorum.empty();
  return quorum.size() == quorums_.fast() && quorum.Contains(leader) &&
         quorum.Contains(self);
}

bool FastPath::ClampsOwnColumn() const {
  return rule_ != FastPathRule::kAtlas || Mutated("atlas_clamp");
}

void FastPath::Begin(const Instance& instance, Leading& leading) const {
  leading.voted_deps = instance.initial_deps;
  leading.reporters.fill(1);
}

void FastPath::CountVote(ReplicaId from, const DependencySet& deps,
                         const Instance& instance, Leading& leading) const {
  if (FixesQuorum()) {
    if (leading.voters.Contains(from) || !instance.fast_quorum.Contains(from)) {
      return;
    }
    CountReporters(deps, leading);
  }
  leading.voters.Insert(from);
  if (deps == instance.initial_deps || Mutated("fast_allequal")) {
    leading.matching.Insert(from);
  }
  leading.voted_deps.UnionWith(deps);
}

// Compared with the initial dependencies, not with each other: a larger set
// that all agree on cannot be told apart in recovery (fast_allequal). Where all
// n must match this makes no difference, the command leader being one of them.
bool FastPath::IsFast(const Instance& instance, const Leading& leading) const {
  if (FixesQuorum()) {
    return leading.voters == instance.fast_quorum &&
           EveryDependencyIsPopular(leading);
  }
  const bool one_less =
      Mutated("fq_small") ||
      (rule_ == FastPathRule::kUnanimous && Mutated("unanimous_majority"));
  return leading.matching.size() + (one_less ? 1 : 0) >= quorums_.fast();
}

const DependencySet& FastPath::FastDeps(const Instance& instance,
                                        const Leading& leading) const {
  return FixesQuorum() || Mutated("fast_allequal") ? leading.voted_deps
                                                   : instance.initial_deps;
}

Round FastPath::OtherwiseThanFast(const Instance& instance,
                                  const Leading& leading,
                                  ReplicaSet suspected) const {
  if (FixesQuorum()) {
    const ReplicaSet missing = instance.fast_quorum.Minus(leading.voters);
    if (missing.empty()) return Round::kSlow;
    // Nobody else may be asked at ballot 0 (atlas_second_fq).
    return leading.fast_path_given_up || !missing.Intersect(suspected).empty()
               ? Round::kStuck
               : Round::kOpen;
  }
  const int may_still_match =
      leading.asked.Minus(leading.voters).Minus(suspected).size();
  const bool fast_is_possible =
      !leading.fast_path_given_up &&
      leading.matching.size() + may_still_match >= quorums_.fast();
  return !fast_is_possible && leading.voters.size() >= quorums_.classic()
             ? Round::kSlow
             : Round::kOpen;
}

Ruling FastPath::AfterPromises(InstanceId id,
                               const Recovering& recovering) const {
  switch (rule_) {
    case FastPathRule::kEpaxos: return EpaxosRuling(id, recovering);
    case FastPathRule::kAtlas: return AtlasRuling(id, recovering);
    // If there was a fast commit all of Q have voted, each for its
    // dependencies, and so their union is what giving up proposes.
    case FastPathRule::kUnanimous: break;
  }
  return {};
}

// R3-R5 (protocol.md 2.6).
Ruling FastPath::EpaxosRuling(InstanceId id,
                              const Recovering& recovering) const {
  const ReplicaSet quorum = recovering.quorum;
  // R3: the command leader has promised our ballot and knows that it has not
  // committed, so it never commits fast.
  if ((quorum.Contains(id.replica) &&
       (!recovering.LeaderIsRecused(id) || Mutated("rec_r3")) &&
       !Mutated("no_r3")) ||
      Mutated("coord_rule_always")) {
    return {.rule = RecoveryRule::kR3};
  }
  // R4: a fast quorum meets Q in at least |Q| - e members, all matching; a
  // recused command leader is one of them for certain.
  if (recovering.Matching(quorum) < quorum.size() - quorums_.fast_faults &&
      !Mutated("no_r4")) {
    return {.rule = RecoveryRule::kR4};
  }
  // R5: the initial dependencies are unique per instance.
  Ruling ruling{.rule = RecoveryRule::kR4};
  for (const auto& answer : recovering.answers) {
    if (!answer || !answer->matches_initial) continue;
    ruling = {.kind = Ruling::Kind::kValidate,
              .value = answer->value,
              .deps = answer->deps,
              .rule = RecoveryRule::kR5};
  }
  return ruling;
}

}  // namespace quorate::epaxos
