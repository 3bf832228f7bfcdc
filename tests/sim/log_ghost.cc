#include "tests/sim/log_ghost.h"

#include <algorithm>

#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

// Written once more, on purpose not by the code under test.
bool IsPhase2Quorum(const Settings& settings, ReplicaSet voters) {
  QUORATE_CHECK(settings.phase2.kind == QuorumSpec::Kind::kMajority ||
                    settings.phase2.kind == QuorumSpec::Kind::kSize,
                "simulated quorums are counted");
  return settings.phase2.kind == QuorumSpec::Kind::kSize
             ? voters.size() >= settings.phase2.size
             : voters.size() > settings.replicas / 2;
}

std::string Describe(const Value& value, Ballot ballot) {
  const std::string what = value.kind == ValueKind::kNoop
                               ? "noop"
                               : "commands " + std::to_string(value.digest);
  return what + " at " + std::to_string(ballot.round()) + "@r" +
         std::to_string(Index(ballot.owner()) + 1);
}

}  // namespace

LogGhost::LogGhost(const Settings& settings, Verdict& verdict)
    : Observer(settings, verdict) {}

LogGhost::Slot& LogGhost::Get(std::uint64_t slot) {
  QUORATE_CHECK(slot > 0 && slot < (1u << 24),
                "a simulated slot is a believable one");
  while (slots_.size() < slot) slots_.emplace_back();
  return slots_[slot - 1];
}

const LogGhost::Slot* LogGhost::Find(std::uint64_t slot) const {
  return slot == 0 || slot > slots_.size() ? nullptr : &slots_[slot - 1];
}

void LogGhost::Fail(const char* invariant, ReplicaId at, std::uint64_t slot,
                    const std::string& detail) {
  Report(invariant, at, "slot " + std::to_string(slot), detail);
}

bool LogGhost::IsDecided(InstanceId id) const {
  const Slot* slot = Find(id.slot);
  return slot != nullptr && slot->decided;
}

const CommandBatch* LogGhost::FindDecided(InstanceId id) const {
  const Slot* slot = Find(id.slot);
  return slot == nullptr || !slot->decided ? nullptr
                                           : slot->chosen->batch.get();
}

CommandBatchPtr LogGhost::FindPayload(InstanceId id) const {
  const Slot* slot = Find(id.slot);
  return slot == nullptr || !slot->chosen ? nullptr : slot->chosen->batch;
}

// ---- facts that hold for ever -----------------------------------------------

void LogGhost::NotePayload(ReplicaId at, std::uint64_t slot,
                           const Value& value) {
  if (value.kind == ValueKind::kNone) {
    Fail("G2: a proposed value is commands or a noop", at, slot);
  }
  if (value.batch != nullptr && !AreSubmitted(*value.batch)) {
    Fail("G2: only commands that a client submitted are proposed", at, slot);
  }
}

LogGhost::Round& LogGhost::NoteRound(ReplicaId at, std::uint64_t number,
                                     Ballot ballot, const Value& value) {
  Slot& slot = Get(number);
  if (slot.chosen && ballot > slot.chosen_ballot && *slot.chosen != value) {
    Fail("invariant 3: after a choice every higher ballot carries it", at,
         number,
         Describe(*slot.chosen, slot.chosen_ballot) + " and " +
             Describe(value, ballot));
  }
  for (Round& round : slot.rounds) {
    if (round.ballot != ballot) continue;
    if (round.value != value) {
      Fail("invariant 4: one value per slot and ballot", at, number,
           Describe(round.value, ballot) + " and " + Describe(value, ballot));
    }
    if (round.value.batch == nullptr && value.batch != nullptr) {
      NotePayload(at, number, value);
      round.value.batch = value.batch;
    }
    return round;
  }
  NotePayload(at, number, value);
  return slot.rounds.emplace_back(Round{.ballot = ballot, .value = value});
}

void LogGhost::NoteChosen(ReplicaId at, std::uint64_t number,
                          const Round& chosen) {
  Slot& slot = Get(number);
  if (slot.chosen) {
    if (*slot.chosen != chosen.value) {
      Fail("G1: one decision per slot", at, number,
           Describe(*slot.chosen, slot.chosen_ballot) + " and " +
               Describe(chosen.value, chosen.ballot));
    }
    return;
  }
  slot.chosen = chosen.value;
  slot.chosen_ballot = chosen.ballot;
  for (const Round& round : slot.rounds) {
    // Any record of it has the payload.
    if (round.value == *slot.chosen && slot.chosen->batch == nullptr) {
      slot.chosen->batch = round.value.batch;
    }
    if (round.ballot > chosen.ballot && round.value != chosen.value) {
      Fail("invariant 3: after a choice every higher ballot carries it", at,
           number,
           Describe(chosen.value, chosen.ballot) + " and " +
               Describe(round.value, round.ballot));
    }
  }
}

