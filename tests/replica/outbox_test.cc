#include "replica/base/outbox.h"

#include <gtest/gtest.h>

namespace quorate {
namespace {

Message Ping(std::uint64_t slot) {
  return AcceptReply{.instance = {ReplicaAt(0), slot}, .ballot = Ballot()};
}

TEST(Outbox, LetsAMessageGoThatRestsOnNothing) {
  Outbox outbox;
  Actions actions;
  outbox.Send(ReplicaSet::FirstN(2), Ping(1), 0, actions);
  EXPECT_EQ(actions.messages.size(), 1u);
  EXPECT_TRUE(actions.persist_is_lazy);
}

TEST(Outbox, KeepsAMessageUntilItsRecordIsDurable) {
  Outbox outbox;
  Actions actions;
  outbox.Send(ReplicaSet::FirstN(2), Ping(1), 5, actions);
  EXPECT_TRUE(actions.messages.empty());
  EXPECT_FALSE(actions.persist_is_lazy);
  outbox.Durable(4, actions);
  EXPECT_TRUE(actions.messages.empty());
  outbox.Durable(5, actions);
  ASSERT_EQ(actions.messages.size(), 1u);
  EXPECT_EQ(actions.messages[0].rests_on, 5u);
}

TEST(Outbox, NeverGoesBackToLessDurable) {
  Outbox outbox;
  Actions actions;
  outbox.Durable(9, actions);
  outbox.Durable(3, actions);
  outbox.Send(ReplicaSet::FirstN(2), Ping(1), 7, actions);
  EXPECT_EQ(actions.messages.size(), 1u);
}

TEST(Outbox, DoesNotGatherRepetitionsWhileTheDiskStandsStill) {
  Outbox outbox;
  Actions actions;
  outbox.SendAgain(ReplicaSet::FirstN(2), Ping(1), 5, actions);
  EXPECT_TRUE(outbox.waiting().empty());
  outbox.Durable(5, actions);
  outbox.SendAgain(ReplicaSet::FirstN(2), Ping(1), 5, actions);
  EXPECT_EQ(actions.messages.size(), 1u);
}

TEST(Outbox, SendsNothingToNobody) {
  Outbox outbox;
  Actions actions;
  outbox.Send(ReplicaSet(), Ping(1), 0, actions);
  outbox.Send(ReplicaSet(), Ping(1), 8, actions);
  EXPECT_TRUE(actions.messages.empty());
  EXPECT_TRUE(outbox.waiting().empty());
}

}  // namespace
}  // namespace quorate
