#include "tests/sim/observer.h"

#include <algorithm>

#include "tests/sim/ghost.h"
#include "tests/sim/log_ghost.h"

namespace quorate::sim {
namespace {

// Of a command's operations, to tell one submitted command from another.
std::uint64_t DigestOf(std::span<const Operation> operations) {
  std::uint64_t digest = operations.size();
  const auto mix = [&digest](std::uint64_t value) {
    digest = (digest ^ value) * 0x9fb21c651e98df25u;
    digest ^= digest >> 32;
  };
  for (const Operation& operation : operations) {
    mix(static_cast<std::uint64_t>(operation.kind));
    mix(HashKey(operation.key));
    mix(HashKey(operation.value));
    mix(HashKey(operation.expected));
    mix(static_cast<std::uint64_t>(operation.number));
  }
  return digest;
}

}  // namespace

std::unique_ptr<Observer> Observer::Create(const Settings& settings,
                                           Verdict& verdict) {
  if (settings.protocol == Protocol::kMultipaxos) {
    return std::make_unique<LogGhost>(settings, verdict);
  }
  return std::make_unique<Ghost>(settings, verdict);
}

void Observer::Submitted(const CommandBatch& batch, const Command& command) {
  submitted_[KeyOf(command.id)] = DigestOf(batch.operations(command));
}

void Observer::NoteLate(const CommittedInstance& decision) {
  if (withdrawn_.empty() || decision.value.batch == nullptr) return;
  for (const Command& command : decision.value.batch->commands()) {
    if (withdrawn_.contains(KeyOf(command.id))) Note(Mark::kLateCommand);
  }
}

bool Observer::AreSubmitted(const CommandBatch& batch) const {
  return std::ranges::all_of(batch.commands(), [&](const Command& command) {
    if (IsOfReplicas(batch, command)) return true;
    const auto found = submitted_.find(KeyOf(command.id));
    return found != submitted_.end() &&
           found->second == DigestOf(batch.operations(command));
  });
}

bool Observer::AreKnown(const CommandBatch& batch) const {
  return std::ranges::all_of(batch.commands(), [&](const Command& command) {
    return IsOfReplicas(batch, command) ||
           submitted_.contains(KeyOf(command.id));
  });
}

void Observer::CountDecision(bool with_commands, bool recovered) {
  ++decided_;
  if (with_commands) ++with_commands_;
  if (recovered) ++recovered_;
}

void Observer::Report(const char* invariant, ReplicaId at,
                      const std::string& what, const std::string& detail) {
  verdict_.Fail(invariant, what + " at r" + std::to_string(Index(at) + 1) +
                               (detail.empty() ? "" : ": ") + detail);
}

}  // namespace quorate::sim
