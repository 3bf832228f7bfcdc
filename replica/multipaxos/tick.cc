// What time brings: signs of the leader, repetition, repair of lost decisions,
// and the floor below which everybody has executed everything.
#include <algorithm>
#include <utility>

#include "wire/timers.h"

#include "replica/multipaxos/multipaxos.h"

namespace quorate::multipaxos {
namespace {

constexpr int kMaxRepeatTicks = TicksOf<"multipaxos.most_repeat">;
// The leader's signs are so many times as frequent as patience is long.
constexpr int kSignsAPatience = 10;
// A leader waits for a decision so many times as long as for promises before it
// gives up.
constexpr int kStallPatience = 4;
// Ticks between two frontiers when nothing is new.
constexpr std::uint64_t kIdleFrontierTicks = TicksOf<"multipaxos.frontier">;
// Decisions resent to one peer for one of its frontiers.
constexpr int kMaxResent = 256;
constexpr std::size_t kMaxResentBytes = 1024 * 1024;

std::size_t RoughBytes(const Slot& slot) {
  return sizeof(Slot) +
         (slot.value.batch == nullptr ? 0 : slot.value.batch->byte_size());
}

}  // namespace

void Multipaxos::HandleTick(std::uint64_t random, Actions& actions) {
  ++ticks_;
  if (leads()) {
    LeadOn(actions);
  } else {
    DriveElection(random, actions);
  }
  NoteStable();
  readers_.HandleTick();
  if (ticks_ % static_cast<std::uint64_t>(settings_.floor_ticks) == 0) {
    RaiseDropFloor(actions);
  }
  if (ticks_ % static_cast<std::uint64_t>(settings_.retransmit_ticks) == 0) {
    BeginRepairPeriod();
  }
  SendFrontier(actions);
}

// ---- the leader -------------------------------------------------------------

void Multipaxos::LeadOn(Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  const auto quiet = static_cast<std::uint64_t>(
      std::max(1, settings_.election_ticks / kSignsAPatience));
  if (leading.announced != committed_ ||
      ticks_ >= leading.announced_tick + quiet) {
    SendLead(Others(), /*round=*/0, actions);
  }
  RepeatRound(actions);
  if (leading.in_flight == 0) {
    if (LeadsFirmly()) fruitless_elections_ = 0;
    return;
  }
  Repeat(actions);
  // Who hears us keeps others from leading; if we do not hear them, that helps
  // nobody.
  if (++leading.stalled_ticks >= kStallPatience * Patience()) {
    Follow();
  }
}

void Multipaxos::NoteAnnounced() {
  Leading& leading = std::get<Leading>(role_);
  leading.announced = committed_;
  leading.announced_tick = ticks_;
}

void Multipaxos::SendLead(ReplicaSet to, std::uint64_t round,
                          Actions& actions) {
  outbox_.Send(
      to,
      Lead{.ballot = promised_ballot_, .committed = committed_, .round = round},
      promise_record_, actions);
  if (to == Others()) NoteAnnounced();
}

// Sends proposals again to those who have not voted; a thrifty one widens to
// everybody.
void Multipaxos::Repeat(Actions& actions) {
  const std::uint64_t end = std::get<Leading>(role_).next_slot;
  for (std::uint64_t number = committed_ + 1; number < end; ++number) {
    Slot* slot = log_.Find(number);
    if (slot == nullptr || slot->decided || ticks_ < slot->repeat_at_tick) {
      continue;
    }
    slot->asked = Others();
    slot->repeat_ticks = std::min(
        2 * slot->repeat_ticks, std::max(kMaxRepeatTicks, slot->repeat_ticks));
    slot->repeat_at_tick =
        ticks_ + static_cast<std::uint64_t>(slot->repeat_ticks);
    ++stats_.retransmissions;
    outbox_.SendAgain(Others().Minus(slot->voters),
                      Accept{.instance = InstanceOf(number),
                             .ballot = promised_ballot_,
                             .value = slot->value,
                             .deps = Column(0),
                             .committed = committed_},
                      promise_record_, actions);
  }
}

void Multipaxos::HandleLead(ReplicaId from, const Lead& m, Actions& actions) {
  if (!HearLeader(from, m.ballot, actions)) return;
  LearnCommitted(m.committed, actions);
  if (m.round == 0) return;
  // True now: nobody at a higher ballot has had our promise.
  Send(from, LeadReply{.ballot = m.ballot, .round = m.round}, 0, actions);
}

// ---- repair -----------------------------------------------------------------

void Multipaxos::SendFrontier(Actions& actions) {
  const bool news =
      committed_ != announced_committed_ || base_floor_ != announced_floor_;
  const bool lacks = committed_ < std::min(leader_committed_, log_.newest());
  const std::uint64_t period =
      lacks  ? 1
      : news ? static_cast<std::uint64_t>(settings_.retransmit_ticks)
             : kIdleFrontierTicks;
  if (ticks_ % period != 0) return;
  announced_committed_ = committed_;
  announced_floor_ = base_floor_;
  outbox_.Send(Others(),
               Frontier{.committed = Column(committed_),
                        .executed = Column(base_floor_),
                        .base_floor = Column(base_floor_)},
               /*rests_on=*/0, actions);
}

void Multipaxos::HandleFrontier(ReplicaId from, const Frontier& m,
                                Actions& actions) {
  Peer& peer = At(from);
  const std::uint64_t committed = m.committed[kLogColumn];
  executed_.Hear(from, m.base_floor);
  readers_.HandleFrontier(from, m.committed, Column(base_floor_));
  peer.committed = committed;
  if (committed < log_.dropped()) TellTruncated(from, actions);
  // Who reads our checkpoint gets what follows it from us: the leader may have
  // forgotten it.
  if (committed < peer.overdue && (leads() || readers_.Contains(from))) {
    ResendDecisions(from, actions);
  }
}

void Multipaxos::ResendDecisions(ReplicaId to, Actions& actions) {
  Peer& peer = At(to);
  std::uint64_t number = std::max(peer.committed, peer.resent);
  std::size_t bytes = 0;
  for (int count = 0;
       number < peer.overdue && count < kMaxResent && bytes < kMaxResentBytes;
       ++count) {
    const Slot* slot = log_.Find(++number);
    if (slot == nullptr) continue;
    SendAgain(to,
              Commit{.instance = InstanceOf(number),
                     .value = slot->value,
                     .deps = Column(0)},
              /*rests_on=*/0, actions);
    bytes += RoughBytes(*slot);
    ++stats_.retransmissions;
  }
  peer.resent = number;
}

void Multipaxos::BeginRepairPeriod() {
  for (Peer& peer : peers_) {
    peer.told_truncated = false;
    peer.overdue = std::exchange(peer.overdue_next, committed_);
    peer.resent = 0;
  }
}

// ---- floors -----------------------------------------------------------------

// What is executed here is needed from nobody once the record that it is
// decided is durable, and so is what that record refers to.
void Multipaxos::NoteStable() {
  if (stable_record_ != 0) return;
  if (last_record_ <= outbox_.durable()) {
    base_floor_ = committed_;
  } else {
    next_base_floor_ = committed_;
    stable_record_ = last_record_;
  }
}

// What every member has. When keeping it for those that are far behind takes
// too much memory, only the newest part of it is kept: whoever lacks more
// fetches a snapshot. Any number may be left out: a slot is forgotten by who
// has executed it, never by who has only voted.
std::uint64_t Multipaxos::DroppableFloor() {
  executed_.Hear(self_, Column(base_floor_));
  const std::uint64_t everybody = executed_.ReachedByAllBut(0)[kLogColumn];
  if (!may_leave_out_) return everybody;
  std::size_t kept = settings_.retained_bytes;
  std::uint64_t floor = FloorThatRetains(kept, everybody);
  if (floor > everybody && !readers_.empty()) {
    // They need what follows the checkpoint.
    floor = std::max(std::min(floor, readers_.cut()[kLogColumn]),
                     FloorThatRetains(KeptForReaders(kept), everybody));
  }
  return floor;
}

std::uint64_t Multipaxos::FloorThatRetains(std::size_t bytes,
                                           std::uint64_t above) const {
  std::size_t total = 0;
  for (std::uint64_t number = base_floor_;
       number > std::max(above, log_.dropped()); --number) {
    total += RoughBytes(*log_.Find(number));
    if (total > bytes) return number;
  }
  return above;
}

void Multipaxos::RaiseDropFloor(Actions& actions) {
  if (floor_record_ != 0 || holds_drop_floor_) return;
  const std::uint64_t floor = DroppableFloor();
  if (floor <= next_drop_floor_) return;
  next_drop_floor_ = floor;
  floor_record_ = Persist(FloorRecord{.base_floor = Column(base_floor_),
                                      .drop_floor = Column(floor)},
                          actions);
}

}  // namespace quorate::multipaxos
