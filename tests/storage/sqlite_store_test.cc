#include "storage/sqlite_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/descriptor.h"
#include "tests/storage/sqlite_store_harness.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(SqliteStoreTest, ReplaysWhatWasAppendedInEarlierLives) {
  for (std::uint64_t life = 0; life < 3; ++life) {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    const auto before = CountGroups(**store);
    ASSERT_TRUE(before.ok()) << before.status();
    EXPECT_EQ(*before, life * 50);
    ASSERT_TRUE(AppendGroups(**store, life * 50 + 1, (life + 1) * 50).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
}

TEST_F(SqliteStoreTest, KeepsEmptyAndBinaryGroups) {
  const std::string binary("\0\xff\n\0", 4);
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Append("", 1).ok());
  ASSERT_TRUE((*store)->Append(binary, 2).ok());
  std::vector<std::string> groups;
  ASSERT_TRUE((*store)
                  ->Replay({.group =
                                [&](std::string_view group, RecordSequence) {
                                  groups.emplace_back(group);
                                  return absl::OkStatus();
                                }})
                  .ok());
  EXPECT_EQ(groups, (std::vector<std::string>{"", binary}));
}

TEST_F(SqliteStoreTest, StopsReplayAtTheCallersErrorAndStaysUsable) {
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(AppendGroups(**store, 1, 3).ok());
  int calls = 0;
  const absl::Status status =
      (*store)->Replay({.group = [&](std::string_view, RecordSequence) {
        ++calls;
        return absl::InvalidArgumentError("no such record");
      }});
  EXPECT_EQ(status, absl::InvalidArgumentError("no such record"));
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(AppendGroups(**store, 4, 4).ok());
}

TEST_F(SqliteStoreTest, ReplaysGroupsThatSpanManyCheckpoints) {
  const SqliteStoreOptions options{.checkpoint_pages = 4};
  auto store = OpenStore(directory_.path(), options);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(AppendGroups(**store, 1, 100).ok());
  const auto count = CountGroups(**store);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 100u);
}

TEST_F(SqliteStoreTest, BoundsTheWalOfACallerThatNeverMaintains) {
  const SqliteStoreOptions options{.checkpoint_pages = 10};
  auto store = OpenStore(directory_.path(), options);
  ASSERT_TRUE(store.ok()) << store.status();
  for (RecordSequence last = 1; last <= 300; ++last) {
    ASSERT_TRUE((*store)->Append(std::string(3000, 'x'), last).ok());
  }
  // Twice the limit, and what one group adds.
  EXPECT_LT(std::filesystem::file_size(directory_.File("node.db-wal")),
            30u * 4200u);
}

TEST_F(SqliteStoreTest, KeepsTheIncarnationOfItsCreation) {
  MakeStore(1);
  StoreIdentity later = TestIdentity();
  later.incarnation = 1234;
  auto store = SqliteStore::Open(directory_.path(), later);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->identity().incarnation, 77u);
  EXPECT_EQ((*store)->identity().cluster_id, "test");
  EXPECT_EQ((*store)->identity().node, ReplicaAt(1));
}

TEST_F(SqliteStoreTest, CreatesMissingParentDirectories) {
  const std::string deep = directory_.File("a/b/c");
  auto store = OpenStore(deep);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(std::filesystem::exists(deep + "/node.db"));
}

TEST_F(SqliteStoreTest, CountsGroupsBytesAndFiles) {
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Append("12345", 1).ok());
  ASSERT_TRUE((*store)->Append("678", 2).ok());
  EXPECT_EQ((*store)->stats().journal_groups, 2u);
  EXPECT_EQ((*store)->stats().journal_bytes, 8u);
  EXPECT_EQ((*store)->FileBytes(),
            std::filesystem::file_size(directory_.File("node.db")) +
                std::filesystem::file_size(directory_.File("node.db-wal")));
}

TEST_F(SqliteStoreTest, RefusesToWorkAfterClose) {
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Close().ok());
  EXPECT_THAT(Message((*store)->Append("late", 1)),
              HasSubstr("has been closed"));
}

TEST_F(SqliteStoreTest, TellsACrashFromAProperStop) {
  MakeStore(2);
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_FALSE((*store)->recovered_from_crash());
    ASSERT_TRUE(AppendGroups(**store, 3, 5).ok());
  }
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->recovered_from_crash());
  const auto count = CountGroups(**store);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 5u);
}

TEST_F(SqliteStoreTest, EmptiesTheWalBeforeTheFirstGroupAfterACrash) {
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, 5).ok());
    EXPECT_GT(std::filesystem::file_size(directory_.File("node.db-wal")), 0u);
  }
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(std::filesystem::file_size(directory_.File("node.db-wal")), 0u);
}

TEST_F(SqliteStoreTest, ContinuesADirectoryWhoseCreationWasInterrupted) {
  MakeStore(0);
  // The state between the database's first commit and the identity file.
  Alter("UPDATE node SET ready = 0, clean = 0");
  std::filesystem::remove(directory_.File("identity"));
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_FALSE((*store)->recovered_from_crash());
  EXPECT_TRUE(std::filesystem::exists(directory_.File("identity")));
}

