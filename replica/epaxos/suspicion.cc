// Who recovers what, and when (protocol.md 2.7).
#include <algorithm>

#include "replica/epaxos/recoverer.h"
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
// Ticks between two attempts at most, where only their number makes it longer;
// so many more for each rank, because those who wait equally long meet again.
constexpr int kLongestPauseTicks = TicksOf<"epaxos.longest_pause">;
constexpr int kLongestRepeatTicks = TicksOf<"epaxos.most_retransmit">;
constexpr int kStallTicks = TicksOf<"epaxos.stall">;

// Ticks in which a live proposer at this distance is heard of.
int PeriodOf(const Core& core, ReplicaId proposer) {
  return core.settings.recovery_ticks + core.RepeatAfter(proposer);
}

// Ticks that a decision takes with two rounds, wherever its proposer is: no two
// members are farther from each other than twice the farthest from here.
int DecisionTicks(const Core& core) {
  return 2 * core.distances.MostTicks(core.Others().Minus(core.suspected));
}

}  // namespace

// Suspected by the shell, or found out to be deaf, stopped or cut off.
bool Recoverer::IsLost(const Core& core, ReplicaId replica) const {
  return core.suspected.Contains(replica) || mute_.Contains(replica);
}

// Those that come before us in ring order after this column and are up.
int Recoverer::RankAfter(const Core& core, ReplicaId column) const {
  int rank = 0;
  for (int step = 1; step < core.quorums.replicas; ++step) {
    const ReplicaId other =
        ReplicaAt((Index(column) + step) % core.quorums.replicas);
    if (core.IsSelf(other)) break;
    if (!IsLost(core, other)) ++rank;
  }
  return rank;
}

// Who is up and should finish the column's first undecided instance: whoever
// led it last, or else the command leader. Nullopt: nobody, or we ourselves.
std::optional<ReplicaId> Recoverer::ProposerOf(const Core& core,
                                               ReplicaId column) const {
  const InstanceId first{column, core.committed[column] + 1};
  if (core.recoveries.contains(first)) return std::nullopt;
  std::array<ReplicaId, 2> candidates = {column, column};
  if (const Instance* instance = core.log.Find(first)) {
    if (instance->leading()) return std::nullopt;
    const Ballot last =
        std::max(instance->promised_ballot, instance->refused_by);
    if (!last.is_initial()) candidates[0] = last.owner();
  }
  for (const ReplicaId candidate : candidates) {
    if (Index(candidate) < core.quorums.replicas && !core.IsSelf(candidate) &&
        !IsLost(core, candidate)) {
      return candidate;
    }
  }
  return std::nullopt;
}

// Ticks that this column may stand still before something is done.
int Recoverer::PatienceWith(const Core& core, ReplicaId column) const {
  const int period =
      core.settings.recovery_ticks + core.settings.retransmit_ticks;
  const Standstill& still =
      standstills_[static_cast<std::size_t>(Index(column))];
  if (still.believed > 0 && still.asked.has_value() &&
      ProposerOf(core, column) == still.asked) {
    return period * kPeriodsAtWork;
  }
  const int rank = RankAfter(core, column);
  int patience = core.settings.recovery_ticks * (1 + 4 * rank) +
                 rank * DecisionTicks(core);
  // Asking disturbs nobody, and an own instance whose round at ballot 0 a
  // recoverer has ended is that one's: no turns are taken.
  if (core.IsSelf(column) || !IsLost(core, column)) {
    patience = period * kPeriodsBeforeAsking + DecisionTicks(core);
  }
  // Where several replicas keep overtaking each other, everybody waits longer
  // and longer, and each differently by its rank: at last somebody is left
  // alone for long enough to finish. With the dead nobody competes.
  const Instance* first = core.log.Find({column, core.committed[column] + 1});
  const bool duel = first != nullptr && !first->promised_ballot.is_initial() &&
                    !IsLost(core, first->promised_ballot.owner());
  const std::uint64_t attempts = duel ? first->promised_ballot.round() : 0;
  const int doubled = patience
                      << std::min<std::uint64_t>(attempts, kMaxDoublings);
  const int longest = kLongestPauseTicks * (1 + RankAfter(core, column));
  return std::max(patience, std::min(doubled, longest));
}

// Has this column stood still for long enough, and will nobody else help?
bool Recoverer::NeedsRecovery(Core& core, ReplicaId column, Actions& actions) {
  Standstill& still = standstills_[static_cast<std::size_t>(Index(column))];
  const std::uint64_t known =
      std::max(core.log.Newest(column), core.needed[column]);
  if (core.committed[column] != still.committed ||
      core.committed[column] >= known) {
    still = {.committed = core.committed[column]};
    return false;
  }
  if (!rules::IsOutOfPatience(++still.ticks, PatienceWith(core, column))) {
    return false;
  }
  return !WaitsForProposer(core, column, still, actions);
}

