#include "tests/sim/store_disk.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_replace.h"
#include "tests/power/system_calls.h"
#include "wire/codec/codec.h"

namespace quorate::sim {
namespace {

// SQLite merges its log often: that is where the danger is.
constexpr SqliteStoreOptions kOptions{.checkpoint_pages = 24,
                                      .ballast_bytes = 2048};
// System calls among which one is drawn to be the last: about as many as an
// Append makes, with the upkeep after it, and a recovery.
constexpr std::uint64_t kCallsOfAppend = 6;
constexpr std::uint64_t kCallsWithUpkeep = 24;
constexpr std::uint64_t kCallsOfRecovery = 60;

// A directory that is empty for the real kernel, gone with the process.
class EmptyDirectory {
 public:
  EmptyDirectory() {
    std::string path =
        std::filesystem::temp_directory_path() / "quorate-sim-XXXXXX";
    QUORATE_CHECK(mkdtemp(path.data()) != nullptr,
                  "there is a place for an empty directory");
    path_ = path;
  }
  ~EmptyDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Of(int index) const {
    const std::string path = path_ + "/r" + std::to_string(index + 1);
    std::filesystem::create_directory(path);
    return path;
  }

 private:
  std::string path_;
};

std::string DirectoryOf(int index) {
  static const EmptyDirectory directory;
  return directory.Of(index);
}

}  // namespace

StoreDisk::StoreDisk(int index, int columns, Verdict& verdict)
    : directory_(DirectoryOf(index)),
      index_(index),
      columns_(columns),
      verdict_(verdict) {
  power::MountDisk(directory_, &disk_);
  MustBe(Open(), "a store is created");
}

StoreDisk::~StoreDisk() {
  disk_.Cut();
  store_.reset();
  power::UnmountDisk(&disk_);
}

void StoreDisk::MustBe(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  // The directory has another name in each process.
  verdict_.Fail(
      std::string("the real store: ") + what,
      "r" + std::to_string(index_ + 1) + ": " +
          absl::StrReplaceAll(status.ToString(), {{directory_ + "/", ""}}));
}

absl::Status StoreDisk::Open() {
  auto store = SqliteStore::Open(
      directory_,
      {.cluster_id = "sim", .node = ReplicaAt(index_), .incarnation = 5},
      kOptions);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  return absl::OkStatus();
}

absl::Status StoreDisk::AppendGroup(std::span<const Record> group,
                                    RecordSequence last) {
  std::string bytes;
  for (const Record& record : group) EncodeRecord(record, bytes);
  return store_->Append(bytes, last);
}

void StoreDisk::Append(std::span<const Record> group, RecordSequence last) {
  if (store_ == nullptr) return;
  MustBe(AppendGroup(group, last), "a group is appended");
  if (store_->needs_upkeep()) marks_.Note(Mark::kStoreTruncated);
  MustBe(store_->Maintain(), "upkeep succeeds");
}

void StoreDisk::BeginCheckpoint() {
  if (store_ == nullptr) return;
  MustBe(store_->BeginCheckpoint(), "a checkpoint begins");
}

void StoreDisk::AppendCheckpoint(std::span<const Record> records) {
  if (store_ == nullptr || records.empty()) return;
  std::string bytes;
  for (const Record& record : records) EncodeRecord(record, bytes);
  MustBe(store_->AppendCheckpoint(bytes), "a chunk is appended");
}

void StoreDisk::FinishCheckpoint(RecordSequence through) {
  if (store_ == nullptr) return;
  MustBe(store_->FinishCheckpoint(through), "a checkpoint is finished");
}

std::optional<std::string> StoreDisk::ReadChunk(std::uint64_t index) {
  absl::StatusOr<std::string> bytes = store_->ReadChunk(index);
  if (!bytes.ok()) return std::nullopt;
  marks_.Note(Mark::kStoreChunkRead);
  return *std::move(bytes);
}

// As far as it comes: errors are what is asked for.
void StoreDisk::WriteUnfinished(const Unfinished& unfinished) {
  absl::Status status;
  if (!unfinished.group.empty()) {
    status = AppendGroup(unfinished.group, unfinished.last);
  }
  if (status.ok() && unfinished.checkpoint.has_value()) {
    status = store_->FinishCheckpoint(*unfinished.checkpoint);
  }
  if (status.ok()) status = store_->Maintain();
}

StoreDisk::Found StoreDisk::Crash(const Unfinished& unfinished, Random& random,
                                  bool power) {
  if (store_ == nullptr) return {};
  const std::uint64_t call =
      random.Below(random.Chance(500) ? kCallsOfAppend : kCallsWithUpkeep);
  disk_.Prepare(unfinished.sync_fails
                    ? power::Trouble{.fail_at = call, .error = EIO}
                    : power::Trouble{.cut_at = call});
  WriteUnfinished(unfinished);
  if (disk_.troubled()) {
    marks_.Note(unfinished.sync_fails ? Mark::kStoreSyncFailed
                                      : Mark::kStoreCutInWrite);
  }
  disk_.Cut();
  store_.reset();
  // A node whose sync failed stops by itself; the power may fail later.
  power_was_cut_ = random.Chance(unfinished.sync_fails ? 200 : 700) || power;
  if (power_was_cut_) {
    marks_.Note(Mark::kStorePowerCut);
    disk_.PowerOn(static_cast<power::Tear>(random.Pick(power::kTears)),
                  random.Next());
  } else {
    marks_.Note(Mark::kStoreKilled);
    disk_.GoOn();
  }
  OpenAfterCrash(random);
  if (store_ == nullptr) return {};
  Found found = Replay();
  if (!unfinished.group.empty()) {
    marks_.Note(found.durable < unfinished.last ? Mark::kStoreGroupLost
                                                : Mark::kStoreGroupKept);
  }
  return found;
}

// The recovery may be cut off as well, once.
void StoreDisk::OpenAfterCrash(Random& random) {
  if (random.Chance(300)) {
    disk_.Prepare({.cut_at = random.Below(kCallsOfRecovery)});
    const absl::Status cut_off = Open();
    store_.reset();
    if (disk_.troubled()) {
      marks_.Note(Mark::kStoreCutInRecovery);
      disk_.PowerOn(static_cast<power::Tear>(random.Pick(power::kTears)),
                    random.Next());
    } else {
      MustBe(cut_off, "a store opens after a crash");
    }
  }
  disk_.Prepare({});
  MustBe(Open(), "a store opens after a crash");
}

StoreDisk::Found StoreDisk::Replay() {
  Found found{.checkpoint = store_->stats().checkpoint_last};
  const auto take = [&](Record&& record) {
    found.records.push_back(std::move(record));
  };
  const auto take_chunk = [&](std::string_view chunk) {
    return DecodeRecords(chunk, columns_, take);
  };
  const auto take_group = [&](std::string_view group, RecordSequence first) {
    RecordSequence sequence = first;
    return DecodeRecords(group, columns_, [&](Record&& record) {
      // A group that reaches beyond the checkpoint is kept whole.
      if (sequence > found.checkpoint) take(std::move(record));
      found.durable = sequence++;
    });
  };
  MustBe(store_->Replay({.chunk = take_chunk, .group = take_group}),
         "a journal is replayed");
  found.durable = std::max(found.durable, found.checkpoint);
  return found;
}

}  // namespace quorate::sim
