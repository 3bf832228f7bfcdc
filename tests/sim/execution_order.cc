#include "tests/sim/execution_order.h"

#include <algorithm>

#include "tests/sim/random.h"

namespace quorate::sim {
namespace {

std::uint64_t HashOf(InstanceId id) {
  std::uint64_t state =
      id.slot * kMaxReplicas + static_cast<std::uint64_t>(Index(id.replica));
  return SplitMix64(state);
}

std::uint8_t Bit(std::size_t access_class) {
  return static_cast<std::uint8_t>(1u << access_class);
}

}  // namespace

ExecutionOrder::ExecutionOrder(const Settings& settings,
                               std::vector<std::string> keys, Verdict& verdict)
    : mode_(settings.conflicts),
      keys_(std::move(keys)),
      verdict_(verdict),
      replicas_(static_cast<std::size_t>(settings.replicas)) {
  for (ReplicaState& replica : replicas_) replica.keys.resize(keys_.size());
}

std::vector<ExecutionOrder::Access> ExecutionOrder::AccessesOf(
    const CommandBatch& batch) const {
  std::vector<Access> accesses;
  for (const Operation& operation : batch.operations()) {
    const Classes bit =
        Bit(static_cast<std::size_t>(ClassOf(operation.kind, mode_)));
    auto key = std::lower_bound(keys_.begin(), keys_.end(), operation.key);
    const bool scan = IsRange(operation.kind);
    while (key != keys_.end() &&
           (scan ? ScanCovers(operation, *key) : *key == operation.key)) {
      accesses.push_back({.key = static_cast<std::size_t>(key - keys_.begin()),
                          .classes = bit});
      ++key;
    }
  }
  // One access a key, with all classes of the batch.
  std::sort(accesses.begin(), accesses.end(),
            [](const Access& a, const Access& b) { return a.key < b.key; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < accesses.size(); ++i) {
    if (accesses[i].key == accesses[last].key) {
      accesses[last].classes |= accesses[i].classes;
    } else {
      accesses[++last] = accesses[i];
    }
  }
  if (!accesses.empty()) accesses.resize(last + 1);
  return accesses;
}

std::uint64_t ExecutionOrder::ConflictingPast(
    const ReplicaState& replica, const std::vector<Access>& accesses) const {
  std::uint64_t past = 0;
  for (const Access& access : accesses) {
    for (std::size_t other = 0; other < kAccessClasses; ++other) {
      bool conflict = false;
      for (std::size_t own = 0; own < kAccessClasses; ++own) {
        conflict |= (access.classes & Bit(own)) != 0 &&
                    Conflict(static_cast<AccessClass>(own),
                             static_cast<AccessClass>(other));
      }
      if (!conflict) continue;
      std::uint64_t state = past ^ replica.keys[access.key][other];
      past = SplitMix64(state);
    }
  }
  return past;
}

void ExecutionOrder::Add(ReplicaState& replica, InstanceId id,
                         const std::vector<Access>& accesses) {
  for (const Access& access : accesses) {
    for (std::size_t own = 0; own < kAccessClasses; ++own) {
      if ((access.classes & Bit(own)) == 0) continue;
      replica.keys[access.key][own] += HashOf(id);
    }
  }
}

bool ExecutionOrder::Insert(ReplicaId at, InstanceId id) {
  if (replicas_[static_cast<std::size_t>(Index(at))]
          .executed.insert(id)
          .second) {
    return true;
  }
  verdict_.Fail("G4: an instance is executed once in a life",
                ToString(id) + " at r" + std::to_string(Index(at) + 1));
  return false;
}

void ExecutionOrder::NoteFirst(InstanceId id) {
  if (executed_somewhere_.insert(id).second) first_.push_back(id);
}

void ExecutionOrder::Executed(ReplicaId at, InstanceId id,
                              const CommandBatch& batch) {
  if (!Insert(at, id)) return;
  NoteFirst(id);
  ReplicaState& replica = replicas_[static_cast<std::size_t>(Index(at))];
  const std::vector<Access> accesses = AccessesOf(batch);
  const std::uint64_t past = ConflictingPast(replica, accesses);
  const auto [known, is_new] = past_.emplace(id, past);
  if (!is_new && known->second != past) {
    verdict_.Fail(
        "G4: conflicting instances are executed in one order everywhere",
        ToString(id) + " at r" + std::to_string(Index(at) + 1));
  }
  Add(replica, id, accesses);
}

void ExecutionOrder::Stopped(ReplicaId at) {
  ReplicaState& replica = replicas_[static_cast<std::size_t>(Index(at))];
  replica.executed.clear();
  std::fill(replica.keys.begin(), replica.keys.end(), KeyState{});
}

void ExecutionOrder::Restored(ReplicaId at, InstanceId id,
                              const CommandBatch& batch) {
  if (!Insert(at, id)) return;
  NoteFirst(id);
  Add(replicas_[static_cast<std::size_t>(Index(at))], id, AccessesOf(batch));
}

}  // namespace quorate::sim
