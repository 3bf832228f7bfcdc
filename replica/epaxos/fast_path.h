// Answers: when is one round enough, and what may recovery conclude from that?
//
// The fast path rule (protocol.md 3.4-3.6): every decision in which EPaxos*,
// Atlas and Unanimous differ, as one value without state. Rounds, ballots,
// promises, accepts and everything that time brings are common to them. What
// makes each rule safe is told in README.md; atlas.cc has the one that collects
// dependencies again in recovery. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "replica/base/quorum.h"
#include "replica/base/settings.h"
#include "replica/epaxos/instance.h"
#include "replica/epaxos/recovery_rule.h"

namespace quorate::epaxos {

// What becomes of a first round that is not fast.
enum class Round : std::uint8_t {
  kOpen,   // votes are outstanding that may matter
  kSlow,   // the union of the votes goes to the second round
  kStuck,  // no round at ballot 0 can end it: the command leader recovers it
};

// What the answers of a quorum that has promised a ballot allow.
struct Ruling {
  enum class Kind : std::uint8_t {
    kGiveUp,    // no fast commit: Recoverer::GiveUp
    kPropose,   // this value with these dependencies
    kValidate,  // they may have been committed fast: rule R5
    kAskAgain,  // at a new ballot, with this payload
  };
  Kind kind = Kind::kGiveUp;
  Value value = Value::Noop();
  DependencySet deps;
  // What says so, where it has a name.
  std::optional<RecoveryRule> rule;
};

class FastPath {
 public:
  explicit FastPath(const Settings& settings)
      : rule_(settings.fast_path), quorums_(QuorumSizesOf(settings)) {}

  FastPathRule rule() const { return rule_; }

  // ---- the first round ----
  // The command leader names its fast quorum once and asks nobody else.
  bool FixesQuorum() const { return rule_ == FastPathRule::kAtlas; }
  // May a PreAccept from `leader` to `self` name this one?
  bool MayBeFastQuorum(ReplicaSet quorum, ReplicaId leader,
                       ReplicaId self) const;
  // A vote need not cover later instances of its own column: only where every
  // dependency that is ever proposed comes from a replica that had the command
  // leader's own (protocol.md 2.2).
  bool ClampsOwnColumn() const;
  // The command leader's own report.
  void Begin(const Instance& instance, Leading& leading) const;
  // A peer's. One that comes again is not counted again.
  void CountVote(ReplicaId from, const DependencySet& deps,
                 const Instance& instance, Leading& leading) const;
  // Once the own vote is durable, and counted.
  bool IsFast(const Instance& instance, const Leading& leading) const;
  // What a fast commit decides.
  const DependencySet& FastDeps(const Instance& instance,
                                const Leading& leading) const;
  // Not even if all vote but the `hopeless`.
  Round OtherwiseThanFast(const Instance& instance, const Leading& leading,
                          ReplicaSet hopeless) const;

  // ---- recovery ----
  // Who has not voted tells, when shown the payload, what it knows to conflict.
  bool CollectsInRecovery() const { return rule_ == FastPathRule::kAtlas; }
  bool Validates() const { return rule_ == FastPathRule::kEpaxos; }
  // None of Q has committed or accepted (R1, R2).
  Ruling AfterPromises(InstanceId id, const Recovering& recovering) const;

 private:
  Ruling EpaxosRuling(InstanceId id, const Recovering& recovering) const;
  // atlas.cc
  Ruling AtlasRuling(InstanceId id, const Recovering& recovering) const;
  static void CountReporters(const DependencySet& deps, Leading& leading);
  bool EveryDependencyIsPopular(const Leading& leading) const;

  FastPathRule rule_;
  QuorumSizes quorums_;
};

}  // namespace quorate::epaxos
