#include "executor/entry_saver.h"

#include <map>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace quorate {
namespace {

using Contents = std::map<std::string, std::string>;

// One table whose keys crowd a few places, so that erasing moves entries.
class CrowdedTable {
 public:
  explicit CrowdedTable(unsigned seed) : random_(seed) {}

  void Change(EntrySaver* saver, std::uint32_t cut) {
    const std::size_t number = random_() % 60;
    const std::string key = "key-" + std::to_string(number);
    const std::uint64_t hash = number % 7;
    if (random_() % 2 == 0) {
      EntryTable::Slot* found = table_.FindSlot(key, hash);
      if (found == nullptr) return;
      if (saver != nullptr) saver->BeforeErase(table_, *found);
      table_.Erase(*found);
      contents_.erase(key);
      return;
    }
    bool inserted = false;
    EntryTable::Slot& slot = table_.FindOrInsert(key, hash, 4, inserted);
    if (inserted) {
      slot.entry->saved_in = cut;
    } else if (saver != nullptr) {
      saver->BeforeChange(slot);
    }
    const std::string value(random_() % 9, static_cast<char>('a' + number % 7));
    EntryTable::SetValue(slot, value);
    contents_[key] = value;
  }

  std::size_t Pick(std::size_t n) { return random_() % n; }
  const EntryTable& table() const { return table_; }
  const Contents& contents() const { return contents_; }

 private:
  std::mt19937 random_;
  EntryTable table_;
  Contents contents_;
};

// False when a key comes twice.
bool AddTo(Contents& contents, const EntriesRecord& record) {
  std::string_view rest = record.bytes;
  for (std::size_t i = 0; i < record.key_sizes.size(); ++i) {
    const std::string key(rest.substr(0, record.key_sizes[i]));
    rest.remove_prefix(key.size());
    const std::string value(rest.substr(0, record.value_sizes[i]));
    rest.remove_prefix(value.size());
    if (!contents.emplace(key, value).second) return false;
  }
  return true;
}

TEST(EntrySaverTest, GivesEachEntryOfTheCutOnceWhileTheTableChanges) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CrowdedTable table(seed);
    std::uint32_t cut = 0;
    for (int round = 0; round < 4; ++round) {
      for (std::size_t n = table.Pick(80); n > 0; --n) {
        table.Change(nullptr, cut);
      }
      const Contents expected = table.contents();
      EntrySaver saver(++cut);
      Contents found;
      EntriesRecord record;
      while (saver.Next({&table.table(), 1}, 1 + table.Pick(60), record)) {
        ASSERT_TRUE(AddTo(found, record)) << "seed " << seed;
        for (std::size_t n = table.Pick(6); n > 0; --n) {
          table.Change(&saver, cut);
        }
      }
      ASSERT_EQ(found, expected) << "seed " << seed << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace quorate