void LogGhost::CheckChosen(ReplicaId at, std::uint64_t number,
                           const Value& value) {
  const Slot& slot = Get(number);
  if (!slot.chosen) {
    Fail("1.2: a decision is on disk before anybody hears of it", at, number);
  } else if (*slot.chosen != value) {
    Fail("G1: one decision per slot", at, number,
         Describe(*slot.chosen, slot.chosen_ballot) + " and " +
             Describe(value, Ballot()));
  }
}

void LogGhost::CheckDecided(ReplicaId at, std::uint64_t through) {
  while (chosen_through_ < through) {
    if (!Get(chosen_through_ + 1).chosen) {
      return Fail("1.2: a decision is on disk before anybody hears of it", at,
                  chosen_through_ + 1,
                  "commit index " + std::to_string(through));
    }
    ++chosen_through_;
  }
}

// ---- what is said -----------------------------------------------------------

void LogGhost::CheckPromised(ReplicaId from, Ballot ballot, const char* what) {
  if (At(from).promised < ballot) Fail(what, from, 0);
}

bool LogGhost::HasVoted(ReplicaId replica, std::uint64_t slot, Ballot ballot) {
  const auto& rounds = Get(slot).rounds;
  return std::ranges::any_of(rounds, [&](const Round& round) {
    return round.ballot == ballot && round.durable_voters.Contains(replica);
  });
}

void LogGhost::Sent(ReplicaId from, const Message& message) {
  const auto check = Overloaded{
      [&](const Prepare& m) {
        if (m.ballot.owner() != from) {
          Fail("invariant 4: one proposer per ballot", from, m.first);
        }
        CheckPromised(from, m.ballot,
                      "1.2: a ballot is on disk before its Prepare leaves");
      },
      [&](const Promise& m) {
        CheckPromised(from, m.ballot,
                      "1.2: a promise is on disk before it leaves");
        for (const Promise::Vote& vote : m.votes) {
          if (vote.decided) {
            CheckChosen(from, vote.slot, vote.value);
          } else if (!HasVoted(from, vote.slot, vote.ballot)) {
            Fail("1.2: a vote is on disk before its Promise leaves", from,
                 vote.slot);
          }
        }
      },
      [&](const Accept& m) {
        if (m.ballot.owner() != from) {
          Fail("invariant 4: one proposer per ballot", from, m.instance.slot);
        }
        CheckPromised(from, m.ballot,
                      "1.2: a leader's promise is on disk before it proposes");
        NoteRound(from, m.instance.slot, m.ballot, m.value);
        CheckDecided(from, m.committed);
      },
      [&](const AcceptReply& m) {
        if (!HasVoted(from, m.instance.slot, m.ballot)) {
          Fail("1.2: a vote is on disk before its AcceptReply leaves", from,
               m.instance.slot);
        }
      },
      [&](const Commit& m) { CheckChosen(from, m.instance.slot, m.value); },
      [&](const Lead& m) {
        if (m.ballot.owner() != from) {
          Fail("invariant 4: one proposer per ballot", from, m.committed);
        }
        CheckDecided(from, m.committed);
      },
      [&](const Frontier& m) {
        if (m.base_floor[kLogColumn] > At(from).decided) {
          Fail("1.2: a frontier's decisions are on disk before it leaves", from,
               m.base_floor[kLogColumn]);
        }
        if (m.executed[kLogColumn] > At(from).executed) {
          Fail("invariant 17: a frontier claims no more than was executed",
               from, m.executed[kLogColumn]);
        }
      },
      [&](const Truncated& m) {
        Durable(from, FloorRecord{.base_floor = m.drop_floor,
                                  .drop_floor = m.drop_floor});
      },
      [&](const LeadReply&) {},
      [&](const Nack&) {},
      [&](const SnapshotRequest&) {},
      [&](const SnapshotChunk&) {},
      [&](const auto&) {
        Fail("a log is agreed on by Multi-Paxos' own messages", from, 0,
             std::string(Name(message)));
      }};
  std::visit(check, message);
}

void LogGhost::Replied(ReplicaId from, const ClientReply& reply) {
  // Slot 0: a read that the leader served.
  if (reply.status != ReplyStatus::kDone || reply.instance.slot == 0) return;
  if (!Get(reply.instance.slot).chosen) {
    Fail("SD2: a client hears only what is decided and on disk", from,
         reply.instance.slot);
  }
}

// ---- what is on disk --------------------------------------------------------

void LogGhost::BecameDurable(ReplicaId at, std::span<const Record> records) {
  const auto note = Overloaded{
      [&](const AcceptedRecord& r) { Durable(at, r); },
      [&](const PromisedRecord& r) { Durable(at, r); },
      [&](const CommittedRecord& r) { Durable(at, r); },
      [&](const DecidedRecord& r) { Durable(at, r); },
      [&](const FloorRecord& r) { Durable(at, r); },
      [&](const auto&) {
        Fail("a log has Multi-Paxos' own records in its journal", at, 0);
      }};
  for (const Record& record : records) std::visit(note, record);
}

