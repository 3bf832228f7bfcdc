// The Atlas rule (Enes et al., EuroSys'20; protocol.md 3.6).
//
// The command leader fixes a fast quorum FQ of n/2 + f members, itself among
// them. All of them vote; their union U is decided if f of them report whatever
// it has. A recovery that does not hear the command leader misses at most f-1
// other members of FQ, so somebody it hears has reported each such dependency:
// the union over those it hears is U. Nobody need be asked whether U was safe,
// because any union over so many replicas is a good set of dependencies:
// n/2 + 1 with the command leader's own, and two of those meet.
#include "replica/epaxos/fast_path.h"
#include "replica/epaxos/rules.h"

namespace quorate::epaxos {

// A watermark is reported by those who voted for exactly it: prefix closure
// makes everything below it a member of their sets as well.
void FastPath::CountReporters(const DependencySet& deps, Leading& leading) {
  for (int i = 0; i < deps.columns(); ++i) {
    const ReplicaId column = ReplicaAt(i);
    std::uint8_t& reporters = leading.reporters[static_cast<std::size_t>(i)];
    if (deps[column] > leading.voted_deps[column]) {
      reporters = 1;
    } else if (deps[column] == leading.voted_deps[column]) {
      ++reporters;
    }
  }
}

bool FastPath::EveryDependencyIsPopular(const Leading& leading) const {
  for (int i = 0; i < leading.voted_deps.columns(); ++i) {
    const int reporters = leading.reporters[static_cast<std::size_t>(i)];
    if (!rules::IsPopular(reporters, quorums_)) return false;
  }
  return true;
}

// A fast quorum meets Q, so where nobody of Q has voted there was no fast
// commit, and nobody has to know FQ.
Ruling FastPath::AtlasRuling(InstanceId id,
                             const Recovering& recovering) const {
  ReplicaSet voters;
  ReplicaSet fast_quorum;
  Value voted = Value::Noop();
  for (int i = 0; i < quorums_.replicas; ++i) {
    const auto& answer = recovering.answers[static_cast<std::size_t>(i)];
    if (!recovering.quorum.Contains(ReplicaAt(i)) ||
        answer->status != InstanceStatus::kPreAccepted) {
      continue;
    }
    voters.Insert(ReplicaAt(i));
    fast_quorum = answer->fast_quorum;
    voted = answer->value;
  }
  const DependencySet none(quorums_.replicas);
  if (recovering.batch == nullptr) {
    // Whoever has not voted has collected nothing at this ballot.
    return {.kind = voters.empty() ? Ruling::Kind::kPropose
                                   : Ruling::Kind::kAskAgain,
            .value = voted,
            .deps = none};
  }
  const ReplicaSet reporting =
      rules::Reporting(id, recovering.quorum, fast_quorum, voters);
  Ruling ruling{.kind = Ruling::Kind::kPropose,
                .value = Value::Commands(recovering.batch),
                .deps = none};
  for (int i = 0; i < quorums_.replicas; ++i) {
    if (!reporting.Contains(ReplicaAt(i))) continue;
    ruling.deps.UnionWith(
        recovering.answers[static_cast<std::size_t>(i)]->deps);
  }
  return ruling;
}

}  // namespace quorate::epaxos
