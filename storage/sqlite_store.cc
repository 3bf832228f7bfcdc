#include "storage/sqlite_store.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/wal_check.h"
#include "wire/check.h"
#include "wire/mutation.h"

namespace quorate {
namespace {

constexpr char kDatabaseName[] = "node.db";
constexpr char kWalName[] = "node.db-wal";
constexpr char kMarkName[] = "mark";
// Older ones are brought up to date: 1 had no checkpoints, 2 no lives and no
// mark, 3 no settings but some that stood with the cluster's id.
constexpr std::int64_t kFirstSchemaVersion = 1;
constexpr std::int64_t kFirstWithCheckpoints = 2;
constexpr std::int64_t kFirstWithLives = 3;
constexpr std::int64_t kFirstWithSettings = 4;
constexpr std::int64_t kSchemaVersion = 4;
// "QRTE", in the file's header: tells our databases from anybody else's.
constexpr std::int64_t kApplicationId = 0x51525445;

// `ready` is 0 until the identity file and the mark exist too; `clean` is 1
// from Close to the next Open; `life` counts the starts.
constexpr char kSchema[] =
    "CREATE TABLE node(id INTEGER PRIMARY KEY CHECK (id = 1),"
    " cluster TEXT NOT NULL, replica INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, ready INTEGER NOT NULL,"
    " clean INTEGER NOT NULL, life INTEGER NOT NULL, name TEXT NOT NULL)"
    " STRICT;"
    "CREATE TABLE journal(row INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL, records BLOB NOT NULL) STRICT;";
// In the order of `position`.
constexpr char kSettingSchema[] =
    "CREATE TABLE setting(position INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " value TEXT NOT NULL) STRICT;";

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

std::string_view BytesOf(const auto& mark) {
  return {static_cast<const char*>(static_cast<const void*>(&mark)),
          sizeof(mark)};
}

void BindText(sqlite3_stmt* statement, int place, const std::string& text) {
  sqlite3_bind_text(statement, place, text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}

// The directory is not this node's, or not now.
absl::Status Refuse(const std::string& path, const std::string& reason) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot open store \"", path, "\": ", reason));
}

// It has lost something that it had promised.
absl::Status Lost(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat("cannot open store \"", path,
                                          "\": ", what, "; ", kBringBack));
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
  const bool had_database = directory_.Exists(kDatabaseName);
  const bool had_wal = directory_.Exists(kWalName);
  const absl::StatusOr<std::optional<StoreIdentity>> file =
      directory_.ReadIdentity();
  if (!file.ok()) return file.status();
  // ST5: a wiped database must not come back empty: the node would forget its
  // votes and could vote a second time.
  if (!had_database && (file->has_value() || had_wal)) {
    return Lost(path(),
                "the database is missing, though this directory had one");
  }
  if (absl::Status status = CheckWal(directory_.File(kWalName));
      !status.ok() && !Mutated("no_wal_check")) {
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
  if (status.ok()) status = directory_.SyncNames();
  if (!status.ok()) return status;
  status = connection_->Execute(absl::StrCat(
      "BEGIN; PRAGMA user_version = ", kSchemaVersion, ";",
      schema_ < kFirstWithCheckpoints ? SqliteCheckpoint::kSchema : "",
      schema_ < kFirstWithLives
          ? "ALTER TABLE node ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
          : "",
      "ALTER TABLE node ADD COLUMN name TEXT NOT NULL DEFAULT '';",
      kSettingSchema));
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

absl::Status SqliteStore::MarkReady() {
  absl::Status status = CreateMark();
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
  if (!*has_groups) {
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
              : absl::StrCat("set ", name,
                             " back: it is fixed from a node's first record "
                             "on, and another value needs another cluster, "
                             "with an id and directories of its own")));
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
  former_file_ = other.cluster_id != expected.cluster_id;
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
  if (mark.row <= reached.row && mark.last <= reached.last &&
      mark.chunk <= reached.chunk && mark.life <= reached.life) {
    return absl::OkStatus();
  }
  if (Mutated("no_mark")) return absl::OkStatus();
  return Lost(
      path(),
      absl::StrCat("it ends at group ", reached.row, " (record ", reached.last,
                   ") of life ", reached.life,
                   ", but this node had synced group ", mark.row, " (record ",
                   mark.last, ") in life ", mark.life,
                   "; node.db-wal or node.db is damaged or older than the "
                   "files beside it"));
}

// ENV3: truncating the WAL puts the last life's commits into the database before
// anybody can be told of them. The mark and the names are made durable as well,
// before the first group.
//
// Truncated before it is written to as well: behind a new commit nothing may be
// left of a group that the crash cut off, or a second crash would make CheckWal
// take it for a group that was synced.
absl::Status SqliteStore::BeginLife() {
  absl::Status status = directory_.KeepBallast(options_.ballast_bytes);
  if (status.ok() && takes_settings_) status = TakeOverSettings();
  if (status.ok() && former_file_) {
    status = directory_.WriteIdentity(identity_);
  }
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
  } else if (Checksum(ColumnBlob(row, 3), number,
                      sqlite3_column_int64(row, 1)) !=
                 sqlite3_column_int64(row, 2) &&
             !Mutated("no_checksum")) {
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
  absl::Status status;
  if (Mutated("rows_before_facts")) {
    status = connection_->Execute(
        absl::StrCat("DELETE FROM journal WHERE row <= ", *covered));
  }
  // What stands for which rows goes with one row: both or neither (ST2 of the
  // published bugs: rows_before_facts).
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

// ST3: the first error stays. On a full disk the ballast makes the room that the
// checkpoint needs, so that the node can be started and looked at (ENV4); after
// any other error nothing more may be written.
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
