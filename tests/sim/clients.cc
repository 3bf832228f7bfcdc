#include "tests/sim/clients.h"

#include <algorithm>
#include <utility>

namespace quorate::sim {
namespace {

constexpr int kReaderPipeline = 8;
constexpr Micros kShortThink = 20'000;
// A session becomes this much more patient, at most, while nothing is heard.
constexpr Micros kMostPatience = 20'000'000;

}  // namespace

Clients::Clients(const WorkloadPlan& plan, int nodes, Random random,
                 World world)
    : plan_(plan),
      nodes_(nodes),
      usable_(ReplicaSet::FirstN(nodes)),
      random_(random),
      workload_(plan, random.Fork(1)),
      world_(std::move(world)) {}

void Clients::Start() {
  for (int i = 0; i < plan_.clients; ++i) {
    const int share = plan_.operations / plan_.clients +
                      (i < plan_.operations % plan_.clients ? 1 : 0);
    AddSession(PickNode(), /*pinned=*/false, share);
  }
  for (std::size_t i = 0; i < sessions_.size(); ++i) Think(i);
}

// What comes after the storm is waited for.
void Clients::Hurry() { plan_.think = std::min(plan_.think, kShortThink); }

void Clients::AddWork(int commands) {
  Hurry();
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i].pinned) continue;
    sessions_[i].to_draw += commands;
    unfinished_ += static_cast<std::size_t>(commands);
    Think(i);
  }
}

void Clients::RestrictTo(ReplicaSet nodes) {
  usable_ = nodes;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (!nodes.Contains(ReplicaAt(sessions_[i].node))) MoveSoon(i);
  }
}

int Clients::PickNode() {
  for (;;) {
    const int node = random_.Pick(nodes_);
    if (usable_.Contains(ReplicaAt(node))) return node;
  }
}

void Clients::AddReader(int node) {
  Hurry();
  AddSession(node, /*pinned=*/true, 0);
  Session& session = sessions_.back();
  for (const std::string& key : workload_.Keys()) {
    session.script.push_back({{.kind = OperationKind::kGet, .key = key}});
  }
  unfinished_ += session.script.size();
  Think(sessions_.size() - 1);
}

void Clients::AddSession(int node, bool pinned, int commands) {
  Session& session = sessions_.emplace_back();
  Begin(session);
  session.node = node;
  session.pinned = pinned;
  session.to_draw = commands;
  session.patience = plan_.retry;
  unfinished_ += static_cast<std::size_t>(commands);
  Connect(sessions_.size() - 1);
}

void Clients::Begin(Session& session) {
  // Random, as the client library draws it.
  if (session.id != ClientId{}) session.former_ids.insert(session.id);
  session.id = static_cast<ClientId>(random_.Next() | 1);
  session.first_sequence = session.next_sequence = FirstSequence(session.era);
  session.acknowledged = session.next_sequence - 1;
  session.expired = false;
}

void Clients::Connect(std::size_t index) {
  Session& session = sessions_[index];
  const std::uint64_t era = world_.era(session.node);
  if (era > session.era) {
    session.era = era;
    if (session.next_sequence == session.first_sequence) Begin(session);
  }
  connections_.push_back({.session = index,
                          .node = session.node,
                          .life = world_.life(session.node)});
  session.connection = static_cast<std::uint32_t>(connections_.size());
}

bool Clients::Belongs(std::uint32_t connection, int node,
                      std::uint64_t life) const {
  if (connection == 0 || connection > connections_.size()) return false;
  const Connection& known = connections_[connection - 1];
  return known.node == node && known.life == life;
}

bool Clients::IsOpen(std::uint32_t connection) const {
  return sessions_[connections_[connection - 1].session].connection ==
         connection;
}

Micros Clients::WaitingSince() const {
  Micros since = world_.queue.now();
  for (const Session& session : sessions_) {
    for (const auto& [sequence, pending] : session.pending) {
      since = std::min(since, history_[pending.entry].call);
    }
  }
  return waiting() == 0 ? last_outcome_ : since;
}

std::size_t Clients::waiting() const {
  std::size_t commands = 0;
  for (const Session& session : sessions_) commands += session.pending.size();
  return commands;
}

// ---- asking -----------------------------------------------------------------

