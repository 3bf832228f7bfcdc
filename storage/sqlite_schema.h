// Answers: what are the files and tables of a node's directory called?
//
// For sqlite_store.cc and sqlite_identity.cc.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/descriptor.h"

namespace quorate {

inline constexpr char kDatabaseName[] = "node.db";
inline constexpr char kWalName[] = "node.db-wal";
inline constexpr char kMarkName[] = "mark";
inline constexpr char kPeersName[] = "peers";
// Older ones are brought up to date: 1 had no checkpoints, 2 no lives and no
// mark, 3 no settings but some that stood with the cluster's id, 4 no checksums
// in `identity` and `peers`, which was not there before somebody had been met.
inline constexpr std::int64_t kFirstSchemaVersion = 1;
inline constexpr std::int64_t kFirstWithCheckpoints = 2;
inline constexpr std::int64_t kFirstWithLives = 3;
inline constexpr std::int64_t kFirstWithSettings = 4;
inline constexpr std::int64_t kSchemaVersion = 5;
// A shorter file is none of SQLite's: it takes it for a new one, and removes
// the log beside it.
inline constexpr std::uint64_t kDatabaseHeaderBytes = 100;
// "QRTE", in the file's header: tells our databases from anybody else's.
inline constexpr std::int64_t kApplicationId = 0x51525445;

// `ready` is 0 until the identity file and the mark exist too; `clean` is 1
// from Close to the next Open; `life` counts the starts.
inline constexpr char kSchema[] =
    "CREATE TABLE node(id INTEGER PRIMARY KEY CHECK (id = 1),"
    " cluster TEXT NOT NULL, replica INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, ready INTEGER NOT NULL,"
    " clean INTEGER NOT NULL, life INTEGER NOT NULL, name TEXT NOT NULL)"
    " STRICT;"
    "CREATE TABLE journal(row INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL, records BLOB NOT NULL) STRICT;";
// In the order of `position`.
inline constexpr char kSettingSchema[] =
    "CREATE TABLE setting(position INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " value TEXT NOT NULL) STRICT;";

inline std::string_view BytesOf(const auto& mark) {
  return {static_cast<const char*>(static_cast<const void*>(&mark)),
          sizeof(mark)};
}

inline void BindText(sqlite3_stmt* statement, int place,
                     const std::string& text) {
  sqlite3_bind_text(statement, place, text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}

// The directory is not this node's, or not now.
inline absl::Status Refuse(const std::string& path, const std::string& reason) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot open store \"", path, "\": ", reason));
}

// It has lost something that it had promised.
inline absl::Status Lost(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat("cannot open store \"", path,
                                          "\": ", what, "; ", kBringBack));
}

}  // namespace quorate