TEST_F(SqliteStoreTest, ContinuesADirectoryThatGotNoFurtherThanAnEmptyFile) {
  WriteFile(directory_.File("node.db"), "");
  EXPECT_TRUE(OpenStatus().ok());
}

// ---- damage -----------------------------------------------------------------

TEST_F(SqliteStoreTest, NamesFileAndRowOfAFlippedBit) {
  MakeStore(40);
  std::string bytes = ReadFile(directory_.File("node.db"));
  const std::size_t at = bytes.find(GroupNumber(27));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 5] = static_cast<char>(bytes[at + 5] ^ 1);
  WriteFile(directory_.File("node.db"), bytes);
  const absl::Status status = ReplayStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr(directory_.File("node.db")),
                    HasSubstr("row 27 of the journal has a wrong checksum"),
                    HasSubstr(kBringBack)));
}

TEST_F(SqliteStoreTest, NoticesAMissingRow) {
  MakeStore(5);
  Alter("DELETE FROM journal WHERE row = 2");
  EXPECT_THAT(Message(ReplayStatus()),
              HasSubstr("row 2 of the journal is missing"));
}

TEST_F(SqliteStoreTest, NoticesARowThatWasRenumbered) {
  MakeStore(5);
  Alter(
      "UPDATE journal SET row = 9 WHERE row = 4;"
      "UPDATE journal SET row = 4 WHERE row = 3;"
      "UPDATE journal SET row = 3 WHERE row = 9");
  EXPECT_THAT(Message(ReplayStatus()),
              HasSubstr("row 3 of the journal has a wrong checksum"));
}

// ---- the mark ---------------------------------------------------------------

TEST_F(SqliteStoreTest, CountsItsLives) {
  for (std::uint64_t life = 1; life <= 3; ++life) {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->life(), life);
    if (life != 2) continue;
    ASSERT_TRUE((*store)->Close().ok());
  }
}

TEST_F(SqliteStoreTest, NoticesThatTheNewestGroupIsGone) {
  MakeStore(5);
  Alter("DELETE FROM journal WHERE row = 5");
  for (int start = 0; start < 2; ++start) {
    const absl::Status status = OpenStatus();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(Message(status),
                AllOf(HasSubstr("it ends at group 4 (record 40) of life 1"),
                      HasSubstr("had synced group 5 (record 50) in life 1"),
                      HasSubstr(kBringBack)));
  }
}

TEST_F(SqliteStoreTest, RefusesAnOlderDatabaseBesideItsMark) {
  MakeStore(2);
  const std::string before = ReadFile(directory_.File("node.db"));
  // Not one group more: the life tells.
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE((*store)->Close().ok());
  store->reset();
  WriteFile(directory_.File("node.db"), before);
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("in life 2"));
}

TEST_F(SqliteStoreTest, RefusesADirectoryWithoutItsMark) {
  MakeStore(1);
  std::filesystem::remove(directory_.File("mark"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("\"mark\" beside it is gone"));
}

TEST_F(SqliteStoreTest, RefusesTheMarkOfAnotherDirectory) {
  MakeStore(1);
  TemporaryDirectory other;
  StoreIdentity same_name = TestIdentity();
  same_name.incarnation = 78;
  ASSERT_TRUE(SqliteStore::Open(other.path(), same_name).ok());
  WriteFile(directory_.File("mark"), ReadFile(other.File("mark")));
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("two nodes were mixed"));
}

TEST_F(SqliteStoreTest, ADirectoryWithoutLivesIsTakenOver) {
  MakeStore(3);
  Alter(
      "DROP TABLE setting; ALTER TABLE node DROP COLUMN name;"
      "ALTER TABLE node DROP COLUMN life; PRAGMA user_version = 2");
  std::filesystem::remove(directory_.File("mark"));
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->life(), 1u);
  EXPECT_EQ(*CountGroups(**store), 3u);
  store->reset();
  std::filesystem::remove(directory_.File("mark"));
  EXPECT_FALSE(OpenStatus().ok());
}

TEST_F(SqliteStoreTest, DoesNotAppendAfterDamageWasSeen) {
  MakeStore(5);
  Alter("DELETE FROM journal WHERE row = 2");
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status damage = CountGroups(**store).status();
  EXPECT_TRUE(absl::IsDataLoss(damage)) << damage;
  EXPECT_EQ((*store)->Append("more", 1000), damage);
  EXPECT_EQ((*store)->Close(), damage);
}

using SqliteStoreDeathTest = SqliteStoreTest;

TEST_F(SqliteStoreDeathTest, AbortsOnAGroupThatIsOlderThanTheStoredOnes) {
  MakeStore(5);
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_DEATH((void)(*store)->Append("old", 50), "ST1: groups are appended");
}

}  // namespace
}  // namespace quorate
