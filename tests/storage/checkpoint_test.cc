// Checkpoints of both stores: what a restart finds, what stays on the disk.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/memory_store.h"
#include "storage/sqlite_connection.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a replay gave.
struct Found {
  std::vector<std::string> chunks;
  std::vector<std::string> groups;
  std::vector<RecordSequence> firsts;
};

absl::StatusOr<Found> Read(Store& store) {
  Found found;
  const absl::Status status =
      store.Replay({.chunk =
                        [&](std::string_view chunk) {
                          found.chunks.emplace_back(chunk);
                          return absl::OkStatus();
                        },
                    .group =
                        [&](std::string_view group, RecordSequence first) {
                          found.groups.emplace_back(group);
                          found.firsts.push_back(first);
                          return absl::OkStatus();
                        }});
  if (!status.ok()) return status;
  return found;
}

absl::Status WriteCheckpoint(Store& store,
                             const std::vector<std::string>& chunks,
                             RecordSequence last) {
  absl::Status status = store.BeginCheckpoint();
  for (const std::string& chunk : chunks) {
    if (status.ok()) status = store.AppendCheckpoint(chunk);
  }
  return status.ok() ? store.FinishCheckpoint(last) : status;
}

// Until there is none left.
void DoUpkeep(Store& store) {
  while (store.needs_upkeep()) ASSERT_TRUE(store.Maintain().ok());
}

