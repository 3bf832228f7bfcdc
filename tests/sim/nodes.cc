// The life of one simulated node: turns, effects, disk, restart.
#include <algorithm>
#include <utility>

#include "tests/sim/codec_check.h"
#include "tests/sim/message_copy.h"
#include "tests/sim/message_trace.h"
#include "tests/sim/simulation.h"
#include "wire/codec/codec.h"
#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

constexpr int kSlowDisk = 100;        // times slower
constexpr int kCodecPermille = 80;    // of the messages go through the codec
constexpr int kClonePermille = 10;    // of the turns go on with a copy
constexpr int kInvariantPermille = 100;  // of the turns look inside
constexpr std::size_t kChunkRecords = 5;  // of a checkpoint that is sent

// The picture of a machine: a whole checkpoint of it. Of a copy: the machine
// itself must not believe that one was written.
std::vector<Record> PictureOf(const Replica& replica) {
  const std::unique_ptr<Machine> copy = replica.Clone();
  auto& machine = static_cast<Replica&>(*copy);
  std::vector<Record> records;
  if (!machine.BeginCheckpoint().has_value()) return records;
  while (machine.NextCheckpointRecords(std::size_t{1} << 30, records)) {
  }
  return records;
}

}  // namespace

void Simulation::Note(const char* what, int index) {
  trace_.Note({.time = queue_.now(), .what = what, .node = index});
}

// ---- start and stop ---------------------------------------------------------

void Simulation::Start(int index) {
  Node& at = node(index);
  Settings settings = plan_.settings;
  settings.self = ReplicaAt(index);
  at.replica = factory_(settings);
  ++at.life;
  if (at.life > 1) Restore(index);
  Note("start", index);
  ScheduleTick(index);
  if (at.life == 1) return;
  for (int other = 0; other < plan_.settings.replicas; ++other) {
    if (other == index) continue;
    queue_.After(node_random_.HeavyTailed(20000, 200), [this, other, index] {
      if (node(index).replica != nullptr) Suspect(other, index, false);
    });
  }
}

void Simulation::Restore(int index) {
  ++statistics_.restarts;
  Node& at = node(index);
  std::vector<Record> records;
  for (const auto part : {at.disk.checkpoint(), at.disk.tail()}) {
    for (const Record& record : part) {
      records.push_back(stripper_.Strip(record));
    }
  }
  if (!at.disk.checkpoint().empty()) ++statistics_.checkpoint_restarts;
  RecordsThroughCodec(plan_.settings.replicas, records, verdict_);
  std::span<const Record> rest = records;
  while (!rest.empty()) {
    const std::size_t count = 1 + node_random_.Below(rest.size());
    at.replica->Restore(rest.first(count));
    rest = rest.subspan(count);
  }
  if (at.replica->last_record() != at.disk.last()) {
    verdict_.Fail("a restored machine numbers its records on",
                  "r" + std::to_string(index + 1));
  }
  CheckRestored(index);
  if (!at.disk.checkpoint().empty()) CheckAgainstFullReplay(index);
}

// A checkpoint and the records after it give the machine that all records give.
void Simulation::CheckAgainstFullReplay(int index) {
  Node& at = node(index);
  Settings settings = plan_.settings;
  settings.self = ReplicaAt(index);
  const std::unique_ptr<Replica> shadow = factory_(settings);
  std::vector<Record> records;
  for (const auto part : {at.disk.snapshot(), at.disk.after_snapshot()}) {
    for (const Record& record : part) {
      records.push_back(stripper_.Strip(record));
    }
  }
  shadow->Restore(records);
  const std::vector<Record> expected = PictureOf(*shadow);
  const std::vector<Record> found = PictureOf(*at.replica);
  std::string difference;
  if (shadow->Fingerprint() != at.replica->Fingerprint()) {
    difference = "the fingerprints differ";
  }
  if (expected.size() != found.size()) difference = "not as many records";
  for (std::size_t i = 0; difference.empty() && i < expected.size(); ++i) {
    // Keys and sessions lie in any order; the fingerprint has them.
    if (!std::holds_alternative<EntriesRecord>(expected[i]) &&
        !std::holds_alternative<SessionsRecord>(expected[i]) &&
        !SameContents(stripper_.Strip(expected[i]), found[i])) {
      difference = std::string(Name(expected[i])) + " records differ";
    }
  }
  if (difference.empty()) return;
  verdict_.Fail(
      "M15: a checkpoint and its tail give what the whole journal gives",
      "r" + std::to_string(index + 1) + ": " + difference);
}

