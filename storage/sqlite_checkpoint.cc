#include "storage/sqlite_checkpoint.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/descriptor.h"

namespace quorate {
namespace {

// Chunks that one DropSome deletes: some 1 MiB.
constexpr std::int64_t kDropChunks = 4;

// Covers the chunk's place too, as in the journal.
std::int64_t Checksum(std::string_view bytes, std::int64_t row) {
  return static_cast<std::int64_t>(XXH3_64bits_withSeed(
      bytes.data(), bytes.size(), static_cast<XXH64_hash_t>(row)));
}

std::int64_t Checksum(const SqliteCheckpoint::Facts& facts) {
  const std::int64_t fields[] = {facts.last,        facts.first_chunk,
                                 facts.chunks,      facts.bytes,
                                 facts.journal_row, facts.journal_base};
  return static_cast<std::int64_t>(XXH3_64bits(fields, sizeof(fields)));
}

}  // namespace

absl::Status SqliteCheckpoint::Load() {
  absl::Status status = LoadFacts();
  if (status.ok()) status = LoadRubbish();
  if (!status.ok()) return status;
  auto insert = connection_.Prepare("INSERT INTO chunk VALUES(?, ?, ?)");
  if (!insert.ok()) return insert.status();
  insert_ = *std::move(insert);
  return absl::OkStatus();
}

absl::Status SqliteCheckpoint::LoadFacts() {
  auto row = connection_.Prepare(
      "SELECT last, first_chunk, chunks, bytes, journal_row, journal_base,"
      " checksum FROM checkpoint");
  if (!row.ok()) return row.status();
  const int step = sqlite3_step(row->get());
  if (step == SQLITE_DONE) return absl::OkStatus();
  if (step != SQLITE_ROW) {
    return connection_.Error("cannot read the checkpoint of");
  }
  const auto column = [&](int i) {
    return static_cast<std::int64_t>(sqlite3_column_int64(row->get(), i));
  };
  facts_ = {.last = column(0),
            .first_chunk = column(1),
            .chunks = column(2),
            .bytes = column(3),
            .journal_row = column(4),
            .journal_base = column(5)};
  if (Checksum(facts_) == column(6)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "cannot open \"", connection_.path(),
      "\": the row of the checkpoint has a wrong checksum; ", kBringBack));
}

// What lies outside of the whole checkpoint is of an older one, or of one that
// was never finished.
absl::Status SqliteCheckpoint::LoadRubbish() {
  auto ends = connection_.Prepare(
      "SELECT (SELECT min(row) FROM chunk), (SELECT max(row) FROM chunk)");
  if (!ends.ok()) return ends.status();
  if (sqlite3_step(ends->get()) != SQLITE_ROW) {
    return connection_.Error("cannot read the checkpoint of");
  }
  const std::int64_t end = facts_.first_chunk + facts_.chunks;
  next_row_ = end;
  if (sqlite3_column_type(ends->get(), 0) == SQLITE_NULL) {
    return absl::OkStatus();
  }
  Discard(sqlite3_column_int64(ends->get(), 0), facts_.first_chunk);
  const std::int64_t newest = sqlite3_column_int64(ends->get(), 1);
  next_row_ = std::max(end, newest + 1);
  Discard(end, next_row_);
  return absl::OkStatus();
}

void SqliteCheckpoint::Discard(std::int64_t from, std::int64_t end) {
  if (from < end) rubbish_.push_back({.from = from, .end = end});
}

absl::Status SqliteCheckpoint::Damaged(std::int64_t row,
                                       const char* fault) const {
  return absl::DataLossError(
      absl::StrCat("cannot replay \"", connection_.path(), "\": chunk ", row,
                   " of the checkpoint ", fault, "; ", kBringBack));
}

