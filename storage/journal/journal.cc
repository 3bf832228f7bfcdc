#include "storage/journal/journal.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/payloads.h"
#include "wire/timers.h"

namespace quorate {
namespace {

// An encoding buffer that one large group has made larger is given back.
constexpr std::size_t kKeptBytes = 8 * 1024 * 1024;
// A sync that takes longer than this is not waited for on the loop.
constexpr std::chrono::microseconds kQuick{MicrosecondsOf<"journal.quick">};
// Syncs of the loop between two looks of the thread after the store.
constexpr int kWritesBetweenMaintenance = 64;
constexpr std::chrono::milliseconds kBetweenLooks{
    MillisecondsOf<"journal.look">};
// Slices gather to chunks of this size: each is a commit.
constexpr std::size_t kChunkBytes = 256 * 1024;
// Being woken is part of a wait that was slept through.
constexpr std::chrono::microseconds kWakeUp{MicrosecondsOf<"journal.wake_up">};

// 0 where the clock went back (elapsed.h).
std::uint64_t Microseconds(std::chrono::steady_clock::duration time) {
  if (time.count() < 0) return 0;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

// What records keep in memory, roughly: their payloads, if they have any.
std::size_t MemoryOf(const std::vector<Record>& records) {
  std::size_t bytes = records.size() * sizeof(Record);
  const auto add = [&bytes](const CommandBatchPtr& batch) {
    if (batch != nullptr) bytes += batch->memory_size();
  };
  for (const Record& record : records) VisitPayloads(record, add);
  return bytes;
}

}  // namespace

Journal::Journal(uv_loop_t* loop, HandleCount& count,
                 std::unique_ptr<Store> store, int look_out_us,
                 std::function<void()> changed)
    : store_(std::move(store)),
      look_out_(look_out_us),
      changed_(std::move(changed)),
      wake_(
          loop, count,
          [](uv_loop_t* l, uv_async_t* handle) {
            return uv_async_init(l, handle, [](uv_async_t* wake) {
              OwnerOf<Journal>(wake).OnWake();
            });
          },
          this) {
  stats_.store = store_->stats();
  stats_.file_bytes = store_->FileBytes();
  journal_bytes_ = stats_.store.journal_bytes;
  checkpoint_bytes_ = stats_.store.checkpoint_bytes;
  needs_upkeep_ = store_->needs_upkeep();
  thread_ = std::thread([this] { Run(); });
}

Journal::~Journal() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    abandoned_ = true;
  }
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// ---- the loop's side ------------------------------------------------------

void Journal::Append(std::vector<Record>& records, RecordSequence last) {
  unwritten_bytes_ += MemoryOf(records);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    QUORATE_CHECK(!ending_, "SH2: nothing is appended to a journal that ends");
    if (queue_.empty()) {
      queue_.swap(records);
    } else {
      std::ranges::move(records, std::back_inserter(queue_));
    }
    queue_last_ = last;
  }
  records.clear();
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
}

void Journal::AppendCheckpoint(CheckpointSlice slice) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    QUORATE_CHECK(!slice_.has_value(), "one slice of a checkpoint at a time");
    slice_ = std::move(slice);
    has_slice_.store(true, std::memory_order_release);
  }
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
}

void Journal::ReadChunks(const SnapshotRead& read) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Asked again before it was answered: the newest question is enough, and
    // who asks faster than the disk reads makes nothing grow.
    const auto same = [&](const SnapshotRead& other) {
      return other.to == read.to;
    };
    if (const auto found = std::ranges::find_if(reads_, same);
        found != reads_.end()) {
      *found = read;
      return;
    }
    reads_.push_back(read);
  }
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
}

std::vector<Journal::ReadChunk> Journal::TakeChunks() {
  if (!has_chunks_.load(std::memory_order_acquire)) return {};
  const std::lock_guard<std::mutex> lock(mutex_);
  has_chunks_.store(false, std::memory_order_relaxed);
  return std::exchange(chunks_, {});
}