// ---- checkpoints ------------------------------------------------------------

void Simulation::BeginCheckpoint(int index) {
  Node& at = node(index);
  const std::optional<RecordSequence> through = at.replica->BeginCheckpoint();
  if (!through.has_value()) return;
  at.checkpoint_through = *through;
  Count(FaultKind::kCheckpoint);
  Note("checkpoint", index);
  if (*through != at.disk.last()) {
    verdict_.Fail("a checkpoint stands for every record so far",
                  "r" + std::to_string(index + 1));
  }
  at.disk.BeginCheckpoint();
  if (!std::exchange(at.writes_checkpoint, true)) {
    ScheduleCheckpointSlice(index);
  }
}

// Slices come between turns, one now and several then.
void Simulation::ScheduleCheckpointSlice(int index) {
  queue_.After(1 + node_random_.HeavyTailed(plan_.disk.sync, 200),
               [this, index, life = node(index).life] {
                 Node& at = node(index);
                 if (at.life != life || at.replica == nullptr) return;
                 if (!at.writes_checkpoint) return;  // A snapshot's turn.
                 if (!at.paused) ContinueCheckpoint(index);
                 if (at.writes_checkpoint) ScheduleCheckpointSlice(index);
               });
}

void Simulation::ContinueCheckpoint(int index) {
  Node& at = node(index);
  std::vector<Record> records;
  if (at.replica->NextCheckpointRecords(1 + node_random_.Below(2000),
                                        records)) {
    at.disk.AppendCheckpoint(std::move(records));
    return;
  }
  at.writes_checkpoint = false;
  at.disk.FinishCheckpoint(at.checkpoint_through, /*is_snapshot=*/false);
  ++statistics_.checkpoints;
}

// ---- snapshots --------------------------------------------------------------

void Simulation::ReadSnapshot(int index, const SnapshotRead& read) {
  Node& at = node(index);
  const std::span<const Record> records = at.disk.checkpoint();
  if (records.empty() || at.disk.checkpoint_through() != read.through) return;
  const std::size_t chunks =
      (records.size() + kChunkRecords - 1) / kChunkRecords;
  for (std::uint64_t chunk = read.first;
       chunk < std::min<std::uint64_t>(chunks, read.first + kSnapshotWindow);
       ++chunk) {
    SnapshotChunk message{.through = read.through, .index = chunk,
                          .chunks = chunks};
    const std::size_t first = chunk * kChunkRecords;
    const std::size_t count = std::min(kChunkRecords, records.size() - first);
    for (const Record& record : records.subspan(first, count)) {
      EncodeRecord(record, message.entries);
    }
    ReplicaSet to;
    to.Insert(read.to);
    SendMessage(index, {.to = to, .message = std::move(message)});
  }
}

void Simulation::WriteSnapshot(int index, const SnapshotWrite& write) {
  Node& at = node(index);
  if (write.begins) {
    at.writes_checkpoint = false;  // One that was under way makes room.
    at.disk.BeginCheckpoint();
  }
  at.disk.AppendCheckpoint(write.records);
  if (!write.ends.has_value()) return;
  at.disk.FinishCheckpoint(*write.ends, /*is_snapshot=*/true);
  NoteInstalled(index);
}

// The snapshot is on disk now, perhaps.
void Simulation::NoteInstalled(int index) {
  Node& at = node(index);
  if (!at.disk.TakeInstalled()) return;
  Note("snapshot", index);
  for (const Record& record : at.disk.snapshot()) {
    if (const auto* floors = std::get_if<FloorRecord>(&record)) {
      ghost_.Installed(ReplicaAt(index), floors->drop_floor,
                       at.disk.snapshot());
    }
  }
  Enqueue(index, SnapshotDurable{});
}

