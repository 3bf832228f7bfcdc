// Dependencies, and the quorums that chose them (G3, 6, 10; 3.2, 3.5, 3.6).
#include "tests/sim/ghost.h"

#include <algorithm>
#include <array>

#include "depsvc/shards.h"
#include "wire/commutation.h"

namespace quorate::sim {
namespace {

// Settings' defaults written out once more, on purpose not by the code under
// test: n >= 2f+1 and n >= 2e+f-1, e <= f (protocol.md 1, 3.5, 3.6).
int FaultsOf(const Settings& settings) {
  return settings.faults > 0 ? settings.faults : (settings.replicas - 1) / 2;
}
int FastFaultsOf(const Settings& settings) {
  if (settings.fast_faults > 0) return settings.fast_faults;
  const int faults = FaultsOf(settings);
  int fast_faults = 0;
  while (fast_faults < faults &&
         2 * (fast_faults + 1) + faults - 1 <= settings.replicas) {
    ++fast_faults;
  }
  return fast_faults;
}
int FastQuorumOf(const Settings& settings) {
  switch (settings.fast_path) {
    case FastPathRule::kEpaxos:
      return settings.replicas - FastFaultsOf(settings);
    case FastPathRule::kAtlas:
      return settings.replicas / 2 + FaultsOf(settings);
    case FastPathRule::kUnanimous: break;
  }
  return settings.replicas;
}
int AcceptQuorumOf(const Settings& settings) {
  return settings.fast_path == FastPathRule::kAtlas
             ? FaultsOf(settings) + 1
             : settings.replicas - FaultsOf(settings);
}
int LaggardsOf(const Settings& settings) {
  if (settings.retained_bytes == 0) return 0;
  if (settings.fast_path != FastPathRule::kEpaxos) return FaultsOf(settings);
  return settings.lazy_fast_commit
             ? 0
             : settings.replicas - FaultsOf(settings) - FastFaultsOf(settings);
}

}  // namespace

Ghost::Sizes Ghost::SizesOf(const Settings& settings) {
  return {.faults = FaultsOf(settings),
          .accept_quorum = AcceptQuorumOf(settings),
          .fast_quorum = FastQuorumOf(settings),
          .laggards = LaggardsOf(settings)};
}

void Ghost::NoteInitialDeps(ReplicaId at, InstanceId id,
                            const DependencySet& deps) {
  std::optional<DependencySet>& known = Get(id).initial_deps;
  if (!known.has_value()) {
    known = deps;
  } else if (*known != deps) {
    Fail("invariant 6: the initial dependencies are the same everywhere", at,
         id, ToString(*known) + " and " + ToString(deps));
  }
}

// G3. Only instances outside deps(id) need a look, and of these only the ones
// that do not depend on `id` either: few.
void Ghost::CheckVisibility(ReplicaId at, InstanceId id) {
  const Instance& instance = Get(id);
  const DependencySet& deps = instance.decided->deps;
  for (int i = 0; i < ColumnsOf(settings()); ++i) {
    const ReplicaId column = ReplicaAt(i);
    const auto& others = columns_[static_cast<std::size_t>(i)];
    for (std::uint64_t slot = deps[column] + 1; slot <= others.size(); ++slot) {
      const Instance& other = others[slot - 1];
      if (InstanceId{column, slot} == id || !other.decided.has_value() ||
          other.decided->value.kind != ValueKind::kCommands ||
          other.decided->deps.Contains(id) ||
          !Conflict(*instance.payload, *other.payload, settings().conflicts)) {
        continue;
      }
      Fail("G3: of two conflicting instances one is in the other's deps", at,
           id, "neither with " + ToString(InstanceId{column, slot}));
    }
  }
}

void Ghost::CheckFastQuorum(ReplicaId at, InstanceId id,
                            const DependencySet& deps) {
  Instance& instance = Get(id);
  if (settings().fast_path == FastPathRule::kAtlas) {
    return CheckPopularity(at, id, deps);
  }
  int matching = 0;
  for (const OnDisk& disk : instance.on_disk) {
    if (disk.pre_accepted && disk.pre_accepted_deps == deps) ++matching;
  }
  if (instance.initial_deps != deps || matching < sizes_.fast_quorum) {
    Fail(
        "invariant 10: a fast commit has a fast quorum of matching votes", at,
        id,
        std::to_string(matching) + " of " + std::to_string(sizes_.fast_quorum));
  }
}

// Invariant 10 of the Atlas rule: all of the one fast quorum have voted, the
// dependencies are the union of their votes, and f of them report each.
void Ghost::CheckPopularity(ReplicaId at, InstanceId id,
                            const DependencySet& deps) {
  Instance& instance = Get(id);
  const ReplicaSet quorum = instance.fast_quorum.value_or(ReplicaSet());
  DependencySet united(ColumnsOf(settings()));
  std::array<int, kMaxReplicas> reporters{};
  for (int i = 0; i < settings().replicas; ++i) {
    if (!quorum.Contains(ReplicaAt(i))) continue;
    const OnDisk& disk = DiskOf(ReplicaAt(i), instance);
    if (!disk.pre_accepted) {
      Fail("invariant 10: every member of the fast quorum has voted", at, id);
      return;
    }
    united.UnionWith(disk.pre_accepted_deps);
    for (int column = 0; column < settings().replicas; ++column) {
      if (disk.pre_accepted_deps[ReplicaAt(column)] >=
          deps[ReplicaAt(column)]) {
        ++reporters[static_cast<std::size_t>(column)];
      }
    }
  }
  if (quorum.empty() || united != deps) {
    Fail("invariant 10: a fast commit has the union of its quorum's votes", at,
         id, ToString(united) + " and " + ToString(deps));
  }
  for (int column = 0; column < settings().replicas; ++column) {
    if (reporters[static_cast<std::size_t>(column)] >= sizes_.faults) continue;
    Fail("invariant 10: f members report each dependency of a fast commit", at,
         id, ToString(deps));
  }
}

void Ghost::NoteFastQuorum(ReplicaId at, InstanceId id, ReplicaSet quorum) {
  const bool fixed = settings().fast_path == FastPathRule::kAtlas;
  if (quorum.size() != (fixed ? sizes_.fast_quorum : 0) ||
      (fixed && !quorum.Contains(id.replica))) {
    Fail("3.6: a fast quorum has the rule's size and its command leader", at,
         id);
  }
  std::optional<ReplicaSet>& known = Get(id).fast_quorum;
  if (known.value_or(quorum) != quorum) {
    Fail("3.6: an instance has one fast quorum", at, id);
  }
  known = quorum;
}

bool Ghost::Concerns(const CommandBatch& payload, int shard) const {
  return std::ranges::any_of(
      payload.operations(), [&](const Operation& operation) {
        return IsRange(operation.kind) ||
               ShardOfKey(HashKey(operation.key), cluster_.shards()) == shard;
      });
}

void Ghost::CheckUnion(ReplicaId at, const Accept& m) {
  const Instance& instance = Get(m.instance);
  ReplicaSet covered;
  for (int i = 0; i < settings().replicas; ++i) {
    const OnDisk& disk = instance.on_disk[static_cast<std::size_t>(i)];
    if (disk.answered && m.deps.Covers(disk.answer)) {
      covered.Insert(ReplicaAt(i));
    }
  }
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    if (instance.payload == nullptr || !Concerns(*instance.payload, shard) ||
        cluster_.shard(shard).IsQuorum(covered)) {
      continue;
    }
    Fail("3.2: a proposal covers the answers of a quorum of each shard", at,
         m.instance, "not of shard " + std::to_string(shard + 1));
  }
}

}  // namespace quorate::sim
