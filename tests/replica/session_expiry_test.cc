// Sessions are forgotten by a command of the replicas, under every protocol.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/host/era_timer.h"
#include "replica/host/replica.h"

namespace quorate {
namespace {

// ---- when
// ---------------------------------------------------------------------

Settings Timed(int self) {
  Settings settings;
  settings.self = ReplicaAt(self);
  settings.tick_ms = 10;
  settings.session_idle_ms = 500;
  return settings;
}

// The tick, counted from 1, at which the timer proposes an end; 0: never.
int FirstProposal(EraTimer& timer, std::uint64_t era) {
  for (int tick = 1; tick <= 10'000; ++tick) {
    if (timer.Tick(era) != nullptr) return tick;
  }
  return 0;
}

TEST(EraTimerTest, ProposesTheEndWhenTheEraHasLastedLongEnough) {
  EraTimer timer(Timed(0));
  EXPECT_EQ(FirstProposal(timer, 0), 50);
  EXPECT_EQ(FirstProposal(timer, 1), 50) << "counted from its beginning";
}

TEST(EraTimerTest, NamesTheEraThatEnds) {
  EraTimer timer(Timed(0));
  CommandBatchPtr batch;
  while (batch == nullptr) batch = timer.Tick(6);
  ASSERT_EQ(batch->operations().size(), 1u);
  EXPECT_EQ(batch->operations()[0].kind, OperationKind::kEndEra);
  EXPECT_EQ(batch->operations()[0].number, 6);
}

TEST(EraTimerTest, LaterReplicasLeaveTheFirstOnesTime) {
  int last = 0;
  for (int self = 0; self < 5; ++self) {
    EraTimer timer(Timed(self));
    const int first = FirstProposal(timer, 0);
    EXPECT_GT(first, last);
    last = first;
  }
}

TEST(EraTimerTest, ProposesAgainWhileNothingComesOfIt) {
  EraTimer timer(Timed(0));
  ASSERT_NE(FirstProposal(timer, 0), 0);
  EXPECT_NE(FirstProposal(timer, 0), 0);
}

TEST(EraTimerTest, NeverProposesWhereSessionsAreKeptForEver) {
  Settings settings = Timed(0);
  settings.session_idle_ms = 0;
  EraTimer timer(settings);
  EXPECT_EQ(FirstProposal(timer, 0), 0);
}

// ---- what comes of it
// -----------------------------------------------------------

// Three replicas with instant disks and a perfect network.
class SessionExpiryTest : public testing::TestWithParam<Protocol> {
 protected:
  SessionExpiryTest() {
    for (int i = 0; i < 3; ++i) {
      Settings settings = Timed(i);
      settings.protocol = GetParam();
      replicas_.push_back(Replica::Create(settings));
    }
    // Multi-Paxos elects somebody; a new era has begun.
    for (int tick = 0; tick < 300; ++tick) TickAll();
    for (const std::uint64_t era = at(0).era(); at(0).era() == era;) TickAll();
  }

  Replica& at(int i) { return *replicas_[static_cast<std::size_t>(i)]; }

  void Step(int i, const Event& event) {
    Actions actions;
    at(i).Step(event, actions);
    while (!actions.persist.empty()) {
      actions.persist.clear();
      at(i).Step(RecordsDurable{at(i).last_record()}, actions);
    }
    for (OutgoingReply& reply : actions.replies) {
      replies_.push_back(std::move(reply.reply));
    }
    for (const OutgoingMessage& out : actions.messages) {
      for (int to = 0; to < 3; ++to) {
        if (!out.to.Contains(ReplicaAt(to))) continue;
        Step(to, MessageReceived{.from = ReplicaAt(i), .message = out.message});
      }
    }
  }
  void TickAll() {
    for (int i = 0; i < 3; ++i) {
      Step(i, Tick{.random = static_cast<std::uint64_t>(i)});
    }
  }
  void RunUntilEra(std::uint64_t era) {
    for (int tick = 0; tick < 10'000 && at(0).era() < era; ++tick) TickAll();
    ASSERT_EQ(Settle(), era);
  }
  // Until all have come to the same era; which one.
  std::uint64_t Settle() {
    for (int tick = 0; tick < 30; ++tick) TickAll();
    EXPECT_EQ(at(1).era(), at(0).era());
    EXPECT_EQ(at(2).era(), at(0).era());
    return at(0).era();
  }
  // At the leader, or at a replica like any other.
  ClientReply Append(std::uint64_t sequence) {
    int to = 1;
    for (int i = 0; i < 3; ++i) {
      if (at(i).Status().leads) to = i;
    }
    replies_.clear();
    Step(to, ClientCommands{
                 .batches = {MakeBatch(
                     {ClientId{9}, sequence},
                     {.kind = OperationKind::kAppend, .key = "k", .value = "x"},
                     /*origin=*/5)}});
    EXPECT_EQ(replies_.size(), 1u);
    return replies_.empty() ? ClientReply{} : replies_[0];
  }
  std::string Value(int i) {
    return std::string(at(i).executor().state_machine().Find("k").value_or(""));
  }

  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<ClientReply> replies_;
};

TEST_P(SessionExpiryTest, AnIdleSessionIsForgottenByAllAndNothingIsDoneTwice) {
  const std::uint64_t born = Settle();
  const std::uint64_t first = FirstSequence(born);
  ASSERT_EQ(Append(first).status, ReplyStatus::kDone);
  RunUntilEra(born + 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(at(i).Status().sessions, 0u);
    EXPECT_EQ(at(i).Status().expired_sessions, 1u);
    EXPECT_EQ(at(i).Status().state_hash, at(0).Status().state_hash);
  }
  const ClientReply retry = Append(first);
  EXPECT_EQ(retry.status, ReplyStatus::kRefused);
  EXPECT_EQ(retry.reason, RefusalReason::kSessionExpired);
  EXPECT_EQ(Append(FirstSequence(born + 2)).status, ReplyStatus::kDone);
  Settle();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Value(i), "xx") << i;
}

TEST_P(SessionExpiryTest, ASessionInUseIsKept) {
  const std::uint64_t born = Settle();
  for (std::uint64_t i = 0; i < 4; ++i) {
    ASSERT_EQ(Append(FirstSequence(born) + i).status, ReplyStatus::kDone);
    RunUntilEra(born + i + 1);
  }
  EXPECT_EQ(at(0).Status().sessions, 1u);
  EXPECT_EQ(at(0).Status().expired_sessions, 0u);
}

INSTANTIATE_TEST_SUITE_P(AllProtocols, SessionExpiryTest,
                         testing::ValuesIn(kProtocols),
                         [](const auto& protocol) {
                           return std::string(Name(protocol.param));
                         });

}  // namespace
}  // namespace quorate
