// Answers: do all replicas together keep what the protocol promises?
//
// An omniscient observer of all messages, durable records and decisions of a
// run. It remembers what no replica can: what each of them had on disk when it
// spoke, which values were chosen, what was decided in an earlier life. Checks
// protocol.md 10, 1-4, 6, 9-12 and 16, and the table "what before what" of 1.2
// from the records themselves, without trusting a machine's `rests_on`.
//
// ghost_agreement.cc: values and decisions; ghost_dependencies.cc: what they
// depend on, and fast quorums; ghost_messages.cc: what is said;
// ghost_records.cc: what is on disk.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "replica/base/roles.h"
#include "replica/base/settings.h"
#include "tests/sim/marks.h"
#include "tests/sim/observer.h"
#include "tests/sim/verdict.h"
#include "wire/machine.h"

namespace quorate::sim {

class Ghost final : public Observer {
 public:
  Ghost(const Settings& settings, Verdict& verdict);

  void Sent(ReplicaId from, const Message& message) override;
  void Replied(ReplicaId from, const ClientReply& reply) override;
  void BecameDurable(ReplicaId at, std::span<const Record> records) override;
  void Committed(ReplicaId at, const CommittedInstance& decision) override;
  void Installed(ReplicaId at, const DependencySet& drop_floor,
                 std::span<const Record> snapshot) override;
  void SetExecutedFrontier(ReplicaId at,
                           const DependencySet& executed) override;

  bool IsDecided(InstanceId id) const override;
  const CommandBatch* FindDecided(InstanceId id) const override;
  CommandBatchPtr FindPayload(InstanceId id) const override;

 private:
  // Of quorums; and how many members may be left out when instances are
  // forgotten.
  struct Sizes {
    int faults = 0;
    int accept_quorum = 0;
    int fast_quorum = 0;
    int laggards = 0;
  };
  static Sizes SizesOf(const Settings& settings);
  // One proposal (instance, ballot).
  struct Round {
    Ballot ballot;
    Value value;
    DependencySet deps;
    ReplicaSet durable_voters;
  };
  // What one replica has on disk about one instance.
  struct OnDisk {
    bool pre_accepted = false;
    bool initial_known = false;
    bool committed = false;
    // As a node of the dependency service.
    bool answered = false;
    DependencySet answer;
    Ballot promised;
    // As a proposer of BPaxos, whose ballots are not promises of the acceptor
    // beside it.
    Ballot begun;
    DependencySet pre_accepted_deps;
    // Atlas: told to a Recover without having voted.
    std::optional<DependencySet> collected_deps;
    Ballot collected_ballot;
  };
  struct Decision {
    Value value;
    DependencySet deps;
  };
  struct Instance {
    CommandBatchPtr payload;
    // What the dependency service was asked with: the payload, or parts of it.
    absl::InlinedVector<CommandBatchPtr, 1> asked;
    std::optional<DependencySet> initial_deps;
    std::optional<ReplicaSet> fast_quorum;
    std::optional<Decision> chosen;
    Ballot chosen_ballot;
    std::optional<Decision> decided;
    absl::InlinedVector<Round, 1> rounds;
    absl::InlinedVector<OnDisk, 5> on_disk;
  };

  Instance& Get(InstanceId id);
  const Instance* Find(InstanceId id) const;
  OnDisk& DiskOf(ReplicaId replica, Instance& instance) {
    return instance.on_disk[static_cast<std::size_t>(Index(replica))];
  }
  void Fail(const char* invariant, ReplicaId at, InstanceId id,
            const std::string& detail = "");