void Clients::Think(std::size_t index) {
  Session& session = sessions_[index];
  if (session.thinking || !HasMore(session)) return;
  session.thinking = true;
  const Micros pause = 1 + random_.HeavyTailed(plan_.think, 200, 4);
  world_.queue.After(pause, [this, index] {
    sessions_[index].thinking = false;
    Request(index);
  });
}

void Clients::Request(std::size_t index) {
  Session& session = sessions_[index];
  if (session.moving) return Think(index);
  if (session.expired && session.pending.empty()) Begin(session);
  const auto pipeline = static_cast<std::size_t>(
      session.pinned ? kReaderPipeline : plan_.pipeline);
  const auto batch =
      static_cast<std::size_t>(session.pinned ? kReaderPipeline : plan_.batch);
  std::vector<std::uint64_t> sequences;
  while (HasMore(session) && !session.expired && session.given_up.empty() &&
         session.pending.size() < pipeline && sequences.size() < batch) {
    sequences.push_back(Draw(session));
  }
  if (!sequences.empty()) SendCommands(index, sequences);
  // With a full pipeline the next answer wakes the session, and the last one an
  // expired session.
  if (session.pending.size() < pipeline && !session.expired &&
      session.given_up.empty()) {
    Think(index);
  }
}

std::uint64_t Clients::Draw(Session& session) {
  const std::uint64_t sequence = session.next_sequence++;
  HistoryEntry entry{.id = {session.id, sequence}, .call = world_.queue.now()};
  if (!session.script.empty()) {
    entry.operations = std::move(session.script.front());
    session.script.pop_front();
  } else {
    --session.to_draw;
    entry.operations =
        workload_.Draw("v" + std::to_string(history_.size()), session.seen);
  }
  session.pending[sequence] = {.entry = history_.size()};
  history_.push_back(std::move(entry));
  return sequence;
}

void Clients::SendCommands(std::size_t index,
                           const std::vector<std::uint64_t>& sequences) {
  Session& session = sessions_[index];
  CommandBatchBuilder builder;
  for (const std::uint64_t sequence : sequences) {
    Pending& pending = session.pending.at(sequence);
    if (++pending.attempts > 1) ++statistics_.retried;
    builder.AddCommand({session.id, sequence},
                       std::min(session.acknowledged, sequence - 1),
                       session.connection);
    const HistoryEntry& entry = history_[pending.entry];
    for (const OwnedOperation& each : entry.operations) {
      if (!pending.withdraws) {
        builder.AddOperation(each.View());
      } else if (!IsReadOnly(each.kind)) {
        builder.AddOperation(
            {.kind = OperationKind::kWithdraw,
             .key = each.key,
             .number = static_cast<std::int64_t>(entry.id.sequence)});
        break;
      }
    }
  }
  ++statistics_.requests;
  world_.send(session.node, session.connection, builder.Finish());
  const std::uint32_t connection = session.connection;
  world_.queue.After(session.patience, [this, index, connection, sequences] {
    const Session& now = sessions_[index];
    if (now.connection != connection) return;
    for (const std::uint64_t sequence : sequences) {
      if (!now.pending.contains(sequence)) continue;
      if (plan_.give_up_permille > 0 &&
          random_.Chance(plan_.give_up_permille)) {
        GiveUp(index);
      }
      return Move(index);
    }
  });
}

// ---- going elsewhere --------------------------------------------------------

void Clients::GiveUp(std::size_t index) {
  Session& session = sessions_[index];
  if (session.pinned || session.expired) return;
  std::vector<std::uint64_t> given_up;
  for (const auto& [sequence, pending] : session.pending) {
    const auto& operations = history_[pending.entry].operations;
    const bool changes = std::ranges::any_of(
        operations,
        [](const OwnedOperation& each) { return !IsReadOnly(each.kind); });
    if (changes && !pending.withdraws) given_up.push_back(sequence);
  }
  for (const std::uint64_t sequence : given_up) {
    ++statistics_.given_up;
    session.given_up.insert(sequence);
    const std::size_t entry = session.pending.extract(sequence).mapped().entry;
    session.pending[session.next_sequence++] = {.entry = entry,
                                                .withdraws = true};
  }
}

