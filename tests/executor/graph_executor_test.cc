#include "executor/order/graph_executor.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/executor/builders.h"

namespace quorate {
namespace {

// Three replicas; batches of one command of one put unless said otherwise.
class GraphExecutorTest : public ::testing::Test {
 protected:
  // What the commit lets execute, in order.
  std::vector<InstanceId> Commit(InstanceId id, CommandBatchPtr batch,
                                 const DependencySet& deps) {
    ExecutionOrder order;
    EXPECT_TRUE(executor_.Commit(id, std::move(batch), deps, order));
    std::vector<InstanceId> ids;
    for (const ExecutionOrder::Item& item : order.items) {
      ids.push_back(item.instance);
    }
    return ids;
  }
  std::vector<InstanceId> Commit(InstanceId id, const DependencySet& deps,
                                 std::string_view key = "k") {
    return Commit(id, Batch(++sequence_, {Put(key, "v")}), deps);
  }
  std::vector<InstanceId> CommitNoop(InstanceId id) {
    return Commit(id, nullptr, Deps({0, 0, 0}));
  }

  using Ids = std::vector<InstanceId>;
  GraphExecutor executor_{3, ConflictMode::kOperation};
  std::uint64_t sequence_ = 0;
};

TEST_F(GraphExecutorTest, ExecutesAtOnceWhatDependsOnNothing) {
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 0, 0})), Ids{Id(1, 1)});
  EXPECT_EQ(executor_.committed_frontier(), Deps({1, 0, 0}));
  EXPECT_EQ(executor_.executed_frontier(), Deps({1, 0, 0}));
}

TEST_F(GraphExecutorTest, WaitsForTheWholePrefixEvenIfItDoesNotConflict) {
  EXPECT_EQ(Commit(Id(2, 1), Deps({2, 0, 0})), Ids{});
  EXPECT_EQ(Commit(Id(1, 2), Deps({1, 0, 0}), "other"), Ids{});
  EXPECT_EQ(executor_.waiting(), 2u);
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 0, 0}), "another"),
            (Ids{Id(1, 1), Id(2, 1), Id(1, 2)}));
}

TEST_F(GraphExecutorTest, ExecutesAComponentInTheOrderOfIds) {
  EXPECT_EQ(Commit(Id(3, 1), Deps({1, 1, 0})), Ids{});
  EXPECT_EQ(Commit(Id(2, 1), Deps({1, 0, 1})), Ids{});
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 1, 1})),
            (Ids{Id(1, 1), Id(2, 1), Id(3, 1)}));
}

TEST_F(GraphExecutorTest, OrdersByComponentBeforeId) {
  // r1.1 depends on r2.1, not the other way round.
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 1, 0})), Ids{});
  EXPECT_EQ(Commit(Id(2, 1), Deps({0, 0, 0})), (Ids{Id(2, 1), Id(1, 1)}));
}

TEST_F(GraphExecutorTest, DoesNotWaitForWhatCommutesWithIt) {
  // r1.1 waits for r3.1; r2.1 has r1.1 in its prefix but touches another key.
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 0, 1})), Ids{});
  EXPECT_EQ(Commit(Id(2, 1), Deps({1, 0, 0}), "other"), Ids{Id(2, 1)});
  EXPECT_EQ(Commit(Id(2, 2), Deps({1, 0, 0})), Ids{});
}

// A noop completes prefixes and has no edges, whatever its deps say.
TEST_F(GraphExecutorTest, ANoopExecutesWhenItIsCommitted) {
  EXPECT_EQ(Commit(Id(2, 1), Deps({1, 0, 0})), Ids{});
  EXPECT_EQ(Commit(Id(1, 1), nullptr, Deps({0, 0, 9})), Ids{Id(2, 1)});
  EXPECT_EQ(executor_.executed_frontier(), Deps({1, 1, 0}));
}

TEST_F(GraphExecutorTest, AnInstanceInItsOwnPrefixDoesNotWaitForItself) {
  EXPECT_EQ(Commit(Id(1, 1), Deps({1, 0, 0})), Ids{Id(1, 1)});
}

TEST_F(GraphExecutorTest, WaitsForLaterSlotsOfItsOwnColumnWhenItHasThem) {
  EXPECT_EQ(Commit(Id(1, 1), Deps({3, 0, 0})), Ids{});
  EXPECT_EQ(Commit(Id(1, 3), Deps({0, 0, 0})), Ids{Id(1, 3)});
  // r1.1 has r1.2 in its prefix and the other way round.
  EXPECT_EQ(Commit(Id(1, 2), Deps({2, 0, 0})), (Ids{Id(1, 1), Id(1, 2)}));
  EXPECT_EQ(executor_.executed_frontier(), Deps({3, 0, 0}));
}

TEST_F(GraphExecutorTest, IgnoresARepeatedCommit) {
  ExecutionOrder order;
  Commit(Id(1, 1), Deps({0, 0, 0}));
  Commit(Id(2, 2), Deps({0, 0, 1}));
  for (const InstanceId id : {Id(1, 1), Id(2, 2)}) {
    EXPECT_FALSE(executor_.Commit(id, Batch(9, {Put("k", "w")}),
                                  Deps({0, 0, 0}), order));
  }
  EXPECT_TRUE(order.items.empty());
  EXPECT_EQ(executor_.waiting(), 1u);
}

