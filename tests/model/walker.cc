#include "tests/model/walker.h"

#include <array>

namespace quorate::model {
namespace {

// Worlds are begun anew when they know this many states of single replicas.
constexpr std::size_t kMostStates = 150000;
constexpr std::uint64_t kWalkProgressMask = 255;
// Draws that change nothing, before a walk ends.
constexpr int kMostIdleDraws = 40;
constexpr std::uint32_t kFresh = 16;  // times likelier than a repetition

}  // namespace

Walker::Weather Walker::Draw() {
  Weather weather;
  const std::array<std::uint32_t, 5> weights = {1, 3, 10, 30, 100};
  const std::array<std::uint32_t, 5> rare = {0, 0, 1, 5, 30};
  for (std::uint32_t& weight : weather.by_message) {
    weight = random_.OneOf(weights);
  }
  for (std::uint32_t& weight : weather.by_kind) {
    weight = random_.OneOf(weights);
  }
  const auto kind = [&](StepKind k) -> std::uint32_t& {
    return weather.by_kind[static_cast<std::size_t>(k)];
  };
  kind(StepKind::kRecover) =
      random_.OneOf(std::array<std::uint32_t, 5>{1, 1, 3, 10, 30});
  kind(StepKind::kHurry) = random_.OneOf(rare);
  kind(StepKind::kRestart) = random_.OneOf(rare);
  // Decisions that few hear of leave the others something to do.
  weather.by_message[Message(Commit{}).index()] = random_.OneOf(rare);
  for (int column = 0; column < scope_.replicas; ++column) {
    for (int i = 0; i < scope_.replicas; ++i) {
      if (random_.Chance(350)) {
        weather.unheard[static_cast<std::size_t>(column)].Insert(ReplicaAt(i));
      }
    }
  }
  for (int i = 0; i < scope_.replicas; ++i) {
    if (random_.Chance(120)) weather.dead.Insert(ReplicaAt(i));
  }
  weather.quiet_steps = random_.Pick(3) == 0 ? random_.Pick(12) : 0;
  return weather;
}

std::uint32_t Walker::WeightOf(const Weather& weather, const Action& action,
                               int step) const {
  const StepKind kind = action.step.kind;
  if (kind != StepKind::kPropose &&
      weather.dead.Contains(ReplicaAt(action.replica))) {
    return 0;
  }
  if (kind != StepKind::kDeliver) {
    if (kind == StepKind::kRecover && step < weather.quiet_steps) return 0;
    return kFresh * weather.by_kind[static_cast<std::size_t>(kind)];
  }
  const PacketId id = action.step.argument;
  const Packet& packet = world_->replica_states().packets().Get(id);
  if (std::holds_alternative<PreAccept>(packet.message) &&
      weather.unheard[static_cast<std::size_t>(Index(packet.from))].Contains(
          packet.to)) {
    return 0;
  }
  const std::uint32_t weight = weather.by_message[packet.message.index()];
  return id < delivered_.size() && delivered_[id] ? weight : kFresh * weight;
}

WalkResult Walker::Run(const WalkLimits& limits, const Progress& progress) {
  WalkResult result;
  random_ = sim::Random(limits.seed);
  while (result.walks < limits.walks && result.violation.empty()) {
    if (world_ == nullptr || world_->replica_states().size() > kMostStates) {
      world_ = std::make_unique<World>(scope_);
      start_ = Open(*world_);
    }
    ++result.walks;
    Walk(limits, result);
    if ((result.walks & kWalkProgressMask) == 0) progress(result);
  }
  return result;
}

void Walker::Walk(const WalkLimits& limits, WalkResult& result) {
  const Weather weather = Draw();
  path_.clear();
  delivered_.clear();
  WorldState state = start_;
  std::vector<Action> enabled;
  std::vector<std::uint32_t> weights;
  int idle = 0;
  bool moved = true;
  for (int step = 0; step < limits.steps && idle < kMostIdleDraws;) {
    if (moved) {
      world_->ListEnabled(state, enabled);
      weights.clear();
      for (const Action& action : enabled) {
        weights.push_back(WeightOf(weather, action, step));
      }
    }
    std::uint64_t total = 0;
    for (const std::uint32_t weight : weights) total += weight;
    if (total == 0) return;
    std::uint64_t drawn = random_.Below(total);
    std::size_t at = 0;
    while (drawn >= weights[at]) drawn -= weights[at++];
    const Action action = enabled[at];
    path_.push_back(action);
    const WorldState after = world_->Apply(state, action);
    moved = World::Changes(state, after);
    if (action.step.kind == StepKind::kDeliver) {
      delivered_.resize(world_->replica_states().packets().size());
      delivered_[action.step.argument] = true;
    }
    if (!moved) {
      path_.pop_back();
      weights[at] = 0;
      ++idle;
      continue;
    }
    idle = 0;
    ++step;
    ++result.steps;
    state = after;
    result.violation = world_->FindViolation(state, action.replica);
    if (result.violation.empty()) continue;
    const ScheduleRun shrunk = Shrink(
        *world_, start_, {.taken = path_, .violation = result.violation});
    result.violation = shrunk.violation;
    result.schedule = Lines(*world_, shrunk.taken);
    return;
  }
}

}  // namespace quorate::model
