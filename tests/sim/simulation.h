// Answers: does a cluster of machines keep its promises in this world?
//
// N replicas under one event queue of virtual time, with a simulated network,
// disks, clients and faults, all drawn from one seed; nothing here knows the
// real time. Phases: clients work while faults strike; then the world is healed
// and everything must be answered and executed everywhere; then every replica
// is asked for every key; then the history is judged. Invariants are checked
// all the way, and the first broken one ends the run.
//
// simulation.cc: phases and final checks; nodes.cc: turns; effects.cc: what
// comes of them; messages.cc, checkpoints.cc, restarts.cc; faults.cc: when and
// how faults strike; crash_marks.cc: whom they found at work.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/roles.h"
#include "replica/host/replica.h"
#include "replica/host/turn.h"
#include "tests/sim/clients.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/execution_order.h"
#include "tests/sim/marks.h"
#include "tests/sim/message_copy.h"
#include "tests/sim/network.h"
#include "tests/sim/observer.h"
#include "tests/sim/plan.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"

namespace quorate::sim {

using ReplicaFactory = std::function<std::unique_ptr<Replica>(const Settings&)>;

struct SimulationOptions {
  std::uint64_t seed = 1;
  PlanLimits limits;
  // Gets every trace entry as a line; may be null.
  std::FILE* trace = nullptr;
  // Gets the history before it is judged; may be null.
  std::FILE* history = nullptr;
};

struct SimulationStatistics {
  std::array<std::uint64_t, kFaultKinds> faults{};
  std::uint64_t operations = 0;  // commands answered
  std::uint64_t refused = 0;
  std::uint64_t retried = 0;
  std::uint64_t messages = 0;
  std::uint64_t through_codec = 0;
  std::uint64_t turns = 0;
  std::uint64_t restarts = 0;
  std::uint64_t checkpoints = 0;          // written to the end
  std::uint64_t checkpoint_restarts = 0;  // restarts that began with one
  std::uint64_t snapshots = 0;            // fetched from a peer and installed
  std::uint64_t instances = 0;            // decided
  std::uint64_t noops = 0;                // of these
  std::uint64_t recovered = 0;            // decided at a ballot above 0
  std::uint64_t fast_commits = 0;
  std::uint64_t slow_commits = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t stale_messages = 0;
  std::uint64_t largest_component = 0;
  Micros virtual_time = 0;
  Marks marks;

  std::uint64_t TotalFaults() const;
  void Add(const SimulationStatistics& other);
};

class Simulation {
 public:
  Simulation(const SimulationOptions& options, ReplicaFactory factory);

  // Once.
  void Run();

  const Verdict& verdict() const { return verdict_; }
  const Plan& plan() const { return plan_; }
  std::uint64_t trace_hash() const { return trace_.hash(); }
  Micros now() const { return queue_.now(); }
  std::vector<std::string> TraceTail() const { return trace_.Tail(); }
  const SimulationStatistics& statistics() const { return statistics_; }
  const std::vector<HistoryEntry>& history() const {
    return clients_.history();
  }

 private:
  struct Node;

  // A node's network, clients and disk as its turn sees them.
  class Shell final : public TurnWorld, public TurnDisk {
   public:
    Shell(Simulation& simulation, int index)
        : simulation_(simulation), index_(index) {}

    Replica& replica() override { return *at().replica; }
    void Step(const Event& event, Actions& actions) override;
    ClientCommands TakeCommands() override;
    void Send(const OutgoingMessage& message) override;
    void Flush() override;
    void Reply(std::vector<OutgoingReply>& replies,
               std::span<const CommittedInstance> committed) override;
    void SetReading(bool reads) override;
    void NoteActivity() override;
    bool stays_awake() const override;

    RecordSequence durable() const override { return at().disk.durable(); }
    void Append(std::vector<Record>& records, RecordSequence last) override;
    bool AppendNow(std::vector<Record>& records, RecordSequence last) override;
    std::size_t unwritten_bytes() const override;
    bool takes_slice() const override;
    void WriteSlice(SnapshotWrite slice, bool of_peer) override;
    bool checkpoint_is_due() const override;
    void ReadChunks(const SnapshotRead& read) override;
    std::vector<OutgoingMessage> TakeChunks() override;

   private:
    Node& at() const { return simulation_.node(index_); }
    // Does the next effect of the turn come to pass, or does the node crash
    // before it?
    bool Happens();
    bool Take(std::vector<Record>& records, RecordSequence last);

    Simulation& simulation_;
    const int index_;
  };

  // Of a checkpoint.
  struct Slice {
    SnapshotWrite write;
    bool of_peer = false;
    bool written = false;
  };