  void NotePayload(ReplicaId at, InstanceId id, const CommandBatchPtr& batch);
  void NoteAsked(ReplicaId at, InstanceId id, const CommandBatchPtr& batch);
  void NoteValue(ReplicaId at, InstanceId id, const Value& value);
  // May the instance conflict with anything that the shard answers for?
  bool Concerns(const CommandBatch& payload, int shard) const;
  void NoteInitialDeps(ReplicaId at, InstanceId id, const DependencySet& deps);
  Round& NoteRound(ReplicaId at, InstanceId id, Ballot ballot,
                   const Value& value, const DependencySet& deps);
  void NoteChosen(ReplicaId at, InstanceId id, Ballot ballot,
                  const Value& value, const DependencySet& deps);
  void NoteDecided(ReplicaId at, InstanceId id, const Value& value,
                   const DependencySet& deps);
  void MarkDecision(const Instance& instance, const Value& value);
  void MarkProposal(InstanceId id, CommandId command);
  void CheckVisibility(ReplicaId at, InstanceId id);
  // A proposal at ballot 0 has the answers of a quorum of each shard that it
  // concerns.
  void CheckUnion(ReplicaId at, const Accept& m);
  // No more than `lacking` executors lack anything up to `floor`.
  void CheckFloor(ReplicaId at, const DependencySet& floor, int lacking);
  void NoteForgotten(ReplicaId at, const DependencySet& floor);
  bool is_bpaxos() const { return settings().protocol == Protocol::kBpaxos; }
  void CheckFastQuorum(ReplicaId at, InstanceId id, const DependencySet& deps);
  void CheckPopularity(ReplicaId at, InstanceId id, const DependencySet& deps);
  void NoteFastQuorum(ReplicaId at, InstanceId id, ReplicaSet quorum);
  // Are all commits up to there on the replica's disk?
  bool HasStable(ReplicaId replica, const DependencySet& through);

  void CheckSent(ReplicaId from, const PreAccept& m);
  void CheckSent(ReplicaId from, const PreAcceptReply& m);
  void CheckSent(ReplicaId from, const Accept& m);
  void CheckSent(ReplicaId from, const AcceptReply& m);
  void CheckSent(ReplicaId, const Nack&) { Note(Mark::kRefusal); }
  void CheckSent(ReplicaId from, const Commit& m);
  void CheckSent(ReplicaId from, const Recover& m);
  void CheckSent(ReplicaId from, const RecoverReply& m);
  void CheckSent(ReplicaId from, const Validate& m);
  void CheckSent(ReplicaId from, const ValidateReply& m);
  void CheckSent(ReplicaId, const Waiting&) {}
  void CheckSent(ReplicaId, const Inquire&) {}
  void CheckSent(ReplicaId, const InquireReply&) {}
  void CheckSent(ReplicaId from, const Frontier& m);
  void CheckSent(ReplicaId from, const Truncated& m);
  void CheckSent(ReplicaId, const SnapshotRequest&) {}
  void CheckSent(ReplicaId, const SnapshotChunk&) {}
  void CheckSent(ReplicaId from, const DependencyRequest& m);
  void CheckSent(ReplicaId from, const DependencyReply& m);
  void CheckSent(ReplicaId, const InstanceReplies&) {}
  template <typename OfAnotherProtocol>
  void CheckSent(ReplicaId from, const OfAnotherProtocol&) {
    Fail("EPaxos speaks no other protocol", from, {from, 0});
  }

  void BecameDurable(ReplicaId at, const PreAcceptedRecord& r);
  void BecameDurable(ReplicaId at, const AcceptedRecord& r);
  void BecameDurable(ReplicaId at, const PromisedRecord& r);
  void BecameDurable(ReplicaId at, const ValidatedRecord& r);
  void BecameDurable(ReplicaId at, const CommittedRecord& r);
  void BecameDurable(ReplicaId at, const FloorRecord& r);
  void BecameDurable(ReplicaId at, const ReservedRecord& r);
  void BecameDurable(ReplicaId at, const DependencyRecord& r);
  // Records of a checkpoint are no new facts.
  template <typename CheckpointPart>
  void BecameDurable(ReplicaId at, const CheckpointPart&) {
    Fail("a checkpoint is not in the journal", at, {at, 0});
  }

  Cluster cluster_;
  const Roles& roles_ = cluster_.roles;  // none empty
  Sizes sizes_;
  // Who proposed it last.
  absl::flat_hash_map<std::pair<std::uint64_t, std::uint64_t>, InstanceId>
      proposed_;
  std::vector<std::deque<Instance>> columns_;
  // Own slots that a durable reservation covers.
  std::array<std::uint64_t, kMaxNodes> reserved_{};
  // Every slot up to here is durably committed (has been executed) there.
  std::array<DependencySet, kMaxNodes> stable_;
  std::array<DependencySet, kMaxNodes> executed_;
  // BPaxos: what executors may have forgotten.
  std::array<DependencySet, kMaxNodes> forgotten_;
};

}  // namespace quorate::sim
