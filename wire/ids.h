// Answers: who and what is meant?
//
// Strong, ordered value types for replicas, instances, ballots, clients and
// journal records. All are plain values without invariants beyond their
// ranges, free of allocation and usable as keys.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace quorate {

// The most replicas that may propose, which is the most columns a dependency
// set can have.
inline constexpr int kMaxReplicas = 9;
// The most nodes one cluster can have: where roles are separate (BPaxos), only
// leaders have a column. As many as ReplicaSet has bits.
inline constexpr int kMaxNodes = 16;

// A replica's index in the cluster, 0 .. n-1. People see it as r1 .. rn.
enum class ReplicaId : std::uint8_t {};

constexpr int Index(ReplicaId replica) { return static_cast<int>(replica); }
constexpr ReplicaId ReplicaAt(int index) {
  return static_cast<ReplicaId>(index);
}

// One position in one replica's column. Slots are given out in order from 1;
// slot 0 means "none". The replica is the instance's command leader.
struct InstanceId {
  ReplicaId replica{};
  std::uint64_t slot = 0;

  friend bool operator==(const InstanceId&, const InstanceId&) = default;
  // The order inside a strongly connected component: (slot, column), so that
  // no column is favoured (protocol.md 2.1).
  friend constexpr std::strong_ordering operator<=>(const InstanceId& a,
                                                    const InstanceId& b) {
    if (a.slot != b.slot) return a.slot <=> b.slot;
    return a.replica <=> b.replica;
  }
  template <typename H>
  friend H AbslHashValue(H h, const InstanceId& id) {
    return H::combine(std::move(h), Index(id.replica), id.slot);
  }
};

// "r1.17": column of r1, slot 17.
inline std::string ToString(InstanceId id) {
  return "r" + std::to_string(Index(id.replica) + 1) + "." +
         std::to_string(id.slot);
}

// A ballot of one instance. Round 0 is the initial ballot and belongs to the
// command leader; every later round belongs to exactly one replica, so that two
// proposers never share a ballot.
class Ballot {
 public:
  constexpr Ballot() = default;
  static constexpr Ballot Of(std::uint64_t round, ReplicaId owner) {
    return Ballot((round << 8) | static_cast<std::uint64_t>(owner));
  }
  static constexpr Ballot FromNumber(std::uint64_t number) {
    return Ballot(number);
  }
  constexpr std::uint64_t number() const { return number_; }
  constexpr std::uint64_t round() const { return number_ >> 8; }
  constexpr ReplicaId owner() const {
    return static_cast<ReplicaId>(number_ & 0xff);
  }
  constexpr bool is_initial() const { return number_ == 0; }
  friend auto operator<=>(const Ballot&, const Ballot&) = default;

 private:
  explicit constexpr Ballot(std::uint64_t number) : number_(number) {}
  std::uint64_t number_ = 0;
};

// A client session, chosen at random by the client.
enum class ClientId : std::uint64_t {};

// Position of a record in one node's journal, from 1, in the order of effects.
// 0 means "rests on nothing". A record is durable when every record up to and
// including it has been synced.
using RecordSequence = std::uint64_t;

// A set of replicas. Votes are kept in one of these, never in a counter: the
// network may deliver one vote twice.
class ReplicaSet {
 public:
  constexpr ReplicaSet() = default;
  static constexpr ReplicaSet FirstN(int n) {
    return ReplicaSet(static_cast<std::uint16_t>((1u << n) - 1u));
  }
  static constexpr ReplicaSet FromBits(std::uint16_t bits) {
    return ReplicaSet(bits);
  }
  constexpr void Insert(ReplicaId r) {
    bits_ = static_cast<std::uint16_t>(bits_ | (1u << Index(r)));
  }
  constexpr void Erase(ReplicaId r) {
    bits_ = static_cast<std::uint16_t>(bits_ & ~(1u << Index(r)));
  }
  constexpr bool Contains(ReplicaId r) const {
    return ((bits_ >> Index(r)) & 1u) != 0;
  }
  constexpr int size() const { return std::popcount(bits_); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint16_t bits() const { return bits_; }
  constexpr ReplicaSet Intersect(ReplicaSet other) const {
    return ReplicaSet(static_cast<std::uint16_t>(bits_ & other.bits_));
  }
  constexpr ReplicaSet Minus(ReplicaSet other) const {
    return ReplicaSet(static_cast<std::uint16_t>(bits_ & ~other.bits_));
  }
  friend bool operator==(const ReplicaSet&, const ReplicaSet&) = default;

 private:
  explicit constexpr ReplicaSet(std::uint16_t bits) : bits_(bits) {}
  std::uint16_t bits_ = 0;
};

}  // namespace quorate