// Ticks from the question on. Who says nothing at all may merely have stood
// still for a moment, which is the failure detector's to judge; who speaks and
// does not answer hears nothing.
int Recoverer::PatienceForAnAnswer(const Core& core, const Standstill& still,
                                   ReplicaId column) const {
  const ReplicaId proposer = *still.asked;
  const int turns = (proposer == column ? RankAfter(core, column) : 0) +
                    (still.idle ? 0 : kPeriodsForAnAnswer);
  const int patience = turns * PeriodOf(core, proposer);
  if (still.idle || speaks_.Contains(proposer) ||
      !core.distances.IsMeasured(proposer)) {
    return patience;
  }
  return std::max(patience, core.distances.Ticks(proposer) + kStallTicks);
}

// A recovery takes the instance away from whoever is at work on it, even if
// that is merely slow. So it is asked first (Inquire), and what it says is
// believed a few times; somebody who is silent, or at nothing, is not waited
// for, by each replica in its turn if it is the command leader.
bool Recoverer::WaitsForProposer(Core& core, ReplicaId column,
                                 Standstill& still, Actions& actions) {
  const std::optional<ReplicaId> proposer = ProposerOf(core, column);
  if (!proposer || still.believed >= kMostAnswersBelieved) return false;
  if (still.asked != proposer) {
    still.asked = proposer;
    still.asking_ticks = 0;
    still.idle = false;
  }
  // What it said before it can have heard the question says nothing.
  if (still.asking_ticks <= core.distances.Ticks(*proposer)) {
    speaks_.Erase(*proposer);
  }
  if (still.asking_ticks >= PatienceForAnAnswer(core, still, column)) {
    if (!still.idle) {
      core.Count(RecoveryRule::kSilent);
      mute_.Insert(*proposer);
    }
    return false;
  }
  if (!still.idle && still.asking_ticks % core.RepeatAfter(*proposer) == 0) {
    core.Send(*proposer,
              Inquire{.instance = {column, core.committed[column] + 1}},
              /*rests_on=*/0, actions);
  }
  ++still.asking_ticks;
  return true;
}

// Nothing durable is told but what is durable; nobody builds on the answer.
void Recoverer::HandleInquire(Core& core, ReplicaId from, const Inquire& m,
                              Actions& actions) {
  const Instance* instance = core.log.Find(m.instance);
  InquireReply reply{.instance = m.instance};
  if (instance != nullptr && instance->last_record > core.outbox.durable()) {
    reply.working_on_it = true;  // The disk is.
  } else if (instance != nullptr || core.log.IsDropped(m.instance)) {
    if (core.AnswerIfSettled(from, m.instance, instance, actions)) return;
    reply.status = instance->status;
    reply.promised_ballot = instance->promised_ballot;
    reply.working_on_it = instance->leading() || instance->recovering();
  }
  core.Send(from, reply, /*rests_on=*/0, actions);
}

void Recoverer::HandleInquireReply(Core& core, ReplicaId from,
                                   const InquireReply& m) {
  const ReplicaId column = m.instance.replica;
  Standstill& still = standstills_[static_cast<std::size_t>(Index(column))];
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (instance == nullptr || still.asked != from || still.asking_ticks == 0 ||
      m.instance.slot != core.committed[column] + 1) {
    ++core.stats.stale_messages;  // Late, or not asked for.
    return;
  }
  if (m.working_on_it) {
    core.Count(RecoveryRule::kAtWork);
    still.asking_ticks = 0;
    still.ticks = 0;
    ++still.believed;
    return;
  }
  // Whoever has a higher ballot is asked next.
  instance->refused_by = std::max(instance->refused_by, m.promised_ballot);
  still.idle = true;
}

void Recoverer::RecoverWhatIsStuck(Core& core, Actions& actions) {
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (!NeedsRecovery(core, column, actions)) continue;
    const std::uint64_t known =
        std::max(core.log.Newest(column), core.needed[column]);
    for (std::uint64_t slot = core.committed[column] + 1;
         slot <= known && core.recoveries.size() < core.settings.max_recoveries;
         ++slot) {
      const InstanceId id{column, slot};
      const Instance* instance = core.log.Find(id);
      // An own round at ballot 0 that still runs repeats itself.
      if (core.recoveries.contains(id) ||
          (instance != nullptr && rules::NeedsNobody(*instance))) {
        continue;
      }
      StartRecovery(core, id, actions);
    }
    standstills_[static_cast<std::size_t>(i)] = {.committed =
                                                     core.committed[column]};
  }
}

