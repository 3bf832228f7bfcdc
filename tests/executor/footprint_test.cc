#include "executor/footprint.h"

#include <random>
#include <string>
#include <vector>

#include "executor/order/waiting_index.h"
#include "gtest/gtest.h"
#include "tests/executor/builders.h"

namespace quorate {
namespace {

Footprint Of(const std::vector<Operation>& operations,
             ConflictMode mode = ConflictMode::kOperation) {
  Footprint footprint;
  footprint.Assign(*Batch(1, operations), mode);
  return footprint;
}

TEST(FootprintTest, HasOneEntryForAKeyHoweverOftenItIsTouched) {
  std::vector<Operation> operations(1000, Put("hot", "v"));
  operations.push_back(Get("hot"));
  operations.push_back(Get("cold"));
  const Footprint footprint = Of(operations);
  ASSERT_EQ(footprint.entries().size(), 2u);
  EXPECT_EQ(footprint.entries()[0].classes,
            MaskOf(AccessClass::kWrite) | MaskOf(AccessClass::kRead));
}

TEST(FootprintTest, ForgetsTheBatchBefore) {
  Footprint footprint = Of({Put("a", "1"), Scan("a", "b")});
  footprint.Assign(*Batch(1, {Get("b")}), ConflictMode::kOperation);
  EXPECT_FALSE(footprint.ConflictsWith(Of({Put("a", "1")})));
  EXPECT_EQ(footprint.entries().size(), 1u);
  footprint.Clear();
  EXPECT_TRUE(footprint.empty());
}

TEST(FootprintTest, ScansConflictWithEveryWriteAndNoRead) {
  const Footprint scan = Of({Scan("a", "b")});
  EXPECT_TRUE(scan.ConflictsWith(Of({Put("z", "1")})));
  EXPECT_TRUE(Of({Add("z", 1)}).ConflictsWith(scan));
  EXPECT_FALSE(scan.ConflictsWith(Of({Get("a"), Scan("", "")})));
  const Footprint by_key = Of({Scan("a", "b")}, ConflictMode::kKey);
  EXPECT_TRUE(by_key.ConflictsWith(Of({Get("a")}, ConflictMode::kKey)));
  EXPECT_TRUE(by_key.ConflictsWith(by_key));
}

Operation RandomOperation(std::mt19937_64& random,
                          const std::vector<std::string>& keys) {
  const std::string& key = keys[random() % keys.size()];
  switch (random() % 5) {
    case 0: return Get(key);
    case 1: return Put(key, "v");
    case 2: return Cas(key, "", "v");
    default: return Add(key, 1);
  }
}

// Without scans it is the commutation table's answer exactly; with them it says
// yes at least as often. The index gives the same answers without scans.
TEST(FootprintTest, AgreesWithTheCommutationTable) {
  std::mt19937_64 random(5);
  std::vector<std::string> keys;
  for (int i = 0; i < 12; ++i) keys.push_back("key" + std::to_string(i));
  int conflicts = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto mode = static_cast<ConflictMode>(random() % 3);
    std::vector<std::vector<Operation>> operations(2);
    for (auto& of_one : operations) {
      const std::size_t count = random() % 7;
      for (std::size_t i = 0; i < count; ++i) {
        of_one.push_back(RandomOperation(random, keys));
      }
    }
    const CommandBatchPtr a = Batch(1, operations[0]);
    const CommandBatchPtr b = Batch(2, operations[1]);
    Footprint of_a;
    Footprint of_b;
    of_a.Assign(*a, mode);
    of_b.Assign(*b, mode);
    const bool expected = Conflict(*a, *b, mode);
    conflicts += expected ? 1 : 0;
    ASSERT_EQ(of_a.ConflictsWith(of_b), expected);
    ASSERT_EQ(of_b.ConflictsWith(of_a), expected);
    WaitingIndex index;
    index.Insert(3, of_b);
    index.Mark(of_a);
    ASSERT_EQ(index.Marked(3), expected);
    index.Erase(3, of_b);
    ASSERT_EQ(index.keys(), 0u);
    index.Mark(of_a);
    ASSERT_FALSE(index.Marked(3));

    operations[0].push_back(Scan("key1", "key5"));
    const CommandBatchPtr scan = Batch(1, operations[0]);
    of_a.Assign(*scan, mode);
    if (Conflict(*scan, *b, mode)) {
      ASSERT_TRUE(of_a.ConflictsWith(of_b));
    }
    ASSERT_EQ(of_a.ConflictsWith(of_b), of_b.ConflictsWith(of_a));
  }
  EXPECT_GT(conflicts, 500);
  EXPECT_LT(conflicts, 2900);
}

}  // namespace
}  // namespace quorate
