#include "tests/model/replica_states.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wire/check.h"
#include "wire/fingerprint.h"
#include "wire/payloads.h"

namespace quorate::model {
namespace {

// Enough for the last replica in ring order to lose its patience.
constexpr int kMostTicks = 4 * kMaxModelReplicas + 4;

// Enough to raise the base floor and to say so.
constexpr int kTicksToTell = 12;

CommandBatchPtr BatchOf(const ScopeCommand& command, std::size_t number,
                        std::uint32_t origin) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{number + 1}, 1}, 0, origin);
  const std::string letter(1, LetterOf(number));
  for (const std::string& key : command.keys) {
    builder.AddOperation(
        {.kind = OperationKind::kAppend, .key = key, .value = letter});
  }
  return builder.Finish();
}

std::vector<std::string> KeysOf(const Scope& scope) {
  std::vector<std::string> keys;
  for (const ScopeCommand& command : scope.commands) {
    keys.insert(keys.end(), command.keys.begin(), command.keys.end());
  }
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::uint64_t CodeOf(ReplicaStep step) {
  return static_cast<std::uint64_t>(step.kind) << 28 | step.argument;
}

std::optional<InstanceId> InstanceOf(const Record& record) {
  return std::visit(
      [](const auto& r) -> std::optional<InstanceId> {
        if constexpr (requires { r.instance; }) return r.instance;
        return std::nullopt;  // Of the replica, not of an instance.
      },
      record);
}

void StripOrigin(
    CommandBatchPtr& batch,
    const absl::flat_hash_map<std::uint64_t, CommandBatchPtr>& unasked) {
  if (batch == nullptr) return;
  const auto found = unasked.find(batch->digest());
  if (found != unasked.end()) batch = found->second;
}

}  // namespace

struct ReplicaStates::Draft {
  std::unique_ptr<Replica> machine;
  Journal journal;
  RecordSequence durable = 0;
  std::uint32_t proposed = 0;
  std::array<PacketSetId, kMaxModelReplicas> sent{};
  Observation observation;
  std::string broken;
  bool refused = false;  // a client's command, in this step
  // Inquire, in this step, and of whom.
  std::optional<InstanceId> inquired;
  ReplicaSet asked;

  RecordSequence appended() const {
    return journal == nullptr ? 0 : journal->sequence;
  }
  void Break(std::string promise) {
    if (broken.empty()) broken = std::move(promise);
  }
};

ReplicaStates::ReplicaStates(const Scope& scope)
    : scope_(scope), keys_(KeysOf(scope)) {
  for (std::size_t i = 0; i < scope.commands.size(); ++i) {
    commands_.push_back(
        BatchOf(scope.commands[i], i, scope.clients_wait ? 1 : 0));
    unasked_[commands_.back()->digest()] = BatchOf(scope.commands[i], i, 0);
  }
  for (int i = 0; i < scope.replicas; ++i) {
    Draft draft{.machine = Replica::Create(SettingsOf(scope, i))};
    draft.observation.values.resize(keys_.size());
    initial_.push_back(Intern(std::move(draft), i));
  }
}

StateId ReplicaStates::Step(int replica, StateId state, ReplicaStep step) {
  const std::uint64_t key = std::uint64_t{state} << 32 | CodeOf(step);
  if (const StateId* last = last_taken_.Find(key)) return *last;
  return last_taken_.Note(key, TakeStep(replica, key, state, step));
}

StateId ReplicaStates::TakeStep(int replica, std::uint64_t key, StateId state,
                                ReplicaStep step) {
  if (const auto known = taken_.find(key); known != taken_.end()) {
    return known->second;
  }
  ++steps_taken_;
  Draft draft = Begin(states_[state]);
  const StateId next =
      Carry(draft, replica, step) ? Intern(std::move(draft), replica) : state;
  taken_.emplace(key, next);
  return next;
}