TEST_F(GraphExecutorTest, FrontiersCountContiguousSlotsOnly) {
  Commit(Id(1, 2), Deps({0, 0, 0}));
  EXPECT_EQ(executor_.committed_frontier(), Deps({0, 0, 0}));
  Commit(Id(1, 1), Deps({0, 1, 0}));
  EXPECT_EQ(executor_.committed_frontier(), Deps({2, 0, 0}));
  EXPECT_EQ(executor_.executed_frontier(), Deps({0, 0, 0}));
  CommitNoop(Id(2, 1));
  EXPECT_EQ(executor_.executed_frontier(), Deps({2, 1, 0}));
}

TEST_F(GraphExecutorTest, NamesTheMissingInstanceOfTheOldestOneThatWaits) {
  EXPECT_EQ(executor_.OldestBlocked(), std::nullopt);
  Commit(Id(3, 3), Deps({0, 5, 2}));
  EXPECT_EQ(executor_.OldestBlocked(),
            (GraphExecutor::Blocked{Id(3, 3), Id(2, 1)}));
  // r1.2 is complete but depends on r1.1, which misses r3.1.
  Commit(Id(1, 2), Deps({1, 0, 0}));
  Commit(Id(1, 1), Deps({0, 0, 1}));
  EXPECT_EQ(executor_.OldestBlocked(),
            (GraphExecutor::Blocked{Id(1, 1), Id(3, 1)}));
  CommitNoop(Id(3, 1));
  EXPECT_EQ(executor_.OldestBlocked(),
            (GraphExecutor::Blocked{Id(3, 3), Id(2, 1)}));
}

TEST_F(GraphExecutorTest, NamesWhatStopsAComponentFromAfar) {
  // r1.1 -> r2.1 -> r3.1, which misses r2.2.
  Commit(Id(1, 1), Deps({0, 1, 0}));
  Commit(Id(2, 1), Deps({0, 0, 1}));
  Commit(Id(3, 1), Deps({0, 2, 0}));
  EXPECT_EQ(executor_.OldestBlocked(),
            (GraphExecutor::Blocked{Id(1, 1), Id(2, 2)}));
}

TEST_F(GraphExecutorTest, ForgetsWhatHasExecuted) {
  for (std::uint64_t slot = 1; slot <= 100'000; ++slot) {
    // Each pair waits for each other, so that vertices are used.
    Commit(Id(1, slot), Deps({slot - 1, slot, 0}));
    Commit(Id(2, slot), Deps({slot, slot - 1, 0}));
    ASSERT_EQ(executor_.slots_in_memory(), 0u);
  }
  EXPECT_LE(executor_.waiting_capacity(), 2u);
  EXPECT_EQ(executor_.waiting(), 0u);
}

TEST_F(GraphExecutorTest, ForgetsTheKeysOfWhatHasExecuted) {
  GraphExecutor executor(3, ConflictMode::kOperation, /*pairwise_limit=*/0);
  ExecutionOrder order;
  for (std::uint64_t slot = 2; slot <= 50; ++slot) {
    executor.Commit(Id(1, slot),
                    Batch(slot, {Put("k", "v"), Put(std::to_string(slot), "")}),
                    Deps({slot - 1, 1, 0}), order);
  }
  executor.Commit(Id(1, 1), Batch(1, {Put("k", "v")}), Deps({0, 1, 0}), order);
  EXPECT_TRUE(order.items.empty());
  EXPECT_EQ(executor.indexed_keys(), 0u);  // Nobody had to ask.
  // Resolves all but r1.51 and r2.2, which are one component.
  executor.Commit(Id(1, 51), Batch(51, {Put("k", "v")}), Deps({50, 2, 0}),
                  order);
  executor.Commit(Id(2, 1), Batch(60, {Put("k", "v")}), Deps({49, 0, 0}),
                  order);
  EXPECT_GT(executor.waiting(), 0u);
  executor.Commit(Id(2, 2), Batch(61, {Put("k", "v")}), Deps({51, 0, 0}),
                  order);
  EXPECT_EQ(order.items.size(), 53u);
  EXPECT_EQ(executor.indexed_keys(), 0u);
  EXPECT_EQ(executor.waiting(), 0u);
}

// Every batch hits one hot key a thousand times and every prefix covers all
// that is in flight: components of hundreds of batches.
TEST_F(GraphExecutorTest, OrdersHotBatchesThatAllDependOnEachOther) {
  const std::vector<Operation> hot(1000, Put("hot", "v"));
  constexpr std::uint64_t kSlots = 300;
  Ids all;
  for (std::uint64_t slot = 1; slot <= kSlots; ++slot) {
    for (int replica = 1; replica <= 3; ++replica) {
      if (slot == kSlots && replica == 3) break;
      ASSERT_EQ(Commit(Id(replica, slot), Batch(++sequence_, hot),
                       Deps({kSlots, kSlots, kSlots})),
                Ids{});
      all.push_back(Id(replica, slot));
    }
  }
  all.push_back(Id(3, kSlots));
  EXPECT_EQ(Commit(Id(3, kSlots), Batch(++sequence_, hot),
                   Deps({kSlots, kSlots, kSlots})),
            all);
}

TEST_F(GraphExecutorTest, ExecutesAChainOfInstancesCommittedBackwards) {
  constexpr std::uint64_t kSlots = 20'000;
  for (std::uint64_t slot = kSlots; slot > 1; --slot) {
    ASSERT_EQ(Commit(Id(1, slot), Deps({slot - 1, 0, 0})), Ids{});
  }
  EXPECT_EQ(Commit(Id(1, 1), Deps({0, 0, 0})).size(), kSlots);
  EXPECT_EQ(executor_.slots_in_memory(), 0u);
}

}  // namespace
}  // namespace quorate
