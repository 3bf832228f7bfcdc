#include "tests/fuzz/machine_cluster.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "replica/host/multipaxos_replica.h"
#include "tests/fuzz/machine_lies.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"

namespace quorate::fuzz {
namespace {

constexpr std::size_t kMostSteps = 400;
constexpr std::size_t kMostInFlight = 256;
// Messages that arrive in a moment of calm.
constexpr int kMostInCalm = 48;

ReplicaSet Range(int first, int count) {
  return ReplicaSet::FirstN(first + count).Minus(ReplicaSet::FirstN(first));
}

Settings SeparateRoles() {
  return {.protocol = Protocol::kBpaxos,
          .replicas = 10,
          .roles = {.leaders = Range(0, 2),
                    .dependency_nodes = Range(2, 3),
                    .acceptors = Range(5, 3),
                    .executors = Range(8, 2)}};
}

// All roles on each of six nodes, two shards and two groups of three.
Settings DividedRoles() {
  Settings settings{.protocol = Protocol::kBpaxos, .replicas = 6, .faults = 1};
  for (std::size_t i = 3; i < 6; ++i) {
    settings.parts.shard[i] = settings.parts.group[i] = 1;
  }
  return settings;
}

// As it arrives at the other end; nullopt for what the codec refuses.
std::optional<Message> ThroughTheWire(const Message& message, int columns) {
  std::string frame;
  EncodeMessage(message, frame);
  const auto body = std::as_bytes(std::span(frame)).subspan(kFrameHeaderBytes);
  auto decoded = DecodeMessage(body, columns);
  if (!decoded.ok()) return std::nullopt;
  return *std::move(decoded);
}

bool IsDecidedIn(const std::vector<Record>& records, InstanceId id) {
  return std::ranges::any_of(records, [&](const Record& record) {
    if (const auto* r = std::get_if<CommittedRecord>(&record)) {
      return r->instance == id;
    }
    const auto* saved = std::get_if<InstanceRecord>(&record);
    return saved != nullptr && saved->instance == id &&
           saved->status == InstanceStatus::kCommitted;
  });
}

// Another value than the log has, in a slot that is decided?
bool Contradicts(const multipaxos::Log& log, const Message& message) {
  const auto other = [&](std::uint64_t number, const Value& value) {
    const multipaxos::Slot* slot = log.Find(number);
    return slot != nullptr && slot->decided && slot->value != value;
  };
  if (const auto* commit = std::get_if<Commit>(&message)) {
    return other(commit->instance.slot, commit->value);
  }
  const auto* promise = std::get_if<Promise>(&message);
  if (promise == nullptr) return false;
  std::map<std::uint64_t, Value> told;
  return std::ranges::any_of(promise->votes, [&](const Promise::Vote& vote) {
    if (!vote.decided) return false;
    const auto [known, fresh] = told.try_emplace(vote.slot, vote.value);
    return known->second != vote.value || other(vote.slot, vote.value);
  });
}

}  // namespace

World WorldAt(std::size_t index) {
  switch (index) {
    case 0: return {"epaxos", {}};
    case 1: return {"atlas", {.fast_path = FastPathRule::kAtlas}};
    case 2: return {"unanimous", {.fast_path = FastPathRule::kUnanimous}};
    case 3: return {"multipaxos", {.protocol = Protocol::kMultipaxos}};
    case 4: return {"bpaxos", {.protocol = Protocol::kBpaxos}};
    case 5: return {"bpaxos, a node a role", SeparateRoles()};
    default: return {"bpaxos, two shards and groups", DividedRoles()};
  }
}

MachineCluster::MachineCluster(const Settings& settings, ReplicaId victim)
    : settings_(settings),
      victim_(victim),
      nodes_(static_cast<std::size_t>(settings.replicas)) {
  settings_.retransmit_ticks = 2;
  settings_.recovery_ticks = 1;
  settings_.election_ticks = 4;
  settings_.floor_ticks = 3;
  for (int i = 0; i < size(); ++i) Make(ReplicaAt(i));
}

void MachineCluster::Make(ReplicaId node) {
  Settings settings = settings_;
  settings.self = node;
  At(node).machine = Replica::Create(settings);
}

void MachineCluster::Run(Script& script) {
  for (; steps_ < kMostSteps && !script.ended(); ++steps_) {
    const ReplicaId node = AnyNode(script);
    switch (script.Below(16)) {
      case 0:
      case 1: Step(node, ClientCommands{.batches = {AnyBatch(script)}}); break;
      case 2:
      case 3: Step(node, Tick{.random = script.Next()}); break;
      case 4:
      case 5: Sync(node); break;
      case 6: Suspect(node, script); break;
      case 7:
        if (script.Below(4) == 0) WriteCheckpoint(node);
        Restart(node);
        break;
      case 8:
      case 9: Lie(script); break;
      case 10: Calm(); break;
      default: Deliver(script);
    }
  }
}

void MachineCluster::Step(ReplicaId at, const Event& event) {
  Node& node = At(at);
  Actions actions;
  node.machine->Step(event, actions);
  for (Record& record : actions.persist) {
    if (const auto* decided = std::get_if<CommittedRecord>(&record)) {
      node.decided[decided->instance] = {decided->value, decided->deps};
    }
    node.journal.push_back(std::move(record));
  }
  for (const CommittedInstance& decision : actions.committed) {
    node.decided[decision.instance] = {decision.value, decision.deps};
    ++decisions_;
  }
  for (const OutgoingMessage& message : actions.messages) Send(at, message);
  if (lies_ > 0) return;
  const absl::Status sound = node.machine->CheckInvariants();
  QUORATE_CHECK(sound.ok(), std::string(sound.message()).c_str());
}

void MachineCluster::Sync(ReplicaId at) {
  At(at).durable = At(at).machine->last_record();
  Step(at, RecordsDurable{.through = At(at).durable});
}

// ---- messages ---------------------------------------------------------------

void MachineCluster::Send(ReplicaId from, const OutgoingMessage& outgoing) {
  QUORATE_CHECK(!outgoing.to.Contains(from), "nobody writes to himself");
  const std::optional<Message> read =
      ThroughTheWire(outgoing.message, ColumnsOf(settings_));
  QUORATE_CHECK(read.has_value(), ("what a replica says can be read: " +
                                   std::string(Name(outgoing.message)))
                                      .c_str());
  for (int i = 0; i < size(); ++i) {
    if (!outgoing.to.Contains(ReplicaAt(i))) continue;
    if (network_.size() == kMostInFlight) network_.erase(network_.begin());
    network_.push_back({.from = from, .to = ReplicaAt(i), .message = *read});
  }
}

// Another decision than the one it knows?
bool MachineCluster::ContradictsDecision(ReplicaId at, const Message& message) {
  const Node& node = At(at);
  if (settings_.protocol == Protocol::kMultipaxos) {
    // Decided, and waiting for slots before it, is what no effect tells of.
    const auto& machine = static_cast<const MultipaxosReplica&>(*node.machine);
    return Contradicts(machine.log(), message);
  }
  const auto* commit = std::get_if<Commit>(&message);
  if (commit == nullptr) return false;
  const auto known = node.decided.find(commit->instance);
  return known != node.decided.end() &&
         !(known->second.value == commit->value &&
           known->second.deps == commit->deps);
}

void MachineCluster::Arrive(ReplicaId to, ReplicaId from, Message message) {
  if (ContradictsDecision(to, message)) return;
  Step(to, MessageReceived{.from = from, .message = std::move(message)});
}

void MachineCluster::Deliver(Script& script) {
  if (network_.empty()) return;
  const std::size_t at = script.Below(network_.size());
  const InFlight arriving = network_[at];
  // Now and then it stays, to arrive again.
  if (script.Below(8) != 0) {
    network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  Arrive(arriving.to, arriving.from, arriving.message);
}

// Everything is synced and arrives: what takes many steps gets somewhere.
void MachineCluster::Calm() {
  for (int arrived = 0; arrived < kMostInCalm;) {
    for (int i = 0; i < size(); ++i) {
      if (At(ReplicaAt(i)).durable < At(ReplicaAt(i)).machine->last_record()) {
        Sync(ReplicaAt(i));
      }
    }
    if (network_.empty()) return;
    for (const InFlight& each : std::exchange(network_, {})) {
      Arrive(each.to, each.from, each.message);
      ++arrived;
    }
  }
}

void MachineCluster::Lie(Script& script) {
  Message lie;
  const int columns = ColumnsOf(settings_);
  if (network_.empty() || script.Below(16) == 0) {
    lie = AnyMessage(script, columns);
  } else {
    lie = network_[script.Below(network_.size())].message;
    do {
      ChangeField(script, columns, lie);
    } while (script.Below(4) == 0 && !script.ended());
  }
  const ReplicaId liar =
      ReplicaAt((Index(victim_) + 1 + script.Pick(size() - 1)) % size());
  std::optional<Message> read = ThroughTheWire(lie, columns);
  if (!read.has_value()) return;
  ++lies_;
  Arrive(victim_, liar, *std::move(read));
}

void MachineCluster::Suspect(ReplicaId node, Script& script) {
  const ReplicaId peer =
      ReplicaAt((Index(node) + 1 + script.Pick(size() - 1)) % size());
  Step(node, PeerSuspected{.peer = peer, .suspected = script.Below(3) != 0});
}

// ---- restarts ---------------------------------------------------------------

// It counts once everything that it stands for is durable.
void MachineCluster::WriteCheckpoint(ReplicaId at) {
  Node& node = At(at);
  Sync(at);
  const std::optional<RecordSequence> through = node.machine->BeginCheckpoint();
  if (!through.has_value() || *through > node.durable) return;
  node.checkpoint = {.through = *through};
  while (node.machine->NextCheckpointRecords(std::size_t{1} << 20,
                                             node.checkpoint.records)) {
  }
}

// As they are read back.
std::vector<Record> MachineCluster::Journal(const Node& node) const {
  std::string group;
  for (const Record& record : node.checkpoint.records) {
    EncodeRecord(record, group);
  }
  for (std::size_t i = node.checkpoint.through; i < node.journal.size(); ++i) {
    EncodeRecord(node.journal[i], group);
  }
  std::vector<Record> records;
  const absl::Status read = DecodeRecords(
      group, ColumnsOf(settings_),
      [&](Record&& record) { records.push_back(std::move(record)); });
  QUORATE_CHECK(read.ok(), "a replica can read its own journal");
  return records;
}

// It loses what was not synced.
void MachineCluster::Restart(ReplicaId at) {
  Node& node = At(at);
  node.journal.resize(static_cast<std::size_t>(node.durable));
  const std::vector<Record> records = Journal(node);
  Make(at);
  node.machine->Restore(records);
  QUORATE_CHECK(node.machine->last_record() == node.durable,
                "a restored machine numbers its records on");
  std::erase_if(node.decided, [&](const auto& entry) {
    return !IsDecidedIn(records, entry.first);
  });
}

}  // namespace quorate::fuzz
