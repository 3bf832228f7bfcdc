// Who leads: silence, promises, and what a new leader finds in the log.
#include <algorithm>
#include <utility>

#include "replica/multipaxos/multipaxos.h"
#include "replica/multipaxos/rules.h"
#include "wire/check.h"

namespace quorate::multipaxos {
namespace {

// Patience is so many times shorter where the leader is known to be gone.
constexpr int kHaste = 10;
// Patience is doubled no more often than this.
constexpr int kMaxDoublings = 4;
// Patience must be at least so long for signs of the leader to tell anything.
constexpr int kRoom = 4;
// Of the votes that one Promise tells; what does not fit is asked for.
constexpr std::size_t kMostPromiseBytes = 1024 * 1024;

std::size_t RoughBytes(const Value& value) {
  return 64 + (value.batch == nullptr ? 0 : value.batch->byte_size());
}

}  // namespace

// ---- when -------------------------------------------------------------------

// Twice as long after each election of our own that came to nothing, so that
// some attempt outlives any round trip and any disk: what was promised at a
// ballot that is given up is lost.
int Multipaxos::Patience() const {
  const int doublings = std::clamp(fruitless_elections_ - 1, 0, kMaxDoublings);
  return settings_.election_ticks << doublings;
}

// By chance, so that replicas which lose the same leader seldom collide.
void Multipaxos::DrawPatience(std::uint64_t random) {
  const int least = Patience();
  patience_ticks_ =
      least + static_cast<int>(random % static_cast<std::uint64_t>(least));
  patience_drawn_ = true;
}

void Multipaxos::DriveElection(std::uint64_t random, Actions& actions) {
  if (!patience_drawn_) DrawPatience(random);
  if (auto* campaign = std::get_if<Campaigning>(&role_)) {
    if (++campaign->age_ticks >= patience_ticks_) {
      StartElection(actions);
    } else if (campaign->age_ticks % RepeatAfter(Others()) == 0) {
      ++stats_.retransmissions;
      AskForPromises(actions);
    }
    return;
  }
  Following& following = std::get<Following>(role_);
  // Whoever holds our promise, or another's, leads or is about to. Not if it is
  // we, who have led in an earlier life.
  const Ballot awaited =
      std::max({promised_ballot_, leader_ballot_, refused_by_});
  const bool nobody_is_near = awaited.is_initial() || IsSelf(awaited.owner()) ||
                              At(awaited.owner()).suspected;
  const int patience =
      nobody_is_near ? std::max(1, patience_ticks_ / kHaste) : patience_ticks_;
  if (rules::IsOutOfPatience(++following.silent_ticks, patience)) {
    StartElection(actions);
  }
}

// ---- the candidate ----------------------------------------------------------

// Protocol.md D6: no ballot of an earlier life, or of an earlier attempt, is
// used again: every one lies above all that was promised here.
void Multipaxos::StartElection(Actions& actions) {
  const Ballot highest =
      std::max({promised_ballot_, refused_by_, leader_ballot_});
  ++stats_.elections_started;
  ++fruitless_elections_;
  LeaveReads();
  promised_ballot_ = Ballot::Of(highest.round() + 1, self_);
  Campaigning campaign;
  campaign.first = committed_ + 1;
  campaign.told_through.fill(committed_);
  role_ = campaign;
  patience_drawn_ = false;
  promise_record_ = Persist(
      PromisedRecord{.instance = InstanceOf(1), .ballot = promised_ballot_},
      actions);
  Await({.sequence = promise_record_,
         .then = OnDurable::kCountOwnPromise,
         .ballot = promised_ballot_},
        actions);
  outbox_.Send(Others(),
               Prepare{.ballot = promised_ballot_, .first = campaign.first},
               promise_record_, actions);
}

void Multipaxos::AskForPromises(Actions& actions) {
  const Campaigning& campaign = std::get<Campaigning>(role_);
  for (int i = 0; i < settings_.replicas; ++i) {
    const ReplicaId peer = ReplicaAt(i);
    if (IsSelf(peer) || campaign.promised.Contains(peer)) continue;
    const std::uint64_t told =
        campaign.told_through[static_cast<std::size_t>(i)];
    SendAgain(peer, Prepare{.ballot = promised_ballot_, .first = told + 1},
              promise_record_, actions);
  }
}

void Multipaxos::HandlePromise(ReplicaId from, const Promise& m,
                               Actions& actions) {
  auto* campaign = std::get_if<Campaigning>(&role_);
  std::uint64_t* told =
      campaign == nullptr
          ? nullptr
          : &campaign->told_through[static_cast<std::size_t>(Index(from))];
  if (told == nullptr || m.ballot != promised_ballot_ || m.first != *told + 1 ||
      m.through < m.first) {
    ++stats_.stale_messages;  // Late, repeated, or for a ballot given up.
    return;
  }
  for (const Promise::Vote& vote : m.votes) {
    if (vote.slot < m.first || vote.slot > m.through) continue;
    NoteVote(*campaign, vote, actions);
  }
  *told = m.through;
  if (m.through != Promise::kEndOfLog) {
    Send(from, Prepare{.ballot = promised_ballot_, .first = m.through + 1},
         promise_record_, actions);
    return;
  }
  campaign->promised.Insert(from);
  DecideElection(actions);
}

void Multipaxos::NoteVote(Campaigning& campaign, const Promise::Vote& vote,
                          Actions& actions) {
  if (!IsBelievable(vote.slot) || vote.value.kind == ValueKind::kNone ||
      vote.value.payload_missing()) {
    ++stats_.stale_messages;
    return;
  }
  if (vote.decided) {
    LearnDecision(vote.slot, vote.value, actions);
    return;
  }
  Promise::Vote& known = campaign.votes[vote.slot];
  // One value a ballot, so equal ballots need no choice.
  if (known.value.kind == ValueKind::kNone || known.ballot < vote.ballot) {
    known = vote;
  }
}

void Multipaxos::DecideElection(Actions& actions) {
  const Campaigning& campaign = std::get<Campaigning>(role_);
  if (rules::MayLead(self_, campaign.promised, quorums_)) BeginToLead(actions);
}

// Paxos Made Simple, 3: what may have been chosen is proposed again at the new
// ballot, and a slot in which nothing can have been is filled with a noop.
void Multipaxos::BeginToLead(Actions& actions) {
  const std::map<std::uint64_t, Promise::Vote> told =
      std::move(std::get<Campaigning>(role_).votes);
  ++stats_.elections_won;
  std::uint64_t last = std::max(committed_, log_.newest());
  if (!told.empty()) last = std::max(last, told.rbegin()->first);
  Leading& leading = role_.emplace<Leading>();
  leading.next_slot = last + 1;
  leading.recovered_through = last;
  leading.since_tick = ticks_;
  leader_ballot_ = promised_ballot_;
  for (std::uint64_t slot = committed_ + 1; slot <= last; ++slot) {
    const auto vote = told.find(slot);
    ProposeAgain(slot, vote == told.end() ? nullptr : &vote->second, actions);
  }
  SendLead(Others(), /*round=*/0, actions);
}

void Multipaxos::ProposeAgain(std::uint64_t number, const Promise::Vote* told,
                              Actions& actions) {
  Slot& slot = *log_.FindOrCreate(number);
  if (slot.decided) return;
  Value value = slot.value;
  if (told != nullptr && rules::GoesBefore(*told, slot)) value = told->value;
  if (value.kind == ValueKind::kNone) {
    value = Value::Noop();
    ++stats_.recovered_noops;
  } else {
    ++stats_.recovered_payloads;
  }
  ProposeAt(number, std::move(value), actions);
}

// ---- the acceptor -----------------------------------------------------------

void Multipaxos::HandlePrepare(ReplicaId from, const Prepare& m,
                               Actions& actions) {
  if (m.ballot.owner() != from || m.ballot.is_initial()) {
    ++stats_.stale_messages;
    return;
  }
  if (m.ballot < promised_ballot_) {
    Refuse(from, m.first, actions);
    return;
  }
  if (m.ballot > promised_ballot_) {
    if (HearsLeader(from)) {
      ++stats_.stale_messages;  // It was cut off, or is in too much of a hurry.
      return;
    }
    if (LeadsFirmly()) {
      refused_by_ = std::max(refused_by_, m.ballot);
      StartElection(actions);
      return;
    }
    Yield(m.ballot);
    promise_record_ = Persist(
        PromisedRecord{.instance = InstanceOf(1), .ballot = m.ballot}, actions);
  }
  if (m.first <= log_.dropped()) {
    // What was chosen there is not known any more, only that it was.
    Send(from,
         Truncated{.instance = InstanceOf(m.first),
                   .drop_floor = Column(log_.dropped())},
         0, actions);
    return;
  }
  RecordSequence rests_on = promise_record_;
  Promise promise = TellVotes(m, rests_on);
  Send(from, std::move(promise),
       rules::RestsOn(rules::Effect::kPromise, rests_on), actions);
}

// Frozen by the promise: asked again, it tells the same votes, or decisions.
Promise Multipaxos::TellVotes(const Prepare& m,
                              RecordSequence& rests_on) const {
  Promise promise{.ballot = m.ballot, .first = m.first};
  std::size_t bytes = 0;
  for (std::uint64_t number = m.first; number <= log_.newest(); ++number) {
    const Slot& slot = *log_.Find(number);
    if (slot.value.kind == ValueKind::kNone) continue;
    if (bytes >= kMostPromiseBytes) {
      promise.through = number - 1;
      break;
    }
    bytes += RoughBytes(slot.value);
    rests_on = std::max(rests_on, slot.last_record);
    promise.votes.push_back({.slot = number,
                             .ballot = slot.accepted_ballot,
                             .value = slot.value,
                             .decided = slot.decided});
  }
  return promise;
}

// ---- giving way -------------------------------------------------------------

// A replica that was cut off comes back with a high ballot. Whoever hears the
// leader keeps to it, and the leader takes a higher ballot still: one round
// brings the lost one back, and clients notice nothing. A leader that has only
// begun gives way instead, so that two of them do not take turns.
bool Multipaxos::HearsLeader(ReplicaId candidate) const {
  const auto* following = std::get_if<Following>(&role_);
  const std::optional<ReplicaId> known = leader();
  return following != nullptr && known.has_value() && *known != candidate &&
         2 * following->silent_ticks < settings_.election_ticks - kRoom;
}

bool Multipaxos::LeadsFirmly() const {
  const auto* leading = std::get_if<Leading>(&role_);
  return leading != nullptr &&
         ticks_ >= leading->since_tick +
                       static_cast<std::uint64_t>(settings_.election_ticks);
}

void Multipaxos::Refuse(ReplicaId to, std::uint64_t slot, Actions& actions) {
  if (leads()) {
    ReplicaSet receiver;
    receiver.Insert(to);
    SendLead(receiver, /*round=*/0, actions);
    return;
  }
  Send(to,
       Nack{.instance = InstanceOf(slot), .promised_ballot = promised_ballot_},
       0, actions);
}

void Multipaxos::HandleNack(ReplicaId from, const Nack& m, Actions& actions) {
  if (m.promised_ballot <= promised_ballot_) {
    ++stats_.stale_messages;
    return;
  }
  refused_by_ = std::max(refused_by_, m.promised_ballot);
  if (LeadsFirmly() && m.promised_ballot.owner() == from) {
    // It tried to lead and does not: whoever leads says so (Refuse).
    StartElection(actions);
  } else if (leads() || campaigns()) {
    Follow();
  }
}

bool Multipaxos::HearLeader(ReplicaId from, Ballot ballot, Actions& actions) {
  if (ballot.owner() != from || ballot.is_initial()) {
    ++stats_.stale_messages;
    return false;
  }
  if (!rules::MayFollow(ballot, promised_ballot_)) {
    Refuse(from, committed_ + 1, actions);
    return false;
  }
  if (ballot > promised_ballot_ && !std::holds_alternative<Following>(role_)) {
    Follow();
  }
  if (ballot > leader_ballot_) {
    leader_ballot_ = ballot;
    leader_committed_ = 0;
  }
  if (committed_ >= log_.newest()) fruitless_elections_ = 0;
  if (auto* following = std::get_if<Following>(&role_)) {
    following->silent_ticks = 0;
  }
  return true;
}

void Multipaxos::Yield(Ballot ballot) {
  promised_ballot_ = ballot;
  Follow();
}

void Multipaxos::Follow() {
  LeaveReads();
  for (std::uint64_t number = committed_ + 1; number <= log_.newest();
       ++number) {
    Slot& slot = *log_.Find(number);
    if (slot.own && !slot.decided) Orphan(slot);
  }
  role_ = Following{};
  patience_drawn_ = false;
}

void Multipaxos::Orphan(Slot& slot) {
  slot.own = false;
  orphans_.push_back(slot.value.batch);
}

void Multipaxos::LeaveReads() {
  auto* leading = std::get_if<Leading>(&role_);
  if (leading == nullptr) return;
  for (Leading::Reads& reads : leading->reads) {
    orphans_.insert(orphans_.end(), reads.batches.begin(), reads.batches.end());
  }
  orphans_.insert(orphans_.end(), leading->gathering.begin(),
                  leading->gathering.end());
}

}  // namespace quorate::multipaxos
