#include "wire/command.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/wire/random_values.h"
#include "wire/command_columns.h"

namespace quorate {
namespace {

Operation PutOf(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

CommandBatchPtr TwoCommands() {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{7}, 3}, 1, /*origin=*/5);
  builder.AddOperation(PutOf("a", "1"));
  builder.AddOperation({.kind = OperationKind::kAdd, .key = "n", .number = -4});
  builder.AddCommand({ClientId{8}, 1}, 0);
  builder.AddOperation({.kind = OperationKind::kCompareAndSet,
                        .key = "b",
                        .value = "new",
                        .expected = "old"});
  return builder.Finish();
}

TEST(CommandBatchBuilderTest, KeepsCommandsAndTheirOperationsInOrder) {
  const CommandBatchPtr batch = TwoCommands();
  ASSERT_EQ(batch->commands().size(), 2u);
  const Command& first = batch->commands()[0];
  EXPECT_EQ(first.id, (CommandId{ClientId{7}, 3}));
  EXPECT_EQ(first.acknowledged, 1u);
  EXPECT_EQ(first.origin, 5u);
  const auto operations = batch->operations(first);
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[0].key, "a");
  EXPECT_EQ(operations[0].value, "1");
  EXPECT_EQ(operations[1].number, -4);
  const auto second = batch->operations(batch->commands()[1]);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].expected, "old");
  EXPECT_EQ(batch->bytes(), "a1nbnewold");
}

TEST(CommandBatchBuilderTest, CopiesWhatItIsGiven) {
  std::string key = "key";
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation(PutOf(key, "v"));
  key = "gone";
  EXPECT_EQ(builder.Finish()->operations()[0].key, "key");
}

TEST(CommandBatchBuilderTest, HashesEveryKey) {
  const CommandBatchPtr batch = TwoCommands();
  for (const Operation& operation : batch->operations()) {
    EXPECT_EQ(operation.key_hash, HashKey(operation.key));
  }
}

TEST(CommandBatchBuilderTest, IsEmptyAfterFinish) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation(PutOf("key", "value"));
  EXPECT_EQ(builder.byte_size(), 8u);
  builder.Finish();
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(builder.command_count(), 0u);
  EXPECT_EQ(builder.byte_size(), 0u);
  builder.AddCommand({ClientId{2}, 1}, 0);
  builder.AddOperation(PutOf("k", "v"));
  const CommandBatchPtr second = builder.Finish();
  EXPECT_TRUE(
      SameContents(*second, *MakeBatch({ClientId{2}, 1}, PutOf("k", "v"))));
}

TEST(CommandBatchBuilderTest, CopiesACommandOfAnotherBatch) {
  const CommandBatchPtr from = TwoCommands();
  CommandBatchBuilder builder;
  for (const Command& command : from->commands()) {
    builder.AddCopy(*from, command);
  }
  const CommandBatchPtr copy = builder.Finish();
  EXPECT_TRUE(SameContents(*from, *copy));
  EXPECT_EQ(copy->commands()[0].origin, 5u);
}

TEST(CommandBatchTest, TheDigestIgnoresOrigin) {
  const CommandBatchPtr here = MakeBatch({ClientId{1}, 1}, PutOf("k", "v"), 9);
  const CommandBatchPtr there = MakeBatch({ClientId{1}, 1}, PutOf("k", "v"), 0);
  EXPECT_EQ(here->digest(), there->digest());
  EXPECT_TRUE(SameContents(*here, *there));
}