  struct Node {
    NodePlan plan;
    std::unique_ptr<Replica> replica;  // null while the node is down
    std::uint64_t life = 0;  // counts starts; old events name an old life
    SimulatedDisk disk;
    bool paused = false;
    bool dead = false;  // stays down
    bool slow_disk = false;
    bool sync_fails = false;
    // What decides the order of its effects, and what that sees of the world.
    std::unique_ptr<Shell> shell;
    std::unique_ptr<Turn> turn;
    // The next turn ends in a crash somewhere among its effects.
    bool crashes_in_turn = false;
    // The turn under way ends after so many, or has: nothing happens any more.
    std::optional<std::uint64_t> effects_left;
    bool crashing = false;
    bool turn_scheduled = false;
    bool tick_waiting = false;
    // Commits are held back until then.
    Micros awake_until = 0;
    bool look_out_scheduled = false;
    // Sent by the turn, and not yet given to the network.
    std::vector<OutgoingMessage> unsent;
    // The last sync was.
    bool quick = false;
    bool checkpoint_due = false;
    bool writes_checkpoint = false;
    bool writes_snapshot = false;
    std::optional<Slice> slice;           // that the disk is writing
    std::vector<OutgoingMessage> chunks;  // read for peers
    std::vector<Event> inbox;
    bool reads = true;  // what comes from peers; it is unread otherwise
    std::vector<Event> unread;
    ClientCommands requests;
    // Commands that this life has taken in and not answered, by connection.
    std::map<std::pair<std::uint32_t, CommandId>, int> unanswered;
  };

  Node& node(int index) { return nodes_[static_cast<std::size_t>(index)]; }
  Random Stream(int name) const {
    return random_.Fork(static_cast<std::uint64_t>(name));
  }

  // crash_marks.cc
  // The marks of crashes of the roles in which the node has a part in an
  // instance that is under way.
  std::vector<Mark> PartsUnderWay(int index);
  bool HasUndecided(int index, bool (*is_part)(const Record&)) const;

  // simulation.cc
  bool RunUntil(const std::function<bool()>& done, Micros patience);
  // Of a run that goes on talking without getting anywhere.
  void CheckWork();
  bool RunUntilSettled(const std::function<bool()>& settled);
  bool Settled();
  bool SurvivorsSettled();
  void RunWithoutTheDead();
  // What the clients still lack, in words.
  std::string Unanswered() const;
  void CheckSettled();
  std::vector<CommandId> InOrderOfExecution() const;
  void CheckHistory();
  void FillStatistics();

  // nodes.cc
  void Start(int index);
  void Stop(int index);
  void Enqueue(int index, Event event);
  void ScheduleTurn(int index);
  void ScheduleTick(int index);
  void Measure(int index);
  void RunTurn(int index);
  void EndTurn(int index);
  void LookOut(int index);
  void Step(Node& at, const Event& event, Actions& actions);
  void Note(const char* what, int index);

  // restarts.cc
  void Restore(int index);
  void CompareFound(int index, std::vector<Record>& records);
  void CheckRestored(int index);
  void CheckAgainstFullReplay(int index);
  // Everything that the snapshot on the node's disk says is executed.
  void RestoreOrderFromSnapshot(int index);

  // checkpoints.cc
  void NoteCheckpointBegins(int index, bool of_peer);
  void AfterDisk(int index, std::function<void()> work);
  void WriteSlice(int index);
  void FinishSlice(int index);
  void NoteInstalled(int index);
  void ReadSnapshot(int index, const SnapshotRead& read);

  // effects.cc
  TurnLimits DrawTurnLimits();
  void Observe(int index, std::span<const CommittedInstance> committed,
               std::span<const InstanceId> executed);
  void BeginSync(int index);
  void EndSync(int index);
  void NoteSynced(int index);

  // messages.cc
  void SendMessage(int from, const OutgoingMessage& outgoing);
  void Deliver(int from, int to, std::uint64_t connection,
               const std::shared_ptr<const Message>& message);
  void SendReply(int from, const OutgoingReply& outgoing);
  void ReceiveRequest(int to, std::uint32_t connection,
                      const CommandBatchPtr& batch);

  // faults.cc
  void ScheduleFaults();
  void ScheduleFault(FaultKind kind);
  void Strike(FaultKind kind);
  void Count(FaultKind kind) {
    ++statistics_.faults[static_cast<std::size_t>(kind)];
  }
  void StrikePartition();
  void StrikePause();
  void StrikeDisk();
  void StrikeSuspect();
  void StrikeReader(int index);
  void StrikePower();
  void CrashNow(int index, bool power = false);
  void SuspectStopped(int index);
  void KillSome();
  void Revive();
  void Suspect(int index, int peer, bool suspected);
  void EndFaults();

  SimulationOptions options_;
  ReplicaFactory factory_;
  Random random_;
  Plan plan_;
  // Of plan_.settings, none empty: every node has every role unless the
  // protocol is BPaxos.
  Roles roles_;
  Verdict verdict_;
  // Commands, and how many messages had been sent when the last one was
  // answered.
  std::uint64_t answered_ = 0;
  std::uint64_t sent_until_answered_ = 0;
  EventQueue queue_;
  Trace trace_;
  Network network_;
  Clients clients_;
  std::unique_ptr<Observer> observer_;
  Observer& ghost_;
  ExecutionOrder order_;
  OriginStripper stripper_;
  std::vector<Node> nodes_;
  Random node_random_;
  Random fault_random_;
  Random tick_random_;
  Random distance_random_;
  bool faults_over_ = false;
  std::vector<Event> events_;  // of the turn under way
  SimulationStatistics statistics_;
};

}  // namespace quorate::sim
