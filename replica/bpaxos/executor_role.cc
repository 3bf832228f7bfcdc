#include "replica/bpaxos/executor_role.h"

#include <algorithm>
#include <utility>

#include "wire/check.h"
#include "wire/fingerprint.h"
#include "wire/timers.h"

namespace quorate::bpaxos {
namespace {

constexpr std::uint64_t kHeartbeatTicks = TicksOf<"bpaxos.heartbeat">;
// A column whose leader is not suspected gets this many times the patience.
constexpr int kPatienceWithTheLiving = 20;
// Ticks, in units of retransmit_ticks, before another leader is asked.
constexpr int kAskPeriods = 4;
// Instances of one column that are asked for at once.
constexpr std::uint64_t kMostAsked = 64;

}  // namespace

ExecutorRole::ExecutorRole(const Settings& settings, const Cluster& cluster)
    : settings_(settings),
      cluster_(cluster),
      decisions_(cluster.columns),
      needed_(cluster.columns),
      stuck_at_(cluster.columns),
      stable_(cluster.columns),
      announced_committed_(cluster.columns),
      announced_executed_(cluster.columns),
      repair_(cluster.columns, cluster.roles.executors, settings.self) {}

const KnownDecision* ExecutorRole::Find(InstanceId id) const {
  const KnownDecision* known = decisions_.Find(id);
  return known == nullptr || known->value.kind == ValueKind::kNone ? nullptr
                                                                   : known;
}

void ExecutorRole::Note(InstanceId id, const DependencySet& deps) {
  needed_.UnionWith(deps);
  needed_.Add(id);
}

bool ExecutorRole::Learn(const Commit& m, bool payload_recorded,
                         Effects& effects) {
  KnownDecision* known = decisions_.Believes(m.deps)
                             ? decisions_.FindOrCreate(m.instance)
                             : nullptr;
  if (known == nullptr) {
    effects.Stale();  // Forgotten, or beyond any believable slot.
    return false;
  }
  if (known->value.kind != ValueKind::kNone) {
    QUORATE_CHECK(known->value == m.value && known->deps == m.deps,
                  "G1: all commits of one instance carry the same decision");
    effects.Stale();
    return false;
  }
  known->value = m.value;
  known->deps = m.deps;
  known->record = effects.Persist(CommittedRecord{
      .instance = m.instance,
      .value = payload_recorded ? m.value.WithoutPayload() : m.value,
      .deps = m.deps});
  Note(m.instance, m.deps);
  return true;
}

bool ExecutorRole::Restore(InstanceId id, Value value,
                           const DependencySet& deps, RecordSequence sequence) {
  KnownDecision* known = decisions_.FindOrCreate(id);
  if (known == nullptr || known->value.kind != ValueKind::kNone) return false;
  *known = {.value = std::move(value), .deps = deps, .record = sequence};
  Note(id, deps);
  return true;
}

// ---- how far everybody is ---------------------------------------------------

void ExecutorRole::HandleTick(const DependencySet& committed,
                              const DependencySet& executed, std::uint64_t era,
                              Effects& effects) {
  ++ticks_;
  stable_.Note(executed, effects.last_record(), effects.durable());
  for (int i = 0; i < cluster_.columns; ++i) {
    AskForMissing(ReplicaAt(i), committed[ReplicaAt(i)], effects);
  }
  if (ticks_ % static_cast<std::uint64_t>(settings_.retransmit_ticks) == 0) {
    repair_.BeginPeriod(Newest());
  }
  SendFrontier(committed, era, effects);
}

void ExecutorRole::SendFrontier(const DependencySet& committed,
                                std::uint64_t era, Effects& effects) {
  const bool news = committed != announced_committed_ ||
                    stable_.executed() != announced_executed_ || ticks_ == 1;
  if (!news && ticks_ % kHeartbeatTicks != 0) return;
  announced_committed_ = committed;
  announced_executed_ = stable_.executed();
  // To all roles, this node's own as well.
  effects.Send(cluster_.everybody,
               Frontier{.committed = committed,
                        .executed = stable_.executed(),
                        .base_floor = Forgotten(),
                        .era = era},
               0);
}

// ---- what is missing here ---------------------------------------------------

void ExecutorRole::AskForMissing(ReplicaId column, std::uint64_t frontier,
                                 Effects& effects) {
  int& stuck = stuck_ticks_[static_cast<std::size_t>(Index(column))];
  const std::uint64_t known = std::max(needed_[column], frontier);
  if (frontier != stuck_at_[column] || frontier == known) {
    stuck_at_.Set(column, frontier);
    stuck = 0;
    return;
  }
  ++stuck;
  const bool suspected = effects.suspected().Contains(column);
  const int patience = suspected ? settings_.recovery_ticks
                                 : std::max(settings_.recovery_ticks,
                                            settings_.retransmit_ticks) *
                                       kPatienceWithTheLiving;
  const int period = kAskPeriods * settings_.retransmit_ticks;
  if (stuck < patience || (stuck - patience) % period != 0) return;
  Ask(column, frontier, known, (stuck - patience) / period, effects);
}

void ExecutorRole::Ask(ReplicaId column, std::uint64_t frontier,
                       std::uint64_t known, int attempt, Effects& effects) {
  ReplicaSet leaders = cluster_.roles.leaders.Minus(effects.suspected());
  if (leaders.empty()) leaders = cluster_.roles.leaders;
  const ReplicaId leader = InRing(leaders, column, attempt);
  const std::uint64_t last = std::min(known, frontier + kMostAsked);
  for (std::uint64_t slot = frontier + 1; slot <= last; ++slot) {
    if (Find({column, slot}) != nullptr) continue;
    effects.Send(leader, Inquire{.instance = {column, slot}}, 0);
  }
}

// ---- what is missing at other executors -------------------------------------

void ExecutorRole::HandleFrontier(ReplicaId from, const Frontier& m,
                                  bool reads_here, Effects& effects) {
  if (IsSelf(from) || !cluster_.roles.executors.Contains(from)) return;
  repair_.Hear(from, m.committed);
  for (int i = 0; i < cluster_.columns; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (repair_.IsOverdue(from, column) &&
        Find({column, m.committed[column] + 1}) != nullptr &&
        (reads_here || repair_.IsOurs(from, column, effects.suspected()))) {
      Resend(from, column, effects);
    }
  }
}

void ExecutorRole::Resend(ReplicaId to, ReplicaId column, Effects& effects) {
  const auto send = [&](InstanceId id) -> std::optional<std::size_t> {
    const KnownDecision* known = Find(id);
    if (known == nullptr) return std::nullopt;  // Not decided here either.
    effects.SendAgain(
        to, Commit{.instance = id, .value = known->value, .deps = known->deps},
        0);
    ++effects.stats().retransmissions;
    return known->value.batch == nullptr ? 0 : known->value.batch->byte_size();
  };
  repair_.Resend(to, column, send);
}

DependencySet ExecutorRole::Newest() const {
  DependencySet newest(cluster_.columns);
  for (int i = 0; i < cluster_.columns; ++i) {
    newest.Set(ReplicaAt(i), decisions_.Newest(ReplicaAt(i)));
  }
  return newest;
}

// ---- what is forgotten ------------------------------------------------------

DependencySet ExecutorRole::Forgotten() const {
  DependencySet forgotten(cluster_.columns);
  for (int i = 0; i < cluster_.columns; ++i) {
    forgotten.Set(ReplicaAt(i), decisions_.Dropped(ReplicaAt(i)));
  }
  return forgotten;
}

bool ExecutorRole::RetainsMoreThan(std::size_t bytes, const DependencySet& from,
                                   const DependencySet& to) const {
  std::size_t total = 0;
  for (int i = 0; i < cluster_.columns; ++i) {
    const ReplicaId column = ReplicaAt(i);
    std::uint64_t slot = std::max(from[column], decisions_.Dropped(column));
    while (slot < to[column]) {
      const KnownDecision* known = Find({column, ++slot});
      if (known == nullptr) continue;
      total += sizeof(KnownDecision);
      if (known->value.batch != nullptr) {
        total += known->value.batch->memory_size();
      }
      if (total > bytes) return true;
    }
  }
  return false;
}

// ---- replies ----------------------------------------------------------------

bool ExecutorRole::AnswersFor(InstanceId id, ReplicaSet suspected) const {
  ReplicaSet others = suspected;
  others.Erase(settings_.self);
  // Who answers is fixed by the slot; a suspected one's part falls to the next
  // in ring order. Two that answer do no harm.
  const ReplicaSet executors = cluster_.roles.executors;
  const int first =
      static_cast<int>(id.slot % static_cast<std::uint64_t>(executors.size()));
  for (int step = 0; step < executors.size(); ++step) {
    const ReplicaId candidate = InRing(executors, ReplicaAt(0), first + step);
    if (!others.Contains(candidate)) return IsSelf(candidate);
  }
  return false;
}

std::uint64_t ExecutorRole::Fingerprint() const {
  quorate::Fingerprint print;
  decisions_.ForEach([&](InstanceId id, const KnownDecision& known) {
    if (known.value.kind == ValueKind::kNone) return;
    print.Mix(id.slot * kMaxReplicas +
              static_cast<std::uint64_t>(Index(id.replica)));
    print.Mix(static_cast<std::uint64_t>(known.value.kind));
    print.Mix(known.value.digest);
    for (const std::uint64_t watermark : known.deps.watermarks()) {
      print.Mix(watermark);
    }
  });
  for (const std::uint64_t watermark : stable_.executed().watermarks()) {
    print.Mix(watermark);
  }
  return print.value();
}

}  // namespace quorate::bpaxos
