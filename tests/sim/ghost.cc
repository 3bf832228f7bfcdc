#include "tests/sim/ghost.h"

#include <algorithm>

#include "depsvc/shards.h"
#include "wire/commutation.h"
#include "wire/overloaded.h"

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

std::pair<std::uint64_t, std::uint64_t> KeyOf(CommandId id) {
  return {static_cast<std::uint64_t>(id.client), id.sequence};
}

std::string Describe(const Value& value, const DependencySet& deps) {
  switch (value.kind) {
    case ValueKind::kNone: return "nothing " + ToString(deps);
    case ValueKind::kNoop: return "noop " + ToString(deps);
    case ValueKind::kCommands: break;
  }
  return "commands " + std::to_string(value.digest) + " " + ToString(deps);
}

}  // namespace

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

Ghost::Ghost(const Settings& settings, Verdict& verdict)
    : settings_(settings),
      cluster_(settings),
      faults_(FaultsOf(settings)),
      accept_quorum_(AcceptQuorumOf(settings)),
      fast_quorum_(FastQuorumOf(settings)),
      laggards_(LaggardsOf(settings)),
      verdict_(verdict),
      columns_(static_cast<std::size_t>(ColumnsOf(settings))) {
  stable_.fill(DependencySet(ColumnsOf(settings)));
  executed_.fill(DependencySet(ColumnsOf(settings)));
}

Ghost::Instance& Ghost::Get(InstanceId id) {
  auto& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  QUORATE_CHECK(id.slot > 0 && id.slot < (1u << 24),
                "a simulated instance has a believable slot");
  while (column.size() < id.slot) {
    column.emplace_back().on_disk.resize(
        static_cast<std::size_t>(settings_.replicas));
  }
  return column[id.slot - 1];
}

const Ghost::Instance* Ghost::Find(InstanceId id) const {
  const auto& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  if (id.slot == 0 || id.slot > column.size()) return nullptr;
  return &column[id.slot - 1];
}

const CommandBatch* Ghost::FindDecided(InstanceId id) const {
  const Instance* instance = Find(id);
  if (instance == nullptr || !instance->decided.has_value() ||
      instance->decided->value.kind != ValueKind::kCommands) {
    return nullptr;
  }
  return instance->payload.get();
}

CommandBatchPtr Ghost::FindPayload(InstanceId id) const {
  const Instance* instance = Find(id);
  return instance == nullptr ? nullptr : instance->payload;
}

void Ghost::Fail(const char* invariant, ReplicaId at, InstanceId id,
                 std::string detail) {
  verdict_.Fail(invariant, ToString(id) + " at r" +
                               std::to_string(Index(at) + 1) +
                               (detail.empty() ? "" : ": ") + detail);
}

// ---- facts that hold for ever -----------------------------------------------

void Ghost::Submitted(const CommandBatch& batch, const Command& command) {
  submitted_[KeyOf(command.id)] = DigestOf(batch.operations(command));
}

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
  for (const Command& command : batch->commands()) {
    // The replicas' own.
    if (batch->operations(command).front().kind == OperationKind::kEndEra) {
      continue;
    }
    const auto found = submitted_.find(KeyOf(command.id));
    if (found == submitted_.end() ||
        found->second != DigestOf(batch->operations(command))) {
      Fail("G2: only commands that a client submitted are proposed", at, id);
    }
    MarkProposal(id, command.id);
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
    Fail("D1: a shard is asked one thing about an instance", at, id);
  }
  for (const Command& command : batch->commands()) {
    if (submitted_.contains(KeyOf(command.id)) ||
        batch->operations(command).front().kind == OperationKind::kEndEra) {
      continue;
    }
    Fail("G2: only commands that a client submitted are proposed", at, id);
  }
}

void Ghost::MarkProposal(InstanceId id, CommandId command) {
  InstanceId& last = proposed_.try_emplace(KeyOf(command), id).first->second;
  const Instance* earlier = last == id ? nullptr : Find(last);
  if (earlier != nullptr && last.replica == id.replica &&
      earlier->decided.has_value() &&
      earlier->decided->value.kind == ValueKind::kNoop) {
    marks_.Note(Mark::kProposedAgain);
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
      settings_.lazy_fast_commit) {
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
      settings_.fast_path != FastPathRule::kAtlas) {
    Fail("2.2: no instance depends on itself or on a later one of its column",
         at, id, ToString(deps));
  }
  instance.decided = Decision{value.WithoutPayload(), deps};
  ++decided_;
  MarkDecision(instance, value);
  if (!instance.chosen_ballot.is_initial()) ++recovered_;
  if (value.kind != ValueKind::kCommands) return;
  ++with_commands_;
  CheckVisibility(at, id);
}