// Withdrawn in time, or it was executed before; and then it was done, unless it
// was refused for what it would have given.
void Clients::Withdrawn(std::size_t index, const ClientReply& reply) {
  Session& session = sessions_[index];
  const HistoryEntry& entry =
      history_[session.pending.at(reply.id.sequence).entry];
  const bool for_good = reply.results.size() == 1 &&
                        reply.results[0].status == OperationStatus::kOk;
  if (for_good) {
    ++statistics_.withdrawn;
    world_.withdrawn(entry.id);
  }
  session.given_up.erase(entry.id.sequence);
  session.patience = plan_.retry;
  Finish(index, reply.id.sequence,
         for_good      ? HistoryEntry::Outcome::kRefused
         : Fits(entry) ? HistoryEntry::Outcome::kExecuted
                       : HistoryEntry::Outcome::kOpen);
}

// What it gave cannot have been too much, whatever it found.
bool Clients::Fits(const HistoryEntry& entry) const {
  if (plan_.result_bytes == ResultLimits().command_bytes) return true;
  const auto reads = [](const OwnedOperation& each) {
    return IsReadOnly(each.kind) || each.kind == OperationKind::kCompareAndSet;
  };
  return std::ranges::none_of(entry.operations, reads) &&
         BytesOf(CommandResult(entry.operations.size())) <= plan_.result_bytes;
}

void Clients::Closed(std::uint32_t connection) {
  if (IsOpen(connection)) MoveSoon(connections_[connection - 1].session);
}

void Clients::NodeStopped(int node) {
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i].node == node) MoveSoon(i);
  }
}

void Clients::CloseSome() {
  MoveSoon(static_cast<std::size_t>(random_.Below(sessions_.size())));
}

void Clients::MoveSoon(std::size_t index) {
  Session& session = sessions_[index];
  if (std::exchange(session.moving, true)) return;
  session.connection = 0;  // Hears nothing until it is connected again.
  world_.queue.After(1 + random_.HeavyTailed(5000, 300),
                     [this, index] { Move(index); });
}

void Clients::Move(std::size_t index) {
  Session& session = sessions_[index];
  session.moving = false;
  session.patience = std::min(session.patience * 2, kMostPatience);
  if (!session.pinned) {
    const int leader = std::exchange(session.leader, -1);
    const bool goes_there = leader >= 0 && usable_.Contains(ReplicaAt(leader));
    session.node = goes_there ? leader : PickNode();
  }
  Connect(index);
  std::vector<std::uint64_t> sequences;
  for (const auto& [sequence, pending] : session.pending) {
    sequences.push_back(sequence);
  }
  if (!sequences.empty()) SendCommands(index, sequences);
}

// ---- answers ----------------------------------------------------------------

void Clients::Receive(std::uint32_t connection, std::uint64_t era,
                      const ClientReply& reply) {
  if (!IsOpen(connection)) return;
  const std::size_t index = connections_[connection - 1].session;
  Session& session = sessions_[index];
  session.era = std::max(session.era, era);
  if (session.former_ids.contains(reply.id.client)) return;  // Late.
  if (reply.id.client != session.id) {
    world_.verdict.Fail("SC1: an answer goes to the connection that asked",
                        "sequence " + std::to_string(reply.id.sequence));
    return;
  }
  // A command sent twice is answered twice.
  if (!session.pending.contains(reply.id.sequence)) return;
  switch (reply.status) {
    case ReplyStatus::kDone: return Done(index, reply);
    case ReplyStatus::kRefused: return Refused(index, reply);
    case ReplyStatus::kUnknown: return MoveSoon(index);
    case ReplyStatus::kResultGone:
      ++statistics_.results_gone;
      return Finish(index, reply.id.sequence, HistoryEntry::Outcome::kExecuted);
  }
}

void Clients::Done(std::size_t index, const ClientReply& reply) {
  Session& session = sessions_[index];
  if (session.pending.at(reply.id.sequence).withdraws) {
    Withdrawn(index, reply);
    return;
  }
  HistoryEntry& entry = history_[session.pending.at(reply.id.sequence).entry];
  if (reply.results.size() != entry.operations.size()) {
    world_.verdict.Fail(
        "SC2: an answer has one result an operation",
        "command " + std::to_string(reply.id.sequence) + " has " +
            std::to_string(reply.results.size()) + " results for " +
            std::to_string(entry.operations.size()) + " operations");
    return;
  }
  entry.results = reply.results;
  CheckScans(entry);
  session.patience = plan_.retry;
  NoteSeen(session, entry);
  ++statistics_.done;
  Finish(index, reply.id.sequence, HistoryEntry::Outcome::kDone);
}

