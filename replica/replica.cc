#include "replica/replica.h"

#include <deque>
#include <iterator>
#include <utility>

#include "replica/batcher.h"
#include "replica/epaxos/epaxos.h"
#include "replica/snapshot_fetch.h"
#include "wire/check.h"
#include "wire/fingerprint.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

constexpr std::size_t kShownRecoveries = 8;
// Ticks without a part after which another server is looked for: the first one
// may have to write its checkpoint yet.
constexpr int kServerPatience = 3000;
// Ticks that repair may stand still before the next snapshot.
constexpr int kRepairPatience = 100;

class EpaxosReplica final : public Replica {
 public:
  explicit EpaxosReplica(const Settings& settings)
      : settings_(settings),
        protocol_(settings),
        executor_(settings.replicas, settings.conflicts),
        batcher_(settings.batch_commands, settings.batch_bytes) {}

  void Step(const Event& event, Actions& actions) override {
    const std::size_t first = actions.committed.size();
    std::visit(Overloaded{[&](const MessageReceived& e) {
                            protocol_.Handle(e.from, e.message, actions);
                          },
                          [&](const ClientCommands& e) { Enqueue(e, actions); },
                          [&](const RecordsDurable& e) {
                            protocol_.HandleDurable(e.through, actions);
                          },
                          [&](const Tick&) {
                            protocol_.HandleTick(executor_.executed_frontier(),
                                                 actions);
                            DriveFetch(actions);
                          },
                          [&](const PeerSuspected& e) {
                            protocol_.HandleSuspicion(e.peer, e.suspected,
                                                      actions);
                            if (e.suspected) LoseServer(e.peer);
                          },
                          [&](const SnapshotPart& e) { TakePart(e, actions); },
                          [&](const SnapshotDurable&) { Install(actions); }},
               event);
    if (const auto server = protocol_.TakeBehind()) {
      BeginFetch(*server, actions);
    }
    Execute(first, actions);
    Propose(actions);
  }

  void Restore(std::span<const Record> records) override {
    for (const Record& record : records) {
      protocol_.Restore(record, restored_);
      std::visit(
          Overloaded{[&](const CheckpointBegunRecord&) { mid_state_ = true; },
                     [&](const ExecutedRecord& r) { executor_.Restore(r); },
                     [&](const EntriesRecord& r) { executor_.Restore(r); },
                     [&](const SessionsRecord& r) { executor_.Restore(r); },
                     [&](const CheckpointEndedRecord& r) { EndState(r); },
                     [](const auto&) {}},
          record);
    }
    // Nothing may be applied to half of a state.
    if (mid_state_) return;
    for (const CommittedInstance& decision : restored_) {
      executor_.Commit(decision.instance, decision.value.batch, decision.deps,
                       executed_);
    }
    restored_.clear();
    executed_.Clear();
  }

  std::optional<RecordSequence> BeginCheckpoint() override {
    if (fetch_ && fetch_->received() > 0) return std::nullopt;
    checkpoint_.emplace();
    protocol_.NoteCheckpoint(protocol_.last_record());
    checkpoint_->through = protocol_.last_record();
    checkpoint_->state_hash = executor_.state_hash();
    std::vector<Record> records{
        CheckpointBegunRecord{.through = checkpoint_->through},
        executor_.BeginSave()};
    protocol_.Save(records);
    checkpoint_->at_once.assign(std::move_iterator(records.begin()),
                                std::move_iterator(records.end()));
    return checkpoint_->through;
  }

  bool NextCheckpointRecords(std::size_t bytes,
                             std::vector<Record>& records) override {
    if (!checkpoint_) return false;
    std::deque<Record>& at_once = checkpoint_->at_once;
    if (!at_once.empty()) {
      for (std::size_t size = 0; size < bytes && !at_once.empty();) {
        size += RoughBytes(at_once.front());
        records.push_back(std::move(at_once.front()));
        at_once.pop_front();
      }
    } else if (!executor_.SaveNext(bytes, records)) {
      records.emplace_back(
          CheckpointEndedRecord{.through = checkpoint_->through,
                                .state_hash = checkpoint_->state_hash});
      checkpoint_.reset();
    }
    return true;
  }

