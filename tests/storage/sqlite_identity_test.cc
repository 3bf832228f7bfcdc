// Whose directory is it, and what is refused?
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/descriptor.h"
#include "storage/sqlite_store.h"
#include "tests/storage/sqlite_store_harness.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SqliteIdentityTest : public SqliteStoreTest {};

TEST_F(SqliteIdentityTest, RefusesASecondProcessAndNamesTheFirst) {
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

TEST_F(SqliteIdentityTest, GivesTheLockBackWhenTheStoreIsGone) {
  { ASSERT_TRUE(OpenStatus().ok()); }
  EXPECT_EQ(RunInChild([&] { return OpenStatus().ok() ? 0 : 1; }), 0);
}

TEST_F(SqliteIdentityTest, SaysThatSomethingElseIsWhereTheDirectoryShouldBe) {
  WriteFile(directory_.File("r1"), "a file");
  const absl::Status status = OpenStore(directory_.File("r1")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr(directory_.File("r1")),
                    HasSubstr("; give the node another `dir`, or move away")));
}

TEST_F(SqliteIdentityTest, SaysThatSomethingElseIsWhereTheDatabaseShouldBe) {
  std::filesystem::create_directory(directory_.File("node.db"));
  EXPECT_THAT(Message(OpenStatus()),
              AllOf(HasSubstr(directory_.File("node.db")),
                    HasSubstr("; give the node another `dir`, or move away")));
}

