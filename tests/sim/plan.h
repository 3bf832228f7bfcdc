// Answers: what will one seed try?
//
// Swarm testing: each seed first draws which kinds of fault exist in its world,
// then how often they strike, how fast disk, network and nodes are, what the
// clients ask for, and with which settings the cluster runs. A run with every
// fault at once hides bugs that a run with only one of them shows. All of it is
// drawn before the first event, so a plan can be printed and compared.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "replica/base/settings.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/random.h"
#include "wire/command.h"
#include "wire/limits.h"

namespace quorate::sim {

enum class FaultKind : std::uint8_t {
  kLoss,        // a message disappears
  kDuplicate,   // a message arrives twice
  kReorder,     // messages of one link overtake each other
  kDelay,       // heavy-tailed delays
  kReset,       // a connection breaks and loses what is queued on it
  kPartition,   // some links carry nothing for a while
  kCrash,       // a node stops and comes back with its durable records
  kPower,       // all nodes stop at once
  kSync,        // a sync fails; the node stops
  kPause,       // a node stands still and goes on
  kDisk,        // a disk is slow for a while
  kClock,       // nodes' clocks run at uneven rates
  kSuspect,     // the failure detector is wrong about a peer
  kTimers,      // timers are set far below a round trip
  kDeath,       // up to f nodes stay down until the others have finished
  kCheckpoint,  // a node begins a checkpoint, whatever else it does
};
inline constexpr int kFaultKinds = 16;

// "loss", "duplicate", ...
std::string_view Name(FaultKind kind);

class FaultSet {
 public:
  static FaultSet All() { return FaultSet((1u << kFaultKinds) - 1); }
  static FaultSet None() { return FaultSet(0); }
  // "all", "none" or names with commas between them.
  static absl::StatusOr<FaultSet> Parse(std::string_view text);

  bool Contains(FaultKind kind) const {
    return ((bits_ >> Bit(kind)) & 1) != 0;
  }
  void Insert(FaultKind kind) { bits_ |= 1u << Bit(kind); }
  void Erase(FaultKind kind) { bits_ &= ~(1u << Bit(kind)); }
  bool empty() const { return bits_ == 0; }
  bool operator==(const FaultSet&) const = default;
  std::string ToString() const;

 private:
  explicit FaultSet(std::uint32_t bits) : bits_(bits) {}
  static unsigned Bit(FaultKind kind) { return static_cast<unsigned>(kind); }
  std::uint32_t bits_;
};

struct NetworkPlan {
  Micros delay = 500;     // typical, one way
  int tail_permille = 0;  // chance that a delay doubles, again and again
  int loss_permille = 0;
  int duplicate_permille = 0;
  bool in_order = true;  // each link is first in, first out
};

struct DiskPlan {
  Micros sync = 500;  // typical
  int tail_permille = 0;
};

struct NodePlan {
  Micros tick = 10000;
  // From an event's arrival to the turn that handles it: the larger it is, the
  // more events share a turn.
  Micros turn_delay = 20;
  // All events of a turn gather into one Actions.
  bool gathers = false;
};

struct WorkloadPlan {
  int clients = 6;
  int operations = 400;    // commands over all clients
  int pipeline = 4;        // unanswered commands a session has at most
  int batch = 1;           // commands a request carries at most
  Micros think = 10000;    // typical pause between requests
  Micros retry = 200000;   // patience before going to another node
  int groups = 16;         // key groups; commands never span two of them
  int hot_permille = 500;  // commands on the one hot group
  // Weight of each single-key operation by OperationKind, the scan included.
  std::array<int, kAllOperationKinds> weights{};
  int multi_permille = 50;  // commands of several operations
  // What gives more is refused when it executes (ResultLimits::command_bytes).
  std::size_t result_bytes = ResultLimits().command_bytes;
  // Sessions that have lost patience and give up, rather than ask elsewhere.
  int give_up_permille = 0;
};

struct Plan {
  FaultSet faults = FaultSet::None();
  // Typical time between two strikes of each scheduled fault.
  std::array<Micros, kFaultKinds> interval{};
  // Strikes at most, so that a run ends even where each one undoes what was
  // done since the last.
  std::array<int, kFaultKinds> strikes{};
  // Nodes that stay down, one bit each.
  ReplicaSet dead;
  // Typical length of a pause, a partition, a crash, ...
  Micros outage = 500000;
  NetworkPlan network;
  DiskPlan disk;
  // How long a node's loop looks out for more after a turn that sent something,
  // and may hold back its Commits.
  Micros look_out = 200;
  std::array<NodePlan, kMaxNodes> nodes{};
  WorkloadPlan workload;
  Settings settings;
  // The nodes' disks are the real store (store_disk.h).
  bool real_store = false;
};

// Who has which role of BPaxos: every node all of them, perhaps in parts; a
// node one; any node any.
enum class RoleLayout : std::uint8_t { kTogether, kSeparate, kMixed };
// "together", ...
std::string_view Name(RoleLayout layout);
std::optional<RoleLayout> ParseRoleLayout(std::string_view name);

struct PlanLimits {
  Protocol protocol = Protocol::kEpaxos;
  // Where roles are drawn, the cluster may have more nodes.
  int replicas = 3;
  FaultSet allowed = FaultSet::All();
  // Commands over all clients; drawn when 0.
  int operations = 0;
  // In every world, not in a few of a hundred.
  bool real_store = false;
  // Many conflicts, and faults all the time.
  bool contended = false;
  // Clients give up soon and go on.
  bool impatient = false;
  // Nodes measure how far their peers are, and are wrong about it.
  bool measured = false;
  // Drawn when empty.
  std::optional<FastPathRule> fast_path;
  std::optional<RoleLayout> roles;
};

Plan DrawPlan(Random random, const PlanLimits& limits);

// One line: the figures that a failure may hang on.
std::string Describe(const Plan& plan);

}  // namespace quorate::sim
