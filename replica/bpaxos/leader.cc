#include "replica/bpaxos/leader.h"

#include <algorithm>
#include <utility>

#include "replica/bpaxos/rules.h"
#include "wire/check.h"
#include "wire/fingerprint.h"

namespace quorate::bpaxos {
namespace {

constexpr std::uint64_t kLeastReserved = 8;
// Ticks, in units of retransmit_ticks, that a reply may take after some
// executor has said that it executed the instance.
constexpr int kReplyPeriods = 4;
// Commits resent to one executor in one period.
constexpr int kMaxResentCommits = 64;
// Repair periods between two looks at what earlier lives left behind.
constexpr std::uint64_t kResumePeriods = 8;

bool SomebodyWaits(const CommandBatch& batch) {
  return !batch.commands().empty() && batch.commands().front().origin != 0;
}

}  // namespace

Leader::Leader(const Settings& settings, const Cluster& cluster)
    : settings_(settings),
      cluster_(cluster),
      proposer_(settings, cluster),
      vertices_(cluster.columns),
      floor_(cluster.columns) {
  for (ExecutorState& executor : executors_) {
    executor.committed = DependencySet(cluster.columns);
    executor.executed = DependencySet(cluster.columns);
  }
}

// ---- the failure-free path --------------------------------------------------

InstanceId Leader::Propose(CommandBatchPtr batch, Effects& effects) {
  const InstanceId id{settings_.self, next_slot_++};
  Vertex* vertex = vertices_.FindOrCreate(id);
  QUORATE_CHECK(vertex != nullptr && vertex->batch == nullptr,
                "invariant 12: no slot is used twice");
  vertex->batch = std::move(batch);
  vertex->deps = DependencySet(cluster_.columns);
  vertex->next_retransmit_ticks = effects.RepeatAfter(
      cluster_.roles.dependency_nodes, settings_.retransmit_ticks);
  ++in_flight_;
  vertex->shards =
      rules::ShardsToAsk(ShardsOf(*vertex->batch, cluster_.shards()));
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    Ask(id, *vertex, shard, /*again=*/false, effects);
  }
  return id;
}

void Leader::Ask(InstanceId id, Vertex& vertex, int shard, bool again,
                 Effects& effects) {
  if (HasAnswered(vertex, shard)) return;
  const Electorate& electorate = cluster_.shard(shard);
  ReplicaSet nodes = electorate.members().Minus(vertex.answered);
  if (settings_.thrifty && !again) {
    nodes = electorate.Choose(settings_.self, effects.suspected(),
                              effects.distances().nearest_first());
  }
  const bool whole = std::has_single_bit(vertex.shards);
  if (whole) {
    vertex.has_payload = ReplicaSet::FromBits(
        static_cast<std::uint16_t>(vertex.has_payload.bits() | nodes.bits()));
  }
  DependencyRequest request{
      .instance = id,
      .batch = whole ? vertex.batch
                     : PartOf(*vertex.batch, shard, cluster_.shards())};
  const RecordSequence reserved = Reserve(id.slot, effects);
  if (again) {
    effects.SendAgain(nodes, std::move(request), reserved);
  } else {
    effects.Send(nodes, std::move(request),
                 rules::RestsOn(rules::Effect::kRequest, reserved));
  }
}

// Or need not: nothing of it concerns the shard.
bool Leader::HasAnswered(const Vertex& vertex, int shard) const {
  if ((vertex.shards >> shard & 1) == 0) return true;
  return rules::AreAnswers(cluster_.shard(shard), vertex.answered);
}

bool Leader::HaveAllAnswered(const Vertex& vertex) const {
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    if (!HasAnswered(vertex, shard)) return false;
  }
  return true;
}

// The record that lets `slot` be used.
RecordSequence Leader::Reserve(std::uint64_t slot, Effects& effects) {
  const std::uint64_t ahead =
      std::max<std::uint64_t>(kLeastReserved, in_flight_);
  if (reserved_.IsShort(slot, ahead)) {
    const std::uint64_t through = Reservation::BlockFor(slot, ahead);
    reserved_.Extend(through,
                     effects.Persist(ReservedRecord{.through = through}));
  }
  return reserved_.RecordOf(slot);
}

