#include "replica/host/batcher.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/limits.h"

namespace quorate {
namespace {

CommandBatchPtr Commands(std::uint64_t first, std::size_t count,
                         std::size_t value_bytes = 1) {
  const std::string value(value_bytes, 'v');
  CommandBatchBuilder builder;
  for (std::size_t i = 0; i < count; ++i) {
    builder.AddCommand({ClientId{1}, first + i}, first - 1,
                       static_cast<std::uint32_t>(first + i));
    builder.AddOperation(
        {.kind = OperationKind::kPut, .key = "k", .value = value});
  }
  return builder.Finish();
}

TEST(Batcher, PassesAClientsBatchOnWithoutACopy) {
  Batcher batcher(100, 1000);
  const CommandBatchPtr batch = Commands(1, 5);
  batcher.Add(batch);
  EXPECT_EQ(batcher.Take(), batch);
  EXPECT_TRUE(batcher.empty());
}

TEST(Batcher, GathersWhatWaitsIntoOneBatch) {
  Batcher batcher(8, 1000);
  batcher.Add(Commands(1, 3));
  batcher.Add(Commands(4, 3));
  const CommandBatchPtr batch = batcher.Take();
  ASSERT_EQ(batch->commands().size(), 6u);
  EXPECT_EQ(batch->commands()[3].id.sequence, 4u);
  EXPECT_EQ(batch->commands()[3].origin, 4u);
  EXPECT_TRUE(batcher.empty());
}

TEST(Batcher, DividesAClientsBatchThatPassesTheCommandLimit) {
  Batcher batcher(4, 1000);
  batcher.Add(Commands(1, 6));
  batcher.Add(Commands(7, 1));
  const CommandBatchPtr first = batcher.Take();
  ASSERT_EQ(first->commands().size(), 4u);
  EXPECT_EQ(first->commands()[3].id.sequence, 4u);
  const CommandBatchPtr second = batcher.Take();
  ASSERT_EQ(second->commands().size(), 3u);
  EXPECT_EQ(second->commands()[0].id.sequence, 5u);
  EXPECT_EQ(second->commands()[2].id.sequence, 7u);
  EXPECT_TRUE(batcher.empty());
}

TEST(Batcher, KeepsBelowTheByteLimitButLetsOneLargeCommandGo) {
  Batcher batcher(100, 250);
  batcher.Add(Commands(1, 3, 100));
  EXPECT_EQ(batcher.Take()->commands().size(), 2u);
  EXPECT_EQ(batcher.Take()->commands().size(), 1u);
  batcher.Add(Commands(4, 1, 1000));
  EXPECT_EQ(batcher.Take()->commands().size(), 1u);
}

// Operations without keys have no bytes, and yet a message has to carry them.
TEST(Batcher, BoundsOperationsAsWellAsBytes) {
  Batcher batcher(kMaxBatchCommands, kMaxBatchBytes);
  CommandBatchBuilder builder;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    builder.AddCommand({ClientId{1}, i}, 0);
    for (std::size_t o = 0; o < kMaxOperationsPerCommand; ++o) {
      builder.AddOperation({.kind = OperationKind::kGet});
    }
  }
  const CommandBatchPtr request = builder.Finish();
  for (int i = 0; i < 40; ++i) batcher.Add(request);
  std::size_t commands = 0;
  while (!batcher.empty()) {
    const CommandBatchPtr batch = batcher.Take();
    EXPECT_LE(batch->operations().size() * kOperationBytes, kMaxBatchBytes);
    commands += batch->commands().size();
  }
  EXPECT_EQ(commands, 4000u);
}

TEST(Batcher, OneCommandABatchTurnsBatchingOff) {
  Batcher batcher(1, 1000);
  batcher.Add(Commands(1, 3));
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const CommandBatchPtr batch = batcher.Take();
    ASSERT_EQ(batch->commands().size(), 1u);
    EXPECT_EQ(batch->commands()[0].id.sequence, sequence);
  }
}

TEST(Batcher, IgnoresAnEmptyBatch) {
  Batcher batcher(10, 1000);
  batcher.Add(CommandBatchBuilder().Finish());
  EXPECT_TRUE(batcher.empty());
}

}  // namespace
}  // namespace quorate
