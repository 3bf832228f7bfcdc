#include "storage/sqlite_store.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/rules.h"
#include "storage/sqlite_schema.h"
#include "storage/wal_check.h"
#include "wire/check.h"

namespace quorate {
namespace {

// Rows of the journal that one Maintain deletes: few enough that nobody who
// comes meanwhile waits for it.
constexpr int kDropRows = 256;
constexpr std::size_t kDropBytes = 512 * 1024;

// Covers the row's place as well as its bytes, so that a row that was moved or
// renumbered is noticed like one that was changed.
std::int64_t Checksum(std::string_view group, std::int64_t row,
                      std::int64_t last) {
  const std::int64_t place[] = {row, last};
  return static_cast<std::int64_t>(XXH3_64bits_withSeed(
      group.data(), group.size(), XXH3_64bits(place, sizeof(place))));
}

}  // namespace

SqliteStore::SqliteStore(StoreDirectory directory,
                         const SqliteStoreOptions& options)
    : directory_(std::move(directory)), options_(options) {}

SqliteStore::~SqliteStore() = default;

std::string SqliteStore::path() const { return directory_.File(kDatabaseName); }

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    const std::string& directory, const StoreIdentity& expected,
    const SqliteStoreOptions& options) {
  if (expected.cluster_id.find('\n') != std::string::npos) {
    return absl::InvalidArgumentError(
        "the cluster id contains a line break; choose one without");
  }
  absl::StatusOr<StoreDirectory> locked = StoreDirectory::Lock(directory);
  if (!locked.ok()) return locked.status();
  std::unique_ptr<SqliteStore> store(
      new SqliteStore(std::move(*locked), options));
  if (absl::Status status = store->Load(expected); !status.ok()) return status;
  return store;
}

// Nothing in the directory is changed before it is known to be ours and whole.
absl::Status SqliteStore::Load(const StoreIdentity& expected) {
  // To be looked at before SQLite is: it creates what is missing.
  const bool had_wal = directory_.Exists(kWalName);
  const absl::StatusOr<std::optional<StoreIdentity>> file =
      directory_.ReadIdentity();
  if (!file.ok()) return file.status();
  if (absl::Status status = CheckDatabaseFile(file->has_value());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckWal(directory_.File(kWalName));
      !rules::IsWhole(status)) {
    return status;
  }
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path());
  if (!connection.ok()) return connection.status();
  connection_ = std::move(*connection);

  // ST7: what a failed sync has left in memory can be read now and may be gone
  // after a power loss; nothing may be built on it before it is on the disk.
  // Empty after a clean stop.
  absl::Status status =
      had_wal ? directory_.MakeDurable(kWalName) : absl::OkStatus();
  if (status.ok()) status = LoadSchema(expected, file->has_value());
  if (status.ok()) status = LoadIdentity(expected, had_wal);
  if (status.ok() && schema_ != kSchemaVersion) status = UpgradeSchema();
  if (status.ok()) status = LoadJournalEnd();
  if (status.ok()) status = CheckMark();
  if (!status.ok()) {
    // SQLite has created an empty WAL: it must not pass for the missing one
    // when the next start looks for it.
    insert_.reset();
    checkpoint_.reset();
    connection_.reset();
    if (!had_wal && directory_.SizeOf(kWalName) == 0) {
      directory_.Remove(kWalName);
    }
    return status;
  }
  return BeginLife();
}

// ST5: a wiped database must not come back empty: the node would forget its
// votes and could vote a second time. Whatever else is there tells that there
// was one; a crash while it was being created leaves an empty file alone.
absl::Status SqliteStore::CheckDatabaseFile(bool had_identity) const {
  const std::uint64_t bytes = directory_.SizeOf(kDatabaseName);
  if (bytes >= kDatabaseHeaderBytes) return absl::OkStatus();
  const bool exists = directory_.Exists(kDatabaseName);
  const bool had_one =
      had_identity || directory_.Exists(kMarkName) ||
      directory_.Exists(kPeersName) ||
      (exists ? directory_.SizeOf(kWalName) > 0 : directory_.Exists(kWalName));
  if (!had_one) return absl::OkStatus();
  return Lost(path(), absl::StrCat(!exists ? "the database is missing"
                                   : bytes == 0
                                       ? std::string("the database is empty")
                                       : absl::StrCat("the database is cut to ",
                                                      bytes, " bytes"),
                                   ", though this directory had one"));
}