TEST_F(SqliteIdentityTest, RefusesTheDirectoryOfAnotherCluster) {
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

TEST_F(SqliteIdentityTest, RefusesTheDirectoryOfAnotherNode) {
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

TEST_F(SqliteIdentityTest, RefusesOtherSettingsThanThoseItWasWrittenWith) {
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

TEST_F(SqliteIdentityTest, RefusesASettingThatIsNewOrGone) {
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

TEST_F(SqliteIdentityTest, RefusesALimitOfAnotherReleaseAndSaysWhatToStart) {
  MakeStore(1);
  StoreIdentity other = TestIdentity();
  other.settings[1].value = "many";
  EXPECT_THAT(Message(SqliteStore::Open(directory_.path(), other).status()),
              HasSubstr("and this program has release.limits = \"many\"; "
                        "start the release of quorate that wrote it"));
}

// What an older release has written means the same to one that knows more; from
// then on the older one is refused.
TEST_F(SqliteIdentityTest, ReadsWhatAReleaseWithFewerOperationsHasWritten) {
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
TEST_F(SqliteIdentityTest, TakesOtherSettingsAsLongAsThereIsNoGroup) {
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

// The identity file as it was before it had a checksum.
std::string WithoutItsChecksum(std::string file) {
  file.erase(file.find("checksum "));
  return file.replace(file.find("store 2"), 7, "store 1");
}

// A directory of a release that kept the settings within the cluster's id.
constexpr char kAsOfSchema2[] =
    "DROP TABLE setting; ALTER TABLE node DROP COLUMN name;"
    "ALTER TABLE node DROP COLUMN life;"
    "UPDATE node SET cluster = 'test (fast path atlas)';"
    "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)";

TEST_F(SqliteIdentityTest, TakesOverADirectoryOfTheSchemaBefore) {
  MakeStore(3);
  Alter(kAsOfSchema2);
  std::string file = WithoutItsChecksum(ReadFile(directory_.File("identity")));
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

TEST_F(SqliteIdentityTest,
       RefusesADirectoryOfTheSchemaBeforeWithOtherSettings) {
  MakeStore(3);
  Alter(kAsOfSchema2);
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr("node number 2 of cluster \"test (fast path "
                              "atlas)\", not to \"test\""),
                    HasSubstr("the settings in brackets, which may not")));
}

TEST_F(SqliteIdentityTest, LeavesARefusedDirectoryAsItIs) {
  MakeStore(3);
  const std::string before = ReadFile(directory_.File("node.db"));
  StoreIdentity other = TestIdentity();
  other.node = ReplicaAt(0);
  ASSERT_FALSE(SqliteStore::Open(directory_.path(), other).ok());
  EXPECT_EQ(ReadFile(directory_.File("node.db")), before);
  EXPECT_TRUE(ReplayStatus().ok());
}

TEST_F(SqliteIdentityTest, RefusesANewerSchema) {
  MakeStore(1);
  Alter("PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_EQ(OpenStatus(),
            absl::FailedPreconditionError(
                "cannot open store \"" + directory_.File("node.db") +
                "\": schema version 7, this binary knows 1 to 5; start the "
                "release of quorate that wrote it"));
}

TEST_F(SqliteIdentityTest, RefusesTheDatabaseOfAnotherProgram) {
  Alter("CREATE TABLE songs(title)");
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("database of another program"));
}

TEST_F(SqliteIdentityTest, RefusesAFileThatIsNoDatabase) {
  WriteFile(directory_.File("node.db"), std::string(8192, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(OpenStatus())) << OpenStatus();
}

TEST_F(SqliteIdentityTest, RefusesAWipedDatabase) {
  MakeStore(1);
  std::filesystem::remove(directory_.File("node.db"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr(kBringBack));
  EXPECT_THAT(Message(status), HasSubstr("the database is missing"));
  EXPECT_FALSE(std::filesystem::exists(directory_.File("node.db")));
}

TEST_F(SqliteIdentityTest, RefusesADatabaseThatWasEmptied) {
  MakeStore(1);
  WriteFile(directory_.File("node.db"), "");
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("the database is empty"));
}

// SQLite would take the file for a new one, and remove the log beside it.
TEST_F(SqliteIdentityTest, LeavesTheLogOfADatabaseThatIsGoneOrCutAsItIs) {
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, 5).ok());
  }
  const std::string log = ReadFile(directory_.File("node.db-wal"));
  ASSERT_FALSE(log.empty());
  const std::string database = ReadFile(directory_.File("node.db"));
  const auto expect_lost = [&](const char* what) {
    for (const char* also_gone : {"ballast", "identity", "mark"}) {
      const absl::Status status = OpenStatus();
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(Message(status),
                  AllOf(HasSubstr(what), HasSubstr("node.db\""),
                        HasSubstr(kBringBack)));
      EXPECT_EQ(ReadFile(directory_.File("node.db-wal")), log);
      std::filesystem::rename(directory_.File(also_gone),
                              directory_.File(also_gone) + std::string("-"));
    }
    for (const char* also_gone : {"ballast", "identity", "mark"}) {
      std::filesystem::rename(directory_.File(also_gone) + std::string("-"),
                              directory_.File(also_gone));
    }
  };
  WriteFile(directory_.File("node.db"), "");
  expect_lost("the database is empty");
  WriteFile(directory_.File("node.db"), database.substr(0, 60));
  expect_lost("the database is cut to 60 bytes");
  std::filesystem::remove(directory_.File("node.db"));
  expect_lost("the database is missing");
  WriteFile(directory_.File("node.db"), database);
  EXPECT_TRUE(ReplayStatus().ok());
}

// After a clean stop there is no log that would tell.
TEST_F(SqliteIdentityTest, KnowsADatabaseThatIsGoneByAnyFileBesideIt) {
  MakeStore(1);
  for (const char* name : {"node.db", "node.db-wal", "identity", "mark"}) {
    std::filesystem::remove(directory_.File(name));
    EXPECT_THAT(Message(OpenStatus()), HasSubstr("the database is missing"))
        << name;
  }
  std::filesystem::remove(directory_.File("peers"));
  EXPECT_TRUE(OpenStatus().ok());
}

TEST_F(SqliteIdentityTest, SaysThatAnIdentityFileIsDamagedForEachFlippedBit) {
  MakeStore(1);
  const std::string before = ReadFile(directory_.File("identity"));
  for (std::size_t at = 0; at < before.size(); ++at) {
    std::string bytes = before;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    WriteFile(directory_.File("identity"), bytes);
    const absl::Status status = OpenStatus();
    ASSERT_TRUE(absl::IsDataLoss(status)) << at << ": " << status;
    ASSERT_THAT(Message(status), AllOf(HasSubstr("identity\": it is damaged"),
                                       HasSubstr(kBringBack)));
  }
  WriteFile(directory_.File("identity"), before);
  EXPECT_TRUE(OpenStatus().ok());
}

// Before the files `identity` and `peers` had checksums.
TEST_F(SqliteIdentityTest, TakesOverAnIdentityFileWithoutAChecksum) {
  MakeStore(3);
  const std::string before = ReadFile(directory_.File("identity"));
  WriteFile(directory_.File("identity"), WithoutItsChecksum(before));
  for (const char* name : {"peers", "heard"}) {
    std::filesystem::remove(directory_.File(name));
  }
  Alter("PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_TRUE(ReplayStatus().ok());
  EXPECT_EQ(ReadFile(directory_.File("identity")), before);
  for (const char* name : {"peers", "heard"}) {
    EXPECT_TRUE(std::filesystem::exists(directory_.File(name))) << name;
  }
}

TEST_F(SqliteIdentityTest, RefusesADirectoryWithoutItsIdentityFile) {
  MakeStore(1);
  std::filesystem::remove(directory_.File("identity"));
  const absl::Status status = OpenStatus();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("\"identity\" beside it is gone"));
}

TEST_F(SqliteIdentityTest, RefusesAnIdentityFileThatMakesNoSense) {
  MakeStore(1);
  for (const char* text :
       {"", "quorate store 1\nnode r12\n",
        "quorate store 1 - do not edit, copy or remove\nclusteR test\nnode r2\n"
        "incarnation 77\n"}) {
    WriteFile(directory_.File("identity"), text);
    const absl::Status status = OpenStatus();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(Message(status), HasSubstr("it is damaged"));
  }
}

TEST_F(SqliteIdentityTest, RefusesTheFilesOfTwoLivesMixed) {
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

TEST_F(SqliteIdentityTest, RefusesACrashedNodeWhoseWalWasDeleted) {
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

TEST_F(SqliteIdentityTest, RefusesAClusterIdThatWouldNotFitTheIdentityFile) {
  StoreIdentity identity = TestIdentity();
  identity.cluster_id = "two\nlines";
  EXPECT_TRUE(absl::IsInvalidArgument(
      SqliteStore::Open(directory_.path(), identity).status()));
}

}  // namespace
}  // namespace quorate
