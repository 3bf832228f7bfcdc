// Answers: how does this program talk to SQLite?
//
// One connection to one file and its prepared statements, with SQLite's codes
// turned into statuses: FULL is ResourceExhausted, CORRUPT is DataLoss, BUSY is
// FailedPrecondition, the rest Internal. Opened the one way that is safe here:
// WAL, synchronous=FULL and locking_mode=EXCLUSIVE, each read back, because
// SQLite ignores a pragma that it cannot follow (reliability.md ENV1, ENV2). It
// never checkpoints by itself, not even when it is closed: after a failed write
// nothing more may be written (ENV3).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace quorate {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const;
};
using SqliteStatement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// Valid until the statement's next step. Empty for NULL.
std::string_view ColumnBlob(sqlite3_stmt* row, int column);

class SqliteConnection {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  absl::Status Execute(const std::string& sql);
  // The first column of the first row.
  absl::StatusOr<std::string> QueryText(const std::string& sql);
  absl::StatusOr<std::int64_t> QueryInteger(const std::string& sql);
  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql);

  // Copies committed pages from the WAL into the database file and syncs it, so
  // that the WAL is written from its start again; `truncate` also empties it.
  absl::Status Checkpoint(bool truncate);
  const std::string& path() const { return path_; }
  // Pages in the WAL after the last commit.
  int wal_pages() const { return wal_pages_; }

  // The last error as a status: "<failed action> \"<path>\": <reason>".
  absl::Status Error(const char* action) const;

 private:
  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}
  absl::Status Configure();
  absl::Status Require(const std::string& pragma, const char* expected);

  std::string path_;
  sqlite3* db_ = nullptr;
  int wal_pages_ = 0;
};

}  // namespace quorate
