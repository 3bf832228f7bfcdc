// Whom a crash finds at work.
#include <algorithm>

#include "tests/sim/simulation.h"

namespace quorate::sim {
namespace {

// What is under way is among the newest records.
constexpr std::size_t kNewest = 256;

bool IsAnswer(const Record& record) {
  return std::holds_alternative<DependencyRecord>(record);
}
bool IsVote(const Record& record) {
  return std::holds_alternative<AcceptedRecord>(record);
}

InstanceId InstanceOf(const Record& record) {
  if (const auto* answer = std::get_if<DependencyRecord>(&record)) {
    return answer->instance;
  }
  return std::get<AcceptedRecord>(record).instance;
}

}  // namespace

// Has it appended such a record about an instance that nobody has decided?
bool Simulation::HasUndecided(int index, bool (*is_part)(const Record&)) const {
  std::span<const Record> journal =
      nodes_[static_cast<std::size_t>(index)].disk.journal();
  journal = journal.last(std::min(journal.size(), kNewest));
  return std::ranges::any_of(journal, [&](const Record& record) {
    return is_part(record) && !ghost_.IsDecided(InstanceOf(record));
  });
}

std::vector<Mark> Simulation::PartsUnderWay(int index) {
  std::vector<Mark> parts;
  const Node& at = node(index);
  const ReplicaStatus status = at.replica->Status();
  if (plan_.settings.protocol == Protocol::kMultipaxos) {
    if (status.leads) {
      if (status.own_in_flight > 0) parts.push_back(Mark::kCrashOfLogLeader);
    } else if (HasUndecided(index, IsVote)) {
      parts.push_back(Mark::kCrashOfLogFollower);
    }
  }
  if (plan_.settings.protocol != Protocol::kBpaxos) return parts;
  if (status.own_in_flight > 0) parts.push_back(Mark::kCrashOfLeader);
  if (HasUndecided(index, IsAnswer)) {
    parts.push_back(Mark::kCrashOfDependencyNode);
  }
  if (HasUndecided(index, IsVote)) parts.push_back(Mark::kCrashOfAcceptor);
  // Decided, and not on disk here, or waiting for others.
  const auto is_decision = [](const Record& record) {
    return std::holds_alternative<CommittedRecord>(record);
  };
  const std::span<const Record> unsynced =
      at.disk.journal().subspan(at.disk.durable());
  if (std::ranges::any_of(unsynced, is_decision) ||
      std::ranges::any_of(at.turn->kept_records(), is_decision) ||
      status.executor.waiting_instances > 0) {
    parts.push_back(Mark::kCrashOfExecutor);
  }
  return parts;
}

}  // namespace quorate::sim
