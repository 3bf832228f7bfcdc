#include "replica/state_transfer.h"

#include <utility>

namespace quorate {
namespace {

// Ticks without a part after which another server is looked for: the first one
// may have to write its checkpoint yet.
constexpr int kServerPatience = 3000;

}  // namespace

void StateTransfer::Begin(const Passed& passed, const DependencySet& forgotten,
                          Actions& actions) {
  lacked_.UnionWith(passed.floor);
  // What was forgotten comes with the snapshot, what followed by repair: as
  // long as that gets on, another snapshot would only lose time.
  if (fetch_ || installed_ticks_ < kRepairPatience) return;
  // Another one first, if there is another.
  if (passed.by == avoided_ && avoid_ticks_ > 0) return;
  fetch_.emplace(settings_, passed.by, forgotten);
  Request(actions);
}

void StateTransfer::Request(Actions& actions) {
  ReplicaSet to;
  to.Insert(fetch_->server());
  actions.messages.push_back({.to = to, .message = fetch_->Request()});
}

void StateTransfer::LoseServer(ReplicaId peer) {
  if (fetch_ && fetch_->server() == peer && !fetch_->is_writing) GiveUp();
}

void StateTransfer::GiveUp() {
  avoided_ = fetch_->server();
  avoid_ticks_ = kRepairPatience;
  fetch_.reset();
}

void StateTransfer::NoteInstalled() {
  fetch_.reset();
  installed_ticks_ = 0;
}

void StateTransfer::Tick(const DependencySet& committed, Actions& actions) {
  if (avoid_ticks_ > 0) --avoid_ticks_;
  if (installed_ticks_ < kRepairPatience) ++installed_ticks_;
  if (GetsOn(committed) && installed_ticks_ < kRepairPatience) {
    installed_ticks_ = 0;
  }
  last_committed_ = committed;
  if (!fetch_ || fetch_->is_writing) return;
  if (++fetch_->silent_ticks >= kServerPatience) {
    GiveUp();
  } else if (fetch_->silent_ticks % (4 * settings_.retransmit_ticks) == 0) {
    Request(actions);
  }
}

bool StateTransfer::GetsOn(const DependencySet& committed) const {
  for (int i = 0; i < committed.columns(); ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (last_committed_[column] < lacked_[column] &&
        committed[column] != last_committed_[column]) {
      return true;
    }
  }
  return false;
}

SnapshotFetch::Outcome StateTransfer::Take(const SnapshotPart& part,
                                           SnapshotWrite& write,
                                           Actions& actions) {
  if (!fetch_) return SnapshotFetch::Outcome::kIgnored;
  const SnapshotFetch::Outcome outcome = fetch_->Take(part, write);
  if (outcome == SnapshotFetch::Outcome::kBroken) {
    GiveUp();
  } else if (outcome == SnapshotFetch::Outcome::kTaken &&
             fetch_->WindowEnds()) {
    Request(actions);
  }
  return outcome;
}

void StateTransfer::Seal(RecordSequence through, SnapshotWrite& write) {
  write.ends = through;
  write.records.emplace_back(CheckpointEndedRecord{
      .through = through, .state_hash = fetch_->state_hash()});
  fetch_->is_writing = true;
}

}  // namespace quorate
