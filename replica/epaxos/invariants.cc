// What must be true of one replica after every step (protocol.md 10, the part
// that one replica can see), and a fingerprint of its state for explorers.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replica/epaxos/epaxos.h"
#include "wire/fingerprint.h"

namespace quorate::epaxos {
namespace {

absl::Status Broken(const char* invariant, InstanceId id) {
  return absl::InternalError(absl::StrCat(invariant, ", at ", ToString(id)));
}

absl::Status CheckInstance(InstanceId id, const Instance& instance) {
  if (instance.accepted_ballot > instance.promised_ballot) {
    return Broken("invariant 5: accepted_ballot <= promised_ballot", id);
  }
  if (instance.status == InstanceStatus::kPreAccepted) {
    if (!instance.accepted_ballot.is_initial()) {
      return Broken("invariant 6: pre-accepted means nothing accepted", id);
    }
    if (!instance.deps.Covers(instance.initial_deps)) {
      return Broken("invariant 6: a vote covers the initial dependencies", id);
    }
  }
  if (instance.status == InstanceStatus::kUnknown) return absl::OkStatus();
  if (instance.value.kind == ValueKind::kNone ||
      instance.value.payload_missing()) {
    return Broken("a status above unknown has a value", id);
  }
  if (instance.value.kind == ValueKind::kCommands &&
      instance.initial_batch == nullptr) {
    return Broken("invariant 8: a known payload is indexed", id);
  }
  return absl::OkStatus();
}

void Mix(Fingerprint& print, const DependencySet& deps) {
  for (const std::uint64_t watermark : deps.watermarks()) print.Mix(watermark);
}

void Mix(Fingerprint& print, const Recovering& recovering) {
  print.Mix(static_cast<std::uint64_t>(recovering.stage));
  print.Mix(recovering.ballot.number());
  print.Mix(recovering.answered.bits());
  for (const auto& answer : recovering.answers) {
    if (!answer) continue;
    print.Mix(static_cast<std::uint64_t>(answer->status));
    print.Mix(answer->accepted_ballot.number());
    print.Mix(answer->value.digest);
    print.Mix(answer->matches_initial ? 1 : 0);
    print.Mix(answer->recused ? 1 : 0);
    print.Mix(answer->fast_quorum.bits());
    Mix(print, answer->deps);
  }
  print.Mix(recovering.batch ? recovering.batch->digest() : 0);
  print.Mix(recovering.quorum.bits());
  print.Mix(recovering.validated.bits());
  for (const auto& [id, committed] : recovering.conflicts) {
    print.Mix(id.slot * kMaxReplicas +
              static_cast<std::uint64_t>(Index(id.replica)));
    print.Mix(committed ? 1 : 0);
  }
}

void Mix(Fingerprint& print, const Instance& instance) {
  print.Mix(static_cast<std::uint64_t>(instance.status));
  print.Mix(static_cast<std::uint64_t>(instance.value.kind));
  print.Mix(instance.value.digest);
  Mix(print, instance.deps);
  print.Mix(instance.initial_batch ? instance.initial_batch->digest() : 0);
  print.Mix(static_cast<std::uint64_t>(instance.waiting_votes));
  print.Mix(instance.released ? 1 : 0);
  // Decided and handed on: whatever is still said about it is answered with
  // the decision, however it came about.
  if (instance.released) return;
  print.Mix(instance.promised_ballot.number());
  print.Mix(instance.accepted_ballot.number());
  print.Mix(instance.initial_known ? 1 : 0);
  Mix(print, instance.initial_deps);
  print.Mix(instance.fast_quorum.bits());
  print.Mix(instance.collected ? 1 : 0);
  const bool restored = instance.restored_pre_accept &&
                        instance.status == InstanceStatus::kPreAccepted;
  print.Mix(restored ? 1 : 0);
  // Only where the next attempt begins.
  print.Mix(std::max(instance.refused_by, instance.promised_ballot).number());
  print.Mix(instance.recovering() ? 1 : 0);
  if (instance.recovering()) Mix(print, *instance.recovering());
  print.Mix(instance.leading() ? 1 : 0);
  if (!instance.leading()) return;
  print.Mix(instance.leading()->asked.bits());
  print.Mix(instance.leading()->voters.bits());
  print.Mix(instance.leading()->matching.bits());
  Mix(print, instance.leading()->voted_deps);
  for (const std::uint8_t reporters : instance.leading()->reporters) {
    print.Mix(reporters);
  }
  print.Mix(instance.leading()->accept_voters.bits());
  print.Mix(instance.leading()->late.bits());
}

}  // namespace

absl::Status Epaxos::CheckInvariants() const {
  if (!base_floor().Covers(core_.drop_floor)) {
    return absl::InternalError("invariant 16: drop_floor <= base_floor");
  }
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    if (core_.drop_floor[column] > core_.committed[column]) {
      return absl::InternalError(
          "invariant 16: only committed instances are forgotten");
    }
    for (std::uint64_t slot = core_.log.Dropped(column) + 1;
         slot <= core_.log.Newest(column); ++slot) {
      const InstanceId id{column, slot};
      if (absl::Status s = CheckInstance(id, *core_.log.Find(id)); !s.ok())
        return s;
    }
  }
  return absl::OkStatus();
}

std::uint64_t Epaxos::Fingerprint() const {
  quorate::Fingerprint print;
  for (int i = 0; i < core_.quorums.replicas; ++i) {
    const ReplicaId column = ReplicaAt(i);
    print.Mix(core_.log.Dropped(column));
    print.Mix(core_.log.Newest(column));
    for (std::uint64_t slot = core_.log.Dropped(column) + 1;
         slot <= core_.log.Newest(column); ++slot) {
      Mix(print, *core_.log.Find({column, slot}));
    }
    print.Mix(core_.suspected.Contains(column) ? 1 : 0);
    Mix(print, repairer_.base_floors().Of(column));
  }
  print.Mix(core_.next_slot);
  print.Mix(proposer_.reserved().through());
  Mix(print, core_.forgotten);
  Mix(print, core_.committed);
  repairer_.MixInto(core_, print);
  core_.distances.MixInto(print);
  print.Mix(core_.last_record - core_.outbox.durable());
  print.Mix(core_.outbox.waiting().size());
  return print.value();
}

}  // namespace quorate::epaxos
