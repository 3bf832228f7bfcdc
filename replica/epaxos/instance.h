// Answers: what does one replica know about one instance?
//
// The state of protocol.md 2.3. Everything but its phase and `last_record` is
// durable (records of wire/record.h rebuild it).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "replica/base/box.h"
#include "wire/command.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate::epaxos {

// What a proposer keeps about a round that it leads: its own instance at
// ballot 0, or the accept round that ends a recovery. Votes are sets.
struct Leading {
  // PreAccept went to these; the others learn of the instance by its Commit.
  ReplicaSet asked;
  // Voted by PreAcceptReply. The own vote is in it once its record is durable.
  ReplicaSet voters;
  // Of these, with exactly the initial dependencies.
  ReplicaSet matching;
  // Union over all votes: what the slow path proposes.
  DependencySet voted_deps;
  // Atlas: per column, how many have voted for its watermark in voted_deps.
  std::array<std::uint8_t, kMaxReplicas> reporters{};
  // Voted by AcceptReply; again the own one once durable.
  ReplicaSet accept_voters;
  // Waited for long enough: the fast path does without their votes (late.cc).
  ReplicaSet late;
  int age_ticks = 0;
  // When each is sent the round again that has not answered, and the earliest.
  std::array<int, kMaxReplicas> due_ticks{};
  int next_retransmit_ticks = 0;
};

// One attempt to finish an instance at a ballot of our own (protocol.md 2.6).
struct Recovering {
  enum class Stage : std::uint8_t { kPromising, kValidating, kWaiting };

  Stage stage = Stage::kPromising;
  Ballot ballot;
  // Answers to Recover; one's own counts once its promise is durable.
  std::array<std::optional<RecoverReply>, kMaxReplicas> answers;
  ReplicaSet answered;
  // Q of the rules: who had answered when the attempt was decided.
  ReplicaSet quorum;
  // c, D and |R| of rule R5. Atlas: the payload that the Recover carried, if
  // it was known when the attempt began.
  CommandBatchPtr batch;
  DependencySet initial_deps;
  int matching = 0;
  ReplicaSet validated;
  // I of the rules: conflicting instances that do not see this one, and
  // whether one of them was reported as committed.
  std::map<InstanceId, bool> conflicts;
  int age_ticks = 0;
  int next_repeat_ticks = 0;

  // How many of these match the command leader's initial dependencies.
  int Matching(ReplicaSet among) const;
  // The command leader has answered that it does not know.
  bool LeaderIsRecused(InstanceId id) const {
    const auto& answer = answers[static_cast<std::size_t>(Index(id.replica))];
    return answer && answer->recused;
  }
};

struct Instance {
  InstanceStatus status = InstanceStatus::kUnknown;
  // Two ballots: with one, a promise would pass for a vote (BM1).
  Ballot promised_ballot;
  Ballot accepted_ballot;
  // The value that `deps` belongs to.
  Value value;
  DependencySet deps;
  // The command leader's proposal, once any message has shown it. The payload
  // stays known, and indexed, even if a noop is decided (D4).
  CommandBatchPtr initial_batch;
  DependencySet initial_deps;
  bool initial_known = false;
  // Atlas: the fast quorum that the command leader fixed; there is no other.
  ReplicaSet fast_quorum;
  // Atlas: a Recover has asked for `deps`, though this replica has not voted.
  bool collected = false;
  // Pre-accepted in an earlier life.
  bool restored_pre_accept = false;
  // A record with the payload has been appended.
  bool payload_recorded = false;
  // Committed, and given to the executor: a fast commit only once its record
  // is durable.
  bool released = false;
  // Newest record about this instance.
  RecordSequence last_record = 0;

  // ---- what this replica does about it: one thing at a time ----
  // Null unless it leads a round of it.
  Leading* leading() { return BoxedIn<Leading>(phase); }
  const Leading* leading() const { return BoxedIn<Leading>(phase); }
  // Null unless it recovers it, and has not come to a value yet.
  Recovering* recovering() { return BoxedIn<Recovering>(phase); }
  const Recovering* recovering() const { return BoxedIn<Recovering>(phase); }
  Leading& Lead() { return phase.emplace<Box<Leading>>().Emplace(); }
  Recovering& Recover() { return phase.emplace<Box<Recovering>>().Emplace(); }
  void StopLeading() {
    if (leading() != nullptr) phase = Idle();
  }
  void StopRecovering() {
    if (recovering() != nullptr) phase = Idle();
  }

  // Nothing, for most instances at most times.
  struct Idle {};
  std::variant<Idle, Box<Leading>, Box<Recovering>> phase;

  // Own, proposed in this life and not released: counts against max_in_flight.
  bool in_flight = false;
  // Highest ballot heard of in a refusal: the next attempt goes above it.
  Ballot refused_by;
  // Most matching votes that a waiting recovery of this instance announced
  // (rule W3); -1: none. Never forgotten, whatever its ballot was.
  int waiting_votes = -1;
  // When it was decided here, in this life (Core::ticks).
  std::uint32_t decided_ticks = 0;
};

}  // namespace quorate::epaxos
