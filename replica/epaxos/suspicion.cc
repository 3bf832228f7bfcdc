// Who recovers what, and when (protocol.md 2.7).
#include <algorithm>

#include "replica/epaxos/epaxos.h"
#include "replica/epaxos/rules.h"
#include "wire/timers.h"

namespace quorate::epaxos {
namespace {

// Periods (the time in which a live proposer is heard of: recovery_ticks and
// retransmit_ticks) that a column may stand still before its proposer is asked,
constexpr int kPeriodsBeforeAsking = 1;
// that an answer may take,
constexpr int kPeriodsForAnAnswer = 2;
// and that a proposer gets which has answered that it is at work, so often.
constexpr int kPeriodsAtWork = 40;
constexpr int kMostAnswersBelieved = 3;
// Ticks, in units of retransmit_ticks, after which an attempt that makes no
// progress is begun again at a new ballot.
constexpr int kAttemptPeriods = 8;
constexpr std::uint64_t kMaxDoublings = 6;
// An attempt is repeated when it has grown older by one of so many shares of
// its age: where messages take longer than retransmit_ticks they would pile up.
constexpr int kSharesOfAge = 4;
// Ticks between two attempts at most, where only their number makes it longer;
// so many more for each rank, because those who wait equally long meet again.
constexpr int kLongestPauseTicks = TicksOf<"epaxos.longest_pause">;

}  // namespace

// Suspected by the shell, or found out to be deaf, stopped or cut off.
bool Epaxos::IsLost(ReplicaId replica) const {
  const Peer& peer = peers_[static_cast<std::size_t>(Index(replica))];
  return peer.suspected || peer.mute;
}

// Those that come before us in ring order after this column and are up.
int Epaxos::RankAfter(ReplicaId column) const {
  int rank = 0;
  for (int step = 1; step < quorums_.replicas; ++step) {
    const ReplicaId other =
        ReplicaAt((Index(column) + step) % quorums_.replicas);
    if (IsSelf(other)) break;
    if (!IsLost(other)) ++rank;
  }
  return rank;
}

// Who is up and should finish the column's first undecided instance: whoever
// led it last, or else the command leader. Nullopt: nobody, or we ourselves.
std::optional<ReplicaId> Epaxos::ProposerOf(ReplicaId column) const {
  const InstanceId first{column, committed_[column] + 1};
  if (recoveries_.contains(first)) return std::nullopt;
  std::array<ReplicaId, 2> candidates = {column, column};
  if (const Instance* instance = log_.Find(first)) {
    if (instance->leading()) return std::nullopt;
    const Ballot last =
        std::max(instance->promised_ballot, instance->refused_by);
    if (!last.is_initial()) candidates[0] = last.owner();
  }
  for (const ReplicaId candidate : candidates) {
    if (Index(candidate) < quorums_.replicas && !IsSelf(candidate) &&
        !IsLost(candidate)) {
      return candidate;
    }
  }
  return std::nullopt;
}

// Ticks that this column may stand still before something is done.
int Epaxos::PatienceWith(ReplicaId column) const {
  const int period = settings_.recovery_ticks + settings_.retransmit_ticks;
  const Standstill& still =
      standstills_[static_cast<std::size_t>(Index(column))];
  if (still.believed > 0 && still.asked.has_value() &&
      ProposerOf(column) == still.asked) {
    return period * kPeriodsAtWork;
  }
  int patience = settings_.recovery_ticks * (1 + 4 * RankAfter(column));
  // Asking disturbs nobody, and an own instance whose round at ballot 0 a
  // recoverer has ended is that one's: no turns are taken.
  if (IsSelf(column) || !IsLost(column)) {
    patience = period * kPeriodsBeforeAsking;
  }
  // Where several replicas keep overtaking each other, everybody waits longer
  // and longer, and each differently by its rank: at last somebody is left
  // alone for long enough to finish. With the dead nobody competes.
  const Instance* first = log_.Find({column, committed_[column] + 1});
  const bool duel = first != nullptr && !first->promised_ballot.is_initial() &&
                    !IsLost(first->promised_ballot.owner());
  const std::uint64_t attempts = duel ? first->promised_ballot.round() : 0;
  const int doubled = patience
                      << std::min<std::uint64_t>(attempts, kMaxDoublings);
  const int longest = kLongestPauseTicks * (1 + RankAfter(column));
  return std::max(patience, std::min(doubled, longest));
}

// Has this column stood still for long enough, and will nobody else help?
bool Epaxos::NeedsRecovery(ReplicaId column, Actions& actions) {
  Standstill& still = standstills_[static_cast<std::size_t>(Index(column))];
  const std::uint64_t known = std::max(log_.Newest(column), needed_[column]);
  if (committed_[column] != still.committed || committed_[column] >= known) {
    still = {.committed = committed_[column]};
    return false;
  }
  if (!rules::IsOutOfPatience(++still.ticks, PatienceWith(column))) {
    return false;
  }
  return !WaitsForProposer(column, still, actions);
}

// A recovery takes the instance away from whoever is at work on it, even if
// that is merely slow. So it is asked first (Inquire), and what it says is
// believed a few times; somebody who is silent, or at nothing, is not waited
// for, by each replica in its turn if it is the command leader.
bool Epaxos::WaitsForProposer(ReplicaId column, Standstill& still,
                              Actions& actions) {
  const std::optional<ReplicaId> proposer = ProposerOf(column);
  if (!proposer || still.believed >= kMostAnswersBelieved) return false;
  if (still.asked != proposer) {
    still.asked = proposer;
    still.asking_ticks = 0;
    still.idle = false;
  }
  const int turns = (*proposer == column ? RankAfter(column) : 0) +
                    (still.idle ? 0 : kPeriodsForAnAnswer);
  const int period = settings_.recovery_ticks + settings_.retransmit_ticks;
  if (still.asking_ticks >= turns * period) {
    if (!still.idle) {
      Count(RecoveryRule::kSilent);
      peers_[static_cast<std::size_t>(Index(*proposer))].mute = true;
    }
    return false;
  }
  if (!still.idle && still.asking_ticks % settings_.retransmit_ticks == 0) {
    Send(*proposer, Inquire{.instance = {column, committed_[column] + 1}},
         /*rests_on=*/0, actions);
  }
  ++still.asking_ticks;
  return true;
}

// Nothing durable is told but what is durable; nobody builds on the answer.
void Epaxos::HandleInquire(ReplicaId from, const Inquire& m, Actions& actions) {
  const Instance* instance = log_.Find(m.instance);
  InquireReply reply{.instance = m.instance};
  if (instance != nullptr && instance->last_record > outbox_.durable()) {
    reply.working_on_it = true;  // The disk is.
  } else if (instance != nullptr || log_.IsDropped(m.instance)) {
    if (AnswerIfSettled(from, m.instance, instance, actions)) return;
    reply.status = instance->status;
    reply.promised_ballot = instance->promised_ballot;
    reply.working_on_it = instance->leading() || instance->recovering();
  }
  Send(from, reply, /*rests_on=*/0, actions);
}

void Epaxos::HandleInquireReply(ReplicaId from, const InquireReply& m) {
  const ReplicaId column = m.instance.replica;
  Standstill& still = standstills_[static_cast<std::size_t>(Index(column))];
  Instance* instance = log_.FindOrCreate(m.instance);
  if (instance == nullptr || still.asked != from || still.asking_ticks == 0 ||
      m.instance.slot != committed_[column] + 1) {
    ++stats_.stale_messages;  // Late, or not asked for.
    return;
  }
  if (m.working_on_it) {
    Count(RecoveryRule::kAtWork);
    still.asking_ticks = 0;
    still.ticks = 0;
    ++still.believed;
    return;
  }
  // Whoever has a higher ballot is asked next.
  instance->refused_by = std::max(instance->refused_by, m.promised_ballot);
  still.idle = true;
}

void Epaxos::RecoverWhatIsStuck(Actions& actions) {
  for (int i = 0; i < quorums_.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (!NeedsRecovery(column, actions)) continue;
    const std::uint64_t known = std::max(log_.Newest(column), needed_[column]);
    for (std::uint64_t slot = committed_[column] + 1;
         slot <= known && recoveries_.size() < settings_.max_recoveries;
         ++slot) {
      const InstanceId id{column, slot};
      const Instance* instance = log_.Find(id);
      // An own round at ballot 0 that still runs repeats itself.
      if (recoveries_.contains(id) ||
          (instance != nullptr && rules::NeedsNobody(*instance))) {
        continue;
      }
      StartRecovery(id, actions);
    }
    standstills_[static_cast<std::size_t>(i)] = {.committed =
                                                     committed_[column]};
  }
}

void Epaxos::DriveRecoveries(Actions& actions) {
  if (recoveries_.empty()) return;
  const std::vector<InstanceId> all(recoveries_.begin(), recoveries_.end());
  for (const InstanceId id : all) {
    Instance* instance = log_.Find(id);
    if (instance == nullptr || instance->status == InstanceStatus::kCommitted ||
        (!instance->recovering() && !instance->leading())) {
      recoveries_.erase(id);  // Decided, or overtaken by another proposer.
      continue;
    }
    if (instance->recovering()) {
      RepeatRecovery(id, *instance, actions);
    } else if (!instance->in_flight) {  // Else RetransmitOwn repeats it.
      Leading& leading = *instance->leading();
      if (++leading.age_ticks >= leading.next_retransmit_ticks) {
        Retransmit(id, *instance, actions);
      }
    }
  }
}

void Epaxos::RepeatRecovery(InstanceId id, Instance& instance,
                            Actions& actions) {
  Recovering& recovering = *instance.recovering();
  const int age = ++recovering.age_ticks;
  // The own number spreads the attempts of replicas that duel; each further
  // ballot gets twice the time, so that some attempt outlives any round trip.
  const auto doublings = static_cast<int>(
      std::min<std::uint64_t>(recovering.ballot.round() - 1, kMaxDoublings));
  const int limit =
      (settings_.retransmit_ticks * (kAttemptPeriods + 3 * Index(self_)))
      << doublings;
  // Nothing is repeated while the own disk is what it waits for.
  if (instance.last_record > outbox_.durable()) return;
  if (rules::IsTooOld(recovering, age, limit)) {
    StartRecovery(id, actions);  // A new ballot, perhaps with another Q.
    return;
  }
  if (age < recovering.next_repeat_ticks) return;
  recovering.next_repeat_ticks =
      age + std::max(settings_.retransmit_ticks, age / kSharesOfAge);
  SendAttempt(id, instance, Others(), actions);
  if (recovering.stage != Recovering::Stage::kWaiting) return;
  // Those whose fate we wait for must be decided by somebody.
  for (const auto& [other, unused] : recovering.conflicts) {
    const Instance* waited = log_.Find(other);
    if ((waited == nullptr || (waited->status != InstanceStatus::kCommitted &&
                               !waited->recovering() && !waited->leading())) &&
        recoveries_.size() < settings_.max_recoveries) {
      needed_.Add(other);
    }
  }
}

// Sends what this attempt asks once more, to those of `to` that owe an answer.
void Epaxos::SendAttempt(InstanceId id, const Instance& instance, ReplicaSet to,
                         Actions& actions) {
  const Recovering& recovering = *instance.recovering();
  ++stats_.retransmissions;
  switch (recovering.stage) {
    case Recovering::Stage::kValidating: {
      ReplicaSet missing = recovering.quorum.Minus(recovering.validated);
      missing.Erase(self_);
      outbox_.SendAgain(to.Intersect(missing),
                        Validate{.instance = id,
                                 .ballot = recovering.ballot,
                                 .batch = recovering.batch,
                                 .initial_deps = recovering.initial_deps},
                        instance.last_record, actions);
      break;
    }
    case Recovering::Stage::kWaiting:
      outbox_.SendAgain(to, WaitingOf(id, recovering), instance.last_record,
                        actions);
      [[fallthrough]];  // Late answers count while waiting (W4, W5).
    case Recovering::Stage::kPromising:
      outbox_.SendAgain(
          to.Minus(recovering.answered),
          Recover{.instance = id,
                  .ballot = recovering.ballot,
                  .batch = recovering.stage == Recovering::Stage::kPromising
                               ? recovering.batch
                               : nullptr},
          instance.last_record, actions);
      break;
  }
}

}  // namespace quorate::epaxos
