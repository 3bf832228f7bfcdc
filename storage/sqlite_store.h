// Answers: how do groups survive a crash?
//
// The journal in one SQLite file, `node.db`, one row a group, inside a locked
// directory (store_directory.h). Append is one insert and one fdatasync; what
// it returned OK for is replayed after SIGKILL and after power loss. The first
// error poisons the store: after a failed fsync nobody can know what is on the
// disk, so it is never tried again (reliability.md ENV3). Checkpoints are made
// here and not by SQLite, so that their errors are seen and their pause falls
// between two groups that nobody waits for (Maintain).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mark_file.h"
#include "storage/sqlite_checkpoint.h"
#include "storage/sqlite_connection.h"
#include "storage/store.h"
#include "storage/store_directory.h"

namespace quorate {

struct SqliteStoreOptions {
  // Pages of 4 KiB in the WAL from which on Maintain checkpoints; Append does
  // so itself at twice as many. README.md has the measurements.
  int checkpoint_pages = 500;
  // Bytes kept free for the day the disk is full (reliability.md ENV4).
  std::size_t ballast_bytes = 1024 * 1024;
};

class SqliteStore : public Store {
 public:
  // Opens the store of `expected.node`, or creates it in a directory that has
  // none. Only a new directory takes over `expected.incarnation`; afterwards
  // identity() tells the one it was created with. `expected.settings` are taken
  // over as long as there is no group: nobody has heard anything from the node
  // that rests on others. Every refusal says what was found, what was expected
  // and what to do.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(
      const std::string& directory, const StoreIdentity& expected,
      const SqliteStoreOptions& options = {});

  // Has a node kept anything in this directory, whole or not?
  static bool IsIn(const std::string& directory);

  // Without Close this is a crash as far as the next start is concerned.
  ~SqliteStore() override;

  const StoreIdentity& identity() const override { return identity_; }
  absl::Status Replay(const Reader& reader) override;
  absl::Status Append(std::string_view group, RecordSequence last) override;
  absl::Status BeginCheckpoint() override;
  absl::Status AppendCheckpoint(std::string_view chunk) override;
  absl::Status FinishCheckpoint(RecordSequence last) override;
  absl::StatusOr<std::string> ReadChunk(std::uint64_t index) override;
  absl::Status Maintain() override;
  bool needs_upkeep() const override;
  absl::Status Close() override;
  StoreStats stats() const override;
  std::uint64_t FileBytes() const override;

  std::uint64_t life() const override { return life_; }
  // Did the last life end without Close?
  bool recovered_from_crash() const { return recovered_from_crash_; }

 private:
  SqliteStore(StoreDirectory directory, const SqliteStoreOptions& options);

  // What the file `mark` holds: the last group, record and chunk of a finished
  // checkpoint that were synced, and in which life.
  struct Mark {
    std::uint64_t incarnation = 0;
    std::uint64_t life = 0;
    std::uint64_t row = 0;
    std::uint64_t last = 0;
    std::uint64_t chunk = 0;
  };

  absl::Status Load(const StoreIdentity& expected);
  absl::Status CheckDatabaseFile(bool had_identity) const;
  absl::Status LoadSchema(const StoreIdentity& expected, bool had_identity);
  absl::Status CreateSchema(const StoreIdentity& identity);
  absl::Status UpgradeSchema();
  absl::Status LoadIdentity(const StoreIdentity& expected, bool had_wal);
  absl::Status ReadNode();
  absl::Status ReadSettings();
  absl::Status CheckBelongs(const StoreIdentity& expected);
  absl::Status CheckSettings(const StoreIdentity& expected);
  absl::StatusOr<bool> HasGroups();
  absl::Status TakeOverSettings();
  absl::Status WriteSettings();
  absl::Status MarkReady();
  absl::Status CompareIdentityFile(const StoreIdentity& expected);
  Mark Reached() const;
  absl::Status CreateMark();
  absl::Status WriteMark();
  absl::Status CheckMark();
  absl::Status BeginLife();
  absl::Status LoadJournalEnd();
  absl::Status ReplayJournal(const Reader& reader);
  absl::StatusOr<RecordSequence> LastOfRow(std::int64_t row);
  absl::StatusOr<std::int64_t> LastRowUpTo(RecordSequence last);
  absl::Status DropCoveredRows();
  absl::Status Insert(std::string_view group, RecordSequence last);
  absl::Status CheckRow(sqlite3_stmt* row, std::int64_t expected_row);
  absl::Status Poison(absl::Status error);
  std::string path() const;

  StoreDirectory directory_;
  SqliteStoreOptions options_;
  StoreIdentity identity_;
  // Declared before the statement, which must go first.
  std::unique_ptr<SqliteConnection> connection_;
  SqliteStatement insert_;
  std::unique_ptr<SqliteCheckpoint> checkpoint_;
  // Rows of the journal: the oldest that is there, and the newest. Those below
  // the checkpoint's first row are waiting to be deleted.
  std::int64_t oldest_row_ = 1;
  std::int64_t last_row_ = 0;
  RecordSequence last_record_ = 0;
  std::uint64_t journal_bytes_ = 0;
  // Of these, what was there when the checkpoint that is written was begun.
  std::uint64_t bytes_before_checkpoint_ = 0;
  std::uint64_t life_ = 0;
  std::int64_t schema_ = 0;  // of the directory, as it was found
  std::optional<MarkFile> mark_;
  bool recovered_from_crash_ = false;
  bool ready_ = false;  // The identity file and the mark exist too.
  bool clean_ = false;
  // Those expected differ, and there is no group yet.
  bool takes_settings_ = false;
  absl::Status poison_;
};

}  // namespace quorate
