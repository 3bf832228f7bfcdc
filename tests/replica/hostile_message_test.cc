// Messages that can be read and that no replica can have sent: refused and
// counted. Each of these once ended a process: the receiver's, its next life's,
// or that of whoever heard from it (found by fuzz_machine).
#include <gtest/gtest.h>

#include <optional>

#include "replica/host/replica.h"

namespace quorate {
namespace {

constexpr InstanceId kOther{ReplicaAt(1), 1};

CommandBatchPtr Put(const char* value) {
  return MakeBatch({ClientId{7}, 1},
                   {.kind = OperationKind::kPut, .key = "k", .value = value});
}

// r1 of three, whose disk syncs at once.
class HostileMessageTest : public ::testing::Test {
 protected:
  explicit HostileMessageTest(const Settings& settings = {})
      : settings_(settings), machine_(Replica::Create(settings)) {}

  void Step(const Event& event) {
    actions_.Clear();
    machine_->Step(event, actions_);
    Keep();
    machine_->Step(RecordsDurable{.through = machine_->last_record()},
                   actions_);
    Keep();
  }
  void Receive(int from, Message message) {
    Step(MessageReceived{.from = ReplicaAt(from),
                         .message = std::move(message)});
  }
  std::uint64_t refused() const { return machine_->Status().stale_messages; }

  // The first of these that the last step has sent.
  template <typename M>
  std::optional<M> Sent() const {
    for (const OutgoingMessage& outgoing : actions_.messages) {
      if (const M* found = std::get_if<M>(&outgoing.message)) return *found;
    }
    return std::nullopt;
  }
  // The Recover that it sends once r2 is suspected and time passes.
  std::optional<Recover> UntilItRecovers() {
    Step(PeerSuspected{.peer = ReplicaAt(1), .suspected = true});
    for (int tick = 0; tick < 100; ++tick) {
      Step(Tick{});
      if (auto recover = Sent<Recover>()) return recover;
    }
    return std::nullopt;
  }
  // What is on disk becomes the next life's.
  void Restart() {
    machine_ = Replica::Create(settings_);
    machine_->Restore(journal_);
  }
  std::vector<Record> Checkpoint() {
    std::vector<Record> records;
    machine_->BeginCheckpoint();
    while (machine_->NextCheckpointRecords(1 << 20, records)) {
    }
    return records;
  }
  // An instance of r2 for which two others name two payloads.
  void HearOfTwoPayloads() {
    Receive(1, PreAccept{.instance = kOther,
                         .batch = Put("one"),
                         .initial_deps = DependencySet(3)});
    Receive(2, Accept{.instance = kOther,
                      .ballot = Ballot::Of(1, ReplicaAt(2)),
                      .value = Value::Commands(Put("two")),
                      .deps = DependencySet(3)});
  }

  Settings settings_;
  std::unique_ptr<Replica> machine_;
  Actions actions_;
  std::vector<Record> journal_;

 private:
  void Keep() {
    for (Record& record : actions_.persist) {
      journal_.push_back(std::move(record));
    }
    actions_.persist.clear();
  }
};

TEST_F(HostileMessageTest, RefusesADependencyThatNobodyCanHaveReached) {
  DependencySet deps(3);
  deps.Set(ReplicaAt(2), std::uint64_t{1} << 50);
  Receive(1, Commit{.instance = kOther,
                    .value = Value::Commands(Put("v")),
                    .deps = deps});
  EXPECT_EQ(refused(), 1u);
  EXPECT_TRUE(actions_.committed.empty());
}

TEST_F(HostileMessageTest, RefusesAnOwnSlotThatItHasNotUsed) {
  Receive(1, Commit{.instance = {ReplicaAt(0), 1},
                    .value = Value::Noop(),
                    .deps = DependencySet(3)});
  EXPECT_EQ(refused(), 1u);
  Step(ClientCommands{.batches = {Put("v")}});
  EXPECT_EQ(machine_->Status().own_in_flight, 1u);
}

TEST_F(HostileMessageTest, RefusesAPreAcceptedNoop) {
  Receive(1, PreAccept{.instance = kOther,
                       .batch = Put("v"),
                       .initial_deps = DependencySet(3)});
  const std::optional<Recover> recover = UntilItRecovers();
  ASSERT_TRUE(recover.has_value());
  const std::uint64_t before = refused();
  Receive(2, RecoverReply{.instance = kOther,
                          .ballot = recover->ballot,
                          .status = InstanceStatus::kPreAccepted,
                          .value = Value::Noop(),
                          .deps = DependencySet(3),
                          .matches_initial = true});
  EXPECT_EQ(refused(), before + 1);
}

TEST_F(HostileMessageTest, RefusesAForgottenSlotThatNobodyCanHaveReached) {
  const DependencySet none(3);
  Receive(1, Frontier{.committed = none,
                      .executed = none,
                      .base_floor = none,
                      .forgotten_through = std::uint64_t{1} << 60});
  EXPECT_EQ(refused(), 1u);
  // Nobody could read it, or believe it, if it depended on that.
  Step(ClientCommands{.batches = {Put("v")}});
  const auto proposal = Sent<PreAccept>();
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->initial_deps, none);
}

TEST_F(HostileMessageTest, ReadsItsJournalThoughAnInstanceHadTwoPayloads) {
  HearOfTwoPayloads();
  const RecordSequence last = machine_->last_record();
  Restart();
  EXPECT_EQ(machine_->last_record(), last);
}

TEST_F(HostileMessageTest, ReadsItsCheckpointThoughAnInstanceHadTwoPayloads) {
  HearOfTwoPayloads();
  const std::uint64_t before = machine_->Fingerprint();
  const std::vector<Record> checkpoint = Checkpoint();
  journal_ = checkpoint;
  Restart();
  EXPECT_EQ(Checkpoint().size(), checkpoint.size());
  EXPECT_EQ(machine_->Fingerprint(), before);
}

// ---- BPaxos, all roles on r1 ------------------------------------------------

class HostileBpaxosTest : public HostileMessageTest {
 protected:
  HostileBpaxosTest()
      : HostileMessageTest(Settings{.protocol = Protocol::kBpaxos}) {}