bool Journal::AppendNow(std::vector<Record>& records, RecordSequence last) {
  if (!BorrowStore()) {
    Append(records, last);
    return false;
  }
  const absl::Status status = Write(records, last);
  records.clear();
  GiveBackStore(status);
  return status.ok();
}

bool Journal::BorrowStore() {
  const std::lock_guard<std::mutex> lock(mutex_);
  QUORATE_CHECK(!ending_, "SH2: nothing is appended to a journal that ends");
  if (busy_ || maintain_ || exited_ || !queue_.empty() || !quick_ ||
      !status_of_loop_.ok()) {
    return false;
  }
  lent_ = true;
  return true;
}

void Journal::GiveBackStore(absl::Status status) {
  bool thread_has_work = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    lent_ = false;
    status_of_loop_ = std::move(status);
    if (++writes_of_loop_ >= kWritesBetweenMaintenance) maintain_ = true;
    // Also when it is to end, which it could not while the store was lent.
    thread_has_work =
        maintain_ || !status_of_loop_.ok() || ending_ || abandoned_;
  }
  if (!thread_has_work) return;
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
}

void Journal::Finish(std::function<void()> done) {
  finished_callback_ = std::move(done);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    // After a failure the thread is gone already.
    if (exited_) uv_async_send(wake_.get());
  }
  has_work_.store(true, std::memory_order_release);
  work_.notify_one();
}

void Journal::OnWake() {
  bool exited = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    exited = exited_;
  }
  if (!exited || !finished_callback_) {
    changed_();
    return;
  }
  thread_.join();
  // The callback may destroy this object.
  std::exchange(finished_callback_, nullptr)();
}

absl::Status Journal::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

JournalStats Journal::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

// ---- the thread's side ----------------------------------------------------

void Journal::Run() {
  std::vector<Record> group;
  RecordSequence last = 0;
  std::optional<CheckpointSlice> slice;
  absl::Status status;
  while (status.ok() && Take(group, last, slice)) {
    if (!group.empty()) {
      status = Write(group, last);
      unwritten_bytes_ -= MemoryOf(group);
      uv_async_send(wake_.get());
    }
    if (status.ok() && slice.has_value()) {
      status = WriteSlice(*slice);
      has_slice_.store(false, std::memory_order_release);
      uv_async_send(wake_.get());
    }
    std::vector<SnapshotRead> reads;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      reads.swap(reads_);
    }
    for (const SnapshotRead& read : reads) {
      if (status.ok()) status = Read(read);
    }
    if (status.ok()) status = store_->Maintain();
    needs_upkeep_ = store_->needs_upkeep();
    group.clear();
    slice.reset();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (abandoned_) return;
  if (status.ok()) status = status_of_loop_;
  if (status.ok()) status = store_->Close();
  status_ = std::move(status);
  exited_ = true;
  uv_async_send(wake_.get());
}

// Under the mutex. What nobody waits for is left undone at the end.
bool Journal::HasWork() const {
  return !queue_.empty() || maintain_ ||
         (!ending_ && (slice_.has_value() || needs_upkeep_ || !reads_.empty()));
}

bool Journal::Take(std::vector<Record>& group, RecordSequence& last,
                   std::optional<CheckpointSlice>& slice) {
  const Clock::time_point start = Clock::now();
  if (last_wait_ < look_out_ + kWakeUp) LookOut();
  std::unique_lock<std::mutex> lock(mutex_);
  busy_ = false;
  const auto ready = [this] {
    return !lent_ &&
           (HasWork() || ending_ || abandoned_ || !status_of_loop_.ok());
  };
  ++(ready() ? stats_.found_awake : stats_.found_asleep);
  work_.wait(lock, ready);
  last_wait_ = Clock::now() - start;
  has_work_.store(false, std::memory_order_relaxed);
  if (abandoned_ || !status_of_loop_.ok() || !HasWork()) return false;
  busy_ = true;
  maintain_ = false;
  writes_of_loop_ = 0;
  group.swap(queue_);
  last = queue_last_;
  slice = std::exchange(slice_, std::nullopt);
  return true;
}