absl::Status SqliteCheckpoint::Replay(
    const std::function<absl::Status(std::string_view)>& chunk) {
  auto rows = connection_.Prepare(
      "SELECT row, checksum, bytes FROM chunk WHERE row >= ? AND row < ?"
      " ORDER BY row");
  if (!rows.ok()) return rows.status();
  const std::int64_t end = facts_.first_chunk + facts_.chunks;
  sqlite3_bind_int64(rows->get(), 1, facts_.first_chunk);
  sqlite3_bind_int64(rows->get(), 2, end);
  for (std::int64_t expected = facts_.first_chunk; expected < end; ++expected) {
    const int step = sqlite3_step(rows->get());
    if (step != SQLITE_ROW && step != SQLITE_DONE) {
      return connection_.Error("cannot read the checkpoint of");
    }
    if (step == SQLITE_DONE ||
        sqlite3_column_int64(rows->get(), 0) != expected) {
      return Damaged(expected, "is missing");
    }
    const std::string_view bytes = ColumnBlob(rows->get(), 2);
    if (Checksum(bytes, expected) != sqlite3_column_int64(rows->get(), 1)) {
      return Damaged(expected, "has a wrong checksum");
    }
    if (absl::Status status = chunk(bytes); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SqliteCheckpoint::Read(std::uint64_t index) {
  if (index >= static_cast<std::uint64_t>(facts_.chunks)) {
    return absl::NotFoundError("the checkpoint has no such chunk");
  }
  const std::int64_t number =
      facts_.first_chunk + static_cast<std::int64_t>(index);
  auto row =
      connection_.Prepare("SELECT checksum, bytes FROM chunk WHERE row = ?");
  if (!row.ok()) return row.status();
  sqlite3_bind_int64(row->get(), 1, number);
  if (sqlite3_step(row->get()) != SQLITE_ROW) {
    return Damaged(number, "is missing");
  }
  const std::string_view bytes = ColumnBlob(row->get(), 1);
  if (Checksum(bytes, number) != sqlite3_column_int64(row->get(), 0)) {
    return Damaged(number, "has a wrong checksum");
  }
  return std::string(bytes);
}

void SqliteCheckpoint::Begin() {
  Discard(written_.first, written_.first + written_.chunks);
  written_ = {.first = next_row_};
}

absl::Status SqliteCheckpoint::Append(std::string_view chunk) {
  const std::int64_t row = next_row_;
  sqlite3_stmt* insert = insert_.get();
  sqlite3_bind_int64(insert, 1, row);
  sqlite3_bind_int64(insert, 2, Checksum(chunk, row));
  const char* bytes = chunk.empty() ? "" : chunk.data();
  const bool bound = sqlite3_bind_blob64(insert, 3, bytes, chunk.size(),
                                         SQLITE_STATIC) == SQLITE_OK;
  absl::Status status;
  if (!bound || sqlite3_step(insert) != SQLITE_DONE) {
    status = connection_.Error("cannot write a checkpoint to");
  }
  sqlite3_reset(insert);
  if (!status.ok()) return status;
  ++next_row_;
  ++written_.chunks;
  written_.bytes += static_cast<std::int64_t>(chunk.size());
  return absl::OkStatus();
}

absl::Status SqliteCheckpoint::Finish(RecordSequence last,
                                      std::int64_t journal_row,
                                      RecordSequence journal_base) {
  const Facts facts{.last = static_cast<std::int64_t>(last),
                    .first_chunk = written_.first,
                    .chunks = written_.chunks,
                    .bytes = written_.bytes,
                    .journal_row = journal_row,
                    .journal_base = static_cast<std::int64_t>(journal_base)};
  auto replace = connection_.Prepare(
      "INSERT OR REPLACE INTO checkpoint VALUES(1, ?, ?, ?, ?, ?, ?, ?)");
  if (!replace.ok()) return replace.status();
  int column = 0;
  for (const std::int64_t field :
       {facts.last, facts.first_chunk, facts.chunks, facts.bytes,
        facts.journal_row, facts.journal_base, Checksum(facts)}) {
    sqlite3_bind_int64(replace->get(), ++column, field);
  }
  if (sqlite3_step(replace->get()) != SQLITE_DONE) {
    return connection_.Error("cannot finish a checkpoint in");
  }
  Discard(facts_.first_chunk, facts_.first_chunk + facts_.chunks);
  facts_ = facts;
  written_ = {.first = next_row_};
  return absl::OkStatus();
}

absl::Status SqliteCheckpoint::DropSome() {
  Range& range = rubbish_.front();
  const std::int64_t end = std::min(range.end, range.from + kDropChunks);
  absl::Status status = connection_.Execute(absl::StrCat(
      "DELETE FROM chunk WHERE row >= ", range.from, " AND row < ", end));
  if (!status.ok()) return status;
  range.from = end;
  if (range.from == range.end) rubbish_.pop_front();
  return absl::OkStatus();
}

}  // namespace quorate
