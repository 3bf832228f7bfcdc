#include "replica/epaxos/fast_path.h"

#include "replica/epaxos/rules.h"

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

bool FastPath::ClampsOwnColumn() const { return rules::ClampsOwnColumn(rule_); }

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
  if (rules::IsFastVote(deps, instance.initial_deps)) {
    leading.matching.Insert(from);
  }
  leading.voted_deps.UnionWith(deps);
}

bool FastPath::IsFast(const Instance& instance, const Leading& leading) const {
  if (FixesQuorum()) {
    return leading.voters == instance.fast_quorum &&
           EveryDependencyIsPopular(leading);
  }
  return rules::AreFastQuorum(leading.matching.size(), quorums_);
}

const DependencySet& FastPath::FastDeps(const Instance& instance,
                                        const Leading& leading) const {
  return rules::FastDeps(rule_, instance, leading);
}

Round FastPath::OtherwiseThanFast(const Instance& instance,
                                  const Leading& leading,
                                  ReplicaSet hopeless) const {
  if (FixesQuorum()) {
    const ReplicaSet missing = instance.fast_quorum.Minus(leading.voters);
    if (missing.empty()) return Round::kSlow;
    // Nobody else may be asked (rules::EndsWithItsFastQuorum).
    return missing.Intersect(hopeless).empty() ? Round::kOpen : Round::kStuck;
  }
  const int may_still_match =
      leading.asked.Minus(leading.voters).Minus(hopeless).size();
  const bool fast_is_possible =
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
  if (rules::LeaderIsNotFast(id, recovering)) {
    return {.rule = RecoveryRule::kR3};
  }
  if (rules::TooFewMatch(recovering, quorums_)) {
    return {.rule = RecoveryRule::kR4};
  }
  // R5: the initial dependencies are unique per instance.
  Ruling ruling{.rule = RecoveryRule::kR4};
  for (const auto& answer : recovering.answers) {
    if (!answer || !answer->matches_initial) continue;
    ruling = {.kind = rules::EnoughMatch(),
              .value = answer->value,
              .deps = answer->deps,
              .rule = RecoveryRule::kR5};
  }
  return ruling;
}

}  // namespace quorate::epaxos