// The arrows of a list stay where they are when the table grows.
std::span<const Arrow> ReplicaStates::Deliveries(int replica, StateId state,
                                                 PacketSetId set) {
  const std::uint64_t key = std::uint64_t{state} << 32 | set;
  if (const auto* last = last_deliveries_.Find(key)) return *last;
  if (const auto known = deliveries_.find(key); known != deliveries_.end()) {
    return last_deliveries_.Note(key, known->second);
  }
  std::vector<Arrow> arrows;
  for (const PacketId packet : packets_.Members(set)) {
    const ReplicaStep step{StepKind::kDeliver, packet};
    const StateId next = Step(replica, state, step);
    if (next != state) arrows.push_back({step, next});
  }
  const auto added = deliveries_.emplace(key, std::move(arrows)).first;
  return last_deliveries_.Note(key, added->second);
}

StateId ReplicaStates::Answered(int replica, StateId state, PacketSetId set) {
  const std::uint64_t key = std::uint64_t{state} << 32 | set;
  if (const StateId* last = last_answered_.Find(key)) return *last;
  return last_answered_.Note(key, AnswerAll(replica, key, state, set));
}

StateId ReplicaStates::AnswerAll(int replica, std::uint64_t key, StateId state,
                                 PacketSetId set) {
  if (const auto known = answered_.find(key); known != answered_.end()) {
    return known->second;
  }
  StateId answered = state;
  for (const PacketId packet : packets_.Members(set)) {
    const StateId next = Step(replica, answered, {StepKind::kDeliver, packet});
    if (states_[next].core == states_[state].core) answered = next;
  }
  answered_.emplace(key, answered);
  return answered;
}

PacketSetId ReplicaStates::Relevant(StateId state, PacketSetId set) {
  // An acceptor of BPaxos votes on, whatever its node knows. In a log, packets
  // about one slot tell of others too, and of who leads.
  if (scope_.protocol != Protocol::kEpaxos) return set;
  // A decision that a restart may take away again is not known for good.
  if (set == 0 || (scope_.separate_sync && scope_.restarts > 0)) return set;
  const ObservationId observation = states_[state].observation;
  const std::uint64_t key = std::uint64_t{observation} << 32 | set;
  if (const PacketSetId* last = last_relevant_.Find(key)) return *last;
  return last_relevant_.Note(key, LeaveOut(key, observation, set));
}

PacketSetId ReplicaStates::LeaveOut(std::uint64_t key,
                                    ObservationId observation,
                                    PacketSetId set) {
  if (const auto known = relevant_.find(key); known != relevant_.end()) {
    return known->second;
  }
  const std::vector<Outcome>& decisions =
      observations_.Get(observation).decisions;
  PacketSetId relevant = 0;
  for (const PacketId packet : packets_.Members(set)) {
    if (std::ranges::find(decisions, packets_.Get(packet).instance,
                          &Outcome::instance) == decisions.end()) {
      relevant = packets_.Add(relevant, packet);
    }
  }
  relevant_.emplace(key, relevant);
  return relevant;
}

ReplicaStates::Draft ReplicaStates::Begin(const ReplicaState& state) const {
  return {.machine = std::unique_ptr<Replica>(
              static_cast<Replica*>(state.machine->Clone().release())),
          .journal = state.journal,
          .durable = state.durable,
          .proposed = state.proposed,
          .sent = state.sent,
          .observation = observations_.Get(state.observation)};
}

// False when nothing comes of it.
bool ReplicaStates::Carry(Draft& draft, int replica, ReplicaStep step) {
  switch (step.kind) {
    case StepKind::kDeliver: {
      const Packet& packet = packets_.Get(step.argument);
      Handle(draft, replica,
             MessageReceived{.from = packet.from, .message = packet.message});
      break;
    }
    case StepKind::kPropose:
      draft.proposed |= 1u << step.argument;
      Handle(draft, replica,
             ClientCommands{.batches = {commands_[step.argument]}});
      if (draft.refused) return false;  // It does not lead.
      break;
    case StepKind::kRecover:
      if (!Recover(draft, replica,
                   ReplicaAt(static_cast<int>(step.argument)))) {
        return false;
      }
      break;
    case StepKind::kHurry: Hurry(draft, replica); break;
    case StepKind::kRestart: Restart(draft, replica); break;
    case StepKind::kSync:
      if (draft.durable == draft.appended()) return false;
      Sync(draft, replica,
           scope_.overlap ? draft.durable + 1 : draft.appended());
      break;
    case StepKind::kTell:
      for (int tick = 0; tick < kTicksToTell; ++tick) {
        Handle(draft, replica, Tick{});
        Sync(draft, replica, draft.appended());
      }
      break;
  }
  if (!scope_.separate_sync) {
    while (draft.durable < draft.appended()) {
      Sync(draft, replica, draft.appended());
    }
  }
  const KvStateMachine& state = draft.machine->executor().state_machine();
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    draft.observation.values[i] = state.Find(keys_[i]).value_or("");
  }
  if (const absl::Status status = draft.machine->CheckInvariants();
      !status.ok()) {
    draft.Break(std::string(status.message()));
  }
  return true;
}