void Leader::HandleDependencyReply(ReplicaId from, const DependencyReply& m,
                                   Effects& effects) {
  Vertex* vertex = IsOwn(m.instance) ? vertices_.Find(m.instance) : nullptr;
  if (vertex == nullptr || vertex->stage != Vertex::Stage::kAsking ||
      !cluster_.roles.dependency_nodes.Contains(from)) {
    effects.Stale();  // Late, repeated, or about something never asked.
    return;
  }
  vertex->answered.Insert(from);
  vertex->deps.UnionWith(m.deps);
  if (!HaveAllAnswered(*vertex)) return;
  vertex->stage = Vertex::Stage::kProposing;
  proposer_.Propose(m.instance, Value::Commands(vertex->batch), vertex->deps,
                    vertex->has_payload, effects);
}

void Leader::HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                               Effects& effects) {
  if (auto decision = proposer_.HandleAcceptReply(from, m, effects)) {
    Decide(*std::move(decision), effects);
  }
}

void Leader::HandleRecoverReply(ReplicaId from, const RecoverReply& m,
                                Effects& effects) {
  if (!MayBeDecided(m.instance, m.value)) return effects.Stale();
  proposer_.HandleRecoverReply(from, m, effects);
}

bool Leader::MayBeDecided(InstanceId id, const Value& value) const {
  const CommandBatchPtr batch = FindPayload(id);
  return batch == nullptr || value.kind != ValueKind::kCommands ||
         value.digest == batch->digest();
}

void Leader::Decide(Decision decision, Effects& effects) {
  const InstanceId id = decision.instance;
  Vertex* vertex = IsOwn(id) ? vertices_.Find(id) : nullptr;
  if (decision.ballot.is_initial()) {
    ++effects.stats().decided;
  } else if (decision.value.kind == ValueKind::kNoop) {
    ++effects.stats().recovered_noops;
  } else {
    ++effects.stats().recovered_payloads;
  }
  if (vertex != nullptr && vertex->batch != nullptr) {
    Settle(id, *vertex, std::move(decision.value), decision.deps, effects);
    SendCommit(id, *vertex, effects);
    return;
  }
  // Of another leader, or of an earlier life: whoever still misses it asks
  // again, so nothing is kept.
  ReplicaSet to = cluster_.roles.executors;
  if (!IsOwn(id)) to.Insert(id.replica);
  effects.Send(to,
               Commit{.instance = id,
                      .value = std::move(decision.value),
                      .deps = decision.deps},
               0);
}

// Those who were asked about all of it have the payload, unless the message was
// lost; executors that miss it are repaired.
void Leader::SendCommit(InstanceId id, const Vertex& vertex, Effects& effects) {
  Commit commit{.instance = id,
                .value = vertex.value.WithoutPayload(),
                .deps = vertex.deps};
  const ReplicaSet executors = cluster_.roles.executors;
  effects.Send(executors.Intersect(vertex.has_payload), commit, 0);
  commit.value = vertex.value;
  effects.Send(executors.Minus(vertex.has_payload), std::move(commit), 0);
}

// The decision about an instance of this life is known.
void Leader::Settle(InstanceId id, Vertex& vertex, Value value,
                    const DependencySet& deps, Effects& effects) {
  proposer_.Abandon(id);
  vertex.stage = Vertex::Stage::kDecided;
  vertex.value = std::move(value);
  vertex.deps = deps;
  vertex.age_ticks = 0;
  --in_flight_;
  if (!ExecutesHere()) {
    effects.actions().committed.push_back(
        {.instance = id, .value = vertex.value, .deps = deps});
  }
  if (!SomebodyWaits(*vertex.batch)) return;
  if (vertex.value.kind == ValueKind::kNoop) {
    resubmissions_.push_back(vertex.batch);
  } else if (!ExecutesHere()) {
    vertex.awaits_replies = true;
    ++awaiting_replies_;
  }
}

// Others have decided and executed it, and everybody who could tell how has
// forgotten: its commands go into a new instance, and the sessions know whether
// they have been executed.
void Leader::SettleUnknown(Vertex& vertex) {
  vertex.stage = Vertex::Stage::kDecided;
  --in_flight_;
  AskAgain(vertex.batch);
}

void Leader::HandleTruncated(const Truncated& m) {
  const Vertex* vertex =
      IsOwn(m.instance) ? vertices_.Find(m.instance) : nullptr;
  const bool open = vertex != nullptr && vertex->batch != nullptr &&
                    vertex->stage != Vertex::Stage::kDecided;
  // An own one is settled when the floor is heard of here.
  if (!open) proposer_.Abandon(m.instance);
}

