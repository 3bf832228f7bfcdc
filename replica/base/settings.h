// Answers: what can be chosen about the protocol?
//
// Everything the pure machines take from the configuration. All nodes of a
// cluster share these values, except where a comment says otherwise.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "replica/base/protocols.h"
#include "wire/commutation.h"
#include "wire/ids.h"
#include "wire/limits.h"
#include "wire/timers.h"

namespace quorate {

// Which sets of replicas are enough; replica/base/quorum_system.h says how it
// is written and what it means.
struct QuorumSpec {
  enum class Kind : std::uint8_t {
    kMajority,
    kSize,
    kRows,
    kColumns,
    kCross,
    kWeights,
    kEven,
  };
  Kind kind = Kind::kMajority;
  int size = 0;                             // kSize
  int rows = 0;                             // of the grids
  int columns = 0;                          //
  std::array<int, kMaxReplicas> weights{};  // kWeights
  int weighted = 0;                         // how many weights were given
  int reach = 0;    // the least weight of a quorum; 0: more than half
  int without = 0;  // kEven: number of the replica from 1; 0: the last

  friend bool operator==(const QuorumSpec&, const QuorumSpec&) = default;
};

// Multi-Paxos: how a command that only reads is served.
enum class ReadMode : std::uint8_t {
  kLog,     // as any other command
  kLeader,  // by the leader, once a quorum has confirmed that it still leads
};

constexpr std::string_view Name(ReadMode mode) {
  return mode == ReadMode::kLeader ? "leader" : "log";
}

// When one round trip is enough (replica/epaxos/fast_path.h).
enum class FastPathRule : std::uint8_t { kEpaxos, kAtlas, kUnanimous };

// Which nodes do which part of BPaxos' work (protocol.md 3.1): any node any of
// it. A set that is empty means every node.
struct Roles {
  ReplicaSet leaders;  // take commands, give out instances, propose, recover
  ReplicaSet dependency_nodes;
  ReplicaSet acceptors;
  ReplicaSet executors;
  friend bool operator==(const Roles&, const Roles&) = default;
};

// BPaxos: where keys are divided among shards of the dependency service, and
// instances among groups of acceptors, which of them each node belongs to. By
// node, counted from 0; of no meaning for a node that lacks the role.
inline constexpr int kMaxParts = kMaxNodes / 3;  // three nodes each
struct Parts {
  std::array<std::uint8_t, kMaxNodes> shard{};
  std::array<std::uint8_t, kMaxNodes> group{};
  friend bool operator==(const Parts&, const Parts&) = default;
};

struct Settings {
  Protocol protocol = kProtocolRows[0].protocol;
  int replicas = 3;
  ReplicaId self{};  // differs from node to node
  // Replicas that may be down at once: (replicas - 1) / 2 when 0.
  int faults = 0;
  // Replicas that may be down or slow while conflict-free commands still take
  // the fast path: the largest that the bound allows when 0. EPaxos only: the
  // other rules leave no choice.
  int fast_faults = 0;
  FastPathRule fast_path = FastPathRule::kEpaxos;
  ConflictMode conflicts = ConflictMode::kOperation;
  // Send PreAccept to a fast quorum only, to the others after a timeout.
  bool thrifty = false;
  // Send PreAccept while the own record of the proposal is still being written;
  // the own vote counts once it is durable (protocol.md 1.3). Saves one sync of
  // the latency; the slots reserved for it are filled with noops after a crash.
  bool overlap_sync = true;
  // At least so many slots beyond those in flight are reserved at a time: each
  // reservation is one record, each slot of it that a crash leaves unused a
  // noop.
  std::size_t reserved_slots_ahead = 8;
  // Announce a fast commit without waiting for its record (truncation.md A2).
  // Saves another sync. The price is availability: after a crash, an instance
  // may stay undecided until a further replica that is down comes back. Costs
  // nothing with kUnanimous; not with kAtlas.
  bool lazy_fast_commit = false;
  // Commands and bytes that may share an instance; 1 command turns batching
  // off.
  std::size_t batch_commands = 1024;
  std::size_t batch_bytes = 512 * 1024;
  // Own instances that may be undecided at once; further commands gather into
  // the next batch. This is what makes batches grow under load without a timer.
  std::size_t max_in_flight = 64;
  // Commands waiting for a place in an instance; beyond it clients get busy.
  std::size_t max_queued_commands = 64 * 1024;
  // Committed instances that wait for others to execute, beyond which only what
  // conflicts with none of them is proposed here: other commands would join the
  // chains that are waited for, and these need never end (protocol.md 4.6).
  std::size_t max_waiting_instances = 4096;
  // Milliseconds of the shell's clock, or of the simulator's, between ticks.
  int tick_ms = MillisecondsOf<"tick">;
  // Ticks before an undecided own instance is sent again; doubles each time.
  int retransmit_ticks = TicksOf<"retransmit">;
  // Ticks a column of a suspected replica may stand still before the next
  // replica in ring order finishes its instances; the one after that waits
  // twice as long, and so on.
  int recovery_ticks = TicksOf<"epaxos.recovery">;
  // Ticks between two attempts to raise the floors below which everything may
  // be forgotten.
  int floor_ticks = TicksOf<"floors">;
  // Bytes of decided instances that are kept for members that are down or slow.
  // Beyond it as many of them as is safe are left out (quorum.h: Laggards;
  // bpaxos/floors.h) and fetch a snapshot when they are back. 0, or kEpaxos
  // with lazy_fast_commit: everything is kept for everybody.
  std::size_t retained_bytes = 32 * 1024 * 1024;
  // A session is forgotten when it has had no command for one to two times so
  // long, and its client then opens another. 0: never.
  std::uint64_t session_idle_ms = SecondsOf<"session.idle"> * 1000;
  // What a command may give, and what is kept of it for retries.
  ResultLimits results;
  // ---- BPaxos ----
  Roles roles;
  Parts parts;
  // Of the nodes of a shard: every two quorums must meet.
  QuorumSpec dependency_quorum;
  // ---- Multi-Paxos, and each group of BPaxos' acceptors ----
  // Every quorum of one phase must meet every quorum of the other.
  QuorumSpec phase1;
  QuorumSpec phase2;
  // ---- Multi-Paxos ----
  // Ticks without a sign of the leader after which a replica wants to lead: so
  // many, and up to as many more by chance. A tenth of that when the failure
  // detector suspects the leader. The leader gives a sign ten times as often.
  int election_ticks = TicksOf<"multipaxos.election">;
  ReadMode reads = ReadMode::kLog;
  // Undecided instances that one replica recovers at once.
  std::size_t max_recoveries = 256;
};

constexpr Quorums QuorumsOf(const Settings& settings) {
  return RowOf(settings.protocol).quorums;
}

// The column of instances that are decided for clients of this node.
constexpr ReplicaId OwnColumn(const Settings& settings) {
  return RowOf(settings.protocol).has_leader ? kLogColumn : settings.self;
}

// Columns of a dependency set: one for each replica that may propose, up to the
// last of them.
constexpr int ColumnsOf(const Settings& settings) {
  return settings.roles.leaders.empty()
             ? settings.replicas
             : std::bit_width(settings.roles.leaders.bits());
}

}  // namespace quorate
