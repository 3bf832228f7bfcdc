// Bytes as a script for three live replicas: commands, time, syncs, restarts,
// suspicions, and messages that arrive in any order, twice or never. Now and
// then the first replica is lied to: a message that another one really sent
// reaches it with a field changed, or from somebody else. Whatever it makes of
// that, it must not abort, and what it says must be readable. As long as nobody
// has lied its invariants hold as well.
//
// One lie is kept from replicas: a second decision for an instance they know
// the decision of. It is a bug in this program wherever it comes from, and G1
// stops the replica on purpose.
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <variant>

#include "replica/replica.h"
#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"
#include "wire/limits.h"

namespace quorate::fuzz {
namespace {

constexpr int kReplicas = 3;
constexpr ReplicaId kVictim = ReplicaAt(0);
constexpr std::size_t kMostSteps = 400;
constexpr std::size_t kMostInFlight = 256;
constexpr std::array<const char*, 3> kKeys = {"a", "b", "c"};

// The script, a byte a choice; 0 when it has ended.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool ended() const { return at_ >= bytes_.size(); }
  std::uint8_t Next() { return ended() ? 0 : bytes_[at_++]; }
  std::size_t Below(std::size_t bound) { return Next() % bound; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// Mostly near what is in use, sometimes beyond what anybody believes.
std::uint64_t Number(Script& script) {
  const std::uint8_t byte = script.Next();
  if (byte < 200) return byte % 12;
  if (byte < 240) return byte;
  return std::uint64_t{1} << (22 + 2 * (byte % 16));
}

InstanceId AnyInstance(Script& script) {
  return {ReplicaAt(static_cast<int>(script.Below(kReplicas))),
          1 + Number(script) % kMaxSlot};
}

Ballot AnyBallot(Script& script) {
  return Ballot::Of(script.Below(4),
                    ReplicaAt(static_cast<int>(script.Below(kReplicas))));
}

CommandBatchPtr AnyBatch(Script& script) {
  const std::uint64_t sequence = 1 + Number(script);
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{script.Below(3)}, sequence},
                     script.Below(2) == 0 ? sequence - 1 : 0);
  builder.AddOperation(
      {.kind = static_cast<OperationKind>(script.Below(kOperationKinds)),
       .key = kKeys[script.Below(kKeys.size())],
       .value = "v"});
  return builder.Finish();
}

Value AnyValue(Script& script) {
  switch (script.Below(4)) {
    case 0: return Value::Noop();
    case 1: return Value::Commands(AnyBatch(script)).WithoutPayload();
    case 2: return {};
    default: return Value::Commands(AnyBatch(script));
  }
}

void ChangeDeps(Script& script, DependencySet& deps) {
  deps.Set(ReplicaAt(static_cast<int>(script.Below(kReplicas))),
           Number(script) % kMaxSlot);
}

// Changes one field that the message has; the choice is the script's.
template <typename Body>
void ChangeField(Script& script, Body& body) {
  const std::size_t field = script.Below(6);
  if constexpr (requires { body.instance; }) {
    if (field == 0) body.instance = AnyInstance(script);
  }
  if constexpr (requires { body.ballot; }) {
    if (field == 1) body.ballot = AnyBallot(script);
  }
  if constexpr (requires { body.value; }) {
    if (field == 2) body.value = AnyValue(script);
  }
  if constexpr (requires { body.deps; }) {
    if (field == 3) ChangeDeps(script, body.deps);
  }
  if constexpr (requires { body.initial_deps; }) {
    if (field == 3) ChangeDeps(script, body.initial_deps);
  }
  if constexpr (requires { body.batch; }) {
    if (field == 4) body.batch = AnyBatch(script);
  }
  if constexpr (requires { body.accepted_ballot; }) {
    if (field == 5) body.accepted_ballot = AnyBallot(script);
  }
  if constexpr (requires { body.promised_ballot; }) {
    if (field == 5) body.promised_ballot = AnyBallot(script);
  }
  if constexpr (requires {
                  body.committed;
                  body.base_floor;
                }) {
    if (field == 0) ChangeDeps(script, body.committed);
    if (field == 1) ChangeDeps(script, body.executed);
    if (field == 2) ChangeDeps(script, body.base_floor);
  }
  if constexpr (requires { body.conflicts; }) {
    if (field == 4) {
      body.conflicts.push_back(
          {.instance = AnyInstance(script), .committed = script.Below(2) == 0});
    }
  }
}

// As it arrives at the other end; nullopt for what the codec refuses.
std::optional<Message> ThroughTheWire(const Message& message) {
  std::string frame;
  EncodeMessage(message, frame);
  const auto body = std::as_bytes(std::span(frame)).subspan(kFrameHeaderBytes);
  auto decoded = DecodeMessage(body, kReplicas);
  if (!decoded.ok()) return std::nullopt;
  return *std::move(decoded);
}

struct InFlight {
  ReplicaId from{};
  ReplicaId to{};
  Message message;
};

class Cluster {
 public:
  Cluster() {
    for (int i = 0; i < kReplicas; ++i) Make(ReplicaAt(i));
  }

  void Run(Script& script) {
    for (std::size_t i = 0; i < kMostSteps && !script.ended(); ++i) {
      const auto node = ReplicaAt(static_cast<int>(script.Below(kReplicas)));
      switch (script.Below(16)) {
        case 0:
        case 1:
          Step(node, ClientCommands{.batches = {AnyBatch(script)}});
          break;
        case 2:
        case 3: Step(node, Tick{}); break;
        case 4:
        case 5:
          Step(node,
               RecordsDurable{.through = At(node).machine->last_record()});
          break;
        case 6: Suspect(node, script); break;
        case 7: Restart(node); break;
        case 8:
        case 9: Lie(script); break;
        default: Deliver(script);
      }
    }
  }