bool Leader::HandleCommit(const Commit& m, Effects& effects) {
  Vertex* vertex = IsOwn(m.instance) ? vertices_.Find(m.instance) : nullptr;
  if (vertex == nullptr || vertex->batch == nullptr) {
    proposer_.Abandon(m.instance);
    return true;
  }
  if (!MayBeDecided(m.instance, m.value)) return false;
  if (vertex->stage == Vertex::Stage::kDecided) {
    if (vertex->value.kind == ValueKind::kNone) return true;
    QUORATE_CHECK(vertex->value == m.value && vertex->deps == m.deps,
                  "G1: all commits of one instance carry the same decision");
    return true;
  }
  Value value = m.value;
  if (value.payload_missing()) value.batch = vertex->batch;
  Settle(m.instance, *vertex, std::move(value), m.deps, effects);
  return true;
}

// ---- replies ----------------------------------------------------------------

void Leader::HandleInstanceReplies(const InstanceReplies& m, Effects& effects) {
  Vertex* vertex = IsOwn(m.instance) ? vertices_.Find(m.instance) : nullptr;
  if (vertex == nullptr || !vertex->awaits_replies) {
    effects.Stale();
    return;
  }
  const auto commands = vertex->batch->commands();
  vertex->replied.resize(commands.size());
  std::size_t at = 0;
  for (const ClientReply& reply : m.replies) {
    // In the batch's order, so the search is a step. A command may be in it
    // twice: its client has asked again.
    while (at < commands.size() &&
           (vertex->replied[at] || commands[at].id != reply.id)) {
      ++at;
    }
    if (at == commands.size()) break;
    vertex->replied[at] = true;
    ClientReply answer = reply;
    answer.origin = commands[at].origin;
    answer.instance = m.instance;
    Review(answer);
    effects.actions().result_bytes += BytesOf(answer.results);
    effects.actions().replies.push_back({.reply = std::move(answer)});
  }
  if (std::ranges::find(vertex->replied, false) != vertex->replied.end()) {
    vertex->age_ticks = 0;  // The rest is on its way.
    return;
  }
  vertex->awaits_replies = false;
  --awaiting_replies_;
}

// Some executor has executed it, and yet nobody has answered: the one whose
// part it was stopped in between, or its message was lost.
void Leader::AgeUnanswered(InstanceId id, Vertex& vertex) {
  const bool executed =
      std::ranges::any_of(executors_, [&](const ExecutorState& executor) {
        return executor.executed.Contains(id);
      });
  if (!executed) return;
  if (++vertex.age_ticks < kReplyPeriods * settings_.retransmit_ticks) return;
  vertex.awaits_replies = false;
  --awaiting_replies_;
  AskAgain(Unanswered(vertex));
}

// What has been answered is not asked again: where there is much to read, the
// rest would never come through.
CommandBatchPtr Leader::Unanswered(const Vertex& vertex) {
  if (std::ranges::find(vertex.replied, true) == vertex.replied.end()) {
    return vertex.batch;
  }
  CommandBatchBuilder rest;
  for (std::size_t i = 0; i < vertex.replied.size(); ++i) {
    if (vertex.replied[i]) continue;
    rest.AddCopy(*vertex.batch, vertex.batch->commands()[i]);
  }
  return rest.Finish();
}

void Leader::AskAgain(const CommandBatchPtr& batch) {
  if (!SomebodyWaits(*batch)) return;
  for (const Command& command : batch->commands()) {
    perhaps_done_.insert(command.id);
  }
  resubmissions_.push_back(batch);
}

void Leader::Review(ClientReply& reply) {
  if (perhaps_done_.erase(reply.id) == 0 ||
      reply.status != ReplyStatus::kRefused) {
    return;
  }
  reply.status = ReplyStatus::kUnknown;
  reply.reason = RefusalReason::kNone;
}

std::vector<CommandBatchPtr> Leader::TakeResubmissions() {
  return std::exchange(resubmissions_, {});
}

CommandBatchPtr Leader::FindPayload(InstanceId id) const {
  const Vertex* vertex = IsOwn(id) ? vertices_.Find(id) : nullptr;
  return vertex == nullptr ? nullptr : vertex->batch;
}

// ---- time -------------------------------------------------------------------