// Yields instead of pausing: where cores are scarce, others do their work.
void Journal::LookOut() {
  const Clock::time_point end = Clock::now() + look_out_;
  while (!has_work_.load(std::memory_order_acquire) && Clock::now() < end) {
    std::this_thread::yield();
  }
}

absl::Status Journal::Write(const std::vector<Record>& group,
                            RecordSequence last) {
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  for (const Record& record : group) EncodeRecord(record, bytes_);
  const Clock::time_point start = Clock::now();
  if (absl::Status status = store_->Append(bytes_, last); !status.ok()) {
    return status;
  }
  const Clock::duration took = Clock::now() - start;
  durable_.store(last, std::memory_order_release);
  NoteAppend(group, took);
  return absl::OkStatus();
}

absl::Status Journal::WriteSlice(const CheckpointSlice& slice) {
  absl::Status status;
  if (slice.begins) {
    chunk_.clear();
    status = store_->BeginCheckpoint();
  }
  for (const Record& record : slice.records) EncodeRecord(record, chunk_);
  if (status.ok() && (chunk_.size() >= kChunkBytes || slice.ends.has_value())) {
    status = store_->AppendCheckpoint(chunk_);
    chunk_.clear();
    chunk_.shrink_to_fit();
  }
  if (status.ok() && slice.ends.has_value()) {
    status = store_->FinishCheckpoint(*slice.ends);
  }
  if (!status.ok()) return status;
  const StoreStats store = store_->stats();
  journal_bytes_.store(store.journal_bytes);
  checkpoint_bytes_.store(store.checkpoint_bytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (slice.ends.has_value()) ++stats_.checkpoints;
  stats_.store = store;
  return status;
}

absl::Status Journal::Read(const SnapshotRead& read) {
  const StoreStats store = store_->stats();
  if (store.checkpoint_last != read.through) return absl::OkStatus();
  std::vector<ReadChunk> chunks;
  const std::uint64_t first = FirstChunkOf(read, store.checkpoint_chunks);
  for (std::uint64_t index = first;
       index < first + kSnapshotWindow && index < store.checkpoint_chunks;
       ++index) {
    absl::StatusOr<std::string> bytes = store_->ReadChunk(index);
    if (!bytes.ok()) return bytes.status();
    chunks.push_back({.to = read.to,
                      .chunk = {.through = read.through,
                                .index = index,
                                .chunks = store.checkpoint_chunks,
                                .entries = *std::move(bytes)}});
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::ranges::move(chunks, std::back_inserter(chunks_));
  }
  has_chunks_.store(true, std::memory_order_release);
  uv_async_send(wake_.get());
  return absl::OkStatus();
}

void Journal::NoteAppend(const std::vector<Record>& group,
                         Clock::duration took) {
  const std::uint64_t us = Microseconds(took);
  const StoreStats store = store_->stats();
  if (Clock::now() - looked_ > kBetweenLooks) {
    looked_ = Clock::now();
    file_bytes_ = store_->FileBytes();
  }
  journal_bytes_.store(store.journal_bytes, std::memory_order_relaxed);
  const std::lock_guard<std::mutex> lock(mutex_);
  quick_ = took < kQuick;
  ++stats_.groups;
  stats_.records += group.size();
  stats_.bytes += bytes_.size();
  stats_.total_us += us;
  stats_.longest_us = std::max(stats_.longest_us, us);
  const auto bucket = static_cast<std::size_t>(std::bit_width(us | 1) - 1);
  ++stats_.times[std::min(bucket, stats_.times.size() - 1)];
  stats_.store = store;
  stats_.file_bytes = file_bytes_;
}

}  // namespace quorate
