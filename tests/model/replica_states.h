// Answers: what becomes of one replica when one thing happens to it?
//
// The machine is a pure function, so the states of single replicas and the
// steps between them are worked out once, on the real code, and named by
// numbers; a world is then a handful of numbers, and most of its steps are
// looked up. A replica's state is its machine, its journal, all it has ever
// sent, and what an observer has seen of it. Journals are told apart by the
// machines that they restore. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "replica/host/replica.h"
#include "tests/model/observation.h"
#include "tests/model/packets.h"
#include "tests/model/scope.h"
#include "wire/fingerprint.h"

namespace quorate::model {

enum class StepKind : std::uint8_t {
  kDeliver,  // argument: the packet
  kPropose,  // the command
  kRecover,  // the column: suspects its replica until it begins to recover
  kHurry,    // waits no longer for a fast quorum
  kRestart,  // loses what is not in the durable journal
  kSync,     // the journal becomes durable; with `overlap` its next record
  kTell,     // says how far it is, and looks at its floors
};

struct ReplicaStep {
  StepKind kind{};
  std::uint32_t argument = 0;
  friend bool operator==(ReplicaStep, ReplicaStep) = default;
};

using StateId = std::uint32_t;

// A journal, newest record first; lives share their common beginning.
struct JournalEntry {
  std::shared_ptr<const JournalEntry> older;
  Record record;
  RecordSequence sequence = 0;
};
using Journal = std::shared_ptr<const JournalEntry>;

struct ReplicaState {
  // Shared by states that differ in what was sent or observed only: a machine
  // takes more memory than all else here.
  std::shared_ptr<const Replica> machine;
  Journal journal;
  RecordSequence durable = 0;
  // Bit k: command k has been proposed here, in whatever life.
  std::uint32_t proposed = 0;
  // To each replica.
  std::array<PacketSetId, kMaxModelReplicas> sent{};
  ObservationId observation = 0;
  // In worlds with floors: what it has executed, and what it has forgotten.
  DependencySet executed;
  DependencySet forgotten;
  // A promise that this replica broke by itself; empty otherwise.
  std::string broken;
  // Equal in states that differ in what was sent at most.
  std::uint64_t core = 0;
};

// Where a step leads, among those that lead anywhere.
struct Arrow {
  ReplicaStep step;
  StateId next = 0;
};

// The last answers of a table that is far larger than the processor's caches:
// the successors of one world ask the same few things again and again.
template <typename Value>
class LastAnswers {
 public:
  LastAnswers() : answers_(std::size_t{1} << kBits) {}

  // Null when it is not known. No key may be kNoKey.
  const Value* Find(std::uint64_t key) const {
    const Answer& answer = answers_[PlaceOf(key)];
    return answer.key == key ? &answer.value : nullptr;
  }
  const Value& Note(std::uint64_t key, Value value) {
    Answer& answer = answers_[PlaceOf(key)];
    answer = {key, value};
    return answer.value;
  }

 private:
  static constexpr int kBits = 14;
  static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};
  struct Answer {
    std::uint64_t key = kNoKey;
    Value value{};
  };
  static std::size_t PlaceOf(std::uint64_t key) {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // Knuth, TAOCP 6.4
    return static_cast<std::size_t>(key * kGolden >> (64 - kBits));
  }

  std::vector<Answer> answers_;
};

class ReplicaStates {
 public:
  explicit ReplicaStates(const Scope& scope);

  StateId Initial(int replica) const {
    return initial_[static_cast<std::size_t>(replica)];
  }
  const ReplicaState& Get(StateId id) const { return states_[id]; }
  std::size_t size() const { return states_.size(); }

  // `state` itself when nothing comes of the step.
  StateId Step(int replica, StateId state, ReplicaStep step);
  // After every delivery of a packet of the set that makes the replica send
  // something and leaves it otherwise as it is (world.h: closed states).
  StateId Answered(int replica, StateId state, PacketSetId set);
  // The set without what can never again mean anything to the replica: in a
  // closed world, all about instances whose decision it knows for good.
  PacketSetId Relevant(StateId state, PacketSetId set);
  // Every delivery of a packet of the set that changes something.
  std::span<const Arrow> Deliveries(int replica, StateId state,
                                    PacketSetId set);

  const Packets& packets() const { return packets_; }
  const Observations& observations() const { return observations_; }
  const std::vector<CommandBatchPtr>& commands() const { return commands_; }
  // Steps worked out on machines; the others were looked up.
  std::uint64_t steps_taken() const { return steps_taken_; }

 private:
  // A state while a step changes it.
  struct Draft;

  Draft Begin(const ReplicaState& state) const;
  bool Carry(Draft& draft, int replica, ReplicaStep step);
  void Handle(Draft& draft, int replica, const Event& event);
  void Absorb(Draft& draft, int replica, const Actions& actions);
  void Sync(Draft& draft, int replica, RecordSequence through);
  void MixSync(const Draft& draft, int replica, RecordSequence through,
               Machine& synced, quorate::Fingerprint& print);
  void NoteRecord(Draft& draft, const Record& record);
  void NoteDurable(Draft& draft, RecordSequence from);
  void NoteDecision(Draft& draft, const CommittedInstance& decision);
  bool Recover(Draft& draft, int replica, ReplicaId column);
  void Hurry(Draft& draft, int replica);
  void Restart(Draft& draft, int replica);
  StateId Intern(Draft draft, int replica);
  StateId TakeStep(int replica, std::uint64_t key, StateId state,
                   ReplicaStep step);
  StateId AnswerAll(int replica, std::uint64_t key, StateId state,
                    PacketSetId set);
  PacketSetId LeaveOut(std::uint64_t key, ObservationId observation,
                       PacketSetId set);
  std::unique_ptr<Replica> Restored(int replica, const Journal& journal,
                                    RecordSequence through) const;
  std::uint64_t CoreOf(const Draft& draft, int replica);
  std::shared_ptr<const Replica> Shared(Draft& draft, std::uint64_t future);
  Message WithPayload(Message message) const;

  Scope scope_;
  std::vector<CommandBatchPtr> commands_;
  // The same without anybody to answer, by digest: what a journal gives back.
  absl::flat_hash_map<std::uint64_t, CommandBatchPtr> unasked_;
  std::vector<std::string> keys_;
  Packets packets_;
  Observations observations_;
  std::deque<ReplicaState> states_;
  std::vector<StateId> initial_;
  absl::flat_hash_map<std::uint64_t, StateId> by_identity_;
  // By all that a machine's future rests on, the number of its last record and
  // of the last durable one included.
  absl::flat_hash_map<std::uint64_t, std::shared_ptr<const Replica>> machines_;
  absl::flat_hash_map<std::uint64_t, StateId> taken_;
  absl::flat_hash_map<std::uint64_t, std::vector<Arrow>> deliveries_;
  absl::flat_hash_map<std::uint64_t, StateId> answered_;
  absl::flat_hash_map<std::uint64_t, PacketSetId> relevant_;
  LastAnswers<StateId> last_taken_;
  LastAnswers<std::span<const Arrow>> last_deliveries_;
  LastAnswers<StateId> last_answered_;
  LastAnswers<PacketSetId> last_relevant_;
  std::uint64_t steps_taken_ = 0;
};

}  // namespace quorate::model