void ReplicaStates::Handle(Draft& draft, int replica, const Event& event) {
  Actions actions;
  draft.machine->Step(event, actions);
  Absorb(draft, replica, actions);
}

void ReplicaStates::Absorb(Draft& draft, int replica, const Actions& actions) {
  for (const Record& record : actions.persist) {
    NoteRecord(draft, record);
    draft.journal = std::make_shared<JournalEntry>(
        JournalEntry{.older = std::move(draft.journal), .record = record});
    auto* newest = const_cast<JournalEntry*>(draft.journal.get());
    newest->sequence =
        newest->older == nullptr ? 1 : newest->older->sequence + 1;
  }
  if (draft.appended() != draft.machine->last_record()) {
    draft.Break("a machine numbers its records without gaps");
  }
  for (const OutgoingMessage& outgoing : actions.messages) {
    // Where everybody is on the way to: repairs are not what is explored.
    if (std::holds_alternative<Frontier>(outgoing.message) && !scope_.floors) {
      continue;
    }
    // Recoveries begin by a step of their own (Recover).
    if (const auto* inquire = std::get_if<Inquire>(&outgoing.message)) {
      draft.inquired = inquire->instance;
      draft.asked = outgoing.to;
      continue;
    }
    if (outgoing.rests_on > draft.durable) {
      draft.Break("1.2 durable before visible: " +
                  std::string(Name(outgoing.message)));
    }
    const Message message = WithPayload(outgoing.message);
    for (int to = 0; to < scope_.replicas; ++to) {
      if (!outgoing.to.Contains(ReplicaAt(to))) continue;
      PacketSetId& sent = draft.sent[static_cast<std::size_t>(to)];
      sent = packets_.Add(
          sent, packets_.Intern(ReplicaAt(replica), ReplicaAt(to), message));
    }
  }
  for (const OutgoingReply& reply : actions.replies) {
    if (reply.reply.status == ReplyStatus::kRefused) draft.refused = true;
    if (reply.rests_on > draft.durable) {
      draft.Break("1.2 durable before visible: a reply");
    }
  }
  for (const CommittedInstance& decision : actions.committed) {
    NoteDecision(draft, decision);
  }
}

// Where a payload was left out, a receiver without it drops the message, which
// is as if it were lost. So the whole message can do all that both can.
Message ReplicaStates::WithPayload(Message message) const {
  const auto fill = [this](Value& value) {
    for (const CommandBatchPtr& batch : commands_) {
      if (value.payload_missing() && batch->digest() == value.digest) {
        value.batch = batch;
      }
    }
  };
  if (auto* accept = std::get_if<Accept>(&message)) fill(accept->value);
  if (auto* commit = std::get_if<Commit>(&message)) fill(commit->value);
  return message;
}

void ReplicaStates::Sync(Draft& draft, int replica, RecordSequence through) {
  const RecordSequence from = std::exchange(draft.durable, through);
  NoteDurable(draft, from);
  Handle(draft, replica, RecordsDurable{.through = draft.durable});
}

// 5: ballots only grow, whatever becomes of the record later. A proposer of
// BPaxos begins ballots that the acceptor beside it has not promised.
void ReplicaStates::NoteRecord(Draft& draft, const Record& record) {
  if (scope_.protocol == Protocol::kBpaxos) return;
  Ballot ballot;
  if (const auto* accepted = std::get_if<AcceptedRecord>(&record)) {
    ballot = accepted->ballot;
  } else if (const auto* promised = std::get_if<PromisedRecord>(&record)) {
    ballot = promised->ballot;
  } else {
    return;
  }
  const std::optional<InstanceId> instance = InstanceOf(record);
  for (const JournalEntry* entry = draft.journal.get(); entry != nullptr;
       entry = entry->older.get()) {
    if (InstanceOf(entry->record) != instance) continue;
    const auto* accepted = std::get_if<AcceptedRecord>(&entry->record);
    const auto* promised = std::get_if<PromisedRecord>(&entry->record);
    if ((accepted != nullptr && accepted->ballot > ballot) ||
        (promised != nullptr && promised->ballot > ballot)) {
      draft.Break("5 ballots only grow: " + ToString(*instance));
    }
  }
}