class AnyStoreTest : public testing::TestWithParam<bool> {
 protected:
  AnyStoreTest() {
    if (!GetParam()) {
      store_ = std::make_unique<MemoryStore>(TestIdentity());
      return;
    }
    auto store = OpenStore(directory_.path());
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  // A second life, where there is one.
  void Reopen() {
    if (!GetParam()) return;
    store_.reset();
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Append(const std::string& group, RecordSequence last) {
    ASSERT_TRUE(store_->Append(group, last).ok());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(AnyStoreTest, ACheckpointTakesThePlaceOfTheGroupsItStandsFor) {
  Append("a", 3);
  Append("b", 5);
  ASSERT_TRUE(WriteCheckpoint(*store_, {"x", "", "y"}, 5).ok());
  Append("c", 9);
  for (int life = 0; life < 3; ++life) {
    const auto found = Read(*store_);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_THAT(found->chunks, ElementsAre("x", "", "y"));
    EXPECT_THAT(found->groups, ElementsAre("c"));
    EXPECT_THAT(found->firsts, ElementsAre(6u));
    DoUpkeep(*store_);
    Reopen();
  }
}

TEST_P(AnyStoreTest, AGroupThatReachesBeyondTheCheckpointIsKept) {
  Append("a", 3);
  Append("bcd", 6);
  ASSERT_TRUE(WriteCheckpoint(*store_, {"x"}, 5).ok());
  Reopen();
  const auto found = Read(*store_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->groups, ElementsAre("bcd"));
  EXPECT_THAT(found->firsts, ElementsAre(4u));  // 4 and 5 are to be skipped.
}

TEST_P(AnyStoreTest, GroupsGoOnWhileACheckpointIsWritten) {
  Append("a", 1);
  ASSERT_TRUE(store_->BeginCheckpoint().ok());
  ASSERT_TRUE(store_->AppendCheckpoint("x").ok());
  Append("b", 2);
  ASSERT_TRUE(store_->AppendCheckpoint("y").ok());
  Append("c", 3);
  ASSERT_TRUE(store_->FinishCheckpoint(1).ok());
  Reopen();
  const auto found = Read(*store_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->chunks, ElementsAre("x", "y"));
  EXPECT_THAT(found->groups, ElementsAre("b", "c"));
}

TEST_P(AnyStoreTest, AnUnfinishedCheckpointLeavesTheOneBefore) {
  Append("a", 1);
  ASSERT_TRUE(WriteCheckpoint(*store_, {"x"}, 1).ok());
  Append("b", 2);
  ASSERT_TRUE(store_->BeginCheckpoint().ok());
  ASSERT_TRUE(store_->AppendCheckpoint("never finished").ok());
  Reopen();
  const auto found = Read(*store_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->chunks, ElementsAre("x"));
  EXPECT_THAT(found->groups, ElementsAre("b"));
  ASSERT_TRUE(WriteCheckpoint(*store_, {"z"}, 2).ok());
  DoUpkeep(*store_);
  const auto later = Read(*store_);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_THAT(later->chunks, ElementsAre("z"));
  EXPECT_THAT(later->groups, IsEmpty());
}

TEST_P(AnyStoreTest, AJournalThatIsAllCoveredGoesOnWhereItWas) {
  Append("a", 4);
  ASSERT_TRUE(WriteCheckpoint(*store_, {"x"}, 4).ok());
  DoUpkeep(*store_);
  Reopen();
  Append("b", 5);
  Reopen();
  const auto found = Read(*store_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->groups, ElementsAre("b"));
  EXPECT_THAT(found->firsts, ElementsAre(5u));
  EXPECT_EQ(store_->stats().journal_groups, 1u);
  EXPECT_EQ(store_->stats().checkpoint_last, 4u);
  EXPECT_EQ(store_->stats().checkpoint_bytes, 1u);
}

TEST_P(AnyStoreTest, ACheckpointOfRecordsThatWereNeverAppendedAborts) {
  Append("a", 4);
  EXPECT_DEATH((void)WriteCheckpoint(*store_, {"x"}, 5), "ST6: a checkpoint");
}

INSTANTIATE_TEST_SUITE_P(Stores, AnyStoreTest, testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "Sqlite" : "Memory";
                         });

class SqliteCheckpointTest : public testing::Test {
 protected:
  void Alter(const std::string& sql) {
    auto connection = SqliteConnection::Open(directory_.File("node.db"));
    ASSERT_TRUE(connection.ok()) << connection.status();
    const absl::Status status = (*connection)->Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  void MakeCheckpoint() {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Append("a", 1).ok());
    ASSERT_TRUE(WriteCheckpoint(**store, {"x", "y", "z"}, 1).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  std::string ReplayMessage() {
    auto store = OpenStore(directory_.path());
    if (!store.ok()) return std::string(store.status().message());
    return std::string(Read(**store).status().message());
  }

  TemporaryDirectory directory_;
};

TEST_F(SqliteCheckpointTest, NamesTheChunkThatIsDamagedOrMissing) {
  MakeCheckpoint();
  Alter("UPDATE chunk SET bytes = x'59' WHERE row = 2");
  EXPECT_THAT(ReplayMessage(),
              AllOf(HasSubstr("chunk 2"), HasSubstr("wrong checksum"),
                    HasSubstr("bring back the whole directory")));
  Alter("DELETE FROM chunk WHERE row = 2");
  EXPECT_THAT(ReplayMessage(),
              AllOf(HasSubstr("chunk 2"), HasSubstr("is missing")));
}

TEST_F(SqliteCheckpointTest, RefusesADamagedRowOfTheCheckpoint) {
  MakeCheckpoint();
  Alter("UPDATE checkpoint SET journal_row = 1");
  EXPECT_THAT(ReplayMessage(), HasSubstr("the row of the checkpoint has a "
                                         "wrong checksum"));
}

TEST_F(SqliteCheckpointTest, MissesARowBehindTheCheckpoint) {
  MakeCheckpoint();
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Append("b", 2).ok());
    ASSERT_TRUE((*store)->Append("c", 3).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  Alter("DELETE FROM journal WHERE row = 2");
  EXPECT_THAT(ReplayMessage(), HasSubstr("row 2 of the journal is missing"));
}

TEST_F(SqliteCheckpointTest, ADirectoryOfTheFirstSchemaIsTakenOver) {
  {
    auto store = OpenStore(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(AppendGroups(**store, 1, 20).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  Alter(
      "DROP TABLE chunk; DROP TABLE checkpoint; DROP TABLE setting;"
      "ALTER TABLE node DROP COLUMN name; ALTER TABLE node DROP COLUMN life;"
      "PRAGMA user_version = 1");
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const auto count = CountGroups(**store);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 20u);
  ASSERT_TRUE(WriteCheckpoint(**store, {"x"}, 200).ok());
  EXPECT_EQ((*store)->stats().journal_groups, 0u);
}

TEST_F(SqliteCheckpointTest, TheFileLevelsOff) {
  auto store = OpenStore(directory_.path());
  ASSERT_TRUE(store.ok()) << store.status();
  RecordSequence last = 0;
  std::vector<std::uintmax_t> sizes;
  for (int round = 0; round < 12; ++round) {
    for (int n = 0; n < 100; ++n) {
      ASSERT_TRUE((*store)->Append(std::string(10000, 'g'), ++last).ok());
      ASSERT_TRUE((*store)->Maintain().ok());
    }
    const std::vector<std::string> chunks(8, std::string(60000, 'c'));
    ASSERT_TRUE(WriteCheckpoint(**store, chunks, last - 3).ok());
    DoUpkeep(**store);
    sizes.push_back(std::filesystem::file_size(directory_.File("node.db")));
  }
  EXPECT_LE(sizes.back(), sizes[3] + 100'000);
  EXPECT_LE(sizes.back(), 4'000'000u);  // 18 MB went through it.
}

// ---- kill -9 ----------------------------------------------------------------

constexpr SqliteStoreOptions kOptions{.checkpoint_pages = 16};

// A checkpoint's first chunk says how many groups it stands for.
absl::StatusOr<std::uint64_t> CountWithCheckpoint(Store& store) {
  const auto found = Read(store);
  if (!found.ok()) return found.status();
  std::uint64_t count = 0;
  if (!found->chunks.empty()) {
    count = std::stoull(found->chunks.front());
    for (const std::string& chunk : found->chunks) {
      if (chunk.substr(0, chunk.find(' ')) != std::to_string(count)) {
        return absl::DataLossError("chunks of two checkpoints");
      }
    }
    if (found->chunks.size() != 2 + count % 7) {
      return absl::DataLossError("a checkpoint that is not whole");
    }
  }
  for (const std::string& group : found->groups) {
    if (group != GroupNumber(++count)) {
      return absl::DataLossError("group " + std::to_string(count));
    }
  }
  return count;
}

// Appends groups for ever and writes a checkpoint in between; reports each
// group that is acknowledged.
[[noreturn]] void WorkForEver(const std::string& directory, int report) {
  auto store = OpenStore(directory, kOptions);
  if (!store.ok()) _exit(2);
  const auto found = CountWithCheckpoint(**store);
  if (!found.ok()) _exit(3);
  std::uint64_t covered = *found;
  std::uint64_t chunks = 0;
  if (!(*store)->BeginCheckpoint().ok()) _exit(4);
  for (std::uint64_t number = *found + 1;; ++number) {
    if (!(*store)->Append(GroupNumber(number), number * 10).ok()) _exit(5);
    if (write(report, &number, sizeof(number)) != sizeof(number)) _exit(6);
    if (!(*store)->Maintain().ok()) _exit(7);
    if (covered == 0) {
      covered = number;
      continue;
    }
    const std::string chunk =
        std::to_string(covered) + " " + std::string(9000, 'c');
    if (!(*store)->AppendCheckpoint(chunk).ok()) _exit(8);
    if (++chunks < 2 + covered % 7) continue;
    if (!(*store)->FinishCheckpoint(covered * 10).ok()) _exit(9);
    if (!(*store)->BeginCheckpoint().ok()) _exit(10);
    chunks = 0;
    covered = number;
  }
}

TEST_F(SqliteCheckpointTest, KillsBetweenAndWithinCheckpointsLoseNothing) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int cycle = 0; cycle < 15; ++cycle) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipe_ends[0]);
      WorkForEver(directory_.path(), pipe_ends[1]);
    }
    close(pipe_ends[1]);
    const int groups = 1 + static_cast<int>(random() % 60);
    std::uint64_t number = 0;
    std::uint64_t acknowledged = 0;
    int heard = 0;
    while (read(pipe_ends[0], &number, sizeof(number)) == sizeof(number)) {
      acknowledged = number;
      if (++heard == groups) kill(child, SIGKILL);
    }
    close(pipe_ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
    auto store = OpenStore(directory_.path(), kOptions);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto found = CountWithCheckpoint(**store);
    ASSERT_TRUE(found.ok()) << "cycle " << cycle << ": " << found.status();
    EXPECT_GE(*found, acknowledged);
    EXPECT_LE(*found, acknowledged + 1);
  }
}

}  // namespace
}  // namespace quorate
