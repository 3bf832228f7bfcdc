#include "executor/entry_table.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace quorate {
namespace {

void Set(EntryTable& table, const std::string& key, std::uint64_t hash,
         const std::string& value) {
  bool inserted = false;
  EntryTable::SetValue(table.FindOrInsert(key, hash, 0, inserted), value);
}

std::string ValueOf(const EntryTable& table, const std::string& key,
                    std::uint64_t hash) {
  const EntryTable::Entry* found = table.Find(key, hash);
  return found == nullptr ? "(missing)" : std::string(found->value());
}

TEST(EntryTableTest, FindsNothingWhenEmpty) {
  EntryTable table;
  EXPECT_EQ(table.Find("k", 1), nullptr);
  EXPECT_EQ(table.FindSlot("k", 1), nullptr);
}

TEST(EntryTableTest, KeepsEmptyKeysAndValues) {
  EntryTable table;
  Set(table, "", 7, "");
  EXPECT_EQ(ValueOf(table, "", 7), "");
  EXPECT_EQ(table.size(), 1u);
}

TEST(EntryTableTest, ReplacesAValueByALongerAndAShorterOne) {
  EntryTable table;
  Set(table, "key", 7, "short");
  table.FindSlot("key", 7)->entry->entry_hash = 99;
  for (const std::size_t size : {100u, 100'000u, 3u, 0u, 50u}) {
    Set(table, "key", 7, std::string(size, 'x'));
    EXPECT_EQ(ValueOf(table, "key", 7), std::string(size, 'x'));
    EXPECT_EQ(table.FindSlot("key", 7)->entry->entry_hash, 99u);
  }
}

TEST(EntryTableTest, AppendsPieceByPiece) {
  EntryTable table;
  Set(table, "key", 7, "");
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i);
    EntryTable::AppendValue(*table.FindSlot("key", 7), piece);
    expected += piece;
  }
  EXPECT_EQ(ValueOf(table, "key", 7), expected);
}

TEST(EntryTableTest, IsIndependentOfItsCopy) {
  EntryTable table;
  Set(table, "a", 1, "1");
  EntryTable copy = table;
  Set(table, "a", 1, "2");
  Set(copy, "b", 2, "3");
  EXPECT_EQ(ValueOf(copy, "a", 1), "1");
  EXPECT_EQ(table.size(), 1u);
  table = copy;
  EXPECT_EQ(ValueOf(table, "b", 2), "3");
}

// Few hashes, so that runs of slots collide, wrap around the end and are closed
// up again by erasing.
TEST(EntryTableTest, DoesWhatAMapDoesHoweverHashesCollide) {
  std::mt19937_64 random(4);
  for (const std::uint64_t hashes : {1u, 3u, 16u, 200u}) {
    EntryTable table;
    std::map<std::string, std::string> model;
    for (int step = 0; step < 6000; ++step) {
      // Grows, then shrinks, then grows again.
      const bool mostly_insert = (step / 1000) % 2 == 0;
      const std::uint64_t number = random() % 150;
      const std::string key = std::to_string(number);
      // The last slots of a table have neighbours at its start.
      const std::uint64_t hash = 0 - 1 - number % hashes;
      const bool insert = (random() % 4 != 0) == mostly_insert;
      if (insert) {
        const std::string value = std::to_string(random());
        Set(table, key, hash, value);
        model[key] = value;
      } else if (EntryTable::Slot* slot = table.FindSlot(key, hash)) {
        table.Erase(*slot);
        ASSERT_EQ(model.erase(key), 1u);
      } else {
        ASSERT_FALSE(model.contains(key));
      }
      ASSERT_EQ(table.size(), model.size());
      const std::uint64_t asked = random() % 150;
      const auto expected = model.find(std::to_string(asked));
      ASSERT_EQ(ValueOf(table, std::to_string(asked), 0 - 1 - asked % hashes),
                expected == model.end() ? "(missing)" : expected->second);
    }
    for (const auto& [key, value] : model) {
      ASSERT_EQ(ValueOf(table, key, 0 - 1 - std::stoull(key) % hashes), value);
    }
  }
}

}  // namespace
}  // namespace quorate