// Votes count from here on.
void ReplicaStates::NoteDurable(Draft& draft, RecordSequence from) {
  for (const JournalEntry* entry = draft.journal.get();
       entry != nullptr && entry->sequence > from; entry = entry->older.get()) {
    const auto* accepted = std::get_if<AcceptedRecord>(&entry->record);
    if (accepted == nullptr || entry->sequence > draft.durable) continue;
    const Outcome vote{.instance = accepted->instance,
                       .ballot = accepted->ballot,
                       .value = accepted->value.WithoutPayload(),
                       .deps = accepted->deps};
    std::vector<Outcome>& votes = draft.observation.votes;
    const auto at = std::ranges::find_if(votes, [&](const Outcome& other) {
      return std::pair(vote.instance, vote.ballot) <=
             std::pair(other.instance, other.ballot);
    });
    if (at != votes.end() && at->instance == vote.instance &&
        at->ballot == vote.ballot) {
      if (!at->SameAs(vote)) draft.Break("4 a replica votes once a ballot");
      continue;
    }
    votes.insert(at, vote);
  }
}

void ReplicaStates::NoteDecision(Draft& draft,
                                 const CommittedInstance& decision) {
  std::vector<Outcome>& decisions = draft.observation.decisions;
  const Outcome outcome{.instance = decision.instance,
                        .value = decision.value.WithoutPayload(),
                        .deps = decision.deps};
  const auto at = std::ranges::find_if(decisions, [&](const Outcome& other) {
    return decision.instance <= other.instance;
  });
  if (at != decisions.end() && at->instance == decision.instance) {
    if (!at->SameAs(outcome)) {
      draft.Break("G1 a decision never changes: " +
                  ToString(decision.instance));
    }
    return;
  }
  decisions.insert(at, outcome);
  if (!decision.fast_path) return;
  std::vector<InstanceId>& fast = draft.observation.fast;
  fast.insert(std::ranges::lower_bound(fast, decision.instance),
              decision.instance);
}

// Through the public interface alone: the column's replica is suspected until
// its turn has come, and another recoverer, if asked, is at work no more. (All
// else that it could say delays this step, and any step may come late.)
// Everything else that time brings is out of reach.
bool ReplicaStates::Recover(Draft& draft, int replica, ReplicaId column) {
  const std::uint64_t before = draft.machine->Status().recoveries_started;
  if (scope_.protocol == Protocol::kBpaxos) {
    // As if its executor waited for the column's first instance.
    Handle(draft, replica,
           MessageReceived{.from = ReplicaAt(replica),
                           .message = Inquire{.instance = {column, 1}}});
    return draft.machine->Status().recoveries_started > before;
  }
  Handle(draft, replica, PeerSuspected{.peer = column, .suspected = true});
  for (int tick = 0; tick < kMostTicks; ++tick) {
    if (draft.machine->Status().recoveries_started > before) break;
    Handle(draft, replica, Tick{});
    if (const auto inquired = std::exchange(draft.inquired, std::nullopt)) {
      for (int peer = 0; peer < scope_.replicas; ++peer) {
        if (!draft.asked.Contains(ReplicaAt(peer))) continue;
        Handle(draft, replica,
               MessageReceived{.from = ReplicaAt(peer),
                               .message = InquireReply{.instance = *inquired}});
      }
    }
  }
  Handle(draft, replica, PeerSuspected{.peer = column, .suspected = false});
  return draft.machine->Status().recoveries_started > before;
}

// Suspects everybody for a moment, so that own instances go the slow way if
// they have the votes for it.
void ReplicaStates::Hurry(Draft& draft, int replica) {
  for (const bool suspected : {true, false}) {
    for (int peer = 0; peer < scope_.replicas; ++peer) {
      if (peer == replica) continue;
      Handle(draft, replica,
             PeerSuspected{.peer = ReplicaAt(peer), .suspected = suspected});
    }
  }
}