void Simulation::RestoreOrderFromSnapshot(int index) {
  for (const Record& record : node(index).disk.snapshot()) {
    const auto* executed = std::get_if<ExecutedRecord>(&record);
    if (executed == nullptr) continue;
    const auto restored = [&](InstanceId id) {
      if (ghost_.FindDecided(id) == nullptr) return;  // A noop.
      order_.Restored(ReplicaAt(index), id, *ghost_.FindPayload(id));
    };
    for (int i = 0; i < plan_.settings.replicas; ++i) {
      const std::uint64_t frontier = executed->executed[ReplicaAt(i)];
      for (std::uint64_t slot = 1; slot <= frontier; ++slot) {
        restored({ReplicaAt(i), slot});
      }
    }
    for (const InstanceId id : executed->above) restored(id);
  }
}

// A restart rebuilds the state that the journal's decisions give, whatever
// the order in which they are taken (reliability.md M15).
void Simulation::CheckRestored(int index) {
  Executor shadow(plan_.settings.replicas, plan_.settings.conflicts);
  Executed executed;
  const auto commit = [&](InstanceId id, const Value& value,
                          DependencySet deps) {
    const bool noop = value.kind == ValueKind::kNoop;
    // In a log everything depends on all before it; records leave that out.
    if (plan_.settings.protocol == Protocol::kMultipaxos) {
      deps.Set(kLogColumn, id.slot - 1);
    }
    shadow.Commit(id,
                  noop ? nullptr : stripper_.Strip(ghost_.FindPayload(id)),
                  deps, executed);
  };
  const SimulatedDisk& disk = node(index).disk;
  for (const Record& record : disk.snapshot()) {
    std::visit(Overloaded{[&](const ExecutedRecord& r) { shadow.Restore(r); },
                          [&](const EntriesRecord& r) { shadow.Restore(r); },
                          [&](const SessionsRecord& r) { shadow.Restore(r); },
                          [](const auto&) {}},
               record);
  }
  RestoreOrderFromSnapshot(index);
  for (const Record& record : disk.snapshot()) {
    const auto* decision = std::get_if<InstanceRecord>(&record);
    if (decision != nullptr &&
        decision->status == InstanceStatus::kCommitted) {
      commit(decision->instance, decision->value, decision->deps);
    }
  }
  const std::span<const Record> journal = disk.after_snapshot();
  for (std::size_t i = journal.size(); i > 0; --i) {
    const auto* decision = std::get_if<CommittedRecord>(&journal[i - 1]);
    if (decision == nullptr) continue;
    commit(decision->instance, decision->value, decision->deps);
  }
  std::uint64_t log_decided = 0;
  for (const Record& record : journal) {
    const auto* decided = std::get_if<DecidedRecord>(&record);
    if (decided != nullptr) log_decided = decided->through;
  }
  for (std::uint64_t slot = 1; slot <= log_decided; ++slot) {
    // Noop or not, as the payload says.
    commit({kLogColumn, slot}, Value{},
           DependencySet(plan_.settings.replicas));
  }
  for (const InstanceId id : executed.instances) {
    order_.Restored(ReplicaAt(index), id, *ghost_.FindPayload(id));
  }
  if (shadow.state_hash() != node(index).replica->executor().state_hash()) {
    verdict_.Fail("M15: a restart rebuilds the state from its records",
                  "r" + std::to_string(index + 1) + ", life " +
                      std::to_string(node(index).life));
  }
}

void Simulation::Stop(int index) {
  Node& at = node(index);
  const ReplicaStatus status = at.replica->Status();
  statistics_.fast_commits += status.fast_commits;
  statistics_.slow_commits += status.slow_commits;
  statistics_.retransmissions += status.retransmissions;
  statistics_.stale_messages += status.stale_messages;
  statistics_.snapshots += status.snapshots_installed;
  statistics_.largest_component = std::max(
      statistics_.largest_component, status.executor.largest_component);
  order_.Stopped(ReplicaAt(index));
  at.replica = nullptr;
  at.paused = at.sync_fails = at.crashes_in_turn = false;
  at.turn_scheduled = at.lazy_sync_scheduled = at.tick_waiting = false;
  at.urgent = at.writes_checkpoint = false;
  at.inbox.clear();
  at.requests.batches.clear();
}