void Leader::HandleTick(Effects& effects) {
  ++ticks_;
  AgeVertices(effects);
  proposer_.HandleTick(effects);
  RecoverEarlierLives(effects);
  if (ticks_ % static_cast<std::uint64_t>(settings_.retransmit_ticks) == 0) {
    RepairExecutors(effects);
  }
}

void Leader::AgeVertices(Effects& effects) {
  for (std::uint64_t slot = first_open_; slot < next_slot_; ++slot) {
    const InstanceId id{settings_.self, slot};
    Vertex* vertex = vertices_.Find(id);
    if (vertex == nullptr) continue;  // Of an earlier life.
    if (vertex->awaits_replies) AgeUnanswered(id, *vertex);
    if (vertex->stage != Vertex::Stage::kAsking) continue;
    if (++vertex->age_ticks < vertex->next_retransmit_ticks) continue;
    vertex->next_retransmit_ticks =
        vertex->age_ticks +
        RepeatTicks(vertex->age_ticks,
                    effects.RepeatAfter(cluster_.roles.dependency_nodes,
                                        settings_.retransmit_ticks));
    ++effects.stats().retransmissions;
    for (int shard = 0; shard < cluster_.shards(); ++shard) {
      Ask(id, *vertex, shard, /*again=*/true, effects);
    }
  }
  AdvanceFirstOpen();
}

void Leader::AdvanceFirstOpen() {
  while (first_open_ < next_slot_) {
    const Vertex* vertex = vertices_.Find({settings_.self, first_open_});
    const bool open =
        vertex != nullptr &&
        (vertex->stage != Vertex::Stage::kDecided || vertex->awaits_replies);
    if (open) break;
    ++first_open_;
  }
}

// What an earlier life asked about, or proposed, is finished like that of a
// leader that is gone. The executors know where to begin.
void Leader::RecoverEarlierLives(Effects& effects) {
  if (earlier_through_ == 0) return;
  std::uint64_t decided = 0;
  bool heard = false;
  for (const ExecutorState& executor : executors_) {
    if (!executor.heard) continue;
    heard = true;
    decided = std::max(decided, executor.committed[settings_.self]);
  }
  if (!heard) return;
  if (decided >= earlier_through_) {
    earlier_through_ = 0;
    return;
  }
  const std::uint64_t pause =
      kResumePeriods * static_cast<std::uint64_t>(settings_.retransmit_ticks);
  if (next_to_recover_ > earlier_through_ && ticks_ % pause == 0) {
    next_to_recover_ = 0;  // Some of it was lost: once more.
  }
  next_to_recover_ = std::max(next_to_recover_, decided + 1);
  while (next_to_recover_ <= earlier_through_ &&
         proposer_.proposals().size() < settings_.max_recoveries) {
    proposer_.Recover({settings_.self, next_to_recover_++}, effects);
  }
}

void Leader::HandleInquire(ReplicaId from, const Inquire& m, Effects& effects) {
  if (floor_.Contains(m.instance)) return;  // Its peers repair it.
  if (IsOwn(m.instance)) {
    if (m.instance.slot >= next_slot_) return effects.Stale();
    const Vertex* vertex = vertices_.Find(m.instance);
    if (vertex != nullptr && vertex->batch != nullptr) {
      if (vertex->stage != Vertex::Stage::kDecided) return;  // At work.
      effects.SendAgain(from,
                        Commit{.instance = m.instance,
                               .value = vertex->value,
                               .deps = vertex->deps},
                        0);
      return;
    }
  }
  if (m.instance.slot > floor_[m.instance.replica] + SlotLog<Vertex>::kMaxGap) {
    return effects.Stale();
  }
  proposer_.Recover(m.instance, effects);
}

void Leader::HandleFrontier(ReplicaId from, const Frontier& m) {
  if (!cluster_.roles.executors.Contains(from)) return;
  ExecutorState& state = executors_[static_cast<std::size_t>(Index(from))];
  state.heard = true;
  // Messages overtake each other, and an executor that restarts may have lost
  // the last decisions it knew of: the newest word counts for those.
  state.committed = m.committed;
  state.executed.UnionWith(m.executed);
}

// Decisions may be lost on the way to all executors at once, and then only
// this leader knows of them.
void Leader::RepairExecutors(Effects& effects) {
  for (int i = 0; i < kMaxNodes; ++i) {
    const ReplicaId executor = ReplicaAt(i);
    if (!cluster_.roles.executors.Contains(executor) ||
        effects.suspected().Contains(executor)) {
      continue;
    }
    Repair(executor, executors_[static_cast<std::size_t>(i)], effects);
  }
  overdue_ = overdue_next_;
  overdue_next_ = next_slot_ - 1;
}