// ENV3: truncating the WAL puts the last life's commits into the database
// before anybody can be told of them. The mark and the names are made durable
// as well, before the first group.
//
// Truncated before it is written to as well: behind a new commit nothing may be
// left of a group that the crash cut off, or a second crash would make CheckWal
// take it for a group that was synced.
absl::Status SqliteStore::BeginLife() {
  absl::Status status = directory_.KeepBallast(options_.ballast_bytes);
  if (status.ok() && takes_settings_) status = TakeOverSettings();
  if (status.ok()) status = directory_.KeepIdentity(identity_);
  if (status.ok()) status = connection_->Checkpoint(/*truncate=*/true);
  if (status.ok()) {
    status = connection_->Execute(
        absl::StrCat("UPDATE node SET clean = 0, life = ", ++life_));
  }
  if (status.ok()) status = connection_->Checkpoint(/*truncate=*/true);
  if (status.ok()) status = WriteMark();
  if (status.ok()) status = mark_->Sync();
  if (status.ok()) status = directory_.SyncNames();
  return status;
}

absl::Status SqliteStore::LoadJournalEnd() {
  checkpoint_ = std::make_unique<SqliteCheckpoint>(*connection_);
  if (absl::Status status = checkpoint_->Load(); !status.ok()) return status;
  const SqliteCheckpoint::Facts& facts = checkpoint_->facts();
  // A journal whose rows are all superfluous has lost none of its place.
  last_row_ = facts.journal_row - 1;
  last_record_ = static_cast<RecordSequence>(facts.last);
  absl::StatusOr<SqliteStatement> end = connection_->Prepare(
      "SELECT (SELECT min(row) FROM journal), row, last FROM journal"
      " ORDER BY row DESC LIMIT 1");
  if (!end.ok()) return end.status();
  const int step = sqlite3_step(end->get());
  oldest_row_ = last_row_ + 1;
  if (step == SQLITE_ROW) {
    oldest_row_ = sqlite3_column_int64(end->get(), 0);
    const std::int64_t newest = sqlite3_column_int64(end->get(), 1);
    const auto last =
        static_cast<RecordSequence>(sqlite3_column_int64(end->get(), 2));
    last_row_ = std::max(last_row_, newest);
    last_record_ = std::max(last_record_, last);
  } else if (step != SQLITE_DONE) {
    return connection_->Error("cannot read the journal of");
  }
  absl::StatusOr<SqliteStatement> insert =
      connection_->Prepare("INSERT INTO journal VALUES(?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  insert_ = std::move(*insert);
  return absl::OkStatus();
}

absl::Status SqliteStore::Replay(const Reader& reader) {
  if (!poison_.ok()) return poison_;
  // An error of the caller's ends the replay, one of the disk the store.
  absl::Status of_caller;
  const absl::Status status = checkpoint_->Replay([&](std::string_view chunk) {
    of_caller = reader.chunk(chunk);
    return of_caller;
  });
  if (!of_caller.ok()) return of_caller;
  if (!status.ok()) return Poison(status);
  return ReplayJournal(reader);
}

absl::Status SqliteStore::ReplayJournal(const Reader& reader) {
  absl::StatusOr<SqliteStatement> rows = connection_->Prepare(
      "SELECT row, last, checksum, records FROM journal WHERE row >= ?"
      " ORDER BY row");
  if (!rows.ok()) return Poison(rows.status());
  const SqliteCheckpoint::Facts& facts = checkpoint_->facts();
  sqlite3_bind_int64(rows->get(), 1, facts.journal_row);
  journal_bytes_ = 0;
  std::int64_t expected_row = facts.journal_row;
  auto before = static_cast<RecordSequence>(facts.journal_base);
  int step;
  while ((step = sqlite3_step(rows->get())) == SQLITE_ROW) {
    if (absl::Status status = CheckRow(rows->get(), expected_row++);
        !status.ok()) {
      return Poison(std::move(status));
    }
    const std::string_view bytes = ColumnBlob(rows->get(), 3);
    journal_bytes_ += bytes.size();
    absl::Status status = reader.group(bytes, before + 1);
    if (!status.ok()) return status;
    before = static_cast<RecordSequence>(sqlite3_column_int64(rows->get(), 1));
  }
  if (step != SQLITE_DONE) {
    return Poison(connection_->Error("cannot read the journal of"));
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::CheckRow(sqlite3_stmt* row,
                                   std::int64_t expected_row) {
  const std::int64_t number = sqlite3_column_int64(row, 0);
  const char* fault = nullptr;
  if (number != expected_row) {
    fault = "is missing";  // ST2: rows have no gap.
  } else if (!rules::IsIntact(Checksum(ColumnBlob(row, 3), number,
                                       sqlite3_column_int64(row, 1)),
                              sqlite3_column_int64(row, 2))) {
    fault = "has a wrong checksum";
  } else {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("cannot replay \"", path(), "\": row ", expected_row,
                   " of the journal ", fault, "; ", kBringBack));
}

absl::Status SqliteStore::Append(std::string_view group, RecordSequence last) {
  if (!poison_.ok()) return poison_;
  QUORATE_CHECK(last > last_record_,
                "ST1: groups are appended in the order of their records");
  if (absl::Status status = Insert(group, last); !status.ok()) {
    return Poison(std::move(status));
  }
  ++last_row_;
  last_record_ = last;
  journal_bytes_ += group.size();
  // After the sync and before anybody hears of it.
  if (absl::Status status = WriteMark(); !status.ok()) {
    return Poison(std::move(status));
  }
  if (connection_->wal_pages() < 2 * options_.checkpoint_pages) {
    return absl::OkStatus();
  }
  return Maintain();
}

// One autocommit transaction: when the step is done, the WAL has been synced.
absl::Status SqliteStore::Insert(std::string_view group, RecordSequence last) {
  const std::int64_t row = last_row_ + 1;
  const std::int64_t last_number = static_cast<std::int64_t>(last);
  sqlite3_stmt* insert = insert_.get();
  sqlite3_bind_int64(insert, 1, row);
  sqlite3_bind_int64(insert, 2, last_number);
  sqlite3_bind_int64(insert, 3, Checksum(group, row, last_number));
  // A null pointer would bind NULL, not an empty blob.
  const char* bytes = group.empty() ? "" : group.data();
  const bool bound = sqlite3_bind_blob64(insert, 4, bytes, group.size(),
                                         SQLITE_STATIC) == SQLITE_OK;
  absl::Status status;
  if (!bound || sqlite3_step(insert) != SQLITE_DONE) {
    status = connection_->Error("cannot append to");
  }
  sqlite3_reset(insert);
  return status;
}

// ---- checkpoints ------------------------------------------------------------

absl::Status SqliteStore::BeginCheckpoint() {
  if (!poison_.ok()) return poison_;
  checkpoint_->Begin();
  bytes_before_checkpoint_ = journal_bytes_;
  return absl::OkStatus();
}

absl::Status SqliteStore::AppendCheckpoint(std::string_view chunk) {
  if (!poison_.ok()) return poison_;
  absl::Status status = checkpoint_->Append(chunk);
  return status.ok() ? status : Poison(std::move(status));
}

absl::Status SqliteStore::FinishCheckpoint(RecordSequence last) {
  if (!poison_.ok()) return poison_;
  QUORATE_CHECK(last <= last_record_,
                "ST6: a checkpoint stands for records that were appended");
  const absl::StatusOr<std::int64_t> covered = LastRowUpTo(last);
  if (!covered.ok()) return Poison(covered.status());
  RecordSequence base =
      static_cast<RecordSequence>(checkpoint_->facts().journal_base);
  if (*covered >= checkpoint_->facts().journal_row) {
    const absl::StatusOr<RecordSequence> last_of_row = LastOfRow(*covered);
    if (!last_of_row.ok()) return Poison(last_of_row.status());
    base = *last_of_row;
  }
  absl::Status status = rules::BeforeCheckpointStands(*covered, *connection_);
  if (status.ok()) status = checkpoint_->Finish(last, *covered + 1, base);
  if (status.ok()) status = WriteMark();
  if (!status.ok()) return Poison(std::move(status));
  journal_bytes_ -= std::exchange(bytes_before_checkpoint_, 0);
  return absl::OkStatus();
}

absl::StatusOr<std::string> SqliteStore::ReadChunk(std::uint64_t index) {
  if (!poison_.ok()) return poison_;
  absl::StatusOr<std::string> chunk = checkpoint_->Read(index);
  if (chunk.ok() || absl::IsNotFound(chunk.status())) return chunk;
  return Poison(chunk.status());
}

absl::StatusOr<RecordSequence> SqliteStore::LastOfRow(std::int64_t row) {
  const absl::StatusOr<std::int64_t> last = connection_->QueryInteger(
      absl::StrCat("SELECT last FROM journal WHERE row = ", row));
  if (!last.ok()) return last.status();
  return static_cast<RecordSequence>(*last);
}

// The newest row without a record above `last`. By halving, because `last`
// grows with the rows and has no index.
absl::StatusOr<std::int64_t> SqliteStore::LastRowUpTo(RecordSequence last) {
  std::int64_t up_to = checkpoint_->facts().journal_row - 1;
  std::int64_t above = last_row_ + 1;
  while (up_to + 1 < above) {
    const std::int64_t middle = up_to + (above - up_to) / 2;
    const absl::StatusOr<RecordSequence> found = LastOfRow(middle);
    if (!found.ok()) return found.status();
    (*found <= last ? up_to : above) = middle;
  }
  return up_to;
}

absl::Status SqliteStore::DropCoveredRows() {
  absl::StatusOr<SqliteStatement> rows = connection_->Prepare(absl::StrCat(
      "SELECT row, length(records) FROM journal WHERE row >= ", oldest_row_,
      " AND row < ", checkpoint_->facts().journal_row, " ORDER BY row LIMIT ",
      kDropRows));
  if (!rows.ok()) return rows.status();
  std::int64_t end = oldest_row_;
  std::size_t bytes = 0;
  int step = SQLITE_ROW;
  while (bytes < kDropBytes &&
         (step = sqlite3_step(rows->get())) == SQLITE_ROW) {
    end = sqlite3_column_int64(rows->get(), 0) + 1;
    bytes += static_cast<std::size_t>(sqlite3_column_int64(rows->get(), 1));
  }
  if (step != SQLITE_ROW && step != SQLITE_DONE) {
    return connection_->Error("cannot read the journal of");
  }
  rows->reset();  // Before its table is written to.
  absl::Status status = connection_->Execute(
      absl::StrCat("DELETE FROM journal WHERE row < ", end));
  // Nothing was found where something was expected: then nothing is left.
  const bool done = end == oldest_row_;
  oldest_row_ = done ? checkpoint_->facts().journal_row : end;
  return status;
}

bool SqliteStore::needs_upkeep() const {
  return poison_.ok() && (checkpoint_->has_rubbish() ||
                          oldest_row_ < checkpoint_->facts().journal_row);
}

absl::Status SqliteStore::Maintain() {
  if (!poison_.ok()) return poison_;
  absl::Status status;
  if (connection_->wal_pages() >= options_.checkpoint_pages) {
    status = connection_->Checkpoint(/*truncate=*/false);
  } else if (oldest_row_ < checkpoint_->facts().journal_row) {
    status = DropCoveredRows();
  } else if (checkpoint_->has_rubbish()) {
    status = checkpoint_->DropSome();
  }
  return status.ok() ? status : Poison(std::move(status));
}

// ST3: the first error stays. On a full disk the ballast makes the room that
// the checkpoint needs, so that the node can be started and looked at (ENV4);
// after any other error nothing more may be written.
absl::Status SqliteStore::Poison(absl::Status error) {
  poison_ = std::move(error);
  if (!absl::IsResourceExhausted(poison_)) return poison_;
  absl::Status relief = directory_.ReleaseBallast();
  if (relief.ok()) relief = connection_->Checkpoint(/*truncate=*/true);
  poison_ = absl::ResourceExhaustedError(absl::StrCat(
      poison_.message(), "; at least ", options_.ballast_bytes,
      relief.ok() ? " bytes are needed: the reserve of that size was given up "
                    "so that the journal could be put in order"
                  : " bytes are needed, and the journal could not be put in "
                    "order: ",
      relief.ok() ? "" : relief.message()));
  return poison_;
}

absl::Status SqliteStore::Close() {
  if (!poison_.ok()) return poison_;
  absl::Status status = connection_->Execute("UPDATE node SET clean = 1");
  if (status.ok()) status = connection_->Checkpoint(/*truncate=*/true);
  if (!status.ok()) return Poison(std::move(status));
  poison_ = absl::FailedPreconditionError(
      absl::StrCat("the store \"", path(), "\" has been closed"));
  return absl::OkStatus();
}

StoreStats SqliteStore::stats() const {
  const SqliteCheckpoint::Facts& facts = checkpoint_->facts();
  return {.journal_groups =
              static_cast<std::uint64_t>(last_row_ - facts.journal_row + 1),
          .journal_bytes = journal_bytes_,
          .checkpoint_last = static_cast<RecordSequence>(facts.last),
          .checkpoint_bytes = static_cast<std::uint64_t>(facts.bytes),
          .checkpoint_chunks = static_cast<std::uint64_t>(facts.chunks),
          .unfinished_bytes = checkpoint_->unfinished_bytes()};
}

std::uint64_t SqliteStore::FileBytes() const {
  return directory_.SizeOf(kDatabaseName) + directory_.SizeOf(kWalName);
}

}  // namespace quorate