  void AbandonCheckpoint() override {
    if (!checkpoint_) return;
    checkpoint_.reset();
    executor_.EndSave();
    protocol_.NoteCheckpoint(0);
  }

  bool wants_checkpoint() const override {
    return protocol_.wants_checkpoint();
  }
  bool holds_checkpoint() const override { return protocol_.has_readers(); }

  std::unique_ptr<Machine> Clone() const override {
    return std::make_unique<EpaxosReplica>(*this);
  }

  std::uint64_t Fingerprint() const override {
    quorate::Fingerprint print;
    print.Mix(protocol_.Fingerprint());
    print.Mix(executor_.Fingerprint());
    print.Mix(batcher_.waiting_commands());
    return print.value();
  }

  absl::Status CheckInvariants() const override {
    if (!protocol_.committed_frontier().Covers(executor_.executed_frontier())) {
      return absl::InternalError(
          "invariant 13: only committed instances are executed");
    }
    return protocol_.CheckInvariants();
  }

  RecordSequence last_record() const override {
    return protocol_.last_record();
  }

  const Executor& executor() const override { return executor_; }

  ReplicaStatus Status() const override {
    ReplicaStatus status;
    status.committed = protocol_.committed_frontier();
    status.executed = executor_.executed_frontier();
    status.base_floor = protocol_.base_floor();
    status.drop_floor = protocol_.drop_floor();
    status.state_hash = executor_.state_hash();
    status.keys = executor_.state_machine().size();
    status.own_in_flight = protocol_.own_in_flight();
    status.queued_commands = batcher_.waiting_commands();
    status.instances_in_memory = protocol_.log().size();
    status.index_entries = protocol_.index().entries();
    status.fast_commits = protocol_.stats().fast_commits;
    status.slow_commits = protocol_.stats().slow_commits;
    status.retransmissions = protocol_.stats().retransmissions;
    status.missing_payloads = protocol_.stats().missing_payloads;
    status.stale_messages = protocol_.stats().stale_messages;
    status.recoveries_started = protocol_.stats().recoveries_started;
    status.recovered_payloads = protocol_.stats().recovered_payloads;
    status.recovered_noops = protocol_.stats().recovered_noops;
    status.recoveries_waited = protocol_.stats().recoveries_waited;
    status.recovery_rules = protocol_.stats().rules;
    status.recoveries_under_way = protocol_.recoveries().size();
    status.holds_back = HoldsBack();
    for (const InstanceId id : protocol_.recoveries()) {
      if (status.recoveries.size() == kShownRecoveries) break;
      const epaxos::Instance* instance = protocol_.log().Find(id);
      if (instance != nullptr) {
        status.recoveries.push_back(StatusOf(id, *instance));
      }
    }
    if (fetch_) {
      status.fetches_snapshot = true;
      status.snapshot_parts = fetch_->received();
      status.snapshot_parts_of = fetch_->chunks();
    }
    status.snapshots_installed = protocol_.stats().snapshots_installed;
    status.executor = executor_.stats();
    status.oldest_blocked = executor_.OldestBlocked();
    return status;
  }

 private:
  void Enqueue(const ClientCommands& event, Actions& actions) {
    for (const CommandBatchPtr& batch : event.batches) {
      // One request always fits into an empty queue.
      if (batcher_.empty() ||
          batcher_.waiting_commands() + batch->commands().size() <=
              settings_.max_queued_commands) {
        batcher_.Add(batch);
        continue;
      }
      for (const Command& command : batch->commands()) {
        actions.replies.push_back({.reply = {.id = command.id,
                                             .origin = command.origin,
                                             .status = ReplyStatus::kRefused,
                                             .reason = RefusalReason::kBusy}});
      }
    }
  }

  void Propose(Actions& actions) {
    while (!batcher_.empty() && !HoldsBack() &&
           protocol_.own_in_flight() < settings_.max_in_flight) {
      protocol_.Propose(batcher_.Take(), actions);
    }
  }

