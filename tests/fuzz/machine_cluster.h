// Answers: what happens to a few live replicas when a script drives them?
//
// Whole machines of any protocol, their journals, checkpoints and the messages
// between them. The script deals out commands, time, syncs, restarts,
// suspicions, and messages that arrive in any order, twice or never. Now and
// then one node, the victim, is lied to. Whatever it makes of that, nobody may
// abort, and what is said must be readable, as must what is written. As long as
// nobody has lied, invariants hold as well.
//
// One lie is kept from replicas: a second decision for an instance they know
// the decision of. It is a bug in this program wherever it comes from, and G1
// stops the replica on purpose.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "replica/host/replica.h"
#include "tests/fuzz/machine_script.h"
#include "tests/replica/in_flight.h"

namespace quorate::fuzz {

// What is fuzzed: a protocol, or one of the shapes that it comes in.
struct World {
  std::string_view name;
  Settings settings;
};
inline constexpr std::size_t kWorlds = 7;
World WorldAt(std::size_t index);

class MachineCluster {
 public:
  MachineCluster(const Settings& settings, ReplicaId victim);

  void Run(Script& script);

  std::uint64_t steps() const { return steps_; }
  std::uint64_t lies() const { return lies_; }
  std::uint64_t decisions() const { return decisions_; }

 private:
  struct Decision {
    Value value;
    DependencySet deps;
  };
  struct Checkpoint {
    RecordSequence through = 0;
    std::vector<Record> records;
  };
  struct Node {
    std::unique_ptr<Replica> machine;
    std::vector<Record> journal;
    RecordSequence durable = 0;
    Checkpoint checkpoint;
    // What it has recorded or announced as decided.
    std::map<InstanceId, Decision> decided;
  };

  Node& At(ReplicaId node) {
    return nodes_[static_cast<std::size_t>(Index(node))];
  }
  int size() const { return settings_.replicas; }
  ReplicaId AnyNode(Script& script) { return ReplicaAt(script.Pick(size())); }

  void Make(ReplicaId node);
  void Step(ReplicaId at, const Event& event);
  void Sync(ReplicaId at);
  void Send(ReplicaId from, const OutgoingMessage& outgoing);
  bool ContradictsDecision(ReplicaId at, const Message& message);
  void Arrive(ReplicaId to, ReplicaId from, Message message);
  void Deliver(Script& script);
  void Calm();
  void Lie(Script& script);
  void Suspect(ReplicaId node, Script& script);
  void WriteCheckpoint(ReplicaId at);
  void Restart(ReplicaId at);
  std::vector<Record> Journal(const Node& node) const;

  Settings settings_;
  ReplicaId victim_;
  std::vector<Node> nodes_;
  std::vector<InFlight> network_;
  std::uint64_t steps_ = 0;
  std::uint64_t lies_ = 0;
  std::uint64_t decisions_ = 0;
};

}  // namespace quorate::fuzz
