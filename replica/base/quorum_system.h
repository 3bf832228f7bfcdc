// Answers: is this set of replicas a quorum?
//
// A quorum system over at most kMaxReplicas members is its truth table: one bit
// for every set, 64 bytes, copied as a value and asked in one load whatever its
// definition was. A superset of a quorum is one. Whether two systems serve a
// protocol depends on which of their quorums must meet: the pairs below are
// made only when they do, and otherwise name two quorums that do not. Pure.
//
// Definitions are written as in cluster.toml; replicas are counted from r1:
//
//   majority            more than half
//   size 4              any 4
//   rows 2x3            a whole row of a grid of 2 rows, r1 r2 r3 / r4 r5 r6
//   columns 2x3         a whole column of it
//   cross 2x3           a row and a column
//   weights 3 1 1 1 1   more than half of the weight ("... reach 5": so much)
//   even                a majority of all, or of all but the last one
//                       ("even without r2": or of all but r2)
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/base/settings.h"
#include "wire/ids.h"

namespace quorate {

// Says what forms there are when the text is none.
absl::StatusOr<QuorumSpec> ParseQuorumSpec(std::string_view text);
// The text that ParseQuorumSpec reads back.
std::string ToString(const QuorumSpec& spec);

// The first of `order` that `chosen` lacks to be a quorum, without the members
// that later ones have made superfluous: a grid's whole row does.
template <typename IsQuorum>
ReplicaSet FillUp(ReplicaSet chosen, const std::vector<ReplicaId>& order,
                  const IsQuorum& is_quorum) {
  for (const ReplicaId node : order) {
    if (is_quorum(chosen)) break;
    chosen.Insert(node);
  }
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    if (!chosen.Contains(*at)) continue;
    ReplicaSet fewer = chosen;
    fewer.Erase(*at);
    if (is_quorum(fewer)) chosen = fewer;
  }
  return chosen;
}

class QuorumSystem {
 public:
  // No quorums at all.
  QuorumSystem() = default;
  // Of replicas 0 .. n-1. Refuses a definition that does not fit them or has no
  // quorum.
  static absl::StatusOr<QuorumSystem> Create(const QuorumSpec& spec, int n);
  // Any `size` of them, 1 <= size <= n.
  static QuorumSystem OfSize(int size, int n);

  // Nodes that are not among them do not count.
  bool IsQuorum(ReplicaSet set) const {
    return quorums_[set.bits() & (quorums_.size() - 1)];
  }
  int replicas() const { return replicas_; }
  // Members of the smallest quorum.
  int smallest() const;
  // The most replicas that may be down, whichever they are, while some quorum
  // is left.
  int tolerates() const;
  // A quorum without a superfluous member, of the first of `preferred` if there
  // is one among them, then of others: whom to ask when not all are asked. It
  // has `self` in it. Otherwise in the order given, of all others, or that of
  // the ring after `self`, so that not all ask the same ones.
  ReplicaSet Choose(ReplicaId self, ReplicaSet preferred) const;
  ReplicaSet Choose(ReplicaId self, ReplicaSet preferred,
                    std::span<const ReplicaId> others) const;

  // "size 4 of 5, 1 may be down": for status and errors.
  std::string Describe() const;
  const QuorumSpec& spec() const { return spec_; }

  friend bool operator==(const QuorumSystem&, const QuorumSystem&) = default;

 private:
  QuorumSpec spec_;
  int replicas_ = 0;
  std::bitset<(1u << kMaxReplicas)> quorums_;
};

// OK when every quorum of `a` meets every quorum of `b`; names two that do not.
absl::Status CheckIntersection(const QuorumSystem& a, const QuorumSystem& b);

// Two phases of Paxos: who is asked what was accepted, and who accepts. Each
// quorum of one meets each of the other; two of the same phase need not meet
// (Howard et al., Flexible Paxos).
class PaxosQuorums {
 public:
  PaxosQuorums() = default;
  static absl::StatusOr<PaxosQuorums> Create(const QuorumSystem& phase1,
                                             const QuorumSystem& phase2);

  const QuorumSystem& phase1() const { return phase1_; }
  const QuorumSystem& phase2() const { return phase2_; }

 private:
  QuorumSystem phase1_;
  QuorumSystem phase2_;
};

// The dependency service: every two quorums meet, so that of two conflicting
// commands one is seen by the other (protocol.md 3.1).
class DependencyQuorums {
 public:
  DependencyQuorums() = default;
  static absl::StatusOr<DependencyQuorums> Create(const QuorumSystem& quorums);

  const QuorumSystem& quorums() const { return quorums_; }

 private:
  QuorumSystem quorums_;
};

// Fast Paxos: every two fast quorums and every classic one have a common
// member, so that a classic quorum can tell which value may have been chosen.
class FastQuorums {
 public:
  FastQuorums() = default;
  static absl::StatusOr<FastQuorums> Create(const QuorumSystem& classic,
                                            const QuorumSystem& fast);

  const QuorumSystem& classic() const { return classic_; }
  const QuorumSystem& fast() const { return fast_; }

 private:
  QuorumSystem classic_;
  QuorumSystem fast_;
};

}  // namespace quorate
