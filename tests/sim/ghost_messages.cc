// What is said: it must be on the speaker's disk (1.2).
#include "tests/sim/ghost.h"

namespace quorate::sim {

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
      asked ? *disk.collected_deps : DependencySet(ColumnsOf(settings()));
  if (m.status == InstanceStatus::kUnknown && m.deps != collected) {
    Fail("3.6: what a Recover asked for is on disk before its reply leaves",
         from, m.instance, ToString(collected) + " and " + ToString(m.deps));
  }
}

void Ghost::CheckSent(ReplicaId from, const Validate& m) {
  if (settings().fast_path != FastPathRule::kEpaxos) {
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
  if (is_bpaxos() &&
      !forgotten_[static_cast<std::size_t>(Index(from))].Covers(m.base_floor)) {
    Fail("3.3: what a frontier says is forgotten, a floor on disk allows", from,
         {from, 0}, ToString(m.base_floor));
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
  Note(Mark::kToldTruncated);
  CheckFloor(from, m.drop_floor,
             is_bpaxos() ? roles_.executors.size() - sizes_.faults - 1
                         : sizes_.laggards);
}

void Ghost::Replied(ReplicaId from, const ClientReply& reply) {
  if (reply.status != ReplyStatus::kDone || reply.instance.slot == 0) return;
  const Instance& instance = Get(reply.instance);
  if (!instance.chosen.has_value()) {
    Fail("SD2: a client hears only what is decided and on disk", from,
         reply.instance);
  }
}

}  // namespace quorate::sim
