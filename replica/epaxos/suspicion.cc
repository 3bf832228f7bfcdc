// Who recovers what, and when (protocol.md 2.7).
#include <algorithm>

#include "replica/epaxos/epaxos.h"
#include "wire/mutation.h"

namespace quorate::epaxos {
namespace {

// A column whose replica is not suspected gets this many times the patience.
constexpr int kPatienceWithTheLiving = 40;
// Ticks, in units of retransmit_ticks, after which an attempt that makes no
// progress is begun again at a new ballot.
constexpr int kAttemptPeriods = 8;
constexpr std::uint64_t kMaxDoublings = 6;
// Ticks between two attempts at most, where only their number makes it longer.
constexpr int kLongestPause = 200;

}  // namespace

// Has this column stood still long enough for us, given our rank in ring order
// after it? Those that come before us and are up go first.
bool Epaxos::NeedsRecovery(ReplicaId column) {
  const auto at = static_cast<std::size_t>(Index(column));
  const std::uint64_t known = std::max(log_.Newest(column), needed_[column]);
  if (committed_[column] != stuck_at_[column] || committed_[column] >= known) {
    stuck_at_.Set(column, committed_[column]);
    stuck_ticks_[at] = 0;
    return false;
  }
  ++stuck_ticks_[at];
  int rank = 0;
  for (int step = 1; step < quorums_.replicas; ++step) {
    const ReplicaId other =
        ReplicaAt((Index(column) + step) % quorums_.replicas);
    if (IsSelf(other)) break;
    if (!peers_[static_cast<std::size_t>(Index(other))].suspected) ++rank;
  }
  int patience = settings_.recovery_ticks * (1 + 4 * rank);
  if (IsSelf(column)) {
    // An own instance whose round at ballot 0 a recoverer has ended.
    patience = 2 * (settings_.recovery_ticks + settings_.retransmit_ticks);
  } else if (!peers_[at].suspected) {
    patience = (settings_.recovery_ticks + settings_.retransmit_ticks) *
               kPatienceWithTheLiving * (1 + rank);
  }
  // Where several replicas keep overtaking each other, everybody waits longer
  // and longer, each by its own rank: at last somebody is left alone for long
  // enough to finish.
  const Instance* first = log_.Find({column, committed_[column] + 1});
  const std::uint64_t attempts =
      first == nullptr ? 0 : first->promised_ballot.round();
  const int doubled = patience
                      << std::min<std::uint64_t>(attempts, kMaxDoublings);
  return stuck_ticks_[at] >=
         std::max(patience, std::min(doubled, kLongestPause));
}

void Epaxos::RecoverWhatIsStuck(Actions& actions) {
  if (Mutated("no_recovery")) return;
  for (int i = 0; i < quorums_.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (!NeedsRecovery(column)) continue;
    const std::uint64_t known = std::max(log_.Newest(column), needed_[column]);
    for (std::uint64_t slot = committed_[column] + 1;
         slot <= known && recoveries_.size() < settings_.max_recoveries;
         ++slot) {
      const InstanceId id{column, slot};
      const Instance* instance = log_.Find(id);
      if (Mutated("wait_for_ever") && instance != nullptr &&
          instance->waiting_votes > 0) {
        continue;
      }
      // An own round at ballot 0 that still runs repeats itself.
      if (recoveries_.contains(id) ||
          (instance != nullptr &&
           (instance->status == InstanceStatus::kCommitted ||
            instance->leading))) {
        continue;
      }
      StartRecovery(id, actions);
    }
    stuck_ticks_[static_cast<std::size_t>(i)] = 0;
  }
}

void Epaxos::DriveRecoveries(Actions& actions) {
  if (recoveries_.empty()) return;
  const std::vector<InstanceId> all(recoveries_.begin(), recoveries_.end());
  for (const InstanceId id : all) {
    Instance* instance = log_.Find(id);
    if (instance == nullptr ||
        instance->status == InstanceStatus::kCommitted ||
        (!instance->recovering && !instance->leading)) {
      recoveries_.erase(id);  // Decided, or overtaken by another proposer.
      continue;
    }
    if (instance->recovering) {
      RepeatRecovery(id, *instance, actions);
    } else if (!instance->in_flight) {  // Else RetransmitOwn repeats it.
      Leading& leading = *instance->leading.get();
      if (++leading.age_ticks >= leading.next_retransmit_ticks) {
        Retransmit(id, *instance, actions);
      }
    }
  }
}

void Epaxos::RepeatRecovery(InstanceId id, Instance& instance,
                            Actions& actions) {
  Recovering& recovering = *instance.recovering.get();
  const int age = ++recovering.age_ticks;
  // The own number spreads the attempts of replicas that duel; each further
  // ballot gets twice the time, so that some attempt outlives any round trip.
  const auto doublings = static_cast<int>(
      std::min<std::uint64_t>(recovering.ballot.round() - 1, kMaxDoublings));
  const int limit = (settings_.retransmit_ticks *
                     (kAttemptPeriods + 3 * Index(self_)))
                    << doublings;
  const bool waits = recovering.stage == Recovering::Stage::kWaiting;
  if (age >= limit && !(waits && Mutated("wait_for_ever"))) {
    StartRecovery(id, actions);  // A new ballot, perhaps with another Q.
    return;
  }
  if (age % settings_.retransmit_ticks != 0) return;
  ++stats_.retransmissions;
  switch (recovering.stage) {
    case Recovering::Stage::kValidating: {
      ReplicaSet missing = recovering.quorum.Minus(recovering.validated);
      missing.Erase(self_);
      outbox_.SendAgain(missing,
                   Validate{.instance = id,
                            .ballot = recovering.ballot,
                            .batch = recovering.batch,
                            .initial_deps = recovering.initial_deps},
                   instance.last_record, actions);
      break;
    }
    case Recovering::Stage::kWaiting:
      outbox_.SendAgain(Others(), WaitingOf(id, recovering),
                        instance.last_record, actions);
      // Those whose fate we wait for must be decided by somebody.
      for (const auto& [other, unused] : recovering.conflicts) {
        const Instance* waited = log_.Find(other);
        if ((waited == nullptr ||
             (waited->status != InstanceStatus::kCommitted &&
              !waited->recovering && !waited->leading)) &&
            recoveries_.size() < settings_.max_recoveries) {
          needed_.Add(other);
        }
      }
      [[fallthrough]];  // Late answers count while waiting (W4, W5).
    case Recovering::Stage::kPromising:
      outbox_.SendAgain(
          Others().Minus(recovering.answered),
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
