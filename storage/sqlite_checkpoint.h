// Answers: how is a checkpoint kept beside the journal?
//
// Chunks in a table of their own, numbered on for ever, and one row that says
// which of them are the whole checkpoint and where the journal goes on. A new
// checkpoint is written behind the old one; Finish changes that one row, in one
// commit, and from then on the old chunks are rubbish. So is, at the next
// start, what was written and never finished. Rubbish is deleted a little at a
// time, so that no commit gets slow. SQLite gives its pages to whoever comes
// next: the file stops growing at about two checkpoints and one journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/sqlite_connection.h"
#include "wire/ids.h"

namespace quorate {

class SqliteCheckpoint {
 public:
  static constexpr char kSchema[] =
      "CREATE TABLE chunk(row INTEGER PRIMARY KEY, checksum INTEGER NOT NULL,"
      " bytes BLOB NOT NULL) STRICT;"
      "CREATE TABLE checkpoint(id INTEGER PRIMARY KEY CHECK (id = 1),"
      " last INTEGER NOT NULL, first_chunk INTEGER NOT NULL,"
      " chunks INTEGER NOT NULL, bytes INTEGER NOT NULL,"
      " journal_row INTEGER NOT NULL, journal_base INTEGER NOT NULL,"
      " checksum INTEGER NOT NULL) STRICT;";

  // The whole checkpoint; all 0 but journal_row when there is none.
  struct Facts {
    std::int64_t last = 0;
    std::int64_t first_chunk = 1;
    std::int64_t chunks = 0;
    std::int64_t bytes = 0;
    // The first row of the journal that it does not stand for, or not wholly,
    // and the sequence before that row's first record.
    std::int64_t journal_row = 1;
    std::int64_t journal_base = 0;
  };

  explicit SqliteCheckpoint(SqliteConnection& connection)
      : connection_(connection) {}

  // Call once, first. DataLoss when the row that says what is whole is damaged.
  absl::Status Load();

  const Facts& facts() const { return facts_; }
  std::uint64_t unfinished_bytes() const {
    return static_cast<std::uint64_t>(written_.bytes);
  }

  absl::Status Replay(
      const std::function<absl::Status(std::string_view)>& chunk);

  // Chunk `index` of it, from 0. NotFound beyond its end.
  absl::StatusOr<std::string> Read(std::uint64_t index);

  void Begin();
  absl::Status Append(std::string_view chunk);
  absl::Status Finish(RecordSequence last, std::int64_t journal_row,
                      RecordSequence journal_base);

  bool has_rubbish() const { return !rubbish_.empty(); }
  // Deletes a few chunks of it.
  absl::Status DropSome();

 private:
  struct Written {
    std::int64_t first = 1;
    std::int64_t chunks = 0;
    std::int64_t bytes = 0;
  };
  // Rows from..end-1.
  struct Range {
    std::int64_t from = 0;
    std::int64_t end = 0;
  };

  absl::Status LoadFacts();
  absl::Status LoadRubbish();
  absl::Status Damaged(std::int64_t row, const char* fault) const;
  void Discard(std::int64_t from, std::int64_t end);

  SqliteConnection& connection_;
  SqliteStatement insert_;
  Facts facts_;
  Written written_;
  std::int64_t next_row_ = 1;
  std::deque<Range> rubbish_;
};

}  // namespace quorate
