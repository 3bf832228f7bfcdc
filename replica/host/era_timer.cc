#include "replica/host/era_timer.h"

#include <algorithm>

#include "wire/timers.h"

namespace quorate {
namespace {

// Ticks that a replica leaves the one before it, and that a proposal has.
constexpr std::uint64_t kPatienceTicks = TicksOf<"era.rank">;

}  // namespace

EraTimer::EraTimer(const Settings& settings)
    : era_ticks_(
          settings.session_idle_ms == 0
              ? 0
              : std::max<std::uint64_t>(
                    1, settings.session_idle_ms /
                           static_cast<std::uint64_t>(settings.tick_ms))),
      rank_(static_cast<std::uint64_t>(Index(settings.self))) {}

CommandBatchPtr EraTimer::Tick(std::uint64_t era) {
  if (era_ticks_ == 0 || era == kMaxEra) return nullptr;
  if (era != era_) {
    era_ = era;
    age_ = 0;
  }
  const std::uint64_t due = era_ticks_ + rank_ * kPatienceTicks;
  if (++age_ < due || (age_ - due) % (kMaxNodes * kPatienceTicks) != 0) {
    return nullptr;
  }
  return MakeBatch({.client = ClientId{}, .sequence = FirstSequence(era)},
                   {.kind = OperationKind::kEndEra,
                    .number = static_cast<std::int64_t>(era)});
}

}  // namespace quorate
