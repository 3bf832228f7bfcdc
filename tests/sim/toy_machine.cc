#include "tests/sim/toy_machine.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

constexpr std::array<std::string_view, kToyBugs> kBugNames = {
    "none",
    "speaks-before-durable",
    "decides-before-durable",
    "forgets-votes",
    "counts-messages",
    "reads-locally",
    "ignores-order",
    "loses-dependencies",
    "forgets-sessions",
    "never-retransmits",
    "answers-others",
    "changes-its-mind",
    "forgets-the-restored"};

constexpr ReplicaId kProposer = ReplicaAt(0);

struct Entry {
  Value value;
  DependencySet deps;
  ReplicaSet voters;
  int votes = 0;  // messages, for kCountsMessages
  bool committed = false;
};

class ToyReplica final : public Replica {
 public:
  ToyReplica(const Settings& settings, ToyBug bug)
      : settings_(settings),
        bug_(bug),
        executor_(settings.replicas, settings.conflicts) {}

  void Step(const Event& event, Actions& actions) override {
    if (std::exchange(restored_, false) && bug_ == ToyBug::kForgetsVotes) {
      ForgetUndecided();
    }
    std::visit(
        Overloaded{[&](const MessageReceived& e) {
                     std::visit(
                         [&](const auto& m) { Handle(e.from, m, actions); },
                         e.message);
                   },
                   [&](const ClientCommands& e) {
                     for (const CommandBatchPtr& batch : e.batches) {
                       HandleCommands(batch, actions);
                     }
                   },
                   [&](const RecordsDurable& e) { HandleDurable(e, actions); },
                   [&](const Tick&) { HandleTick(actions); },
                   // It keeps everything and takes no snapshots.
                   [](const auto&) {}},
        event);
  }

  void Restore(std::span<const Record> records) override;

  std::unique_ptr<Machine> Clone() const override {
    return std::make_unique<ToyReplica>(*this);
  }
  std::uint64_t Fingerprint() const override {
    return executor_.Fingerprint() + log_.size() * 31 + last_record_ * 131;
  }
  absl::Status CheckInvariants() const override { return absl::OkStatus(); }
  RecordSequence last_record() const override { return last_record_; }
  const Executor& executor() const override { return executor_; }

  ReplicaStatus Status() const override {
    ReplicaStatus status;
    status.committed = executor_.committed_frontier();
    status.executed = executor_.executed_frontier();
    status.state_hash = executor_.state_hash();
    status.executor = executor_.stats();
    if (IsProposer()) {
      status.own_in_flight = static_cast<std::uint64_t>(std::count_if(
          log_.begin(), log_.end(),
          [](const auto& each) { return !each.second.committed; }));
    }
    status.slow_commits = slow_commits_;
    status.retransmissions = retransmissions_;
    return status;
  }

 private:
  bool IsProposer() const { return settings_.self == kProposer; }
  int Majority() const { return settings_.replicas / 2 + 1; }
  ReplicaSet Others() const {
    ReplicaSet others = ReplicaSet::FirstN(settings_.replicas);
    others.Erase(settings_.self);
    return others;
  }

  template <typename M>
  void Handle(ReplicaId, const M&, Actions&) {}  // Not spoken here.
  void Handle(ReplicaId from, const Accept& m, Actions& actions);
  void Handle(ReplicaId from, const AcceptReply& m, Actions& actions);
  void Handle(ReplicaId from, const Commit& m, Actions& actions);
  void Handle(ReplicaId from, const Frontier& m, Actions& actions);

  void HandleCommands(const CommandBatchPtr& batch, Actions& actions);
  void HandleDurable(const RecordsDurable& event, Actions& actions);
  void HandleTick(Actions& actions);