// ---- turns ------------------------------------------------------------------

void Simulation::Enqueue(int index, Event event) {
  node(index).inbox.push_back(std::move(event));
  ScheduleTurn(index);
}

void Simulation::ScheduleTurn(int index) {
  Node& at = node(index);
  if (at.turn_scheduled || at.paused) return;
  at.turn_scheduled = true;
  queue_.After(1 + node_random_.Below(2 * at.plan.turn_delay),
               [this, index, life = at.life] {
                 Node& now = node(index);
                 if (now.life != life || now.replica == nullptr) return;
                 now.turn_scheduled = false;
                 if (!now.paused) Turn(index);
               });
}

void Simulation::ScheduleTick(int index) {
  Node& at = node(index);
  const Micros jitter = node_random_.Below(at.plan.tick / 8 + 1);
  queue_.After(at.plan.tick + jitter, [this, index, life = at.life] {
    Node& now = node(index);
    if (now.life != life || now.replica == nullptr) return;
    // A node that stood still finds one tick when it goes on, not hundreds.
    if (!now.tick_waiting) {
      now.tick_waiting = true;
      Enqueue(index, Tick{.random = tick_random_.Next()});
    }
    ScheduleTick(index);
  });
}

void Simulation::Turn(int index) {
  Node& at = node(index);
  ++statistics_.turns;
  at.tick_waiting = false;
  std::deque<Event> events = std::exchange(at.inbox, {});
  if (!at.requests.batches.empty()) {
    events.push_back(std::exchange(at.requests, {}));
  }
  Actions actions;
  const std::uint64_t life = at.life;
  while (!events.empty()) {
    const bool installs = std::holds_alternative<SnapshotDurable>(events.front());
    if (installs) {
      // What was executed so far is executed again, or is in the snapshot.
      Apply(index, actions);
      actions.Clear();
      if (at.replica == nullptr || at.life != life) return;
      order_.Stopped(ReplicaAt(index));
      RestoreOrderFromSnapshot(index);
    }
    Step(at, events.front(), actions);
    events.pop_front();
    if (at.plan.gathers && !events.empty() && !installs) continue;
    Apply(index, actions);
    actions.Clear();
    if (at.replica == nullptr || at.life != life || verdict_.failed()) return;
  }
}

void Simulation::Step(Node& at, const Event& event, Actions& actions) {
  if (!node_random_.Chance(kClonePermille)) {
    at.replica->Step(event, actions);
  } else {
    // Equal state and event give equal state and effects; the run goes on with
    // the copy.
    std::unique_ptr<Replica> copy(
        static_cast<Replica*>(at.replica->Clone().release()));
    Actions discarded;
    at.replica->Step(event, discarded);
    const std::size_t before = actions.messages.size();
    copy->Step(event, actions);
    if (copy->Fingerprint() != at.replica->Fingerprint() ||
        discarded.messages.size() != actions.messages.size() - before) {
      verdict_.Fail("equal state and event give equal state and effects", "");
    }
    at.replica = std::move(copy);
  }
  if (node_random_.Chance(kInvariantPermille)) {
    if (const absl::Status status = at.replica->CheckInvariants();
        !status.ok()) {
      verdict_.Fail(std::string(status.message()), "CheckInvariants");
    }
  }
}

// ---- effects ----------------------------------------------------------------