void Ghost::MarkDecision(const Instance& instance, const Value& value) {
  const bool noop = value.kind == ValueKind::kNoop;
  if (noop && instance.payload == nullptr) marks_.Note(Mark::kUnknownPayload);
  if (instance.chosen_ballot.is_initial()) return;
  marks_.Note(noop ? Mark::kRecoveredNoop : Mark::kRecoveredCommands);
  if (instance.chosen_ballot.round() > 1) marks_.Note(Mark::kLaterBallot);
}

// G3. Only instances outside deps(id) need a look, and of these only the ones
// that do not depend on `id` either: few.
void Ghost::CheckVisibility(ReplicaId at, InstanceId id) {
  const Instance& instance = Get(id);
  const DependencySet& deps = instance.decided->deps;
  for (int i = 0; i < ColumnsOf(settings_); ++i) {
    const ReplicaId column = ReplicaAt(i);
    const auto& others = columns_[static_cast<std::size_t>(i)];
    for (std::uint64_t slot = deps[column] + 1; slot <= others.size(); ++slot) {
      const Instance& other = others[slot - 1];
      if (InstanceId{column, slot} == id || !other.decided.has_value() ||
          other.decided->value.kind != ValueKind::kCommands ||
          other.decided->deps.Contains(id) ||
          !Conflict(*instance.payload, *other.payload, settings_.conflicts)) {
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
  if (settings_.fast_path == FastPathRule::kAtlas) {
    return CheckPopularity(at, id, deps);
  }
  int matching = 0;
  for (const OnDisk& disk : instance.on_disk) {
    if (disk.pre_accepted && disk.pre_accepted_deps == deps) ++matching;
  }
  if (instance.initial_deps != deps || matching < fast_quorum_) {
    Fail("invariant 10: a fast commit has a fast quorum of matching votes", at,
         id, std::to_string(matching) + " of " + std::to_string(fast_quorum_));
  }
}

// Invariant 10 of the Atlas rule: all of the one fast quorum have voted, the
// dependencies are the union of their votes, and f of them report each.
void Ghost::CheckPopularity(ReplicaId at, InstanceId id,
                            const DependencySet& deps) {
  Instance& instance = Get(id);
  const ReplicaSet quorum = instance.fast_quorum.value_or(ReplicaSet());
  DependencySet united(ColumnsOf(settings_));
  std::array<int, kMaxReplicas> reporters{};
  for (int i = 0; i < settings_.replicas; ++i) {
    if (!quorum.Contains(ReplicaAt(i))) continue;
    const OnDisk& disk = DiskOf(ReplicaAt(i), instance);
    if (!disk.pre_accepted) {
      Fail("invariant 10: every member of the fast quorum has voted", at, id);
      return;
    }
    united.UnionWith(disk.pre_accepted_deps);
    for (int column = 0; column < settings_.replicas; ++column) {
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
  for (int column = 0; column < settings_.replicas; ++column) {
    if (reporters[static_cast<std::size_t>(column)] >= faults_) continue;
    Fail("invariant 10: f members report each dependency of a fast commit", at,
         id, ToString(deps));
  }
}

void Ghost::NoteFastQuorum(ReplicaId at, InstanceId id, ReplicaSet quorum) {
  const bool fixed = settings_.fast_path == FastPathRule::kAtlas;
  if (quorum.size() != (fixed ? fast_quorum_ : 0) ||
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

// ---- what is said -----------------------------------------------------------

void Ghost::Sent(ReplicaId from, const Message& message) {
  std::visit([&](const auto& m) { CheckSent(from, m); }, message);
}

void Ghost::CheckSent(ReplicaId from, const PreAccept& m) {
  if (m.instance.replica != from) {
    Fail("2.5: only the command leader sends PreAccept", from, m.instance);
  }
  NotePayload(from, m.instance, m.batch);
  NoteInitialDeps(from, m.instance, m.initial_deps);
  NoteFastQuorum(from, m.instance, m.fast_quorum);
  if (!DiskOf(from, Get(m.instance)).pre_accepted &&
      reserved_[static_cast<std::size_t>(Index(from))] < m.instance.slot) {
    Fail(
        "1.2, 1.3: a proposal or its reservation is on disk before its "
        "PreAccept leaves",
        from, m.instance);
  }
}

void Ghost::CheckSent(ReplicaId from, const PreAcceptReply& m) {
  const OnDisk& disk = DiskOf(from, Get(m.instance));
  if (!disk.pre_accepted || disk.pre_accepted_deps != m.deps) {
    Fail("1.2: a vote is on disk before its PreAcceptReply leaves", from,
         m.instance, ToString(m.deps));
  }
}

void Ghost::CheckSent(ReplicaId from, const Accept& m) {
  const ReplicaId owner =
      m.ballot.is_initial() ? m.instance.replica : m.ballot.owner();
  if (owner != from) {
    Fail("invariant 4: one proposer per instance and ballot", from, m.instance);
  }
  const Round& round = NoteRound(from, m.instance, m.ballot, m.value, m.deps);
  if (is_bpaxos()) {
    if (m.ballot.is_initial()) CheckUnion(from, m);
    return;
  }
  if (!round.durable_voters.Contains(from)) {
    Fail("1.2: a proposer's own accept is on disk before its Accept leaves",
         from, m.instance);
  }
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
  for (int i = 0; i < settings_.replicas; ++i) {
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

void Ghost::CheckSent(ReplicaId from, const AcceptReply& m) {
  for (const Round& round : Get(m.instance).rounds) {
    if (round.ballot == m.ballot && round.durable_voters.Contains(from)) return;
  }
  Fail("1.2: a vote is on disk before its AcceptReply leaves", from,
       m.instance);
}

void Ghost::CheckSent(ReplicaId from, const Commit& m) {
  NoteDecided(from, m.instance, m.value, m.deps);
}

void Ghost::CheckSent(ReplicaId from, const Recover& m) {
  NotePayload(from, m.instance, m.batch);
  const OnDisk& disk = DiskOf(from, Get(m.instance));
  if ((is_bpaxos() ? disk.begun : disk.promised) < m.ballot) {
    Fail("1.2: a ballot is on disk before its Recover leaves", from,
         m.instance);
  }
}

void Ghost::CheckSent(ReplicaId from, const RecoverReply& m) {
  NotePayload(from, m.instance, m.value.batch);
  if (DiskOf(from, Get(m.instance)).promised < m.ballot) {
    Fail("1.2: a promise is on disk before its RecoverReply leaves", from,
         m.instance);
  }
  // One to an earlier ballot, which did not ask, may leave in the same turn.
  const OnDisk& disk = DiskOf(from, Get(m.instance));
  const bool asked =
      disk.collected_deps.has_value() && m.ballot >= disk.collected_ballot;
  const DependencySet collected =
      asked ? *disk.collected_deps : DependencySet(ColumnsOf(settings_));
  if (m.status == InstanceStatus::kUnknown && m.deps != collected) {
    Fail("3.6: what a Recover asked for is on disk before its reply leaves",
         from, m.instance, ToString(collected) + " and " + ToString(m.deps));
  }
}

void Ghost::CheckSent(ReplicaId from, const Validate& m) {
  if (settings_.fast_path != FastPathRule::kEpaxos) {
    Fail("3.5, 3.6: only EPaxos* validates", from, m.instance);
  }
  NotePayload(from, m.instance, m.batch);
  NoteInitialDeps(from, m.instance, m.initial_deps);
}

void Ghost::CheckSent(ReplicaId from, const ValidateReply& m) {
  if (!DiskOf(from, Get(m.instance)).initial_known) {
    Fail("1.2: what a Validate told is on disk before its reply leaves", from,
         m.instance);
  }
}

void Ghost::CheckSent(ReplicaId from, const Frontier& m) {
  if (!HasStable(from, m.executed)) {
    Fail("1.2: a frontier's commits are on disk before it leaves", from,
         {from, 0}, ToString(m.executed));
  }
  if (!executed_[static_cast<std::size_t>(Index(from))].Covers(m.executed)) {
    Fail("invariant 17: a frontier claims no more than was executed", from,
         {from, 0}, ToString(m.executed));
  }
}

void Ghost::CheckSent(ReplicaId from, const DependencyRequest& m) {
  if (m.instance.replica != from) {
    Fail("3.2: only its leader asks about an instance", from, m.instance);
  }
  NoteAsked(from, m.instance, m.batch);
  if (reserved_[static_cast<std::size_t>(Index(from))] < m.instance.slot) {
    Fail("3.2: the reservation of a slot is on disk before it is used", from,
         m.instance);
  }
}

void Ghost::CheckSent(ReplicaId from, const DependencyReply& m) {
  const OnDisk& disk = DiskOf(from, Get(m.instance));
  if (!disk.answered || disk.answer != m.deps) {
    Fail("3.2: an answer is on disk before it is given", from, m.instance,
         ToString(m.deps));
  }
}

void Ghost::CheckSent(ReplicaId from, const Truncated& m) {
  marks_.Note(Mark::kToldTruncated);
  CheckFloor(from, m.drop_floor,
             is_bpaxos() ? roles_.executors.size() - FaultsOf(settings_) - 1
                         : laggards_);
}

void Ghost::Replied(ReplicaId from, const ClientReply& reply) {
  if (reply.status != ReplyStatus::kDone || reply.instance.slot == 0) return;
  const Instance& instance = Get(reply.instance);
  if (!instance.chosen.has_value()) {
    Fail("D2: a client hears only what is decided and on disk", from,
         reply.instance);
  }
}

// ---- what is on disk --------------------------------------------------------

void Ghost::BecameDurable(ReplicaId at, std::span<const Record> records) {
  for (const Record& record : records) {
    std::visit([&](const auto& r) { BecameDurable(at, r); }, record);
  }
}

void Ghost::BecameDurable(ReplicaId at, const PreAcceptedRecord& r) {
  NotePayload(at, r.instance, r.batch);
  NoteInitialDeps(at, r.instance, r.initial_deps);
  NoteFastQuorum(at, r.instance, r.fast_quorum);
  if (!r.deps.Covers(r.initial_deps)) {
    Fail("invariant 6: a vote covers the initial dependencies", at, r.instance);
  }
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (disk.pre_accepted && disk.pre_accepted_deps != r.deps) {
    Fail("invariant 9: a replica votes once on an instance", at, r.instance,
         ToString(disk.pre_accepted_deps) + " and " + ToString(r.deps));
  }
  disk.pre_accepted = true;
  disk.initial_known = true;
  disk.pre_accepted_deps = r.deps;
}

void Ghost::BecameDurable(ReplicaId at, const AcceptedRecord& r) {
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (r.ballot < disk.promised) {
    Fail("invariant 5: nothing is accepted below a promise", at, r.instance);
  }
  disk.promised = std::max(disk.promised, r.ballot);
  Round& round = NoteRound(at, r.instance, r.ballot, r.value, r.deps);
  round.durable_voters.Insert(at);
  const AcceptorGroup* group =
      is_bpaxos() ? &cluster_.GroupOf(r.instance) : nullptr;
  if (group != nullptr && !group->members().Contains(at)) {
    Fail("3.2: only its group votes on an instance", at, r.instance);
  }
  if (group != nullptr ? group->phase2.IsQuorum(round.durable_voters)
                       : round.durable_voters.size() >= accept_quorum_) {
    NoteChosen(at, r.instance, r.ballot, r.value, r.deps);
  }
}

void Ghost::BecameDurable(ReplicaId at, const PromisedRecord& r) {
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (is_bpaxos() && r.ballot.owner() == at && r.ballot > disk.begun) {
    disk.begun = r.ballot;  // The acceptor's record of it, if any, follows.
    return;
  }
  if (r.ballot < disk.promised) {
    Fail("invariant 5: promised ballots never decrease", at, r.instance);
  }
  disk.promised = std::max(disk.promised, r.ballot);
  if (r.batch == nullptr) return;
  NotePayload(at, r.instance, r.batch);
  if (disk.pre_accepted || disk.collected_deps.has_value()) {
    Fail("3.6: only who has not voted is asked, and once", at, r.instance);
  }
  disk.collected_deps = r.deps;
  disk.collected_ballot = r.ballot;
}

void Ghost::BecameDurable(ReplicaId at, const ValidatedRecord& r) {
  NotePayload(at, r.instance, r.batch);
  NoteInitialDeps(at, r.instance, r.initial_deps);
  DiskOf(at, Get(r.instance)).initial_known = true;
}

void Ghost::BecameDurable(ReplicaId at, const CommittedRecord& r) {
  Instance& instance = Get(r.instance);
  if (!instance.chosen.has_value() && r.instance.replica == at) {
    // Nothing was chosen by accepts, so this is the fast path.
    CheckFastQuorum(at, r.instance, r.deps);
    NoteChosen(at, r.instance, Ballot(), r.value, r.deps);
  }
  NoteDecided(at, r.instance, r.value, r.deps);
  DiskOf(at, instance).committed = true;
}

void Ghost::BecameDurable(ReplicaId at, const DependencyRecord& r) {
  NoteAsked(at, r.instance, r.batch);
  OnDisk& disk = DiskOf(at, Get(r.instance));
  if (disk.answered && disk.answer != r.deps) {
    Fail("D1: a dependency node answers an instance once", at, r.instance,
         ToString(disk.answer) + " and " + ToString(r.deps));
  }
  disk.answered = true;
  disk.answer = r.deps;
}

// Invariant 16: what one replica may forget, all but g have executed for good;
// in BPaxos f+1 executors have, and what executors forget, all of them.
void Ghost::BecameDurable(ReplicaId at, const FloorRecord& r) {
  marks_.Note(Mark::kFloorRaised);
  if (is_bpaxos()) {
    CheckFloor(at, r.base_floor,
               roles_.executors.size() - FaultsOf(settings_) - 1);
    CheckFloor(at, r.drop_floor, 0);
  } else {
    CheckFloor(at, r.drop_floor, laggards_);
  }
}

void Ghost::CheckFloor(ReplicaId at, const DependencySet& floor, int lacking) {
  for (int column = 0; column < ColumnsOf(settings_); ++column) {
    DependencySet dropped(ColumnsOf(settings_));
    dropped.Set(ReplicaAt(column), floor[ReplicaAt(column)]);
    int lack_it = 0;
    for (int i = 0; i < settings_.replicas; ++i) {
      if (roles_.executors.Contains(ReplicaAt(i)) &&
          !HasStable(ReplicaAt(i), dropped)) {
        ++lack_it;
      }
    }
    if (lack_it > 0) marks_.Note(Mark::kLeftOut);
    if (lack_it <= lacking) continue;
    Fail("invariant 16: only what nearly everybody has on disk is forgotten",
         at, {ReplicaAt(column), 0},
         ToString(floor) + " but " + std::to_string(lack_it) +
             " replicas lack some of it");
  }
}

void Ghost::Installed(ReplicaId at, const DependencySet& drop_floor,
                      std::span<const Record> snapshot) {
  for (int i = 0; i < ColumnsOf(settings_); ++i) {
    const ReplicaId column = ReplicaAt(i);
    for (std::uint64_t slot = 1; slot <= drop_floor[column]; ++slot) {
      DiskOf(at, Get({column, slot})).committed = true;
    }
  }
  for (const Record& record : snapshot) {
    const auto* instance = std::get_if<InstanceRecord>(&record);
    if (instance == nullptr || instance->status != InstanceStatus::kCommitted) {
      continue;
    }
    NoteDecided(at, instance->instance, instance->value, instance->deps);
    DiskOf(at, Get(instance->instance)).committed = true;
  }
}

void Ghost::BecameDurable(ReplicaId at, const ReservedRecord& r) {
  auto& reserved = reserved_[static_cast<std::size_t>(Index(at))];
  reserved = std::max(reserved, r.through);
}

// Remembers how far it has looked, so that each instance is looked at once.
bool Ghost::HasStable(ReplicaId replica, const DependencySet& through) {
  DependencySet& stable = stable_[static_cast<std::size_t>(Index(replica))];
  for (int i = 0; i < ColumnsOf(settings_); ++i) {
    const ReplicaId column = ReplicaAt(i);
    std::uint64_t slot = stable[column];
    while (slot < through[column] &&
           DiskOf(replica, Get({column, slot + 1})).committed) {
      ++slot;
    }
    stable.Raise(column, slot);
  }
  return stable.Covers(through);
}

void Ghost::Committed(ReplicaId at, const CommittedInstance& decision) {
  if (decision.value.payload_missing()) {
    Fail("1.2: a decision is released with its payload", at, decision.instance);
  }
  NoteDecided(at, decision.instance, decision.value, decision.deps);
}

void Ghost::SetExecutedFrontier(ReplicaId at, const DependencySet& executed) {
  executed_[static_cast<std::size_t>(Index(at))] = executed;
}

}  // namespace quorate::sim