void Recoverer::DriveRecoveries(Core& core, Actions& actions) {
  if (core.recoveries.empty()) return;
  const std::vector<InstanceId> all(core.recoveries.begin(),
                                    core.recoveries.end());
  for (const InstanceId id : all) {
    Instance* instance = core.log.Find(id);
    if (instance == nullptr || instance->status == InstanceStatus::kCommitted ||
        (!instance->recovering() && !instance->leading())) {
      core.recoveries.erase(id);  // Decided, or overtaken by another proposer.
      continue;
    }
    if (instance->recovering()) {
      RepeatRecovery(core, id, *instance, actions);
    } else if (!instance->in_flight) {  // Else RetransmitOwn repeats it.
      Leading& leading = *instance->leading();
      if (++leading.age_ticks >= leading.next_retransmit_ticks) {
        core.Retransmit(id, *instance, actions);
      }
    }
  }
}

void Recoverer::RepeatRecovery(Core& core, InstanceId id, Instance& instance,
                               Actions& actions) {
  Recovering& recovering = *instance.recovering();
  const int age = ++recovering.age_ticks;
  // The own number spreads the attempts of replicas that duel; each further
  // ballot gets twice the time, so that some attempt outlives any round trip.
  const auto doublings = static_cast<int>(
      std::min<std::uint64_t>(recovering.ballot.round() - 1, kMaxDoublings));
  const int limit = (core.RepeatAfter(core.Others()) *
                     (kAttemptPeriods + 3 * Index(core.self)))
                    << doublings;
  // Nothing is repeated while the own disk is what it waits for.
  if (instance.last_record > core.outbox.durable()) return;
  if (rules::IsTooOld(recovering, age, limit)) {
    StartRecovery(core, id, actions);  // A new ballot, perhaps with another Q.
    return;
  }
  if (age < recovering.next_repeat_ticks) return;
  // Each pause is as long as all that went before: where messages take longer
  // than anybody has measured they would pile up.
  const int first = core.RepeatAfter(core.Others());
  recovering.next_repeat_ticks =
      age + std::clamp(age, first, std::max(first, kLongestRepeatTicks));
  SendAttempt(core, id, instance, core.Others(), actions);
  if (recovering.stage != Recovering::Stage::kWaiting) return;
  // Those whose fate we wait for must be decided by somebody.
  for (const auto& [other, unused] : recovering.conflicts) {
    const Instance* waited = core.log.Find(other);
    if ((waited == nullptr || (waited->status != InstanceStatus::kCommitted &&
                               !waited->recovering() && !waited->leading())) &&
        core.recoveries.size() < core.settings.max_recoveries) {
      core.needed.Add(other);
    }
  }
}

// Sends what this attempt asks once more, to those of `to` that owe an answer.
void Recoverer::SendAttempt(Core& core, InstanceId id, const Instance& instance,
                            ReplicaSet to, Actions& actions) {
  const Recovering& recovering = *instance.recovering();
  ++core.stats.retransmissions;
  switch (recovering.stage) {
    case Recovering::Stage::kValidating: {
      ReplicaSet missing = recovering.quorum.Minus(recovering.validated);
      missing.Erase(core.self);
      core.outbox.SendAgain(to.Intersect(missing),
                            Validate{.instance = id,
                                     .ballot = recovering.ballot,
                                     .batch = recovering.batch,
                                     .initial_deps = recovering.initial_deps},
                            instance.last_record, actions);
      break;
    }
    case Recovering::Stage::kWaiting:
      core.outbox.SendAgain(to, WaitingOf(id, recovering), instance.last_record,
                            actions);
      [[fallthrough]];  // Late answers count while waiting (W4, W5).
    case Recovering::Stage::kPromising:
      core.outbox.SendAgain(
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

// What an attempt waited for may be forgotten now: only a new ballot may
// follow, whose answers leave it out.
void Recoverer::RestartRecoveries(Core& core, Actions& actions) {
  const std::vector<InstanceId> all(core.recoveries.begin(),
                                    core.recoveries.end());
  for (const InstanceId id : all) {
    const Instance* instance = core.log.Find(id);
    if (instance == nullptr) {
      core.recoveries.erase(id);
    } else if (instance->recovering() &&
               instance->recovering()->stage != Recovering::Stage::kPromising) {
      StartRecovery(core, id, actions);
    }
  }
}

}  // namespace quorate::epaxos