TEST(CommandBatchTest, TheDigestSeesEverythingThatTravels) {
  const Operation base{.kind = OperationKind::kCompareAndSet,
                       .key = "key",
                       .value = "value",
                       .expected = "old",
                       .number = 1};
  const auto digest = [&](auto change) {
    Operation operation = base;
    CommandId id{ClientId{1}, 5};
    std::uint64_t acknowledged = 2;
    change(operation, id, acknowledged);
    CommandBatchBuilder builder;
    builder.AddCommand(id, acknowledged);
    builder.AddOperation(operation);
    return builder.Finish()->digest();
  };
  const std::uint64_t unchanged = digest([](auto&, auto&, auto&) {});
  EXPECT_NE(unchanged, digest([](Operation& o, auto&, auto&) {
              o.kind = OperationKind::kPut;
            }));
  EXPECT_NE(unchanged,
            digest([](Operation& o, auto&, auto&) { o.key = "kez"; }));
  EXPECT_NE(unchanged,
            digest([](Operation& o, auto&, auto&) { o.value = "valuf"; }));
  EXPECT_NE(unchanged,
            digest([](Operation& o, auto&, auto&) { o.expected = "olc"; }));
  EXPECT_NE(unchanged,
            digest([](Operation& o, auto&, auto&) { o.number = 2; }));
  EXPECT_NE(unchanged, digest([](auto&, CommandId& id, auto&) {
              id.client = ClientId{2};
            }));
  EXPECT_NE(unchanged,
            digest([](auto&, CommandId& id, auto&) { id.sequence = 6; }));
  EXPECT_NE(unchanged, digest([](auto&, auto&, std::uint64_t& acknowledged) {
              acknowledged = 3;
            }));
}

TEST(CommandBatchTest, TheDigestSeesWhereOneFieldEndsAndTheNextBegins) {
  EXPECT_NE(MakeBatch({ClientId{1}, 1}, PutOf("ab", "c"))->digest(),
            MakeBatch({ClientId{1}, 1}, PutOf("a", "bc"))->digest());
}

TEST(CommandBatchTest, TheDigestSeesWhichCommandAnOperationBelongsTo) {
  const auto digest = [](int operations_of_first) {
    CommandBatchBuilder builder;
    builder.AddCommand({ClientId{1}, 1}, 0);
    for (int i = 0; i < 3; ++i) {
      if (i == operations_of_first) builder.AddCommand({ClientId{1}, 2}, 0);
      builder.AddOperation(PutOf("k", "v"));
    }
    return builder.Finish()->digest();
  };
  EXPECT_NE(digest(1), digest(2));
}

// Both are in journals and on the wire: a change here is a change of format.
TEST(CommandBatchTest, DigestAndKeyHashDoNotChange) {
  EXPECT_EQ(HashKey("key"), 0xbbea0d63a05165e3ull);
  EXPECT_EQ(TwoCommands()->digest(), 0x82f7e689fd2da10aull);
}

TEST(CommandBatchTest, SameContentsTellsBatchesApart) {
  const CommandBatchPtr one = MakeBatch({ClientId{1}, 1}, PutOf("k", "v"));
  EXPECT_TRUE(
      SameContents(*one, *MakeBatch({ClientId{1}, 1}, PutOf("k", "v"))));
  EXPECT_FALSE(
      SameContents(*one, *MakeBatch({ClientId{1}, 1}, PutOf("k", "w"))));
  EXPECT_FALSE(
      SameContents(*one, *MakeBatch({ClientId{1}, 2}, PutOf("k", "v"))));
  EXPECT_FALSE(SameContents(*one, *TwoCommands()));
}

TEST(CommandBatchBuilderDeathTest, AnOperationNeedsACommand) {
  CommandBatchBuilder builder;
  EXPECT_DEATH(builder.AddOperation(PutOf("k", "v")),
               "an operation belongs to a command");
}

TEST(OperationTest, OnlyGetsAndScansLeaveTheStateAsItIs) {
  for (const OperationKind kind : kClientOperations) {
    EXPECT_EQ(IsReadOnly(kind),
              kind == OperationKind::kGet || kind == OperationKind::kScan)
        << Name(kind);
  }
}

// ---- columns --------------------------------------------------------------

