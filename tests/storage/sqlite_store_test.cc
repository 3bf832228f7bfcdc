#include "storage/sqlite_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/descriptor.h"
#include "storage/sqlite_connection.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  // A store with `groups` groups, closed properly.
  void MakeStore(std::uint64_t groups) {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, groups).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  void Alter(const std::string& sql) {
    auto connection = SqliteConnection::Open(directory_.File("node.db"));
    ASSERT_TRUE(connection.ok()) << connection.status();
    const absl::Status status = (*connection)->Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::Status OpenStatus() { return OpenStore(directory_.path()).status(); }
  absl::Status ReplayStatus() {
    auto store = OpenStore(directory_.path());
    if (!store.ok()) return store.status();
    return CountGroups(**store).status();
  }

  TemporaryDirectory directory_;
};

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

// ---- refusals ---------------------------------------------------------------

TEST_F(SqliteStoreTest, RefusesASecondProcessAndNamesTheFirst) {
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const std::string holder = std::to_string(getpid());
  const int code = RunInChild([&] {
    const absl::Status status = OpenStatus();
    const std::string message = Message(status);
    const bool right =
        absl::IsFailedPrecondition(status) &&
        message.find(directory_.path()) != std::string::npos &&
        message.find("process " + holder + " ") != std::string::npos &&
        message.find("stop that process") != std::string::npos;
    return right ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(SqliteStoreTest, GivesTheLockBackWhenTheStoreIsGone) {
  { ASSERT_TRUE(OpenStatus().ok()); }
  EXPECT_EQ(RunInChild([&] { return OpenStatus().ok() ? 0 : 1; }), 0);
}

TEST_F(SqliteStoreTest, SaysThatSomethingElseIsWhereTheDirectoryShouldBe) {
  WriteFile(directory_.File("r1"), "a file");
  const absl::Status status = OpenStore(directory_.File("r1")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr(directory_.File("r1")),
                    HasSubstr("; give the node another `dir`, or move away")));
}

TEST_F(SqliteStoreTest, SaysThatSomethingElseIsWhereTheDatabaseShouldBe) {
  std::filesystem::create_directory(directory_.File("node.db"));
  EXPECT_THAT(Message(OpenStatus()),
              AllOf(HasSubstr(directory_.File("node.db")),
                    HasSubstr("; give the node another `dir`, or move away")));
}

TEST_F(SqliteStoreTest, RefusesTheDirectoryOfAnotherCluster) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.cluster_id = "production";
  const absl::Status status =
      SqliteStore::Open(directory_.path(), other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("it belongs to node r2 of cluster \"test\""),
                    HasSubstr("not to \"production\""),
                    HasSubstr("; correct the `dir` of node r2 or the `id`")));
}

TEST_F(SqliteStoreTest, RefusesTheDirectoryOfAnotherNode) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.node = ReplicaAt(0);
  other.node_name = "r1";
  const absl::Status status =
      SqliteStore::Open(directory_.path(), other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              HasSubstr("it belongs to node r2, not to node r1; correct the "
                        "`dir` of node r1"));
}

TEST_F(SqliteStoreTest, RefusesOtherSettingsThanThoseItWasWrittenWith) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.settings[0].value = "2";
  const absl::Status status =
      SqliteStore::Open(directory_.path(), other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("node r2 has written it with protocol.faults = "
                              "\"1\", and the configuration now means "
                              "protocol.faults = \"2\"; set protocol.faults "
                              "back"),
                    HasSubstr(directory_.path())));
  EXPECT_TRUE(ReplayStatus().ok());
}

TEST_F(SqliteStoreTest, RefusesASettingThatIsNewOrGone) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.settings.push_back({"batch.result_bytes", "5"});
  EXPECT_THAT(Message(SqliteStore::Open(directory_.path(), other).status()),
              HasSubstr("with no batch.result_bytes, and the configuration now "
                        "means batch.result_bytes = \"5\""));
  other.settings.clear();
  EXPECT_THAT(Message(SqliteStore::Open(directory_.path(), other).status()),
              HasSubstr("protocol.faults = \"1\""));
}

TEST_F(SqliteStoreTest, RefusesALimitOfAnotherReleaseAndSaysWhatToStart) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.settings[1].value = "many";
  EXPECT_THAT(Message(SqliteStore::Open(directory_.path(), other).status()),
              HasSubstr("and this program has release.limits = \"many\"; "
                        "start the release of quorate that wrote it"));
}

// What an older release has written means the same to one that knows more; from
// then on the older one is refused.
TEST_F(SqliteStoreTest, ReadsWhatAReleaseWithFewerOperationsHasWritten) {
  StoreIdentity older = TestIdentity();
  older.settings.push_back({std::string(kConflictTableName), "00ab"});
  StoreIdentity newer = older;
  newer.settings.back().value = "00ab more:write";
  {
    auto store = SqliteStore::Open(directory_.path(), older);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, 1).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  StoreIdentity other = newer;
  other.settings.back().value = "00abc";
  EXPECT_FALSE(SqliteStore::Open(directory_.path(), other).ok());
  EXPECT_TRUE(SqliteStore::Open(directory_.path(), newer).ok());
  EXPECT_THAT(Message(SqliteStore::Open(directory_.path(), older).status()),
              HasSubstr("start the release of quorate that wrote it"));
}

// Nobody has heard anything from it: a mistake of the first start is free.
TEST_F(SqliteStoreTest, TakesOtherSettingsAsLongAsThereIsNoGroup) {
  MakeStore(0);
  StoreIdentity other = TestIdentity();
  other.settings[0].value = "2";
  {
    auto store = SqliteStore::Open(directory_.path(), other);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->identity().settings, other.settings);
    EXPECT_EQ((*store)->identity().incarnation, 77u);
    ASSERT_TRUE(AppendGroups(**store, 1, 1).ok());
  }
  EXPECT_THAT(Message(OpenStatus()),
              HasSubstr("with protocol.faults = \"2\", and the configuration "
                        "now means protocol.faults = \"1\""));
  EXPECT_TRUE(SqliteStore::Open(directory_.path(), other).ok());
}