  // r2's instance is decided as a noop.
  void Decide(InstanceId id) {
    Receive(1, Commit{.instance = id,
                      .value = Value::Noop(),
                      .deps = DependencySet(3)});
  }
  static RecoverReply VoteFor(const Recover& asked, const Value& value) {
    return {.instance = asked.instance,
            .ballot = asked.ballot,
            .status = InstanceStatus::kAccepted,
            .value = value,
            .deps = DependencySet(3)};
  }
};

TEST_F(HostileBpaxosTest, RefusesAnotherPayloadInAnOwnInstance) {
  Step(ClientCommands{.batches = {Put("mine")}});
  const std::uint64_t before = refused();
  Receive(1, Commit{.instance = {ReplicaAt(0), 1},
                    .value = Value::Commands(Put("theirs")),
                    .deps = DependencySet(3)});
  EXPECT_EQ(refused(), before + 1);
  EXPECT_TRUE(actions_.committed.empty());
  EXPECT_EQ(machine_->Status().own_in_flight, 1u);
}

// The leader must not take for decided what its executor does not.
TEST_F(HostileBpaxosTest, RefusesADependencyThatNobodyCanHaveReached) {
  Step(ClientCommands{.batches = {Put("mine")}});
  DependencySet deps(3);
  deps.Set(ReplicaAt(2), std::uint64_t{1} << 50);
  const std::uint64_t before = refused();
  Receive(1, Commit{.instance = {ReplicaAt(0), 1},
                    .value = Value::Noop(),
                    .deps = deps});
  EXPECT_EQ(refused(), before + 1);
  EXPECT_EQ(machine_->Status().own_in_flight, 1u);
}

TEST_F(HostileBpaxosTest, RefusesAVoteForNothing) {
  Receive(1, Inquire{.instance = kOther});
  const auto recover = Sent<Recover>();
  ASSERT_TRUE(recover.has_value());
  const std::uint64_t before = refused();
  Receive(1, VoteFor(*recover, Value{}));
  Receive(2, VoteFor(*recover, Value::Commands(Put("v")).WithoutPayload()));
  EXPECT_EQ(refused(), before + 2);
  EXPECT_FALSE(Sent<Accept>().has_value());
}

TEST_F(HostileBpaxosTest, TellsWhatItKnowsInsteadOfProposing) {
  Decide(kOther);
  Receive(2, Inquire{.instance = kOther});
  EXPECT_FALSE(Sent<Recover>().has_value());
  const auto commit = Sent<Commit>();
  ASSERT_TRUE(commit.has_value());
  EXPECT_EQ(commit->value, Value::Noop());
}

// Votes that contradict what is known here must not be counted to an end.
TEST_F(HostileBpaxosTest, GivesUpWhatAnEarlierLifeBeganAndItKnows) {
  for (const char* value : {"one", "two"}) {
    Step(ClientCommands{.batches = {Put(value)}});
  }
  const InstanceId second{ReplicaAt(0), 2};
  Decide(second);
  Restart();
  std::optional<Recover> recover;
  for (int tick = 0; tick < 100 && !recover; ++tick) {
    Step(Tick{});
    for (const OutgoingMessage& outgoing : actions_.messages) {
      const auto* m = std::get_if<Recover>(&outgoing.message);
      if (m != nullptr && m->instance == second) recover = *m;
    }
  }
  ASSERT_TRUE(recover.has_value());
  const std::uint64_t before = refused();
  for (const int from : {1, 2}) {
    Receive(from, VoteFor(*recover, Value::Commands(Put("theirs"))));
    EXPECT_FALSE(Sent<Accept>().has_value());
    Receive(from, AcceptReply{.instance = second, .ballot = recover->ballot});
  }
  EXPECT_EQ(refused(), before + 5);  // Its own acceptor's answer among them.
}

}  // namespace
}  // namespace quorate