void LogGhost::Durable(ReplicaId at, const AcceptedRecord& r) {
  if (r.ballot < At(at).promised) {
    Fail("invariant 5: nothing is accepted below a promise", at,
         r.instance.slot);
  }
  At(at).promised = std::max(At(at).promised, r.ballot);
  Round& round = NoteRound(at, r.instance.slot, r.ballot, r.value);
  round.durable_voters.Insert(at);
  Get(r.instance.slot).on_disk[static_cast<std::size_t>(Index(at))] = r.value;
  if (IsPhase2Quorum(settings(), round.durable_voters)) {
    NoteChosen(at, r.instance.slot, round);
  }
}

void LogGhost::Durable(ReplicaId at, const PromisedRecord& r) {
  if (r.ballot < At(at).promised) {
    Fail("invariant 5: promised ballots never decrease", at, r.instance.slot);
  }
  At(at).promised = r.ballot;
}

void LogGhost::Durable(ReplicaId at, const CommittedRecord& r) {
  CheckChosen(at, r.instance.slot, r.value);
  Slot& slot = Get(r.instance.slot);
  slot.on_disk[static_cast<std::size_t>(Index(at))] = r.value;
  slot.decided_on_disk.Insert(at);
  ExtendDecided(at);
}

void LogGhost::Durable(ReplicaId at, const DecidedRecord& r) {
  CheckDecided(at, r.through);
  for (std::uint64_t slot = At(at).decided + 1; slot <= r.through; ++slot) {
    CheckChosen(at, slot,
                Get(slot).on_disk[static_cast<std::size_t>(Index(at))]);
  }
  At(at).decided = std::max(At(at).decided, r.through);
  ExtendDecided(at);
}

void LogGhost::ExtendDecided(ReplicaId at) {
  const auto decided = [&](std::uint64_t slot) {
    return Find(slot) != nullptr && Find(slot)->decided_on_disk.Contains(at);
  };
  while (decided(At(at).decided + 1)) ++At(at).decided;
}

// Whoever forgets a slot has executed it for good, and does not need it again.
void LogGhost::Durable(ReplicaId at, const FloorRecord& r) {
  const std::uint64_t floor = r.drop_floor[kLogColumn];
  if (floor > At(at).decided) {
    Fail("invariant 16: only what is decided on disk is forgotten", at, floor);
  }
  if (settings().retained_bytes > 0) return;  // Others fetch a snapshot.
  for (int i = 0; i < settings().replicas; ++i) {
    if (At(ReplicaAt(i)).decided >= floor) continue;
    Fail("invariant 16: only what everybody has on disk is forgotten", at,
         floor, "r" + std::to_string(i + 1) + " lacks some of it");
  }
}

void LogGhost::Installed(ReplicaId at, const DependencySet& drop_floor,
                         std::span<const Record> snapshot) {
  const auto replica = static_cast<std::size_t>(Index(at));
  const auto has = [&](std::uint64_t slot) {
    Get(slot).decided_on_disk.Insert(at);
    if (Get(slot).chosen) Get(slot).on_disk[replica] = *Get(slot).chosen;
  };
  const std::uint64_t floor = drop_floor[kLogColumn];
  CheckDecided(at, floor);
  for (std::uint64_t slot = 1; slot <= floor; ++slot) has(slot);
  At(at).decided = std::max(At(at).decided, floor);
  for (const Record& record : snapshot) {
    const auto* instance = std::get_if<InstanceRecord>(&record);
    if (instance == nullptr || instance->status != InstanceStatus::kCommitted) {
      continue;
    }
    CheckChosen(at, instance->instance.slot, instance->value);
    has(instance->instance.slot);
  }
  ExtendDecided(at);
}

void LogGhost::Committed(ReplicaId at, const CommittedInstance& decision) {
  const std::uint64_t number = decision.instance.slot;
  if (decision.value.payload_missing()) {
    Fail("1.2: a decision is released with its payload", at, number);
  }
  if (decision.deps[kLogColumn] != number - 1) {
    Fail("a slot comes after all before it", at, number);
  }
  CheckChosen(at, number, decision.value);
  Slot& slot = Get(number);
  if (slot.decided || !slot.chosen) return;
  slot.decided = true;
  if (slot.chosen->batch == nullptr) slot.chosen->batch = decision.value.batch;
  CountDecision(slot.chosen->kind == ValueKind::kCommands,
                slot.rounds.size() > 1);
}

void LogGhost::SetExecutedFrontier(ReplicaId at,
                                   const DependencySet& executed) {
  At(at).executed = executed[kLogColumn];
}

}  // namespace quorate::sim
