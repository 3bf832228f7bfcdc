// Messages that can be read and that no replica can have sent: refused and
// counted. Each of these once ended the process (found by fuzz_machine).
#include <gtest/gtest.h>

#include <optional>

#include "replica/replica.h"

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
  HostileMessageTest() : machine_(Replica::Create(Settings{})) {}

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

  // The Recover that it sends once r2 is suspected and time passes.
  std::optional<Recover> UntilItRecovers() {
    Step(PeerSuspected{.peer = ReplicaAt(1), .suspected = true});
    for (int tick = 0; tick < 100; ++tick) {
      Step(Tick{});
      for (const OutgoingMessage& outgoing : actions_.messages) {
        if (const auto* recover = std::get_if<Recover>(&outgoing.message)) {
          return *recover;
        }
      }
    }
    return std::nullopt;
  }

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

TEST_F(HostileMessageTest, ReadsItsJournalThoughAnInstanceHadTwoPayloads) {
  Receive(1, PreAccept{.instance = kOther,
                       .batch = Put("one"),
                       .initial_deps = DependencySet(3)});
  const Value other = Value::Commands(Put("two"));
  Receive(2, Accept{.instance = kOther,
                    .ballot = Ballot::Of(1, ReplicaAt(2)),
                    .value = other,
                    .deps = DependencySet(3)});
  const auto again = Replica::Create(Settings{});
  again->Restore(journal_);
  EXPECT_EQ(again->last_record(), machine_->last_record());
}

}  // namespace
}  // namespace quorate