// Columns of three commands, the second with two operations.
struct Columns {
  std::vector<std::uint64_t> clients = {1, 2, 3};
  std::vector<std::uint64_t> sequences = {10, 20, 30};
  std::vector<std::uint32_t> unacknowledged = {1, 20, 2};
  std::vector<std::uint64_t> acknowledged = {};
  std::vector<std::uint16_t> operation_counts = {1, 2, 1};
  std::vector<std::uint8_t> kinds = {1, 0, 4, 3};
  std::vector<std::uint32_t> key_lengths = {1, 2, 1, 1};
  std::vector<std::uint32_t> value_lengths = {2, 0, 0, 1};
  std::vector<std::uint32_t> expected_lengths = {0, 0, 0, 1};
  std::vector<std::int64_t> numbers = {0, 0, -5, 0};
  std::string bytes = "kvvggnkve";

  CommandColumns View() const {
    return {clients,          sequences, unacknowledged, acknowledged,
            operation_counts, kinds,     key_lengths,    value_lengths,
            expected_lengths, numbers,   bytes};
  }
  bool AreABatch() const { return CheckColumns(View(), 100).ok(); }
};

TEST(CommandColumnsTest, MakeTheBatchThatTheBuilderMakes) {
  const Columns columns;
  ASSERT_TRUE(columns.AreABatch());
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 10}, 9);
  builder.AddOperation(PutOf("k", "vv"));
  builder.AddCommand({ClientId{2}, 20}, 0);
  builder.AddOperation({.kind = OperationKind::kGet, .key = "gg"});
  builder.AddOperation({.kind = OperationKind::kAdd, .key = "n", .number = -5});
  builder.AddCommand({ClientId{3}, 30}, 28);
  builder.AddOperation({.kind = OperationKind::kCompareAndSet,
                        .key = "k",
                        .value = "v",
                        .expected = "e"});
  const CommandBatchPtr built = builder.Finish();
  const CommandBatchPtr read = BatchOfCheckedColumns(columns.View());
  EXPECT_TRUE(SameContents(*built, *read));
  EXPECT_EQ(built->digest(), read->digest());
}

TEST(CommandColumnsTest, EveryColumnOfAnotherSizeIsRefused) {
  const auto refused = [](auto change) {
    Columns columns;
    change(columns);
    return !columns.AreABatch();
  };
  EXPECT_TRUE(refused([](Columns& c) { c.clients.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.clients.clear(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.sequences.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.sequences.clear(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.unacknowledged.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.unacknowledged.clear(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.acknowledged = {1, 2, 3}; }));
  EXPECT_TRUE(refused([](Columns& c) { c.operation_counts.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.operation_counts.clear(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.kinds.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.key_lengths.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.key_lengths.clear(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.value_lengths.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.expected_lengths.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.numbers.pop_back(); }));
  EXPECT_TRUE(refused([](Columns& c) { c.bytes.pop_back(); }));
}

TEST(CommandColumnsTest, ValuesThatCannotBeAreRefused) {
  const auto refused = [](auto change) {
    Columns columns;
    change(columns);
    return !columns.AreABatch();
  };
  EXPECT_TRUE(refused([](Columns& c) { c.kinds[2] = kAllOperationKinds; }));
  EXPECT_TRUE(refused([](Columns& c) { c.operation_counts = {0, 3, 1}; }));
  EXPECT_TRUE(refused([](Columns& c) { c.unacknowledged[1] = 0; }));
  EXPECT_TRUE(refused([](Columns& c) { c.unacknowledged[1] = 21; }));
  EXPECT_TRUE(refused([](Columns& c) {
    c.sequences[0] = 0;
    c.unacknowledged[0] = 0;
  }));
}

TEST(CommandColumnsTest, AWholeAcknowledgedColumnMayStandInForDifferences) {
  Columns columns;
  columns.unacknowledged.clear();
  columns.acknowledged = {9, 0, 29};
  EXPECT_TRUE(columns.AreABatch());
  EXPECT_EQ(BatchOfCheckedColumns(columns.View())->commands()[2].acknowledged,
            29u);
  for (const std::uint64_t wrong : {std::uint64_t{30}, UINT64_MAX}) {
    columns.acknowledged[2] = wrong;
    EXPECT_FALSE(columns.AreABatch()) << wrong;
  }
}

}  // namespace
}  // namespace quorate