void Simulation::Apply(int index, const Actions& actions) {
  const bool crash = node(index).crashes_in_turn;
  std::size_t effects = actions.messages.size() + actions.replies.size();
  bool persists = true;
  if (crash) {
    // Before the records are appended, or after them and some of the effects.
    const std::size_t cut = node_random_.Below(effects + 2);
    persists = cut > 0;
    effects = persists ? cut - 1 : 0;
  }
  Observe(index, actions);
  if (persists) Persist(index, actions);
  for (const OutgoingMessage& message : actions.messages) {
    if (effects == 0) break;
    --effects;
    SendMessage(index, message);
  }
  for (const OutgoingReply& reply : actions.replies) {
    if (effects == 0) break;
    --effects;
    SendReply(index, reply);
  }
  if (crash) return CrashNow(index);
  for (const SnapshotRead& read : actions.snapshot_reads) {
    ReadSnapshot(index, read);
  }
  for (const SnapshotWrite& write : actions.snapshot_writes) {
    WriteSnapshot(index, write);
  }
  if (node(index).replica->wants_checkpoint()) BeginCheckpoint(index);
}

// What the machine says it has decided and executed.
void Simulation::Observe(int index, const Actions& actions) {
  const ReplicaId at = ReplicaAt(index);
  for (const CommittedInstance& decision : actions.committed) {
    ghost_.Committed(at, decision);
    trace_.Note({.time = queue_.now(),
                 .what = "commit",
                 .name = decision.fast_path ? "fast" : "",
                 .node = index,
                 .instance = decision.instance,
                 .deps = decision.deps,
                 .a = decision.value.digest,
                 .a_label = "digest"});
  }
  for (const InstanceId id : actions.executed) {
    const CommandBatch* batch = ghost_.FindDecided(id);
    if (batch == nullptr) {
      verdict_.Fail("invariant 13: only decided commands are executed",
                    ToString(id));
      return;
    }
    order_.Executed(at, id, *batch);
    trace_.Note({.time = queue_.now(),
                 .what = "execute",
                 .node = index,
                 .instance = id});
  }
  ghost_.SetExecutedFrontier(
      at, node(index).replica->executor().executed_frontier());
}

void Simulation::Persist(int index, const Actions& actions) {
  Node& at = node(index);
  for (const Record& record : actions.persist) at.disk.Append(record);
  if (at.replica->last_record() != at.disk.last()) {
    verdict_.Fail("a machine numbers its records without gaps",
                  "r" + std::to_string(index + 1));
  }
  if (actions.persist.empty()) return;
  if (!actions.persist_is_lazy) at.urgent = true;
  if (at.disk.syncing()) return;  // They join the next sync.
  if (at.urgent) {
    BeginSync(index);
  } else {
    ScheduleLazySync(index);
  }
}

void Simulation::BeginSync(int index) {
  Node& at = node(index);
  at.disk.BeginSync();
  at.urgent = false;
  Micros time =
      1 + node_random_.HeavyTailed(plan_.disk.sync, plan_.disk.tail_permille);
  if (at.slow_disk) time *= kSlowDisk;
  queue_.After(time, [this, index, life = at.life] {
    if (node(index).life == life && node(index).replica != nullptr) {
      EndSync(index);
    }
  });
}

void Simulation::ScheduleLazySync(int index) {
  Node& at = node(index);
  if (std::exchange(at.lazy_sync_scheduled, true)) return;
  queue_.After(plan_.disk.lazy_wait, [this, index, life = at.life] {
    Node& now = node(index);
    if (now.life != life || now.replica == nullptr) return;
    now.lazy_sync_scheduled = false;
    if (!now.disk.syncing() && now.disk.has_unsynced()) BeginSync(index);
  });
}

void Simulation::EndSync(int index) {
  Node& at = node(index);
  // A failed sync stops the node at once (reliability.md F3).
  if (at.sync_fails) return CrashNow(index);
  ghost_.BecameDurable(ReplicaAt(index), at.disk.EndSync());
  NoteInstalled(index);
  trace_.Note({.time = queue_.now(),
               .what = "durable",
               .node = index,
               .a = at.disk.durable(),
               .a_label = "through"});
  Enqueue(index, RecordsDurable{.through = at.disk.durable()});
  if (!at.disk.has_unsynced()) return;
  if (at.urgent) {
    BeginSync(index);
  } else {
    ScheduleLazySync(index);
  }
}

