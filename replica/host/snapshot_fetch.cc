#include "replica/host/snapshot_fetch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "depsvc/slot_log.h"
#include "wire/overloaded.h"

namespace quorate {

SnapshotFetch::SnapshotFetch(const Settings& settings, ReplicaId server,
                             const DependencySet& forgotten)
    : settings_(settings),
      server_(server),
      forgotten_(forgotten),
      executor_(ColumnsOf(settings), settings.conflicts, settings.results) {}

SnapshotRequest SnapshotFetch::Request() const {
  return {.through = through_, .first = next_, .forgotten = forgotten_};
}

void SnapshotFetch::Begin(std::uint64_t through) {
  through_ = through;
  next_ = chunks_ = 0;
  ended_ = false;
  executor_ =
      Executor(ColumnsOf(settings_), settings_.conflicts, settings_.results);
  executed_.reset();
  payloads_.clear();
  facts_ = {.drop_floor = DependencySet(ColumnsOf(settings_))};
}

// The window is the one asked for last: the current one, or the first one of
// the checkpoint that the server has by now.
bool SnapshotFetch::MayKeep(const SnapshotPart& part) const {
  const std::uint64_t next = IsOfThis(part) ? next_ : 0;
  const std::uint64_t end = next - next % kSnapshotWindow + kSnapshotWindow;
  return part.through >= through_ && part.index > next && part.index < end &&
         kept_.size() < kSnapshotWindow &&
         std::ranges::none_of(kept_, [&](const SnapshotPart& kept) {
           return kept.through == part.through && kept.chunks == part.chunks &&
                  kept.index == part.index;
         });
}

SnapshotFetch::Outcome SnapshotFetch::Take(const SnapshotPart& part,
                                           SnapshotWrite& write) {
  if (part.from != server_ || is_writing) return Outcome::kIgnored;
  const bool anew = !IsOfThis(part) && part.index == 0;
  // A crash of the server may have put another one in its place that stands for
  // the same records.
  if (!anew && next_ > 0 && part.index == next_ && part.through == through_ &&
      !IsOfThis(part)) {
    return Outcome::kBroken;
  }
  if (!anew && (!IsOfThis(part) || part.index != next_)) {
    if (!MayKeep(part)) return Outcome::kIgnored;
    kept_.push_back(part);
    return Outcome::kKept;
  }
  silent_ticks = 0;
  if (anew) Begin(part.through);
  Outcome outcome = TakeNext(part, write);
  // Those of another checkpoint, and of what is here already, go.
  std::vector<SnapshotPart> kept = std::exchange(kept_, {});
  std::ranges::sort(kept, {}, &SnapshotPart::index);
  for (SnapshotPart& early : kept) {
    if (!IsOfThis(early) || outcome != Outcome::kTaken) continue;
    if (early.index == next_) {
      outcome = TakeNext(early, write);
    } else if (early.index > next_) {
      kept_.push_back(std::move(early));
    }
  }
  return outcome;
}

SnapshotFetch::Outcome SnapshotFetch::TakeNext(const SnapshotPart& part,
                                               SnapshotWrite& write) {
  if (part.index == 0) {
    write.begins = true;
    // What it stands for here is known when it ends.
    write.records.emplace_back(CheckpointBegunRecord{});
  }
  ++next_;
  chunks_ = part.chunks;
  for (const Record& record : part.records) {
    if (ended_ || !TakeRecord(record, write)) return Outcome::kBroken;
  }
  if (next_ < chunks_) return ended_ ? Outcome::kBroken : Outcome::kTaken;
  const bool right = ended_ && executed_.has_value() &&
                     executor_.state_hash() == state_hash_ &&
                     DecidesWhatItExecuted();
  return right ? Outcome::kWhole : Outcome::kBroken;
}

bool SnapshotFetch::TakeRecord(const Record& record, SnapshotWrite& write) {
  const bool has_roles = QuorumsOf(settings_) == Quorums::kRoles;
  const auto take = Overloaded{
      [&](const CheckpointBegunRecord&) { return true; },
      [&](const ExecutedRecord& r) { return TakeExecuted(r); },
      [&](const EntriesRecord& r) {
        executor_.Restore(r);
        return true;
      },
      [&](const SessionsRecord& r) {
        executor_.Restore(r);
        return true;
      },
      [&](const FloorRecord& r) {
        facts_.drop_floor = r.drop_floor;
        return true;
      },
      [&](const InstanceRecord& r) { return TakeInstance(r); },
      // Of the server's own slots.
      [](const ReservedRecord&) { return true; },
      // Of its other roles.
      [&](const DependencyRecord& r) { return has_roles && TakeAnswer(r); },
      [&](const PromisedRecord&) { return has_roles; },
      [&](const CheckpointEndedRecord& r) {
        ended_ = true;
        state_hash_ = r.state_hash;
        return true;
      },
      // Facts of a journal have no place in a checkpoint.
      [](const auto&) { return false; }};
  if (!std::visit(take, record)) return false;
  if (std::holds_alternative<ExecutedRecord>(record) ||
      std::holds_alternative<EntriesRecord>(record) ||
      std::holds_alternative<SessionsRecord>(record)) {
    write.records.push_back(record);
  }
  return true;
}

bool SnapshotFetch::TakeExecuted(const ExecutedRecord& record) {
  if (executed_.has_value()) {
    // More of the same.
    if (record.above.empty() || record.executed != executed_->executed ||
        record.era != executed_->era) {
      return false;
    }
  } else if (!record.executed.Covers(forgotten_)) {
    return false;
  }
  for (const InstanceId id : record.above) {
    const std::uint64_t frontier = record.executed[id.replica];
    if (id.slot <= frontier || id.slot - frontier > kMaxSlotGap) {
      return false;
    }
  }
  if (executed_.has_value()) {
    executed_->above.insert(executed_->above.end(), record.above.begin(),
                            record.above.end());
  } else {
    executed_ = record;
  }
  executor_.Restore(record);
  return true;
}

// Only decisions count: votes and promises are each replica's own.
bool SnapshotFetch::TakeInstance(const InstanceRecord& record) {
  if (record.status != InstanceStatus::kCommitted) return true;
  InstanceRecord decision = record;
  if (decision.initial_batch == nullptr &&
      decision.value.kind == ValueKind::kCommands) {
    const auto answer = payloads_.find(decision.instance);
    if (answer != payloads_.end()) decision.initial_batch = answer->second;
  }
  const bool has_payload =
      decision.initial_batch != nullptr &&
      decision.initial_batch->digest() == decision.value.digest;
  if (decision.value.kind == ValueKind::kNone ||
      (decision.value.kind == ValueKind::kCommands && !has_payload)) {
    return false;
  }
  facts_.decisions.push_back(std::move(decision));
  return true;
}

bool SnapshotFetch::TakeAnswer(const DependencyRecord& record) {
  payloads_[record.instance] = record.batch;
  return record.batch != nullptr;
}

// Otherwise the state is of one checkpoint and the decisions are of another.
bool SnapshotFetch::DecidesWhatItExecuted() const {
  std::set<InstanceId> decided;
  for (const InstanceRecord& decision : facts_.decisions) {
    decided.insert(decision.instance);
  }
  for (int i = 0; i < facts_.drop_floor.columns(); ++i) {
    const ReplicaId column = ReplicaAt(i);
    const std::uint64_t frontier = executed_->executed[column];
    // Ends at the first one that is missing, however high the frontier is.
    for (std::uint64_t slot = facts_.drop_floor[column]; slot < frontier;) {
      if (!decided.contains({column, ++slot})) return false;
    }
  }
  return std::ranges::all_of(executed_->above, [&](InstanceId id) {
    return facts_.drop_floor.Contains(id) || decided.contains(id);
  });
}

bool SnapshotFetch::HasExecuted(InstanceId id) const {
  return executed_.has_value() &&
         (executed_->executed.Contains(id) ||
          std::ranges::find(executed_->above, id) != executed_->above.end());
}

}  // namespace quorate
