// Answers: how do records reach the disk while the loop goes on?
//
// A thread of its own owns the store. The loop hands over the records of a
// turn; the thread encodes all that have gathered while it was syncing and
// appends them as one group (group commit). The loop reads durable() once a
// turn and is woken for it. After work has come in quick succession the thread
// looks out for more for a few microseconds before it sleeps: waking a thread
// costs 25-30 us, which a command pays twice. While the thread has nothing to
// do and the disk is quick, the loop may sync a turn's records itself
// (AppendNow): that saves both wake-ups. Slices of a checkpoint are written in
// between, one for each group that waits. The first error is the last thing the
// thread does.
#pragma once

#include <uv.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "storage/store.h"
#include "wire/machine.h"
#include "wire/net/handles.h"
#include "wire/record.h"

namespace quorate {

struct JournalStats {
  std::uint64_t groups = 0;  // appended in this life
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  // Time inside Store::Append.
  std::uint64_t total_us = 0;
  std::uint64_t longest_us = 0;
  // [i] counts appends of [2^i, 2^(i+1)) us.
  std::array<std::uint64_t, 24> times{};
  // Work was found while looking out for it, or only after a sleep.
  std::uint64_t found_awake = 0;
  std::uint64_t found_asleep = 0;
  std::uint64_t checkpoints = 0;  // finished in this life
  StoreStats store;
  std::uint64_t file_bytes = 0;  // as of the last look, a moment ago
};

// A part of a checkpoint, in the order of Replica::NextCheckpointRecords.
struct CheckpointSlice {
  std::vector<Record> records;
  bool begins = false;
  // Nothing follows, and all records up to here have been appended.
  std::optional<RecordSequence> ends;
};

class Journal {
 public:
  // `changed` is called on the loop's thread after durable() has moved and
  // after a failure. `look_out_us` is 0 to sleep at once.
  Journal(uv_loop_t* loop, HandleCount& count, std::unique_ptr<Store> store,
          int look_out_us, std::function<void()> changed);
  // Stops after the append under way, without a clean close.
  ~Journal();

  // Takes the records, in order after all earlier ones; `last` is the newest's
  // sequence. Leaves `records` empty.
  void Append(std::vector<Record>& records, RecordSequence last);
  // As Append, but on this thread if the other one is idle and the last sync
  // was quick. True if the records are durable when it returns; false if they
  // will be later, or never (see status()).
  bool AppendNow(std::vector<Record>& records, RecordSequence last);
  // Writes a slice when no group waits. Only when takes_slice().
  void AppendCheckpoint(CheckpointSlice slice);
  // Has the last one been written? Whoever waits for that is woken.
  bool takes_slice() const {
    return !has_slice_.load(std::memory_order_acquire);
  }
  // Reads chunks of the last whole checkpoint for a peer when no group waits,
  // if it is the one asked for. Whoever waits is woken; TakeChunks has them.
  void ReadChunks(const SnapshotRead& read);
  struct ReadChunk {
    ReplicaId to{};
    SnapshotChunk chunk;
  };
  std::vector<ReadChunk> TakeChunks();
  // Memory of the records that wait for the thread, or that it is writing.
  std::size_t unwritten_bytes() const { return unwritten_bytes_.load(); }
  // Of the groups that no checkpoint stands for, and of the last checkpoint.
  std::uint64_t journal_bytes() const { return journal_bytes_.load(); }
  std::uint64_t checkpoint_bytes() const { return checkpoint_bytes_.load(); }

  // Everything up to here is on disk.
  RecordSequence durable() const {
    return durable_.load(std::memory_order_acquire);
  }
  // OK, or why the replica must stop.
  absl::Status status() const;

  // Appends what is left and closes the store cleanly; then `done`, on the
  // loop's thread, whether or not that went well: see status(). No Append may
  // follow.
  void Finish(std::function<void()> done);

  JournalStats stats() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  // Waits for work. False when there is none and the end has come.
  bool Take(std::vector<Record>& group, RecordSequence& last,
            std::optional<CheckpointSlice>& slice);
  bool HasWork() const;
  void LookOut();
  absl::Status Write(const std::vector<Record>& group, RecordSequence last);
  absl::Status WriteSlice(const CheckpointSlice& slice);
  absl::Status Read(const SnapshotRead& read);
  bool BorrowStore();
  void GiveBackStore(absl::Status status);
  void NoteAppend(const std::vector<Record>& group, Clock::duration took);
  void OnWake();

  // Of whoever has set lent_ or busy_, under the mutex.
  const std::unique_ptr<Store> store_;
  const std::chrono::microseconds look_out_;
  std::function<void()> changed_;
  std::function<void()> finished_callback_;
  std::atomic<RecordSequence> durable_{0};
  std::atomic<bool> has_work_{false};
  std::atomic<bool> has_slice_{false};
  std::atomic<std::size_t> unwritten_bytes_{0};
  std::atomic<std::uint64_t> journal_bytes_{0};
  std::atomic<std::uint64_t> checkpoint_bytes_{0};

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<Record> queue_;
  RecordSequence queue_last_ = 0;
  std::optional<CheckpointSlice> slice_;
  std::vector<SnapshotRead> reads_;
  std::vector<ReadChunk> chunks_;
  std::atomic<bool> has_chunks_{false};
  bool ending_ = false;     // Write what is queued, then close.
  bool abandoned_ = false;  // Leave at once.
  bool exited_ = false;
  bool busy_ = false;   // The thread uses the store.
  bool lent_ = false;   // The loop does.
  bool quick_ = false;  // So was the last sync.
  // The loop has written much: the thread should look after the store.
  bool maintain_ = false;
  int writes_of_loop_ = 0;
  absl::Status status_of_loop_;
  absl::Status status_;
  JournalStats stats_;

  // Of whoever uses the store.
  std::string bytes_;
  Clock::time_point looked_{};  // When the files' sizes were last asked for.
  std::uint64_t file_bytes_ = 0;
  // The thread's own.
  std::string chunk_;
  bool needs_upkeep_ = false;
  Clock::duration last_wait_ = Clock::duration::max();

  Handle<uv_async_t> wake_;
  std::thread thread_;  // Last: everything else is there when it starts.
};

}  // namespace quorate