// A directory of a release that kept the settings within the cluster's id.
constexpr char kAsOfSchema2[] =
    "DROP TABLE setting; ALTER TABLE node DROP COLUMN name;"
    "ALTER TABLE node DROP COLUMN life;"
    "UPDATE node SET cluster = 'test (fast path atlas)';"
    "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)";

TEST_F(SqliteStoreTest, TakesOverADirectoryOfTheSchemaBefore) {
  MakeStore(3);
  Alter(kAsOfSchema2);
  std::string file = ReadFile(directory_.File("identity"));
  file.replace(file.find("test"), 4, "test (fast path atlas)");
  WriteFile(directory_.File("identity"), file);
  StoreIdentity identity = TestIdentity();
  identity.former_cluster_id = "test (fast path atlas)";
  {
    auto store = SqliteStore::Open(directory_.path(), identity);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->identity().cluster_id, "test");
    EXPECT_EQ(*CountGroups(**store), 3u);
  }
  EXPECT_EQ(ReadFile(directory_.File("identity")).find("atlas"),
            std::string::npos);
  // A crash between the two files: one is in the new form, one in the old.
  WriteFile(directory_.File("identity"), file);
  EXPECT_TRUE(SqliteStore::Open(directory_.path(), identity).ok());
  // Once taken over the settings are fixed.
  EXPECT_TRUE(OpenStatus().ok());
  identity.settings[0].value = "2";
  EXPECT_FALSE(SqliteStore::Open(directory_.path(), identity).ok());
}

TEST_F(SqliteStoreTest, RefusesADirectoryOfTheSchemaBeforeWithOtherSettings) {
  MakeStore(3);
  Alter(kAsOfSchema2);
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("node number 2 of cluster \"test (fast path "
                              "atlas)\", not to \"test\""),
                    HasSubstr("the settings in brackets, which may not")));
}

TEST_F(SqliteStoreTest, LeavesARefusedDirectoryAsItIs) {
  MakeStore(3);
  const std::string before = ReadFile(directory_.File("node.db"));
  StoreIdentity other = TestIdentity();
  other.node = ReplicaAt(0);
  ASSERT_FALSE(SqliteStore::Open(directory_.path(), other).ok());
  EXPECT_EQ(ReadFile(directory_.File("node.db")), before);
  EXPECT_TRUE(ReplayStatus().ok());
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  MakeStore(1);
  Alter("PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_EQ(OpenStatus(),
            absl::FailedPreconditionError(
                "cannot open store \"" + directory_.File("node.db") +
                "\": schema version 7, this binary knows 1 to 4; start the "
                "release of quorate that wrote it"));
}

TEST_F(SqliteStoreTest, RefusesTheDatabaseOfAnotherProgram) {
  Alter("CREATE TABLE songs(title)");
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("database of another program"));
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  WriteFile(directory_.File("node.db"), std::string(8192, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(OpenStatus())) << OpenStatus();
}

TEST_F(SqliteStoreTest, RefusesAWipedDatabase) {
  MakeStore(1);
  std::filesystem::remove(directory_.File("node.db"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr(kBringBack));
  EXPECT_THAT(Message(status), HasSubstr("the database is missing"));
  EXPECT_FALSE(std::filesystem::exists(directory_.File("node.db")));
}

TEST_F(SqliteStoreTest, RefusesADatabaseThatWasEmptied) {
  MakeStore(1);
  WriteFile(directory_.File("node.db"), "");
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("the database is empty"));
}

TEST_F(SqliteStoreTest, RefusesADirectoryWithoutItsIdentityFile) {
  MakeStore(1);
  std::filesystem::remove(directory_.File("identity"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("\"identity\" beside it is gone"));
}

TEST_F(SqliteStoreTest, RefusesAnIdentityFileThatMakesNoSense) {
  MakeStore(1);
  WriteFile(directory_.File("identity"), "quorate store 1\nnode r12\n");
  EXPECT_TRUE(absl::IsDataLoss(OpenStatus())) << OpenStatus();
}

TEST_F(SqliteStoreTest, RefusesTheFilesOfTwoLivesMixed) {
  MakeStore(1);
  const std::string identity = ReadFile(directory_.File("identity"));
  TemporaryDirectory other;
  StoreIdentity same_name = TestIdentity();
  same_name.incarnation = 78;
  ASSERT_TRUE(SqliteStore::Open(other.path(), same_name).ok());
  WriteFile(other.File("identity"), identity);
  EXPECT_THAT(Message(OpenStore(other.path()).status()),
              AllOf(HasSubstr("(incarnation 78)"),
                    HasSubstr("(incarnation 77)"), HasSubstr("mixed")));
}

TEST_F(SqliteStoreTest, RefusesACrashedNodeWhoseWalWasDeleted) {
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, 5).ok());
  }
  std::filesystem::remove(directory_.File("node.db-wal"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("its last votes, is gone"));
  // Also at the second attempt: the first one must not have covered it up.
  EXPECT_FALSE(OpenStatus().ok());
}

TEST_F(SqliteStoreTest, RefusesAClusterIdThatWouldNotFitTheIdentityFile) {
  StoreIdentity identity = TestIdentity();
  identity.cluster_id = "two\nlines";
  EXPECT_TRUE(absl::IsInvalidArgument(
      SqliteStore::Open(directory_.path(), identity).status()));
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