  void Refuse(const Command& command, Actions& actions) const;
  bool AnswerLocally(const CommandBatchPtr& batch, Actions& actions);
  CommandBatchPtr Renumber(const CommandBatchPtr& batch);
  void Propose(const CommandBatchPtr& batch, Actions& actions);
  RecordSequence Accepted(InstanceId id, const Value& value,
                          const DependencySet& deps, Actions& actions);
  void CountVote(InstanceId id, ReplicaId voter, Actions& actions);
  void Decide(InstanceId id, const Value& value, const DependencySet& deps,
              Actions& actions);
  void Send(ReplicaSet to, Message message, RecordSequence rests_on,
            Actions& actions);
  void ForgetUndecided();
  Entry& At(std::uint64_t slot) { return log_[slot]; }

  Settings settings_;
  ToyBug bug_;
  Executor executor_;
  std::map<std::uint64_t, Entry> log_;  // by slot of r1's column
  struct Waiting {
    RecordSequence record = 0;
    OutgoingMessage message;
    InstanceId own_vote;  // slot 0: none
  };
  std::deque<Waiting> waiting_;
  RecordSequence last_record_ = 0;
  RecordSequence durable_ = 0;
  bool restored_ = false;
  std::map<CommandId, std::uint64_t> forgotten_;  // for kForgetsSessions
  std::uint64_t slow_commits_ = 0;
  std::uint64_t retransmissions_ = 0;
};

// ---- clients ----------------------------------------------------------------

void ToyReplica::HandleCommands(const CommandBatchPtr& batch,
                                Actions& actions) {
  if (IsProposer()) return Propose(batch, actions);
  if (bug_ == ToyBug::kReadsLocally && AnswerLocally(batch, actions)) return;
  for (const Command& command : batch->commands()) Refuse(command, actions);
}

void ToyReplica::Refuse(const Command& command, Actions& actions) const {
  actions.replies.push_back({.reply = {.id = command.id,
                                       .origin = command.origin,
                                       .status = ReplyStatus::kRefused,
                                       .reason = RefusalReason::kBusy}});
}

bool ToyReplica::AnswerLocally(const CommandBatchPtr& batch, Actions& actions) {
  const std::span<const Operation> operations = batch->operations();
  if (!std::all_of(operations.begin(), operations.end(), [](const auto& o) {
        return o.kind == OperationKind::kGet;
      })) {
    return false;
  }
  // Reading on a copy leaves the state as it is.
  Executor copy = executor_;
  Executed executed;
  const std::uint64_t slot = copy.committed_frontier()[kProposer] + 1;
  copy.Commit({kProposer, slot}, batch, DependencySet(settings_.replicas),
              executed);
  for (ExecutedCommand& command : executed.commands) {
    actions.replies.push_back({.reply = {.id = command.id,
                                         .origin = command.origin,
                                         .results = command.results}});
  }
  return !executed.commands.empty();
}

// For kForgetsSessions: a command that was seen before gets another client's
// identity, so that no session table can know it again.
CommandBatchPtr ToyReplica::Renumber(const CommandBatchPtr& batch) {
  CommandBatchBuilder builder;
  for (const Command& command : batch->commands()) {
    CommandId id = command.id;
    if (forgotten_[command.id]++ > 0) {
      id.client = static_cast<ClientId>(static_cast<std::uint64_t>(id.client) ^
                                        forgotten_[command.id]);
    }
    builder.AddCommand(id, 0, command.origin);
    for (const Operation& operation : batch->operations(command)) {
      builder.AddOperation(operation);
    }
  }
  return builder.Finish();
}

// ---- agreement --------------------------------------------------------------

void ToyReplica::Send(ReplicaSet to, Message message, RecordSequence rests_on,
                      Actions& actions) {
  OutgoingMessage outgoing{
      .to = to, .message = std::move(message), .rests_on = rests_on};
  const bool waits =
      rests_on > durable_ && bug_ != ToyBug::kSpeaksBeforeDurable;
  if (waits) {
    waiting_.push_back({.record = rests_on, .message = std::move(outgoing)});
  } else {
    actions.messages.push_back(std::move(outgoing));
  }
}

