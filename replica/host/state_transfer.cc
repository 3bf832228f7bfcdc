#include "replica/host/state_transfer.h"

#include <utility>

#include "wire/timers.h"

namespace quorate {
namespace {

// Ticks without a part after which another server is looked for: the first one
// may have to write its checkpoint yet.
constexpr int kServerTicks = TicksOf<"snapshot.server">;
// Ticks without progress after which a replica says that it waits.
constexpr int kStuckTicks = TicksOf<"snapshot.stuck">;

}  // namespace

void StateTransfer::Begin(const Passed& passed, const Progress& now,
                          Actions& actions) {
  lacked_.UnionWith(passed.floor);
  if (fetch_ || RepairMayDo(passed, now)) return;
  const std::optional<ReplicaId> server = FindServer(passed.by, now);
  if (!server) return;
  fetch_.emplace(settings_, *server, now.forgotten);
  stuck_ticks_ = 0;
  waits_for_ = {};
  Request(actions);
}

// What was forgotten comes with the snapshot, what followed by repair: as long
// as that gets on, another snapshot would only lose time. But who gave the last
// one may lack what another one has forgotten: then it cannot send that either.
bool StateTransfer::RepairMayDo(const Passed& passed,
                                const Progress& now) const {
  if (installed_ticks_ >= kRepairTicks) return false;
  return !installed_from_ || passed.by == *installed_from_ ||
         (!now.suspected.Contains(*installed_from_) &&
          now.executed.Of(*installed_from_).Covers(passed.floor));
}

bool StateTransfer::CanServe(ReplicaId peer, const Progress& now) const {
  return peer != self_ && now.executed.members().Contains(peer) &&
         !now.suspected.Contains(peer) &&
         now.executed.Of(peer).Covers(now.forgotten);
}

std::optional<ReplicaId> StateTransfer::FindServer(ReplicaId told_by,
                                                   const Progress& now) const {
  const auto serves = [&](ReplicaId peer) {
    // Another one first, if there is another.
    return CanServe(peer, now) && (peer != avoided_ || avoid_ticks_ == 0);
  };
  if (serves(told_by)) return told_by;
  std::optional<ReplicaId> best;
  std::uint64_t most = 0;
  for (int i = 0; i < kMaxNodes; ++i) {
    if (!serves(ReplicaAt(i))) continue;
    // How much of what is lacked it has.
    DependencySet has = now.executed.Of(ReplicaAt(i));
    has.IntersectWith(lacked_);
    std::uint64_t instances = 0;
    for (int j = 0; j < has.columns(); ++j) {
      const ReplicaId column = ReplicaAt(j);
      if (has[column] > now.committed[column]) {
        instances += has[column] - now.committed[column];
      }
    }
    if (instances > most) {
      most = instances;
      best = ReplicaAt(i);
    }
  }
  return best;
}

// Those that have all that is forgotten here and anywhere, by what was heard
// while they were up; else all that are down; else none is down, and all others
// lack something.
ReplicaSet StateTransfer::WhoMustComeBack(const Progress& now) const {
  ReplicaSet others = now.executed.members();
  others.Erase(self_);
  DependencySet all = lacked_;
  all.UnionWith(now.forgotten);
  const ReplicaSet down = others.Intersect(now.suspected);
  ReplicaSet have_all;
  for (int i = 0; i < kMaxNodes; ++i) {
    if (down.Contains(ReplicaAt(i)) &&
        now.executed.Of(ReplicaAt(i)).Covers(all)) {
      have_all.Insert(ReplicaAt(i));
    }
  }
  if (!have_all.empty()) return have_all;
  return down.empty() ? others : down;
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
  avoid_ticks_ = kRepairTicks;
  fetch_.reset();
}

void StateTransfer::NoteInstalled() {
  installed_from_ = fetch_->server();
  fetch_.reset();
  installed_ticks_ = 0;
}

void StateTransfer::Tick(const Progress& now, Actions& actions) {
  if (avoid_ticks_ > 0) --avoid_ticks_;
  if (installed_ticks_ < kRepairTicks) ++installed_ticks_;
  if (GetsOn(now.committed)) {
    stuck_ticks_ = 0;
    if (installed_ticks_ < kRepairTicks) installed_ticks_ = 0;
  }
  last_committed_ = now.committed;
  if (!fetch_) {
    stuck_ticks_ = now.committed.Covers(lacked_) ? 0 : stuck_ticks_ + 1;
    waits_for_ = stuck_ticks_ >= kStuckTicks && !FindServer(self_, now)
                     ? WhoMustComeBack(now)
                     : ReplicaSet();
    return;
  }
  if (fetch_->is_writing) return;
  if (++fetch_->silent_ticks >= kServerTicks) {
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
