// What stands against a fast commit of this instance, by what is known here?
// (protocol.md 2.6, rule R5.)
#include <algorithm>
#include <utility>
#include <vector>

#include "replica/epaxos/rules.h"
#include "replica/epaxos/voter.h"
#include "wire/limits.h"

namespace quorate::epaxos {
namespace {

// The keys of one batch, looked up by many others: hash and access class,
// sorted. Ranges are compared one by one.
//
// The relation must not be coarser than the conflict index: what conflicts here
// and is in nobody's answer would refute a fast commit that there was. It is
// not: the index never misses two operations that share a key or a range, and
// takes two keys of one hash for one, as is done here.
class Footprint {
 public:
  Footprint(const CommandBatch& batch, ConflictMode mode)
      : batch_(batch), mode_(mode) {
    for (const Operation& operation : batch.operations()) {
      if (IsRange(operation.kind)) {
        has_ranges_ = true;
      } else {
        keys_.emplace_back(operation.key_hash, ClassOf(operation.kind, mode));
      }
    }
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }

  // Hash equality stands for key equality, as in the conflict index.
  bool ConflictsWith(const CommandBatch& other) const {
    for (const Operation& operation : other.operations()) {
      if (has_ranges_ || IsRange(operation.kind)) {
        for (const Operation& mine : batch_.operations()) {
          const bool ranges = IsRange(mine.kind) || IsRange(operation.kind);
          if (ranges && Conflict(mine, operation, mode_)) return true;
        }
      }
      if (IsRange(operation.kind)) continue;
      const AccessClass access = ClassOf(operation.kind, mode_);
      auto at =
          std::lower_bound(keys_.begin(), keys_.end(),
                           std::pair{operation.key_hash, AccessClass::kRead});
      for (; at != keys_.end() && at->first == operation.key_hash; ++at) {
        if (Conflict(at->second, access)) return true;
      }
    }
    return false;
  }

 private:
  const CommandBatch& batch_;
  ConflictMode mode_;
  bool has_ranges_ = false;
  std::vector<std::pair<std::uint64_t, AccessClass>> keys_;
};

}  // namespace

// Every conflicting instance above the initial dependencies that does not have
// this one in its own.
//
// A log may hold a hundred thousand instances, and many are recovered at once
// when a peer falls silent: only those that may conflict are looked at. Every
// known payload is in the index (D4), so that nothing above its marks for these
// keys conflicts.
std::vector<ValidateReply::Conflict> Voter::FindInvalidating(
    Core& core, InstanceId id, const CommandBatch& batch,
    const DependencySet& initial_deps) {
  const Footprint footprint(batch, core.settings.conflicts);
  DependencySet marks(core.quorums.replicas);
  core.index.Collect(batch, marks);
  std::vector<ValidateReply::Conflict> found;
  for (int i = 0; i < core.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    const std::uint64_t from =
        std::max(rules::FirstToCompare(id, initial_deps, column),
                 core.log.Dropped(column) + 1);
    const std::uint64_t last = std::min(core.log.Newest(column), marks[column]);
    for (std::uint64_t slot = from; slot <= last; ++slot) {
      ++core.stats.instances_compared;
      const InstanceId other_id{column, slot};
      if (other_id == id || rules::IsCovered(other_id, initial_deps)) continue;
      const Instance& other = *core.log.Find(other_id);
      if (other.initial_batch == nullptr) continue;
      if (rules::SeesUs(id, other) ||
          !footprint.ConflictsWith(*other.initial_batch)) {
        continue;
      }
      found.push_back(
          {.instance = other_id,
           .committed = other.status == InstanceStatus::kCommitted});
    }
  }
  if (found.size() > kMaxConflicts) {
    // V2: a single one that is committed decides it.
    const auto committed =
        std::ranges::find(found, true, &ValidateReply::Conflict::committed);
    if (committed != found.end()) return {*committed};
  }
  return found;
}

ValidateReply Voter::ValidateHere(Core& core, InstanceId id, Instance& instance,
                                  const Validate& m, Actions& actions) {
  ValidateReply reply{
      .instance = id,
      .ballot = m.ballot,
      .conflicts = FindInvalidating(core, id, *m.batch, m.initial_deps)};
  rules::LearnValidated(m, instance, core.index);
  instance.payload_recorded = true;
  // The status does not change.
  instance.last_record = core.Persist(
      ValidatedRecord{
          .instance = id, .batch = m.batch, .initial_deps = m.initial_deps},
      actions);
  return reply;
}

void Voter::HandleValidate(Core& core, ReplicaId from, const Validate& m,
                           Actions& actions) {
  Instance* instance = core.log.FindOrCreate(m.instance);
  if (core.AnswerIfSettled(from, m.instance, instance, actions)) return;
  if (!core.fast_path.Validates()) {
    ++core.stats.stale_messages;
    return;
  }
  if (instance->promised_ballot != m.ballot) {
    return core.SayPromised(from, m.instance, *instance, actions);
  }
  const std::vector<ValidateReply::Conflict> conflicts =
      FindInvalidating(core, m.instance, *m.batch, m.initial_deps);
  if (conflicts.size() > kMaxConflicts) {
    // More than a message should carry, and none of them decided: we lag. When
    // we are asked again, their decisions have come.
    ++core.stats.stale_messages;
    return;
  }
  if (instance->initial_known && instance->payload_recorded) {
    // On record already: by our vote, or by this message when it came before.
    core.SendAgain(
        from,
        ValidateReply{
            .instance = m.instance, .ballot = m.ballot, .conflicts = conflicts},
        instance->last_record, actions);
    return;
  }
  ValidateReply reply = ValidateHere(core, m.instance, *instance, m, actions);
  core.Send(from, std::move(reply),
            rules::RestsOn(rules::Effect::kValidation, instance->last_record),
            actions);
}

}  // namespace quorate::epaxos