void ToyReplica::Propose(const CommandBatchPtr& batch, Actions& actions) {
  const std::uint64_t slot = log_.empty() ? 1 : log_.rbegin()->first + 1;
  const InstanceId id{kProposer, slot};
  DependencySet deps(settings_.replicas);
  if (bug_ != ToyBug::kLosesDependencies) deps.Set(kProposer, slot - 1);
  const Value value = Value::Commands(
      bug_ == ToyBug::kForgetsSessions ? Renumber(batch) : batch);
  RecordSequence record = Accepted(id, value, deps, actions);
  if (bug_ == ToyBug::kDecidesBeforeDurable) record = 0;
  Send(Others(), Accept{.instance = id, .value = value, .deps = deps}, record,
       actions);
  if (bug_ == ToyBug::kDecidesBeforeDurable) {
    CountVote(id, settings_.self, actions);
  } else {
    waiting_.push_back({.record = record, .own_vote = id});
  }
}

RecordSequence ToyReplica::Accepted(InstanceId id, const Value& value,
                                    const DependencySet& deps,
                                    Actions& actions) {
  At(id.slot) = {.value = value, .deps = deps};
  actions.persist.push_back(
      AcceptedRecord{.instance = id, .value = value, .deps = deps});
  actions.persist_is_lazy = false;
  return ++last_record_;
}

void ToyReplica::Handle(ReplicaId from, const Accept& m, Actions& actions) {
  ReplicaSet to;
  to.Insert(from);
  RecordSequence record = last_record_;
  const auto known = log_.find(m.instance.slot);
  if (known == log_.end()) {
    record = Accepted(m.instance, m.value, m.deps, actions);
  } else if (known->second.committed) {
    Send(to,
         Commit{.instance = m.instance,
                .value = known->second.value,
                .deps = known->second.deps},
         0, actions);
    return;
  }
  Send(to, AcceptReply{.instance = m.instance}, record, actions);
}

void ToyReplica::Handle(ReplicaId from, const AcceptReply& m,
                        Actions& actions) {
  CountVote(m.instance, from, actions);
}

void ToyReplica::CountVote(InstanceId id, ReplicaId voter, Actions& actions) {
  Entry& entry = At(id.slot);
  entry.voters.Insert(voter);
  ++entry.votes;
  const int votes =
      bug_ == ToyBug::kCountsMessages ? entry.votes : entry.voters.size();
  if (entry.committed || votes < Majority()) return;
  ++slow_commits_;
  const Value value = entry.value;
  const DependencySet deps = entry.deps;
  Send(Others(), Commit{.instance = id, .value = value, .deps = deps}, 0,
       actions);
  Decide(id, value, deps, actions);
}

void ToyReplica::Handle(ReplicaId, const Commit& m, Actions& actions) {
  if (log_[m.instance.slot].committed) return;
  Decide(m.instance, m.value, m.deps, actions);
}

void ToyReplica::Decide(InstanceId id, const Value& value,
                        const DependencySet& deps, Actions& actions) {
  Entry& entry = At(id.slot);
  const bool accepted_here = entry.value.batch != nullptr;
  entry.value = value;
  entry.deps = deps;
  entry.committed = true;
  actions.persist.push_back(
      CommittedRecord{.instance = id,
                      .value = accepted_here ? value.WithoutPayload() : value,
                      .deps = deps});
  ++last_record_;
  actions.committed.push_back({.instance = id, .value = value, .deps = deps});
  Executed executed;
  executor_.Commit(
      id, value.batch,
      bug_ == ToyBug::kIgnoresOrder ? DependencySet(settings_.replicas) : deps,
      executed);
  for (ExecutedCommand& command : executed.commands) {
    const bool foreign = bug_ == ToyBug::kAnswersOthers && id.slot % 7 == 0;
    actions.replies.push_back(
        {.reply = {.id = command.id,
                   .origin = command.origin + (foreign ? 1 : 0),
                   .status = command.status,
                   .reason = command.reason,
                   .instance = command.instance,
                   .results = std::move(command.results)}});
  }
  actions.executed.insert(actions.executed.end(), executed.instances.begin(),
                          executed.instances.end());
}

