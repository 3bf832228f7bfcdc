#include "depsvc/shards.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "wire/commutation.h"

namespace quorate {
namespace {

// A key of the shard.
std::string KeyIn(int shard, int shards) {
  for (int i = 0;; ++i) {
    const std::string key = "k" + std::to_string(i);
    if (ShardOfKey(HashKey(key), shards) == shard) return key;
  }
}

TEST(ShardsTest, DividesKeysEvenlyAmongAnyNumber) {
  for (int shards = 1; shards <= kMaxShards; ++shards) {
    std::array<int, kMaxShards> keys{};
    for (int i = 0; i < 8000; ++i) {
      const int shard = ShardOfKey(HashKey("key" + std::to_string(i)), shards);
      ASSERT_GE(shard, 0);
      ASSERT_LT(shard, shards);
      ++keys[static_cast<std::size_t>(shard)];
    }
    for (int shard = 0; shard < shards; ++shard) {
      EXPECT_NEAR(keys[static_cast<std::size_t>(shard)], 8000 / shards, 300);
    }
  }
}

// A journal is read by later versions: where a key belongs may never change.
TEST(ShardsTest, AKeyStaysInItsShardForEver) {
  EXPECT_EQ(ShardOfKey(0, 5), 0);
  EXPECT_EQ(ShardOfKey(std::uint64_t{1} << 57, 2), 1);
  EXPECT_EQ(ShardOfKey(~std::uint64_t{0}, 5), 4);
  EXPECT_EQ(ShardOfKey(HashKey("stock"), 2), 0);
  EXPECT_EQ(ShardOfKey(HashKey("greeting"), 2), 1);
}

CommandBatchPtr TwoCommands(const std::string& first,
                            const std::string& second) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0, 7);
  builder.AddOperation(
      {.kind = OperationKind::kPut, .key = first, .value = "v"});
  builder.AddCommand({ClientId{2}, 5}, 3, 8);
  builder.AddOperation(
      {.kind = OperationKind::kPut, .key = first, .value = "w"});
  builder.AddOperation(
      {.kind = OperationKind::kAdd, .key = second, .number = 4});
  return builder.Finish();
}

TEST(ShardsTest, ABatchAsksTheShardsOfItsKeys) {
  const std::string here = KeyIn(0, 3);
  const std::string there = KeyIn(2, 3);
  EXPECT_EQ(ShardsOf(*TwoCommands(here, here), 3), 0b001);
  EXPECT_EQ(ShardsOf(*TwoCommands(there, here), 3), 0b101);
  EXPECT_EQ(ShardsOf(*TwoCommands(there, here), 1), 0b1);
}

TEST(ShardsTest, AScanAsksEveryShard) {
  const CommandBatchPtr scan =
      MakeBatch({ClientId{1}, 1}, {.kind = OperationKind::kScan, .key = "a"});
  EXPECT_EQ(ShardsOf(*scan, 4), 0b1111);
}

TEST(ShardsTest, WhatTouchesNoKeyAsksOneShardAllTheSame) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  EXPECT_EQ(ShardsOf(*builder.Finish(), 4), 0b0001);
}

TEST(ShardsTest, AShardIsToldOfItsKeysWithoutTheirValues) {
  const std::string here = KeyIn(0, 2);
  const std::string there = KeyIn(1, 2);
  const CommandBatchPtr batch = TwoCommands(here, there);
  const CommandBatchPtr first = PartOf(*batch, 0, 2);
  ASSERT_EQ(first->commands().size(), 2u);
  ASSERT_EQ(first->operations().size(), 2u);
  EXPECT_EQ(first->operations()[0].key, here);
  EXPECT_EQ(first->operations()[0].value, "");
  EXPECT_EQ(first->operations()[0].key_hash, HashKey(here));
  const CommandBatchPtr second = PartOf(*batch, 1, 2);
  ASSERT_EQ(second->commands().size(), 1u);
  EXPECT_EQ(second->commands()[0].id, (CommandId{ClientId{2}, 5}));
  EXPECT_EQ(second->commands()[0].origin, 0u);
  EXPECT_EQ(second->operations()[0].kind, OperationKind::kAdd);
  EXPECT_NE(first->digest(), batch->digest());
}

// A node refuses a message with a command that no client may send, and then the
// leader asks for ever.
TEST(ShardsTest, AWithdrawalIsOneInItsPartAsWell) {
  const std::string here = KeyIn(0, 2);
  const std::string there = KeyIn(1, 2);
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 4}, 0);
  builder.AddOperation({.kind = OperationKind::kPut, .key = here});
  builder.AddCommand({ClientId{2}, 9}, 0);
  builder.AddOperation(
      {.kind = OperationKind::kWithdraw, .key = there, .number = 7});
  const CommandBatchPtr part = PartOf(*builder.Finish(), 1, 2);
  ASSERT_EQ(part->commands().size(), 1u);
  EXPECT_TRUE(MayWithdraw(part->commands()[0], part->operations()[0]));
}

// What visibility rests on: whatever two batches conflict about, they ask the
// same shard about it.
TEST(ShardsTest, TwoThatConflictHaveConflictingPartsInOneShard) {
  constexpr std::array kKinds = {OperationKind::kGet, OperationKind::kPut,
                                 OperationKind::kAdd, OperationKind::kScan};
  for (int shards = 2; shards <= 3; ++shards) {
    std::vector<CommandBatchPtr> all;
    for (const OperationKind first : kKinds) {
      for (int key = 0; key < shards; ++key) {
        CommandBatchBuilder builder;
        builder.AddCommand({ClientId{all.size() + 1}, 1}, 0);
        builder.AddOperation({.kind = first, .key = KeyIn(key, shards)});
        builder.AddOperation({.kind = OperationKind::kGet,
                              .key = KeyIn((key + 1) % shards, shards)});
        all.push_back(builder.Finish());
      }
    }
    for (const CommandBatchPtr& a : all) {
      for (const CommandBatchPtr& b : all) {
        bool meets = false;
        for (int shard = 0; shard < shards; ++shard) {
          const int asked = ShardsOf(*a, shards) & ShardsOf(*b, shards);
          meets |=
              (asked >> shard & 1) != 0 &&
              Conflict(*PartOf(*a, shard, shards), *PartOf(*b, shard, shards),
                       ConflictMode::kOperation);
        }
        EXPECT_TRUE(meets || !Conflict(*a, *b, ConflictMode::kOperation));
      }
    }
  }
}

}  // namespace
}  // namespace quorate