// ---- messages ---------------------------------------------------------------

void Simulation::SendMessage(int from, const OutgoingMessage& outgoing) {
  if (outgoing.rests_on > node(from).disk.durable()) {
    verdict_.Fail("durable before visible: a message's record is on disk",
                  std::string(Name(outgoing.message)) + " rests on " +
                      std::to_string(outgoing.rests_on));
  }
  if (outgoing.to.Contains(ReplicaAt(from))) {
    verdict_.Fail("no replica sends to itself",
                  std::string(Name(outgoing.message)));
  }
  ghost_.Sent(ReplicaAt(from), outgoing.message);
  Message message = stripper_.Strip(outgoing.message);
  if (node_random_.Chance(kCodecPermille)) {
    ++statistics_.through_codec;
    MessageThroughCodec(plan_.settings.replicas, message, verdict_);
  }
  const auto shared = std::make_shared<const Message>(std::move(message));
  for (int to = 0; to < plan_.settings.replicas; ++to) {
    if (!outgoing.to.Contains(ReplicaAt(to))) continue;
    const Network::Delays delays = network_.Send(from, to, queue_.now());
    if (delays.empty()) {
      trace_.Note(EntryOf(*shared, queue_.now(), "lose", to, from));
    }
    for (const Micros delay : delays) {
      queue_.After(delay, [this, from, to, shared,
                           connection = network_.connection(from, to)] {
        Deliver(from, to, connection, shared);
      });
    }
  }
}

void Simulation::Deliver(int from, int to, std::uint64_t connection,
                         const std::shared_ptr<const Message>& message) {
  const bool arrives = network_.connection(from, to) == connection &&
                       !network_.blocked(from, to) &&
                       node(to).replica != nullptr;
  trace_.Note(EntryOf(*message, queue_.now(), arrives ? "deliver" : "drop", to,
                      from));
  if (!arrives) return;
  const auto* chunk = std::get_if<SnapshotChunk>(message.get());
  if (chunk == nullptr) {
    Enqueue(to, MessageReceived{.from = ReplicaAt(from), .message = *message});
    return;
  }
  SnapshotPart part{.from = ReplicaAt(from),
                    .through = chunk->through,
                    .index = chunk->index,
                    .chunks = chunk->chunks};
  const absl::Status status = DecodeRecords(
      chunk->entries, plan_.settings.replicas,
      [&](Record&& record) { part.records.push_back(std::move(record)); });
  if (!status.ok()) verdict_.Fail("codec: a chunk is decoded", "");
  Enqueue(to, std::move(part));
}

void Simulation::SendReply(int from, const OutgoingReply& outgoing) {
  Node& at = node(from);
  const ClientReply& reply = outgoing.reply;
  if (outgoing.rests_on > at.disk.durable()) {
    verdict_.Fail("durable before visible: a reply's record is on disk",
                  ToString(reply.instance));
  }
  if (!clients_.Belongs(reply.origin, from, at.life)) {
    verdict_.Fail("C1: an answer goes to the connection that asked",
                  "r" + std::to_string(from + 1) + " answers on connection " +
                      std::to_string(reply.origin));
    return;
  }
  ghost_.Replied(ReplicaAt(from), reply);
  queue_.After(1 + node_random_.HeavyTailed(plan_.network.delay / 4, 50),
               [this, reply] { clients_.Receive(reply.origin, reply); });
}

void Simulation::ReceiveRequest(int to, std::uint32_t connection,
                                const CommandBatchPtr& batch) {
  if (!clients_.IsOpen(connection)) return;
  Node& at = node(to);
  // Down, or started again since the connection was made.
  if (at.replica == nullptr || !clients_.Belongs(connection, to, at.life)) {
    clients_.Closed(connection);
    return;
  }
  trace_.Note({.time = queue_.now(),
               .what = "request",
               .node = to,
               .a = connection,
               .b = batch->digest(),
               .a_label = "connection",
               .b_label = "digest"});
  at.requests.batches.push_back(batch);
  ScheduleTurn(to);
}

}  // namespace quorate::sim
