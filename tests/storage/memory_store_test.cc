#include "storage/memory_store.h"

#include "gtest/gtest.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

TEST(MemoryStoreTest, ReplaysGroupsInTheOrderOfTheirAppends) {
  MemoryStore store(TestIdentity());
  ASSERT_TRUE(AppendGroups(store, 1, 20).ok());
  const auto count = CountGroups(store);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 20u);
}

TEST(MemoryStoreTest, StopsReplayAtTheFirstErrorOfTheCaller) {
  MemoryStore store(TestIdentity());
  ASSERT_TRUE(AppendGroups(store, 1, 5).ok());
  int calls = 0;
  const absl::Status status =
      store.Replay({.group = [&](std::string_view, RecordSequence) {
        return ++calls == 3 ? absl::DataLossError("third") : absl::OkStatus();
      }});
  EXPECT_EQ(status, absl::DataLossError("third"));
  EXPECT_EQ(calls, 3);
}

TEST(MemoryStoreTest, CountsGroupsAndBytesButNoFiles) {
  MemoryStore store(TestIdentity());
  ASSERT_TRUE(store.Append("abc", 1).ok());
  ASSERT_TRUE(store.Append("", 2).ok());
  EXPECT_EQ(store.stats().journal_groups, 2u);
  EXPECT_EQ(store.stats().journal_bytes, 3u);
  EXPECT_EQ(store.FileBytes(), 0u);
  EXPECT_EQ(store.identity().incarnation, 77u);
}

TEST(MemoryStoreDeathTest, AbortsOnAGroupThatIsOlderThanTheLast) {
  MemoryStore store(TestIdentity());
  ASSERT_TRUE(store.Append("a", 5).ok());
  EXPECT_DEATH((void)store.Append("b", 5), "ST1: groups are appended");
}

}  // namespace
}  // namespace quorate
