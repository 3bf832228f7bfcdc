// Whose directory is it, at which schema, and is it whole?
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "storage/known_peers.h"
#include "storage/rules.h"
#include "storage/sqlite_schema.h"
#include "storage/sqlite_store.h"

namespace quorate {

bool SqliteStore::IsIn(const std::string& directory) {
  return std::ranges::any_of(
      std::array{kDatabaseName, kWalName, kIdentityName, kMarkName, kPeersName},
      [&](const char* name) {
        std::error_code ignored;
        return std::filesystem::exists(std::filesystem::path(directory) / name,
                                       ignored);
      });
}

absl::Status SqliteStore::LoadSchema(const StoreIdentity& expected,
                                     bool had_identity) {
  const auto version = connection_->QueryInteger("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const auto application = connection_->QueryInteger("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto tables =
      connection_->QueryInteger("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();

  if (*version == 0 && *application == 0 && *tables == 0) {
    if (!had_identity) return CreateSchema(expected);
    return Lost(path(), "the database is empty, though this directory had one");
  }
  if (*application != kApplicationId) {
    return Refuse(
        path(),
        "it is the database of another program; give the node another "
        "`dir`");
  }
  // Brought up to date once the directory is known to be ours and whole.
  schema_ = *version;
  if (schema_ < kFirstSchemaVersion || schema_ > kSchemaVersion) {
    return Refuse(
        path(),
        absl::StrCat("schema version ", *version, ", this binary knows ",
                     kFirstSchemaVersion, " to ", kSchemaVersion,
                     "; start the release of quorate that wrote it"));
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::CreateSchema(const StoreIdentity& identity) {
  schema_ = kSchemaVersion;
  absl::Status status = connection_->Execute(
      absl::StrCat("BEGIN; PRAGMA user_version = ", kSchemaVersion,
                   "; PRAGMA application_id = ", kApplicationId, ";", kSchema,
                   kSettingSchema, SqliteCheckpoint::kSchema));
  if (!status.ok()) return status;
  identity_.settings = identity.settings;
  if (status = WriteSettings(); !status.ok()) return status;
  absl::StatusOr<SqliteStatement> insert =
      connection_->Prepare("INSERT INTO node VALUES(1, ?, ?, ?, 0, 0, 0, ?)");
  if (!insert.ok()) return insert.status();
  BindText(insert->get(), 1, identity.cluster_id);
  sqlite3_bind_int64(insert->get(), 2, Index(identity.node));
  sqlite3_bind_int64(insert->get(), 3,
                     static_cast<std::int64_t>(identity.incarnation));
  BindText(insert->get(), 4, identity.node_name);
  if (sqlite3_step(insert->get()) != SQLITE_DONE) {
    return connection_->Error("cannot create");
  }
  return connection_->Execute("COMMIT");
}

// What an interrupted group left in the WAL goes first (BeginLife). The
// identity file follows: it may be found in its former form.
absl::Status SqliteStore::UpgradeSchema() {
  absl::Status status = connection_->Checkpoint(/*truncate=*/true);
  if (status.ok() && schema_ < kFirstWithLives) status = CreateMark();
  if (status.ok()) {
    status = KnownPeers::TakeOver(directory_.path(), identity_.incarnation);
  }
  if (status.ok()) status = directory_.SyncNames();
  if (!status.ok()) return status;
  status = connection_->Execute(absl::StrCat(
      "BEGIN; PRAGMA user_version = ", kSchemaVersion, ";",
      schema_ < kFirstWithCheckpoints ? SqliteCheckpoint::kSchema : "",
      schema_ < kFirstWithLives
          ? "ALTER TABLE node ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
          : "",
      schema_ < kFirstWithSettings
          ? absl::StrCat("ALTER TABLE node ADD COLUMN name TEXT NOT NULL "
                         "DEFAULT '';",
                         kSettingSchema)
          : ""));
  if (status.ok()) status = WriteSettings();
  if (status.ok()) status = connection_->Execute("COMMIT");
  return status;
}

absl::Status SqliteStore::TakeOverSettings() {
  absl::Status status = connection_->Execute("BEGIN");
  if (status.ok()) status = WriteSettings();
  if (status.ok()) status = connection_->Execute("COMMIT");
  return status;
}

// Of identity_, in the place of those there. In a transaction of the caller's.
absl::Status SqliteStore::WriteSettings() {
  absl::Status status = connection_->Execute("DELETE FROM setting");
  if (!status.ok()) return status;
  absl::StatusOr<SqliteStatement> insert =
      connection_->Prepare("INSERT INTO setting(name, value) VALUES(?, ?)");
  if (!insert.ok()) return insert.status();
  for (const AgreedSetting& setting : identity_.settings) {
    BindText(insert->get(), 1, setting.name);
    BindText(insert->get(), 2, setting.value);
    if (sqlite3_step(insert->get()) != SQLITE_DONE) {
      return connection_->Error("cannot write the settings in");
    }
    sqlite3_reset(insert->get());
  }
  absl::StatusOr<SqliteStatement> node =
      connection_->Prepare("UPDATE node SET cluster = ?, name = ?");
  if (!node.ok()) return node.status();
  BindText(node->get(), 1, identity_.cluster_id);
  BindText(node->get(), 2, identity_.node_name);
  if (sqlite3_step(node->get()) != SQLITE_DONE) {
    return connection_->Error("cannot write the identity in");
  }
  return absl::OkStatus();
}

// The database's name is durable before any file that tells of it: or a power
// loss now could leave these alone, and the next start would miss the database.
absl::Status SqliteStore::MarkReady() {
  absl::Status status = directory_.SyncNames();
  if (status.ok()) status = CreateMark();
  if (status.ok()) {
    status = KnownPeers::Create(directory_.path(), identity_.incarnation);
  }
  if (status.ok()) status = directory_.WriteIdentity(identity_);
  if (status.ok()) status = connection_->Execute("UPDATE node SET ready = 1");
  return status;
}

absl::Status SqliteStore::ReadNode() {
  absl::StatusOr<SqliteStatement> row = connection_->Prepare(
      absl::StrCat("SELECT cluster, replica, incarnation, ready, clean, ",
                   schema_ < kFirstWithLives ? "0" : "life", ", ",
                   schema_ < kFirstWithSettings ? "''" : "name", " FROM node"));
  if (!row.ok()) return row.status();
  if (sqlite3_step(row->get()) != SQLITE_ROW) {
    return connection_->Error("cannot read the identity in");
  }
  identity_.cluster_id = std::string(ColumnBlob(row->get(), 0));
  identity_.node = ReplicaAt(sqlite3_column_int(row->get(), 1));
  identity_.incarnation =
      static_cast<std::uint64_t>(sqlite3_column_int64(row->get(), 2));
  ready_ = sqlite3_column_int(row->get(), 3) != 0;
  clean_ = sqlite3_column_int(row->get(), 4) != 0;
  life_ = static_cast<std::uint64_t>(sqlite3_column_int64(row->get(), 5));
  identity_.node_name = std::string(ColumnBlob(row->get(), 6));
  return absl::OkStatus();
}

absl::Status SqliteStore::ReadSettings() {
  identity_.settings.clear();
  absl::StatusOr<SqliteStatement> rows =
      connection_->Prepare("SELECT name, value FROM setting ORDER BY position");
  if (!rows.ok()) return rows.status();
  int step;
  while ((step = sqlite3_step(rows->get())) == SQLITE_ROW) {
    identity_.settings.push_back(
        {.name = std::string(ColumnBlob(rows->get(), 0)),
         .value = std::string(ColumnBlob(rows->get(), 1))});
  }
  if (step != SQLITE_DONE) {
    return connection_->Error("cannot read the settings in");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteStore::HasGroups() {
  const auto rows = connection_->QueryInteger(
      "SELECT EXISTS(SELECT 1 FROM journal) OR"
      " EXISTS(SELECT 1 FROM checkpoint)");
  if (!rows.ok()) return rows.status();
  return *rows != 0;
}

absl::Status SqliteStore::CheckSettings(const StoreIdentity& expected) {
  const std::optional<SettingDifference> difference =
      FindDifference(identity_.settings, expected.settings);
  if (!difference) return absl::OkStatus();
  const absl::StatusOr<bool> has_groups = HasGroups();
  if (!has_groups.ok()) return has_groups.status();
  if (!*has_groups ||
      OnlyAddsOperations(identity_.settings, expected.settings)) {
    takes_settings_ = true;
    return absl::OkStatus();
  }
  const std::string& name = difference->name;
  return Refuse(
      path(),
      absl::StrCat(
          DescribeNode(identity_), " has written it with ",
          Assignment(name, difference->here), ", and ",
          difference->of_release() ? "this program has "
                                   : "the configuration now means ",
          Assignment(name, difference->there), "; ",
          difference->of_release()
              ? "start the release of quorate that wrote it"
              : absl::StrCat("set ", name, " back: ", kFixedFromTheFirst)));
}

absl::Status SqliteStore::CheckBelongs(const StoreIdentity& expected) {
  const bool former = schema_ < kFirstWithSettings;
  const std::string& cluster_id =
      former ? expected.former_cluster_id : expected.cluster_id;
  if (identity_.cluster_id != cluster_id) {
    return Refuse(
        path(),
        absl::StrCat("it belongs to ", Describe(identity_), ", not to \"",
                     cluster_id, "\"; correct the `dir` of ",
                     DescribeNode(expected),
                     " or the `id` under [cluster] in the configuration",
                     former ? ", or the settings in brackets, which may not "
                              "change"
                            : ""));
  }
  if (identity_.node != expected.node) {
    return Refuse(
        path(),
        absl::StrCat("it belongs to ", DescribeNode(identity_), ", not to ",
                     DescribeNode(expected), "; correct the `dir` of ",
                     DescribeNode(expected),
                     " in the configuration; nodes also keep their places in "
                     "the list of [[node]]"));
  }
  return former ? absl::OkStatus() : CheckSettings(expected);
}

absl::Status SqliteStore::LoadIdentity(const StoreIdentity& expected,
                                       bool had_wal) {
  absl::Status status = ReadNode();
  if (status.ok() && schema_ >= kFirstWithSettings) status = ReadSettings();
  if (status.ok()) status = CheckBelongs(expected);
  if (!status.ok()) return status;
  recovered_from_crash_ = ready_ && !clean_;
  // A crash leaves the WAL behind, and in it the last votes.
  if (recovered_from_crash_ && !had_wal) {
    return Lost(
        path(),
        "the node was not stopped properly and node.db-wal, which "
        "holds its last votes, is gone (if the sqlite3 shell has merged "
        "it into node.db since, create an empty node.db-wal)");
  }
  // Not ready: a crash while the directory was being created. Nobody has heard
  // of this node yet.
  status = ready_ ? CompareIdentityFile(expected) : MarkReady();
  identity_.cluster_id = expected.cluster_id;
  identity_.node_name = expected.node_name;
  identity_.settings = expected.settings;
  return status;
}

absl::Status SqliteStore::CompareIdentityFile(const StoreIdentity& expected) {
  const absl::StatusOr<std::optional<StoreIdentity>> file =
      directory_.ReadIdentity();
  if (!file.ok()) return file.status();
  if (!file->has_value()) {
    return Lost(path(),
                "the file \"identity\" beside it is gone, so others may be "
                "too");
  }
  const StoreIdentity& other = **file;
  if ((other.cluster_id == identity_.cluster_id ||
       other.cluster_id == expected.former_cluster_id) &&
      other.node == identity_.node &&
      other.incarnation == identity_.incarnation) {
    return absl::OkStatus();
  }
  return Refuse(
      path(),
      absl::StrCat("it belongs to ", Describe(identity_), " (incarnation ",
                   identity_.incarnation,
                   "), the file \"identity\" beside it "
                   "to ",
                   Describe(other), " (incarnation ", other.incarnation,
                   "); files of two nodes were mixed: put back those of this "
                   "one"));
}

// ---- the mark ---------------------------------------------------------------

// What the database has come to; grows from commit to commit.
SqliteStore::Mark SqliteStore::Reached() const {
  Mark mark{.incarnation = identity_.incarnation, .life = life_};
  if (checkpoint_ == nullptr) return mark;
  const SqliteCheckpoint::Facts& facts = checkpoint_->facts();
  mark.row = static_cast<std::uint64_t>(last_row_);
  mark.last = last_record_;
  mark.chunk = static_cast<std::uint64_t>(facts.first_chunk + facts.chunks);
  return mark;
}

absl::Status SqliteStore::CreateMark() {
  const Mark mark = Reached();
  absl::StatusOr<MarkFile> file =
      MarkFile::Create(directory_.File(kMarkName), BytesOf(mark));
  if (!file.ok()) return file.status();
  mark_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status SqliteStore::WriteMark() {
  const Mark mark = Reached();
  return mark_->Write(BytesOf(mark));
}

// ST8: what was synced and told is there, or the store does not open. SQLite
// would drop the end of a damaged WAL without a word.
absl::Status SqliteStore::CheckMark() {
  if (!mark_.has_value()) {
    absl::StatusOr<std::optional<MarkFile>> file =
        MarkFile::Open(directory_.File(kMarkName));
    if (!file.ok()) return file.status();
    if (!file->has_value()) {
      return Lost(path(),
                  "the file \"mark\" beside it is gone, so others may be too");
    }
    mark_ = *std::move(*file);
  }
  Mark mark;
  if (mark_->contents().size() != sizeof(mark)) {
    return Lost(mark_->path(), "it is not what this program wrote");
  }
  std::memcpy(&mark, mark_->contents().data(), sizeof(mark));
  const Mark reached = Reached();
  if (mark.incarnation != reached.incarnation) {
    return Refuse(
        path(), absl::StrCat("it has incarnation ", reached.incarnation,
                             ", the file \"mark\" beside it ", mark.incarnation,
                             "; files of two nodes were mixed: put back "
                             "those of this one"));
  }
  if (rules::HasReached(mark, reached)) return absl::OkStatus();
  return Lost(
      path(),
      absl::StrCat("it ends at group ", reached.row, " (record ", reached.last,
                   ") of life ", reached.life,
                   ", but this node had synced group ", mark.row, " (record ",
                   mark.last, ") in life ", mark.life,
                   "; node.db-wal or node.db is damaged or older than the "
                   "files beside it"));
}

}  // namespace quorate