  bool HoldsBack() const {
    return executor_.stats().waiting_instances >=
           settings_.max_waiting_instances;
  }

  static RecoveryStatus StatusOf(InstanceId id,
                                 const epaxos::Instance& instance) {
    RecoveryStatus status{.instance = id,
                          .ballot = instance.promised_ballot,
                          .stage = RecoveryStatus::Stage::kAccepting};
    if (instance.leading) status.answered = instance.leading->accept_voters;
    if (!instance.recovering) return status;
    const epaxos::Recovering& recovering = *instance.recovering.get();
    using Stage = epaxos::Recovering::Stage;
    status.ballot = recovering.ballot;
    status.stage = recovering.stage == Stage::kPromising
                       ? RecoveryStatus::Stage::kPromising
                   : recovering.stage == Stage::kValidating
                       ? RecoveryStatus::Stage::kValidating
                       : RecoveryStatus::Stage::kWaiting;
    status.answered = recovering.answered;
    for (const auto& [other, unused] : recovering.conflicts) {
      status.waits_for.push_back(other);
    }
    return status;
  }

  // Feeds the decisions from `first` on to the executor and answers the
  // clients whose commands that executes.
  void Execute(std::size_t first, Actions& actions) {
    for (std::size_t i = first; i < actions.committed.size(); ++i) {
      const CommittedInstance& decision = actions.committed[i];
      executor_.Commit(decision.instance, decision.value.batch, decision.deps,
                       executed_);
      if (decision.value.kind == ValueKind::kNoop) Resubmit(decision.instance);
    }
    Answer(actions);
  }

  void Answer(Actions& actions) {
    for (ExecutedCommand& command : executed_.commands) {
      // Its command leader answers; a batch that is shared in memory, as in
      // the simulator, shows its origin to every replica.
      if (command.instance.replica != settings_.self) continue;
      actions.replies.push_back(
          {.reply = {.id = command.id,
                     .origin = command.origin,
                     .status = command.status,
                     .reason = command.reason,
                     .instance = command.instance,
                     .results = std::move(command.results)}});
    }
    actions.executed.insert(actions.executed.end(), executed_.instances.begin(),
                            executed_.instances.end());
    executed_.Clear();
  }

  // A recovery decided that an own instance has no effect, while its clients
  // still wait: their commands go into a new instance, under their old numbers
  // (protocol.md 2.8).
  void Resubmit(InstanceId id) {
    if (id.replica != settings_.self) return;
    const epaxos::Instance* instance = protocol_.log().Find(id);
    if (instance == nullptr || instance->initial_batch == nullptr) return;
    const CommandBatch& batch = *instance->initial_batch;
    const bool somebody_waits =
        !batch.commands().empty() && batch.commands().front().origin != 0;
    if (somebody_waits) batcher_.Add(instance->initial_batch);
  }

  // ---- a snapshot of a peer -------------------------------------------------

  void BeginFetch(ReplicaId server, Actions& actions) {
    // What was forgotten comes with the snapshot, what followed by repair: as
    // long as that gets on, another snapshot would only lose time.
    if (fetch_ || installed_ticks_ < kRepairPatience) return;
    // Another one first, if there is another.
    if (server == avoided_ && avoid_ticks_ > 0) return;
    fetch_.emplace(settings_, server, protocol_.newest_drop_floor());
    protocol_.HoldDropFloor(true);
    Request(actions);
  }

  void Request(Actions& actions) {
    ReplicaSet to;
    to.Insert(fetch_->server());
    actions.messages.push_back({.to = to, .message = fetch_->Request()});
  }

  void LoseServer(ReplicaId peer) {
    if (fetch_ && fetch_->server() == peer && !fetch_->is_writing)
      GiveUpFetch();
  }

  void GiveUpFetch() {
    avoided_ = fetch_->server();
    avoid_ticks_ = kRepairPatience;
    EndFetch();
  }

  void EndFetch() {
    fetch_.reset();
    protocol_.HoldDropFloor(false);
  }

