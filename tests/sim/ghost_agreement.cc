// One payload, one value a ballot, one decision an instance (G1, G2, 3, 4, 12).
#include "tests/sim/ghost.h"

#include <algorithm>

namespace quorate::sim {
namespace {

std::string Describe(const Value& value, const DependencySet& deps) {
  switch (value.kind) {
    case ValueKind::kNone: return "nothing " + ToString(deps);
    case ValueKind::kNoop: return "noop " + ToString(deps);
    case ValueKind::kCommands: break;
  }
  return "commands " + std::to_string(value.digest) + " " + ToString(deps);
}

}  // namespace

void Ghost::NotePayload(ReplicaId at, InstanceId id,
                        const CommandBatchPtr& batch) {
  if (batch == nullptr) return;
  Instance& instance = Get(id);
  if (instance.payload != nullptr) {
    if (instance.payload->digest() != batch->digest()) {
      Fail("invariant 12: no instance id carries two payloads", at, id);
    }
    return;
  }
  instance.payload = batch;
  if (!AreSubmitted(*batch)) {
    Fail("G2: only commands that a client submitted are proposed", at, id);
  }
  for (const Command& command : batch->commands()) {
    if (!IsOfReplicas(*batch, command)) MarkProposal(id, command.id);
  }
}

// Each shard is asked with what concerns it, so no one of these need be the
// payload; one that is asked alone is sent it.
void Ghost::NoteAsked(ReplicaId at, InstanceId id,
                      const CommandBatchPtr& batch) {
  if (cluster_.shards() == 1) return NotePayload(at, id, batch);
  auto& asked = Get(id).asked;
  const bool known =
      std::ranges::any_of(asked, [&](const CommandBatchPtr& other) {
        return other->digest() == batch->digest();
      });
  if (known) return;
  asked.push_back(batch);
  if (asked.size() > static_cast<std::size_t>(cluster_.shards())) {
    Fail("SD1: a shard is asked one thing about an instance", at, id);
  }
  if (!AreKnown(*batch)) {
    Fail("G2: only commands that a client submitted are proposed", at, id);
  }
}

void Ghost::MarkProposal(InstanceId id, CommandId command) {
  InstanceId& last = proposed_.try_emplace(KeyOf(command), id).first->second;
  const Instance* earlier = last == id ? nullptr : Find(last);
  if (earlier != nullptr && last.replica == id.replica &&
      earlier->decided.has_value() &&
      earlier->decided->value.kind == ValueKind::kNoop) {
    Note(Mark::kProposedAgain);
  }
  last = id;
}

void Ghost::NoteValue(ReplicaId at, InstanceId id, const Value& value) {
  if (value.kind == ValueKind::kNone) {
    Fail("G2: a proposed value is commands or a noop", at, id);
  }
  NotePayload(at, id, value.batch);
  for (const CommandBatchPtr& asked : Get(id).asked) {
    if (value.kind == ValueKind::kCommands && asked->digest() == value.digest) {
      NotePayload(at, id, asked);
    }
  }
  const CommandBatchPtr& payload = Get(id).payload;
  if (value.kind == ValueKind::kCommands &&
      (payload == nullptr || payload->digest() != value.digest)) {
    Fail("G2: a value is the command leader's payload or a noop", at, id);
  }
}

Ghost::Round& Ghost::NoteRound(ReplicaId at, InstanceId id, Ballot ballot,
                               const Value& value, const DependencySet& deps) {
  Instance& instance = Get(id);
  NoteValue(at, id, value);
  if (instance.chosen.has_value() && ballot > instance.chosen_ballot &&
      (instance.chosen->value != value || instance.chosen->deps != deps)) {
    Fail("invariant 3: after a choice every higher ballot carries it", at, id,
         Describe(instance.chosen->value, instance.chosen->deps) + " and " +
             Describe(value, deps));
  }
  for (Round& round : instance.rounds) {
    if (round.ballot != ballot) continue;
    if (round.value != value || round.deps != deps) {
      Fail("invariant 4: one value per instance and ballot", at, id,
           Describe(round.value, round.deps) + " and " + Describe(value, deps));
    }
    return round;
  }
  return instance.rounds.emplace_back(
      Round{.ballot = ballot, .value = value, .deps = deps});
}

void Ghost::NoteChosen(ReplicaId at, InstanceId id, Ballot ballot,
                       const Value& value, const DependencySet& deps) {
  Instance& instance = Get(id);
  if (instance.chosen.has_value()) {
    if (instance.chosen->value != value || instance.chosen->deps != deps) {
      Fail("G1: one decision per instance", at, id,
           Describe(instance.chosen->value, instance.chosen->deps) + " and " +
               Describe(value, deps));
    }
    return;
  }
  instance.chosen = Decision{value, deps};
  instance.chosen_ballot = ballot;
  for (const Round& round : instance.rounds) {
    if (round.ballot > ballot && (round.value != value || round.deps != deps)) {
      Fail("invariant 3: after a choice every higher ballot carries it", at, id,
           Describe(value, deps) + " and " + Describe(round.value, round.deps));
    }
  }
}

void Ghost::NoteDecided(ReplicaId at, InstanceId id, const Value& value,
                        const DependencySet& deps) {
  NoteValue(at, id, value);
  Instance& instance = Get(id);
  if (!instance.chosen.has_value() && id.replica == at &&
      settings().lazy_fast_commit) {
    // Chosen by the votes on disk; its own record may follow.
    CheckFastQuorum(at, id, deps);
    NoteChosen(at, id, Ballot(), value, deps);
  }
  if (!instance.chosen.has_value()) {
    Fail("1.2: a decision is on disk before anybody hears of it", at, id);
  } else if (instance.chosen->value != value || instance.chosen->deps != deps) {
    Fail("G1: one decision per instance", at, id,
         Describe(instance.chosen->value, instance.chosen->deps) + " and " +
             Describe(value, deps));
  }
  if (instance.decided.has_value()) return;  // Equal to the choice as well.
  if (deps[id.replica] >= id.slot && !is_bpaxos() &&
      settings().fast_path != FastPathRule::kAtlas) {
    Fail("2.2: no instance depends on itself or on a later one of its column",
         at, id, ToString(deps));
  }
  instance.decided = Decision{value.WithoutPayload(), deps};
  const bool has_commands = value.kind == ValueKind::kCommands;
  CountDecision(has_commands, !instance.chosen_ballot.is_initial());
  MarkDecision(instance, value);
  if (has_commands) CheckVisibility(at, id);
}

void Ghost::MarkDecision(const Instance& instance, const Value& value) {
  const bool noop = value.kind == ValueKind::kNoop;
  if (noop && instance.payload == nullptr) Note(Mark::kUnknownPayload);
  if (instance.chosen_ballot.is_initial()) return;
  Note(noop ? Mark::kRecoveredNoop : Mark::kRecoveredCommands);
  if (instance.chosen_ballot.round() > 1) Note(Mark::kLaterBallot);
}

}  // namespace quorate::sim