void ReplicaStates::Restart(Draft& draft, int replica) {
  while (draft.appended() > draft.durable) {
    draft.journal = draft.journal->older;
  }
  draft.machine = Restored(replica, draft.journal, draft.durable);
  Handle(draft, replica, Tick{});
}

std::unique_ptr<Replica> ReplicaStates::Restored(int replica,
                                                 const Journal& journal,
                                                 RecordSequence through) const {
  std::vector<Record> records;
  for (const JournalEntry* entry = journal.get(); entry != nullptr;
       entry = entry->older.get()) {
    if (entry->sequence <= through) records.push_back(entry->record);
  }
  std::ranges::reverse(records);
  for (Record& record : records) {
    VisitPayloads(
        record, [&](CommandBatchPtr& batch) { StripOrigin(batch, unasked_); });
  }
  std::unique_ptr<Replica> machine =
      Replica::Create(SettingsOf(scope_, replica));
  machine->Restore(records);
  return machine;
}

std::uint64_t ReplicaStates::CoreOf(const Draft& draft, int replica) {
  quorate::Fingerprint print;
  print.Mix(static_cast<std::uint64_t>(replica));
  print.Mix(draft.machine->Fingerprint());
  print.Mix(draft.proposed);
  print.Mix(draft.broken.size());
  if (scope_.restarts > 0) {
    print.Mix(Restored(replica, draft.journal, draft.durable)->Fingerprint());
  }
  if (scope_.separate_sync) {
    print.Mix(draft.appended() - draft.durable);
    const std::unique_ptr<Machine> synced = draft.machine->Clone();
    const RecordSequence first =
        scope_.overlap ? draft.durable + 1 : draft.appended();
    for (RecordSequence through = first; through <= draft.appended();
         ++through) {
      MixSync(draft, replica, through, *synced, print);
    }
  }
  return print.value();
}

// What a sync would let go says what waits for it.
void ReplicaStates::MixSync(const Draft& draft, int replica,
                            RecordSequence through, Machine& synced,
                            quorate::Fingerprint& print) {
  Actions actions;
  synced.Step(RecordsDurable{.through = through}, actions);
  print.Mix(Restored(replica, draft.journal, through)->Fingerprint());
  print.Mix(synced.Fingerprint());
  print.Mix(actions.committed.size());
  for (const OutgoingMessage& waiting : actions.messages) {
    print.Mix(waiting.to.bits());
    print.Mix(packets_.Intern(ReplicaAt(replica), ReplicaAt(replica),
                              WithPayload(waiting.message)));
  }
}

std::shared_ptr<const Replica> ReplicaStates::Shared(Draft& draft,
                                                     std::uint64_t future) {
  quorate::Fingerprint print;
  print.Mix(future);
  print.Mix(draft.appended());
  print.Mix(draft.durable);
  std::shared_ptr<const Replica>& machine = machines_[print.value()];
  if (machine == nullptr) machine = std::move(draft.machine);
  return machine;
}

StateId ReplicaStates::Intern(Draft draft, int replica) {
  const ObservationId observation = observations_.Intern(draft.observation);
  const std::uint64_t future = CoreOf(draft, replica);
  quorate::Fingerprint print;
  print.Mix(future);
  print.Mix(observation);
  const std::uint64_t core = print.value();
  for (const PacketSetId set : draft.sent) print.Mix(set);
  const auto [known, is_new] = by_identity_.try_emplace(
      print.value(), static_cast<StateId>(states_.size()));
  if (is_new) {
    const ReplicaStatus status =
        scope_.floors ? draft.machine->Status() : ReplicaStatus();
    states_.push_back({.machine = Shared(draft, future),
                       .journal = std::move(draft.journal),
                       .durable = draft.durable,
                       .proposed = draft.proposed,
                       .sent = draft.sent,
                       .observation = observation,
                       .executed = status.executed,
                       .forgotten = status.drop_floor,
                       .broken = std::move(draft.broken),
                       .core = core});
  }
  return known->second;
}

}  // namespace quorate::model