 private:
  struct Decision {
    Value value;
    DependencySet deps;
  };
  struct Node {
    std::unique_ptr<Replica> machine;
    std::vector<Record> journal;
    RecordSequence durable = 0;
    // What it has recorded or announced as decided.
    std::map<InstanceId, Decision> decided;
  };

  Node& At(ReplicaId node) {
    return nodes_[static_cast<std::size_t>(Index(node))];
  }

  void Make(ReplicaId node) {
    Settings settings;
    settings.replicas = kReplicas;
    settings.self = node;
    settings.retransmit_ticks = 2;
    settings.recovery_ticks = 1;
    At(node).machine = Replica::Create(settings);
  }

  void Step(ReplicaId at, const Event& event) {
    Node& node = At(at);
    if (const auto* durable = std::get_if<RecordsDurable>(&event)) {
      node.durable = durable->through;
    }
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
    }
    for (OutgoingMessage& message : actions.messages) Send(at, message);
    if (!lied_) {
      const absl::Status sound = node.machine->CheckInvariants();
      QUORATE_CHECK(sound.ok(), std::string(sound.message()).c_str());
    }
  }

  void Send(ReplicaId from, const OutgoingMessage& outgoing) {
    QUORATE_CHECK(!outgoing.to.Contains(from), "nobody writes to himself");
    const std::optional<Message> read = ThroughTheWire(outgoing.message);
    QUORATE_CHECK(read.has_value(), "what a replica says can be read");
    for (int i = 0; i < kReplicas; ++i) {
      if (!outgoing.to.Contains(ReplicaAt(i))) continue;
      if (network_.size() == kMostInFlight) network_.erase(network_.begin());
      network_.push_back({.from = from, .to = ReplicaAt(i), .message = *read});
    }
  }

  // Another decision than the one it knows?
  bool ContradictsDecision(ReplicaId at, const Message& message) {
    const auto* commit = std::get_if<Commit>(&message);
    if (commit == nullptr) return false;
    const auto known = At(at).decided.find(commit->instance);
    return known != At(at).decided.end() &&
           !(known->second.value == commit->value &&
             known->second.deps == commit->deps);
  }

  void Arrive(ReplicaId to, ReplicaId from, Message message) {
    if (ContradictsDecision(to, message)) return;
    Step(to, MessageReceived{.from = from, .message = std::move(message)});
  }

  void Deliver(Script& script) {
    if (network_.empty()) return;
    const std::size_t at = script.Below(network_.size());
    const InFlight arriving = network_[at];
    // Now and then it stays, to arrive again.
    if (script.Below(8) != 0) {
      network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    Arrive(arriving.to, arriving.from, arriving.message);
  }

  void Lie(Script& script) {
    if (network_.empty()) return;
    InFlight lie = network_[script.Below(network_.size())];
    lie.from = ReplicaAt(1 + static_cast<int>(script.Below(kReplicas - 1)));
    std::visit([&](auto& body) { ChangeField(script, body); }, lie.message);
    const std::optional<Message> read = ThroughTheWire(lie.message);
    if (!read.has_value()) return;
    lied_ = true;
    Arrive(kVictim, lie.from, *read);
  }

  void Suspect(ReplicaId node, Script& script) {
    const ReplicaId peer = ReplicaAt(
        (Index(node) + 1 + static_cast<int>(script.Below(2))) % kReplicas);
    Step(node, PeerSuspected{.peer = peer, .suspected = script.Below(3) != 0});
  }

  // It loses what was not synced.
  void Restart(ReplicaId at) {
    Node& node = At(at);
    node.journal.resize(static_cast<std::size_t>(node.durable));
    std::string group;
    for (const Record& record : node.journal) EncodeRecord(record, group);
    std::vector<Record> records;
    const absl::Status read = DecodeRecords(
        group, kReplicas,
        [&](Record&& record) { records.push_back(std::move(record)); });
    QUORATE_CHECK(read.ok(), "a replica can read its own journal");
    Make(at);
    node.machine->Restore(records);
    std::erase_if(node.decided, [&](const auto& entry) {
      return !IsDecidedIn(records, entry.first);
    });
  }

  static bool IsDecidedIn(const std::vector<Record>& records, InstanceId id) {
    for (const Record& record : records) {
      const auto* decided = std::get_if<CommittedRecord>(&record);
      if (decided != nullptr && decided->instance == id) return true;
    }
    return false;
  }

  std::array<Node, kReplicas> nodes_;
  std::vector<InFlight> network_;
  bool lied_ = false;
};

}  // namespace

// Long honest runs and some with lies: random scripts of different weather.
std::vector<std::string> Seeds() {
  Random random(5);
  std::vector<std::string> seeds;
  for (int i = 0; i < 60; ++i) {
    std::string script;
    const std::uint64_t steps = 20 + random.Below(120);
    for (std::uint64_t step = 0; step < steps; ++step) {
      script += static_cast<char>(random.Next());
      // Half of all steps deliver something.
      script += static_cast<char>(random.Coin() ? 10 : random.Below(16));
      script += static_cast<char>(random.Next());
      script += static_cast<char>(random.Next());
    }
    seeds.push_back(script);
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  quorate::fuzz::Script script(std::span(data, size));
  quorate::fuzz::Cluster cluster;
  cluster.Run(script);
  return 0;
}