  void DriveFetch(Actions& actions) {
    if (avoid_ticks_ > 0) --avoid_ticks_;
    if (installed_ticks_ < kRepairPatience) ++installed_ticks_;
    if (protocol_.committed_frontier() != last_committed_ &&
        installed_ticks_ < kRepairPatience) {
      installed_ticks_ = 0;  // Repair gets on.
    }
    last_committed_ = protocol_.committed_frontier();
    if (!fetch_ || fetch_->is_writing) return;
    if (++fetch_->silent_ticks >= kServerPatience) {
      GiveUpFetch();
    } else if (fetch_->silent_ticks % (4 * settings_.retransmit_ticks) == 0) {
      Request(actions);
    }
  }

  void TakePart(const SnapshotPart& part, Actions& actions) {
    if (!fetch_) return;
    SnapshotWrite write;
    const SnapshotFetch::Outcome outcome = fetch_->Take(part, write);
    if (outcome == SnapshotFetch::Outcome::kIgnored) return;
    if (outcome == SnapshotFetch::Outcome::kBroken) return GiveUpFetch();
    // There is room for one checkpoint at a time.
    AbandonCheckpoint();
    if (outcome == SnapshotFetch::Outcome::kWhole) {
      protocol_.SaveWith(fetch_->facts(), write.records);
      write.ends = protocol_.last_record();
      write.records.emplace_back(CheckpointEndedRecord{
          .through = *write.ends, .state_hash = fetch_->state_hash()});
      fetch_->is_writing = true;
    } else if (fetch_->WindowEnds()) {
      Request(actions);
    }
    actions.snapshot_writes.push_back(std::move(write));
  }

  // Own commands that the snapshot has executed, and whose clients wait, are
  // proposed again: the session table has their results.
  void Install(Actions& actions) {
    if (!fetch_ || !fetch_->is_writing) return;
    for (std::uint64_t slot = protocol_.log().Dropped(settings_.self) + 1;
         slot <= protocol_.log().Newest(settings_.self); ++slot) {
      const InstanceId id{settings_.self, slot};
      if (fetch_->HasExecuted(id) && !executor_.IsExecuted(id)) Resubmit(id);
    }
    protocol_.Install(fetch_->facts(), actions);
    executor_ = std::move(fetch_->executor());
    protocol_.ForEachReleased(
        [this](InstanceId id, const epaxos::Instance& instance) {
          executor_.Commit(id, instance.value.batch, instance.deps, executed_);
        });
    Answer(actions);
    EndFetch();
    installed_ticks_ = 0;
  }

  // A checkpoint that has not been given to its end. Not a part of the state.
  struct Checkpoint {
    RecordSequence through = 0;
    std::uint64_t state_hash = 0;
    // What was taken when it began.
    std::deque<Record> at_once;
  };

  static std::size_t RoughBytes(const Record& record) {
    const auto* instance = std::get_if<InstanceRecord>(&record);
    const bool has_batch =
        instance != nullptr && instance->initial_batch != nullptr;
    return sizeof(Record) +
           (has_batch ? instance->initial_batch->byte_size() : 0);
  }

  void EndState(const CheckpointEndedRecord& record) {
    mid_state_ = false;
    QUORATE_CHECK(executor_.state_hash() == record.state_hash,
                  "X4: a checkpoint gives back the state it was taken of");
  }

  Settings settings_;
  epaxos::Epaxos protocol_;
  Executor executor_;
  Batcher batcher_;
  Executed executed_;  // Scratch, empty between steps.
  std::optional<Checkpoint> checkpoint_;
  std::optional<SnapshotFetch> fetch_;
  // Ticks since the last snapshot, or since what followed it came in.
  int installed_ticks_ = kRepairPatience;
  // The last server that was given up, and for how long others go first.
  ReplicaId avoided_{};
  int avoid_ticks_ = 0;
  DependencySet last_committed_;
  // Restoring: between the ends of a checkpoint decisions gather.
  bool mid_state_ = false;
  std::vector<CommittedInstance> restored_;
};

}  // namespace

std::unique_ptr<Replica> Replica::Create(const Settings& settings) {
  return std::make_unique<EpaxosReplica>(settings);
}

}  // namespace quorate