void ToyReplica::HandleDurable(const RecordsDurable& event, Actions& actions) {
  durable_ = event.through;
  while (!waiting_.empty() && waiting_.front().record <= event.through) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next.own_vote.slot != 0) {
      CountVote(next.own_vote, settings_.self, actions);
    } else {
      actions.messages.push_back(std::move(next.message));
    }
  }
}

// ---- repair -----------------------------------------------------------------

// The proposer repeats what is undecided; the others say how far they are.
void ToyReplica::HandleTick(Actions& actions) {
  if (!IsProposer()) {
    ReplicaSet to;
    to.Insert(kProposer);
    Send(to,
         Frontier{.committed = executor_.committed_frontier(),
                  .executed = DependencySet(settings_.replicas),
                  .base_floor = DependencySet(settings_.replicas)},
         0, actions);
    return;
  }
  if (bug_ == ToyBug::kNeverRetransmits) return;
  for (auto& [slot, entry] : log_) {
    // Only what is on disk: its Accept has left before.
    if (entry.committed || !entry.voters.Contains(settings_.self)) continue;
    ++retransmissions_;
    DependencySet deps = entry.deps;
    if (bug_ == ToyBug::kChangesItsMind) deps.Set(kProposer, 0);
    Send(Others(),
         Accept{
             .instance = {kProposer, slot}, .value = entry.value, .deps = deps},
         0, actions);
  }
}

void ToyReplica::Handle(ReplicaId from, const Frontier& m, Actions& actions) {
  if (bug_ == ToyBug::kNeverRetransmits) return;
  ReplicaSet to;
  to.Insert(from);
  const std::uint64_t have = m.committed[kProposer];
  for (auto entry = log_.upper_bound(have); entry != log_.end(); ++entry) {
    if (!entry->second.committed || entry->first > have + 50) break;
    Send(to,
         Commit{.instance = {kProposer, entry->first},
                .value = entry->second.value,
                .deps = entry->second.deps},
         0, actions);
  }
}

void ToyReplica::Restore(std::span<const Record> records) {
  Executed executed;
  restored_ = true;
  for (const Record& record : records) {
    durable_ = ++last_record_;
    if (const auto* accepted = std::get_if<AcceptedRecord>(&record)) {
      At(accepted->instance.slot) = {
          .value = accepted->value, .deps = accepted->deps, .votes = 1};
      At(accepted->instance.slot).voters.Insert(settings_.self);
    } else if (const auto* decided = std::get_if<CommittedRecord>(&record)) {
      if (bug_ == ToyBug::kForgetsTheRestored) continue;
      Entry& entry = At(decided->instance.slot);
      if (entry.value.batch == nullptr) entry.value = decided->value;
      entry.deps = decided->deps;
      entry.committed = true;
      executor_.Commit(decided->instance, entry.value.batch, decided->deps,
                       executed);
    }
  }
}

// For kForgetsVotes.
void ToyReplica::ForgetUndecided() {
  std::erase_if(log_, [](const auto& each) { return !each.second.committed; });
}

}  // namespace

std::string_view Name(ToyBug bug) {
  return kBugNames[static_cast<std::size_t>(bug)];
}

std::optional<ToyBug> ParseToyBug(std::string_view text) {
  for (int i = 0; i < kToyBugs; ++i) {
    if (kBugNames[static_cast<std::size_t>(i)] == text) {
      return static_cast<ToyBug>(i);
    }
  }
  return std::nullopt;
}

std::unique_ptr<Replica> MakeToyReplica(const Settings& settings, ToyBug bug) {
  return std::make_unique<ToyReplica>(settings, bug);
}

}  // namespace quorate::sim