// Nothing here is large: a scan stops at the number it was asked for, or at the
// end, and says which.
void Clients::CheckScans(const HistoryEntry& entry) {
  for (std::size_t i = 0; i < entry.operations.size(); ++i) {
    const OwnedOperation& scan = entry.operations[i];
    const OperationResult& result = entry.results[i];
    if (scan.kind != OperationKind::kScan || result.value.empty()) continue;
    if (static_cast<std::int64_t>(result.rows.size()) == scan.number &&
        result.value > result.rows.back().first && result.value < scan.value) {
      continue;
    }
    world_.verdict.Fail("SC4: a scan that is cut names the key after its rows",
                        "it names " + result.value);
  }
}

void Clients::Refused(std::size_t index, const ClientReply& reply) {
  Session& session = sessions_[index];
  if (reply.reason == RefusalReason::kSessionExpired) {
    return Expired(index, reply.id.sequence);
  }
  if (reply.reason == RefusalReason::kResultTooLarge) {
    // At execution, once for all its attempts.
    ++statistics_.too_large;
    ++statistics_.refused;
    return Finish(index, reply.id.sequence, HistoryEntry::Outcome::kRefused);
  }
  const bool elsewhere = reply.reason == RefusalReason::kNotLeader ||
                         reply.reason == RefusalReason::kNoLeader;
  if (reply.reason != RefusalReason::kBusy && !elsewhere) {
    world_.verdict.Fail("SC3: a sound command is refused only when busy",
                        std::string(Explain(reply.reason)));
    return;
  }
  ++statistics_.busy;
  // Sent once and refused: it never happens, and some clients leave it at that.
  // After a second attempt a refusal says nothing about the first.
  const Pending& pending = session.pending.at(reply.id.sequence);
  if (pending.attempts == 1 && !pending.withdraws && !session.pinned &&
      random_.Chance(100)) {
    ++statistics_.refused;
    Finish(index, reply.id.sequence, HistoryEntry::Outcome::kRefused);
  }
  // A reader that its node never serves reads elsewhere.
  if (session.patience == kMostPatience || elsewhere) session.pinned = false;
  if (reply.reason == RefusalReason::kNotLeader) {
    session.leader = Index(reply.instance.replica);
  }
  MoveSoon(index);
}

// What was sent once is definitely not done; for anything else nobody can say.
void Clients::Expired(std::size_t index, std::uint64_t sequence) {
  Session& session = sessions_[index];
  session.expired = true;
  ++statistics_.expired;
  const Pending& pending = session.pending.at(sequence);
  const bool once = pending.attempts == 1 && !pending.withdraws;
  session.given_up.erase(history_[pending.entry].id.sequence);
  if (once) ++statistics_.refused;
  Finish(index, sequence,
         once ? HistoryEntry::Outcome::kRefused : HistoryEntry::Outcome::kOpen);
}

void Clients::Finish(std::size_t index, std::uint64_t sequence,
                     HistoryEntry::Outcome outcome) {
  Session& session = sessions_[index];
  HistoryEntry& entry = history_[session.pending.at(sequence).entry];
  entry.outcome = outcome;
  entry.reply = last_outcome_ = world_.queue.now();
  session.pending.erase(sequence);
  --unfinished_;
  session.acknowledged = session.pending.empty()
                             ? session.next_sequence - 1
                             : session.pending.begin()->first - 1;
  if (!session.given_up.empty()) {
    session.acknowledged =
        std::min(session.acknowledged, *session.given_up.begin() - 1);
  }
  world_.trace.Note(
      {.time = world_.queue.now(),
       .what = outcome == HistoryEntry::Outcome::kDone ? "answer" : "refusal",
       .node = session.node,
       .a = index,
       .b = sequence,
       .a_label = "session",
       .b_label = "sequence"});
  Think(index);
}

void Clients::NoteSeen(Session& session, const HistoryEntry& entry) {
  for (std::size_t i = 0; i < entry.operations.size(); ++i) {
    const OwnedOperation& operation = entry.operations[i];
    if (operation.kind == OperationKind::kGet) {
      session.seen[operation.key] = entry.results[i].value;
    } else if (operation.kind == OperationKind::kPut) {
      session.seen[operation.key] = operation.value;
    }
  }
}

}  // namespace quorate::sim
