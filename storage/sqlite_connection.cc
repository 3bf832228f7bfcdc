#include "storage/sqlite_connection.h"

#include <sqlite3.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "storage/descriptor.h"
#include "storage/rules.h"

namespace quorate {

void FinalizeStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

std::string_view ColumnBlob(sqlite3_stmt* row, int column) {
  const void* bytes = sqlite3_column_blob(row, column);
  const int size = sqlite3_column_bytes(row, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path) {
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(path));
  // No mutex: a store is used by one thread at a time.
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &connection->db_, flags, nullptr) !=
      SQLITE_OK) {
    return connection->Error("cannot open");
  }
  if (absl::Status status = connection->Configure(); !status.ok()) {
    return status;
  }
  return connection;
}

SqliteConnection::~SqliteConnection() { sqlite3_close_v2(db_); }

absl::Status SqliteConnection::Configure() {
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // Instead of SQLite's own automatic checkpoint, which hides its errors.
  sqlite3_wal_hook(
      db_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteConnection*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  // Exclusive before WAL: then the WAL's index is on the heap, not in a file.
  // Deleted content need not be overwritten (Debian's default): it costs pages.
  absl::Status status = Execute(
      "PRAGMA locking_mode = EXCLUSIVE;"
      "PRAGMA page_size = 4096;"
      "PRAGMA secure_delete = OFF;"
      "PRAGMA cell_size_check = ON;"
      "PRAGMA journal_mode = WAL;");
  if (status.ok()) status = Execute(rules::SyncedHow().pragma);
  if (status.ok()) status = Require("locking_mode", "exclusive");
  if (status.ok()) status = Require("journal_mode", "wal");
  if (status.ok()) status = Require("synchronous", rules::SyncedHow().answer);
  return status;
}

absl::Status SqliteConnection::Require(const std::string& pragma,
                                       const char* expected) {
  const absl::StatusOr<std::string> found = QueryText("PRAGMA " + pragma);
  if (!found.ok()) return found.status();
  if (*found == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "cannot open \"", path_, "\": SQLite's ", pragma, " is ", *found,
      ", expected ", expected,
      "; without it nothing here is durable: use a local file system"));
}

absl::Status SqliteConnection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return Error("cannot use");
  }
  return absl::OkStatus();
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(
    std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement,
                         nullptr) != SQLITE_OK) {
    return Error("cannot use");
  }
  return SqliteStatement(statement);
}

absl::StatusOr<std::string> SqliteConnection::QueryText(
    const std::string& sql) {
  absl::StatusOr<SqliteStatement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  if (sqlite3_step(statement->get()) != SQLITE_ROW) return Error("cannot read");
  const auto* bytes = static_cast<const char*>(
      static_cast<const void*>(sqlite3_column_text(statement->get(), 0)));
  const int size = sqlite3_column_bytes(statement->get(), 0);
  if (bytes == nullptr) return std::string();
  return std::string(bytes, static_cast<std::size_t>(size));
}

absl::StatusOr<std::int64_t> SqliteConnection::QueryInteger(
    const std::string& sql) {
  absl::StatusOr<SqliteStatement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  if (sqlite3_step(statement->get()) != SQLITE_ROW) return Error("cannot read");
  return sqlite3_column_int64(statement->get(), 0);
}

absl::Status SqliteConnection::Checkpoint(bool truncate) {
  // With one connection there is no reader to wait for: passive copies all.
  const int mode =
      truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  if (sqlite3_wal_checkpoint_v2(db_, "main", mode, nullptr, nullptr) !=
      SQLITE_OK) {
    return Error("cannot checkpoint");
  }
  wal_pages_ = 0;
  return absl::OkStatus();
}

absl::Status SqliteConnection::Error(const char* action) const {
  const int code = sqlite3_extended_errcode(db_);
  const int system_error = sqlite3_system_errno(db_);
  std::string text =
      absl::StrCat(action, " \"", path_, "\": ", sqlite3_errmsg(db_),
                   " (SQLite code ", code);
  if (system_error != 0) {
    absl::StrAppend(&text, ", ", std::strerror(system_error));
  }
  text += ")";
  // SQLite says only what it could not do; the system why.
  if ((code & 0xff) == SQLITE_CANTOPEN && system_error != 0) {
    return FileError("open", path_, system_error);
  }
  switch (code & 0xff) {
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return absl::PermissionDeniedError(
          text + "; let this user write there or give the node another `dir`");
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          text + "; free space on this disk and start the node again");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(text, "; ", kBringBack));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(
          text + "; close the other program that has this file open");
    default:
      return absl::InternalError(text +
                                 "; check the disk, then start the node again");
  }
}

}  // namespace quorate
