// One slot after another: proposals, votes, decisions.
#include <algorithm>
#include <utility>

#include "replica/multipaxos/multipaxos.h"
#include "replica/multipaxos/rules.h"
#include "wire/check.h"

namespace quorate::multipaxos {

// ---- the leader -------------------------------------------------------------

InstanceId Multipaxos::Propose(CommandBatchPtr batch, Actions& actions) {
  const std::uint64_t number = std::get<Leading>(role_).next_slot++;
  ProposeAt(number, Value::Commands(std::move(batch)), actions);
  log_.Find(number)->own = true;
  return InstanceOf(number);
}

// The Accept does not wait for the record of our own vote: a leader that
// crashes never comes back to this ballot, whose promise is durable, so nobody
// can hear of another value for it. The vote counts once it is durable.
void Multipaxos::ProposeAt(std::uint64_t number, Value value,
                           Actions& actions) {
  Leading& leading = std::get<Leading>(role_);
  Slot& slot = *log_.FindOrCreate(number);
  QUORATE_CHECK(!slot.decided,
                "invariant 12: nothing is proposed where something is decided");
  if (slot.own && slot.value != value) Orphan(slot);
  const bool has_payload = slot.value == value && slot.last_record != 0;
  slot.accepted_ballot = promised_ballot_;
  // What is known here goes before what a promise told: it is the same, and of
  // an own slot the only one that knows its clients.
  if (slot.value != value) slot.value = std::move(value);
  slot.asked = Asked();
  slot.voters = {};
  slot.repeat_ticks = RepeatAfter(slot.asked);
  slot.repeat_at_tick = ticks_ + static_cast<std::uint64_t>(slot.repeat_ticks);
  ++leading.in_flight;
  slot.last_record =
      Persist(AcceptedRecord{.instance = InstanceOf(number),
                             .ballot = promised_ballot_,
                             .value = has_payload ? slot.value.WithoutPayload()
                                                  : slot.value,
                             .deps = Column(0)},
              actions);
  Await({.sequence = slot.last_record,
         .then = OnDurable::kCountOwnVote,
         .ballot = promised_ballot_,
         .slot = number},
        actions);
  outbox_.Send(slot.asked,
               Accept{.instance = InstanceOf(number),
                      .ballot = promised_ballot_,
                      .value = slot.value,
                      .deps = Column(0),
                      .committed = committed_},
               promise_record_, actions);
  if (slot.asked == Others()) NoteAnnounced();
}

ReplicaSet Multipaxos::Asked() const {
  if (!settings_.thrifty) return Others();
  ReplicaSet asked = quorums_.phase2().Choose(
      self_, Others().Minus(Suspected()), distances_.nearest_first());
  asked.Erase(self_);
  return asked;
}

void Multipaxos::HandleAcceptReply(ReplicaId from, const AcceptReply& m,
                                   Actions& actions) {
  if (!leads() || m.ballot != promised_ballot_ ||
      m.instance.replica != kLogColumn) {
    ++stats_.stale_messages;  // Late, or for a ballot given up.
    return;
  }
  CountVote(m.instance.slot, from, actions);
}

void Multipaxos::CountVote(std::uint64_t number, ReplicaId voter,
                           Actions& actions) {
  Slot* slot = log_.Find(number);
  if (!leads() || slot == nullptr || slot->decided ||
      slot->accepted_ballot != promised_ballot_) {
    ++stats_.stale_messages;
    return;
  }
  slot->voters.Insert(rules::VoterOf(slot->voters, voter));
  if (!quorums_.phase2().IsQuorum(slot->voters)) return;
  ++stats_.decided_here;
  const ReplicaSet unasked = Others().Minus(slot->asked);
  Decide(*slot);
  if (!unasked.empty()) {
    outbox_.Send(unasked,
                 Commit{.instance = InstanceOf(number),
                        .value = slot->value,
                        .deps = Column(0)},
                 /*rests_on=*/0, actions);
  }
  Advance(actions);
}

// ---- the acceptor -----------------------------------------------------------

void Multipaxos::HandleAccept(ReplicaId from, const Accept& m,
                              Actions& actions) {
  const std::uint64_t number = m.instance.slot;
  if (m.instance.replica != kLogColumn || !IsBelievable(number) ||
      m.value.kind == ValueKind::kNone || m.value.payload_missing()) {
    ++stats_.stale_messages;
    return;
  }
  if (!HearLeader(from, m.ballot, actions)) return;
  if (number <= log_.dropped()) {
    Send(
        from,
        Truncated{.instance = m.instance, .drop_floor = Column(log_.dropped())},
        0, actions);
    return;
  }
  Slot& slot = *log_.FindOrCreate(number);
  if (slot.decided) {
    // Its leader has proposed the same; nobody could have anything else.
    SendAgain(from,
              Commit{.instance = m.instance,
                     .value = slot.value.WithoutPayload(),
                     .deps = Column(0)},
              slot.last_record, actions);
    return;
  }
  if (slot.accepted_ballot == m.ballot) {
    // A repetition gets the same vote.
    SendAgain(from, AcceptReply{.instance = m.instance, .ballot = m.ballot},
              slot.last_record, actions);
    return;
  }
  const bool has_payload = slot.value == m.value && slot.last_record != 0;
  slot.accepted_ballot = m.ballot;
  slot.value = m.value;
  slot.last_record = Persist(
      AcceptedRecord{.instance = m.instance,
                     .ballot = m.ballot,
                     .value = has_payload ? m.value.WithoutPayload() : m.value,
                     .deps = Column(0)},
      actions);
  if (m.ballot > promised_ballot_) {
    Yield(m.ballot);
    promise_record_ = slot.last_record;
  }
  Send(from, AcceptReply{.instance = m.instance, .ballot = m.ballot},
       rules::RestsOn(rules::Effect::kVote, slot.last_record), actions);
  if (m.ballot == leader_ballot_ && number <= leader_committed_) {
    Decide(slot);
    Advance(actions);
  }
  LearnCommitted(m.committed, actions);
}

// ---- decisions --------------------------------------------------------------

void Multipaxos::LearnCommitted(std::uint64_t through, Actions& actions) {
  through = std::min(through, log_.newest() + kMaxSlotGap);
  for (std::uint64_t number = std::max(leader_committed_, committed_) + 1;
       number <= std::min(through, log_.newest()); ++number) {
    Slot& slot = *log_.Find(number);
    if (!slot.decided && slot.value.kind != ValueKind::kNone &&
        rules::IsDecidedBy(leader_ballot_, slot)) {
      Decide(slot);
    }
  }
  leader_committed_ = std::max(leader_committed_, through);
  Advance(actions);
}

void Multipaxos::HandleCommit(const Commit& m, Actions& actions) {
  if (m.instance.replica != kLogColumn || !IsBelievable(m.instance.slot) ||
      m.value.kind == ValueKind::kNone) {
    ++stats_.stale_messages;
    return;
  }
  LearnDecision(m.instance.slot, m.value, actions);
}

// Valid at any ballot: the value is decided. Beyond all that a leader has
// proposed, somebody else leads at a higher ballot, and the next proposal must
// not fall on what is decided.
void Multipaxos::LearnDecision(std::uint64_t number, const Value& value,
                               Actions& actions) {
  const auto* leading = std::get_if<Leading>(&role_);
  if (leading != nullptr && number >= leading->next_slot) Follow();
  Slot* slot = log_.FindOrCreate(number);
  if (slot == nullptr) {
    ++stats_.stale_messages;  // Forgotten here.
    return;
  }
  if (slot->decided) {
    QUORATE_CHECK(slot->value == value,
                  "G1: all decisions of one slot are the same");
    ++stats_.stale_messages;
    return;
  }
  if (slot->value != value) {
    if (value.payload_missing()) {
      ++stats_.stale_messages;  // Repair brings it whole.
      return;
    }
    if (slot->own) Orphan(*slot);
    slot->value = value;
    slot->decision_recorded = true;
    slot->last_record = Persist(
        CommittedRecord{
            .instance = InstanceOf(number), .value = value, .deps = Column(0)},
        actions);
  }
  Decide(*slot);
  Advance(actions);
}

void Multipaxos::Decide(Slot& slot) {
  auto* leading = std::get_if<Leading>(&role_);
  if (leading != nullptr && slot.accepted_ballot == promised_ballot_) {
    --leading->in_flight;
    leading->stalled_ticks = 0;
  }
  slot.decided = true;
  slot.voters = {};
}

// The decided prefix goes to the executor, in order, and is remembered by one
// record however long it has grown. Nothing waits for that record: the votes of
// a phase 2 quorum are durable.
void Multipaxos::Advance(Actions& actions) {
  const std::uint64_t before = committed_;
  AdvanceCommitted(actions.committed);
  if (committed_ == before) return;
  fruitless_elections_ = 0;
  Persist(DecidedRecord{.through = committed_}, actions);
}

void Multipaxos::AdvanceCommitted(std::vector<CommittedInstance>& committed) {
  for (;;) {
    const Slot* next = log_.Find(committed_ + 1);
    if (next == nullptr || !next->decided) return;
    ++committed_;
    // A log is the order in which everything depends on all before it.
    committed.push_back({.instance = InstanceOf(committed_),
                         .value = next->value,
                         .deps = Column(committed_ - 1)});
  }
}

}  // namespace quorate::multipaxos
