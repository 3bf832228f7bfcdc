#include "tests/power/lives.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/power/system_calls.h"

namespace quorate::power {
namespace {

// Checkpoints as often as possible: that is where the danger is. A small
// ballast is as good as a large one here.
constexpr SqliteStoreOptions kOptions{.checkpoint_pages = 8,
                                      .ballast_bytes = 2048};
constexpr RecordSequence kRecordsAGroup = 10;

const std::string& Noise() {
  static const std::string noise = [] {
    sim::Random random(1);
    std::string bytes(1 << 16, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    return bytes;
  }();
  return noise;
}

StoreIdentity Identity() {
  return {.cluster_id = "power", .node = ReplicaAt(0), .incarnation = 5};
}

std::string Describe(const Group& group) {
  return absl::StrCat("group ", group.number, " of life ", group.life, " (",
                      group.bytes, " bytes)");
}

// The chunks of a checkpoint that stands for `groups`.
std::vector<std::string> ChunksFor(std::size_t groups) {
  const auto number = static_cast<std::uint32_t>(groups);
  return {Contents({.life = 1'000'000, .number = number, .bytes = 200}),
          Contents({.life = 1'000'001, .number = number, .bytes = 6000})};
}

const char* PragmaOf(Spoiler spoiler) {
  return spoiler == Spoiler::kSynchronousNormal ? "PRAGMA synchronous = NORMAL"
                                                : "PRAGMA synchronous = OFF";
}

}  // namespace

std::string Contents(const Group& group) {
  const std::uint64_t mix =
      (std::uint64_t{group.life} << 32 | group.number) * 0x9e3779b97f4a7c15u;
  const std::size_t from =
      static_cast<std::size_t>(mix >> 32) % (Noise().size() / 2);
  std::string contents =
      absl::StrCat(group.life, ":", group.number, ":").substr(0, group.bytes);
  contents.append(Noise(), from, group.bytes - contents.size());
  return contents;
}

Lives::Lives(const std::string& directory, Disk& disk, Books& books,
             Spoiler spoiler)
    : directory_(directory), disk_(disk), books_(books), spoiler_(spoiler) {
  MountDisk(directory_, &disk_);
  // What it draws for its log is the same in each run, so that disks to which
  // the same happened are equal.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 7, nullptr);
}

Lives::~Lives() {
  store_.reset();
  UnmountDisk(&disk_);
}

Outcome Lives::Broken(std::string fault) {
  fault_ = std::move(fault);
  return Outcome::kBroken;
}

Outcome Lives::Run(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (const Outcome outcome = Make(step); outcome != Outcome::kDone) {
      store_.reset();
      return outcome;
    }
  }
  store_.reset();
  return Outcome::kDone;
}

Outcome Lives::Make(const Step& step) {
  switch (step.kind) {
    case StepKind::kOpen: return Open();
    case StepKind::kAppend: return Append(step.bytes);
    case StepKind::kMaintain: {
      const absl::Status status = store_->Maintain();
      return status.ok() ? Outcome::kDone : Stop(status);
    }
    case StepKind::kCheckpoint: return Checkpoint();
    case StepKind::kClose: return Close();
    case StepKind::kKill: store_.reset(); return Outcome::kDone;
  }
  return Outcome::kDone;
}

Outcome Lives::Open() {
  ++books_.lives;
  auto store = SqliteStore::Open(directory_, Identity(), kOptions);
  if (!store.ok()) {
    if (disk_.troubled()) return Outcome::kStopped;
    refused_ = absl::IsDataLoss(store.status());
    return Broken(absl::StrCat("does not open: ", store.status().ToString()));
  }
  store_ = std::move(*store);
  if (spoiler_ != Spoiler::kNone &&
      !ExecuteOnLastConnection(PragmaOf(spoiler_))) {
    return Broken("SQLite refuses to be spoiled");
  }
  return Compare();
}

Outcome Lives::Compare() {
  std::vector<Group> possible = books_.acknowledged;
  const std::size_t certain = possible.size();
  if (books_.doubtful) possible.push_back(*books_.doubtful);
  std::vector<std::string> chunks;
  std::size_t found = 0;
  bool in_groups = false;
  std::string fault;
  const auto take_chunk = [&](std::string_view bytes) {
    chunks.emplace_back(bytes);
    return absl::OkStatus();
  };
  const auto take_group = [&](std::string_view bytes, RecordSequence first) {
    const auto at = static_cast<std::size_t>((first - 1) / kRecordsAGroup);
    if (!std::exchange(in_groups, true)) {
      // The first group is the first that the checkpoint does not stand for.
      found = at;
      if (at < books_.checkpointed) fault = "a finished checkpoint is lost";
      if (chunks != (at == 0 ? std::vector<std::string>() : ChunksFor(at))) {
        fault = absl::StrCat("no checkpoint stands for the first ", at);
      }
    }
    if (fault.empty() && (at != found || found >= possible.size())) {
      fault = absl::StrCat("a group that nobody appended, behind ", found);
    } else if (fault.empty() && bytes != Contents(possible[found])) {
      fault =
          absl::StrCat(Describe(possible[found]), " is not what was appended");
    }
    ++found;
    return fault.empty() ? absl::OkStatus() : absl::AbortedError("fault");
  };
  const absl::Status status =
      store_->Replay({.chunk = take_chunk, .group = take_group});
  if (!fault.empty()) return Broken(fault);
  if (!status.ok()) return Stop(status);
  if (!in_groups && !chunks.empty()) {
    // Nothing but a checkpoint: of all there is.
    while (found < possible.size() && chunks != ChunksFor(found)) ++found;
    if (chunks != ChunksFor(found)) return Broken("a checkpoint of nothing");
  }
  if (found < certain) {
    return Broken(absl::StrCat(Describe(books_.acknowledged[found]),
                               " was acknowledged and is lost"));
  }
  if (books_.checkpointed > 0 && chunks.empty()) {
    return Broken("every checkpoint is lost");
  }
  possible.resize(found);
  books_.acknowledged = std::move(possible);
  books_.doubtful.reset();
  return Outcome::kDone;
}

Outcome Lives::Checkpoint() {
  const std::size_t groups = books_.acknowledged.size();
  if (groups == 0) return Outcome::kDone;
  absl::Status status = store_->BeginCheckpoint();
  for (const std::string& chunk : ChunksFor(groups)) {
    if (status.ok()) status = store_->AppendCheckpoint(chunk);
  }
  if (status.ok()) status = store_->FinishCheckpoint(groups * kRecordsAGroup);
  if (!status.ok()) return Stop(status);
  books_.checkpointed = groups;
  return Outcome::kDone;
}

Outcome Lives::Append(std::size_t bytes) {
  const auto number = static_cast<std::uint32_t>(books_.acknowledged.size());
  const Group group{.life = books_.lives, .number = number, .bytes = bytes};
  const absl::Status status =
      store_->Append(Contents(group), (number + 1) * kRecordsAGroup);
  if (status.ok()) {
    books_.acknowledged.push_back(group);
    return Outcome::kDone;
  }
  books_.doubtful = group;
  return Stop(status);
}

Outcome Lives::Close() {
  const absl::Status status = store_->Close();
  if (!status.ok()) return Stop(status);
  store_.reset();
  return Outcome::kDone;
}

Outcome Lives::Stop(const absl::Status& error) {
  if (!disk_.troubled()) {
    return Broken(absl::StrCat("fails without a reason: ", error.ToString()));
  }
  // ST3: the first error is the last.
  const Store::Reader nothing{
      .chunk = [](std::string_view) { return absl::OkStatus(); },
      .group = [](std::string_view,
                  RecordSequence) { return absl::OkStatus(); }};
  if (store_->Append("again", kRecordsAGroup << 40) != error ||
      store_->Maintain() != error || store_->Replay(nothing) != error ||
      store_->Close() != error) {
    return Broken(absl::StrCat("tries again after ", error.ToString()));
  }
  return Outcome::kStopped;
}

}  // namespace quorate::power