void Leader::Repair(ReplicaId executor, ExecutorState& state,
                    Effects& effects) {
  const std::uint64_t has = state.committed[settings_.self];
  const bool stands_still = state.repaired_at == has;
  state.repaired_at = has;
  if (!stands_still) return;
  int count = 0;
  std::size_t bytes = 0;
  for (std::uint64_t slot = has + 1; slot <= overdue_; ++slot) {
    const InstanceId id{settings_.self, slot};
    const Vertex* vertex = vertices_.Find(id);
    if (vertex == nullptr || vertex->value.kind == ValueKind::kNone) continue;
    effects.SendAgain(
        executor,
        Commit{.instance = id, .value = vertex->value, .deps = vertex->deps},
        0);
    ++effects.stats().retransmissions;
    bytes += vertex->batch->byte_size();
    if (++count == kMaxResentCommits || bytes > kMaxResentBytes) return;
  }
}

void Leader::RaiseFloor(const DependencySet& floor) {
  floor_.UnionWith(floor);
  proposer_.RaiseFloor(floor_);
  for (std::uint64_t slot = first_open_;
       slot <= std::min(floor_[settings_.self], next_slot_ - 1); ++slot) {
    Vertex* vertex = vertices_.Find({settings_.self, slot});
    if (vertex != nullptr && vertex->stage != Vertex::Stage::kDecided) {
      SettleUnknown(*vertex);
    }
  }
  AdvanceFirstOpen();
  // What clients wait for is kept, and so is its instance.
  vertices_.DropThrough(settings_.self,
                        std::min(floor_[settings_.self], first_open_ - 1));
}

// ---- a second life ----------------------------------------------------------

void Leader::Restore(const ReservedRecord& record) {
  if (!rules::IsTakenBack(record)) return;
  earlier_through_ = std::max(earlier_through_, record.through);
  next_slot_ = earlier_through_ + 1;
  first_open_ = next_slot_;
  vertices_.DropThrough(settings_.self, earlier_through_);
}

void Leader::Save(std::vector<Record>& records) const {
  records.emplace_back(ReservedRecord{
      .through = std::max(reserved_.through(), next_slot_ - 1)});
  proposer_.Save(records);
}

absl::Status Leader::CheckInvariants() const {
  std::size_t in_flight = 0;
  std::size_t awaiting = 0;
  absl::Status status;
  vertices_.ForEach([&](InstanceId id, const Vertex& vertex) {
    if (vertex.batch == nullptr) {
      status =
          absl::InternalError("invariant 12: every slot given out is used");
      return;
    }
    if (vertex.stage != Vertex::Stage::kDecided) ++in_flight;
    if (vertex.awaits_replies) ++awaiting;
    if (vertex.stage == Vertex::Stage::kProposing &&
        !proposer_.proposals().contains(id)) {
      status = absl::InternalError("BP2: what is proposed is being proposed");
    }
  });
  if (in_flight != in_flight_ || awaiting != awaiting_replies_) {
    return absl::InternalError("BP3: what is open is counted");
  }
  return status;
}

std::uint64_t Leader::Fingerprint() const {
  quorate::Fingerprint print;
  print.Mix(next_slot_);
  print.Mix(reserved_.through());
  print.Mix(earlier_through_);
  print.Mix(next_to_recover_);
  vertices_.ForEach([&](InstanceId id, const Vertex& vertex) {
    print.Mix(id.slot);
    print.Mix(static_cast<std::uint64_t>(vertex.stage));
    print.Mix(static_cast<std::uint64_t>(vertex.value.kind));
    print.Mix(vertex.answered.bits());
    print.Mix(vertex.awaits_replies ? 1 : 0);
    print.Mix(static_cast<std::uint64_t>(vertex.age_ticks));
    for (const std::uint64_t watermark : vertex.deps.watermarks()) {
      print.Mix(watermark);
    }
  });
  for (const CommandId id : perhaps_done_) {
    print.Mix(static_cast<std::uint64_t>(id.client));
    print.Mix(id.sequence);
  }
  print.Mix(proposer_.Fingerprint());
  return print.value();
}

}  // namespace quorate::bpaxos
