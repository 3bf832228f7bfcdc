#include "storage/journal/journal.h"

#include <gtest/gtest.h>
#include <uv.h>

#include <condition_variable>
#include <mutex>

#include "wire/codec/codec.h"

namespace quorate {
namespace {

// What the store was asked to do, readable while the journal's thread runs. Its
// gate holds an append back until the test opens it.
struct StoreLog {
  void CloseGate() {
    const std::lock_guard<std::mutex> lock(mutex);
    gate_open = false;
  }
  void OpenGate() {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      gate_open = true;
    }
    changed.notify_all();
  }
  void AwaitAppendUnderWay() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return under_way; });
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool gate_open = true;
  bool under_way = false;
  bool closed = false;
  absl::Status next;  // What Append gives.
  std::vector<std::string> groups;
  std::vector<RecordSequence> lasts;
  std::string checkpoint;
  RecordSequence covered = 0;
  std::uint64_t chunks = 0;  // of what a peer may read
  std::size_t groups_before_checkpoint = 0;
};

class GatedStore : public Store {
 public:
  explicit GatedStore(StoreLog& log) : log_(log) {}
  const StoreIdentity& identity() const override { return identity_; }
  absl::Status Replay(const Reader&) override { return absl::OkStatus(); }
  absl::Status BeginCheckpoint() override {
    const std::lock_guard<std::mutex> lock(log_.mutex);
    log_.checkpoint.clear();
    return absl::OkStatus();
  }
  absl::Status AppendCheckpoint(std::string_view chunk) override {
    const std::lock_guard<std::mutex> lock(log_.mutex);
    log_.checkpoint += chunk;
    return absl::OkStatus();
  }
  absl::Status FinishCheckpoint(RecordSequence last) override {
    const std::lock_guard<std::mutex> lock(log_.mutex);
    log_.covered = last;
    log_.groups_before_checkpoint = log_.groups.size();
    return absl::OkStatus();
  }
  absl::Status Append(std::string_view group, RecordSequence last) override {
    std::unique_lock<std::mutex> lock(log_.mutex);
    log_.under_way = true;
    log_.changed.notify_all();
    log_.changed.wait(lock, [this] { return log_.gate_open; });
    log_.under_way = false;
    if (!log_.next.ok()) return log_.next;
    log_.groups.emplace_back(group);
    log_.lasts.push_back(last);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> ReadChunk(std::uint64_t index) override {
    return std::to_string(index);
  }
  absl::Status Close() override {
    const std::lock_guard<std::mutex> lock(log_.mutex);
    log_.closed = true;
    return absl::OkStatus();
  }
  StoreStats stats() const override {
    return {.checkpoint_last = 9, .checkpoint_chunks = log_.chunks};
  }

 private:
  StoreLog& log_;
  StoreIdentity identity_;
};

Record Promise(std::uint64_t slot) {
  return PromisedRecord{.instance = {ReplicaAt(0), slot},
                        .ballot = Ballot::Of(1, ReplicaAt(1))};
}

class JournalTest : public testing::Test {
 protected:
  JournalTest() { uv_loop_init(&loop_); }
  ~JournalTest() override {
    journal_.reset();
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  void Open(int look_out_us = 0) {
    journal_ = std::make_unique<Journal>(&loop_, count_,
                                         std::make_unique<GatedStore>(log_),
                                         look_out_us, [this] { ++changes_; });
  }
  void Append(RecordSequence sequence) {
    std::vector<Record> records;
    records.push_back(Promise(sequence));
    journal_->Append(records, sequence);
    EXPECT_TRUE(records.empty());
  }
  bool AppendNow(RecordSequence sequence) {
    std::vector<Record> records;
    records.push_back(Promise(sequence));
    const bool durable = journal_->AppendNow(records, sequence);
    EXPECT_TRUE(records.empty());
    return durable;
  }
  // Whether a sync counts as quick is the machine's affair: asks until one is.
  // Returns the sequence that the loop has synced itself.
  RecordSequence AppendUntilOnTheLoop() {
    RecordSequence sequence = 0;
    while (!AppendNow(++sequence)) {
      RunUntil([&] { return journal_->durable() == sequence; });
    }
    return sequence;
  }
  template <typename Condition>
  void RunUntil(const Condition& condition) {
    while (!condition()) uv_run(&loop_, UV_RUN_ONCE);
  }
  // The slots of the records in a group.
  static std::vector<std::uint64_t> SlotsOf(const std::string& group) {
    std::vector<std::uint64_t> slots;
    EXPECT_TRUE(DecodeRecords(group, 3, [&](Record&& record) {
                  slots.push_back(
                      std::get<PromisedRecord>(record).instance.slot);
                }).ok());
    return slots;
  }

  uv_loop_t loop_;
  HandleCount count_;
  StoreLog log_;
  int changes_ = 0;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, SaysThatRecordsAreDurable) {
  Open();
  Append(1);
  RunUntil([&] { return journal_->durable() == 1; });
  EXPECT_EQ(log_.lasts, std::vector<RecordSequence>{1});
}

TEST_F(JournalTest, SaysNothingBeforeTheStoreHasSynced) {
  Open();
  log_.CloseGate();
  Append(1);
  log_.AwaitAppendUnderWay();
  EXPECT_EQ(journal_->durable(), 0u);
  log_.OpenGate();
  RunUntil([&] { return journal_->durable() == 1; });
}

TEST_F(JournalTest, CountsTheMemoryThatWaitsForTheDisk) {
  Open();
  log_.CloseGate();
  const CommandBatchPtr batch =
      MakeBatch({ClientId{1}, 1}, {.kind = OperationKind::kPut,
                                   .key = "k",
                                   .value = std::string(10'000, 'v')});
  std::vector<Record> records;
  records.push_back(
      PreAcceptedRecord{.instance = {ReplicaAt(0), 1}, .batch = batch});
  journal_->Append(records, 1);
  log_.AwaitAppendUnderWay();
  const std::size_t being_written = journal_->unwritten_bytes();
  EXPECT_GE(being_written, 10'000u);
  Append(2);
  EXPECT_GT(journal_->unwritten_bytes(), being_written);
  log_.OpenGate();
  RunUntil([&] { return journal_->unwritten_bytes() == 0; });
}

TEST_F(JournalTest, AppendsWhatGathersDuringASyncAsOneGroup) {
  Open();
  log_.CloseGate();
  Append(1);
  log_.AwaitAppendUnderWay();
  Append(2);
  Append(3);
  Append(4);
  log_.OpenGate();
  RunUntil([&] { return journal_->durable() == 4; });
  ASSERT_EQ(log_.groups.size(), 2u);
  EXPECT_EQ(SlotsOf(log_.groups[0]), std::vector<std::uint64_t>{1});
  EXPECT_EQ(SlotsOf(log_.groups[1]), (std::vector<std::uint64_t>{2, 3, 4}));
  EXPECT_EQ(log_.lasts, (std::vector<RecordSequence>{1, 4}));
}

TEST_F(JournalTest, GoesOnAfterLookingOutForMore) {
  Open(/*look_out_us=*/50);
  for (RecordSequence i = 1; i <= 100; ++i) {
    Append(i);
    RunUntil([&] { return journal_->durable() == i; });
  }
  std::vector<std::uint64_t> slots;
  for (const std::string& group : log_.groups) {
    for (const std::uint64_t slot : SlotsOf(group)) slots.push_back(slot);
  }
  ASSERT_EQ(slots.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(slots));
}

TEST_F(JournalTest, TellsAFailureAndCallsNothingDurableAfterIt) {
  Open();
  log_.next = absl::InternalError("the disk is gone");
  Append(1);
  RunUntil([&] { return !journal_->status().ok(); });
  RunUntil([&] { return changes_ > 0; });
  EXPECT_EQ(journal_->status().message(), "the disk is gone");
  EXPECT_EQ(journal_->durable(), 0u);
  Append(2);
  EXPECT_EQ(journal_->durable(), 0u);
  EXPECT_TRUE(log_.groups.empty());
  EXPECT_FALSE(log_.closed);
}

TEST_F(JournalTest, SyncsOnTheLoopWhenTheThreadIsIdleAndTheDiskQuick) {
  Open();
  const RecordSequence last = AppendUntilOnTheLoop();
  EXPECT_EQ(journal_->durable(), last);
  EXPECT_EQ(log_.lasts.back(), last);
  // And goes on when the thread has been asked to look after the store.
  for (RecordSequence i = last + 1; i <= last + 300; ++i) {
    AppendNow(i);
    RunUntil([&] { return journal_->durable() == i; });
  }
  EXPECT_EQ(log_.lasts.size(), last + 300);
  EXPECT_TRUE(std::ranges::is_sorted(log_.lasts));
}

TEST_F(JournalTest, LeavesASyncToTheThreadThatIsAlreadyAtWork) {
  Open();
  RecordSequence last = AppendUntilOnTheLoop();
  log_.CloseGate();
  Append(++last);
  log_.AwaitAppendUnderWay();
  EXPECT_FALSE(AppendNow(++last));
  EXPECT_LT(journal_->durable(), last);
  log_.OpenGate();
  RunUntil([&] { return journal_->durable() == last; });
  EXPECT_TRUE(std::ranges::is_sorted(log_.lasts));
}

TEST_F(JournalTest, TellsAFailureOfASyncOnTheLoop) {
  Open();
  const RecordSequence last = AppendUntilOnTheLoop();
  log_.next = absl::InternalError("the disk is gone");
  changes_ = 0;
  EXPECT_FALSE(AppendNow(last + 1));
  RunUntil([&] { return !journal_->status().ok() && changes_ > 0; });
  EXPECT_EQ(journal_->status().message(), "the disk is gone");
  EXPECT_FALSE(AppendNow(last + 2));
  EXPECT_EQ(journal_->durable(), last);
  EXPECT_FALSE(log_.closed);
}

TEST_F(JournalTest, WritesWhatIsLeftAndClosesTheStore) {
  Open();
  log_.CloseGate();
  Append(1);
  log_.AwaitAppendUnderWay();
  Append(2);
  bool done = false;
  journal_->Finish([&] { done = true; });
  log_.OpenGate();
  RunUntil([&] { return done; });
  EXPECT_EQ(log_.lasts, (std::vector<RecordSequence>{1, 2}));
  EXPECT_TRUE(log_.closed);
  EXPECT_TRUE(journal_->status().ok());
}

TEST_F(JournalTest, FinishesAfterAFailureToo) {
  Open();
  log_.next = absl::InternalError("the disk is gone");
  Append(1);
  RunUntil([&] { return changes_ > 0; });
  bool done = false;
  journal_->Finish([&] { done = true; });
  RunUntil([&] { return done; });
  EXPECT_FALSE(journal_->status().ok());
  EXPECT_FALSE(log_.closed);
}

TEST_F(JournalTest, CanBeDestroyedInItsLastCallback) {
  Open();
  Append(1);
  journal_->Finish([&] { journal_.reset(); });
  RunUntil([&] { return journal_ == nullptr; });
  EXPECT_TRUE(log_.closed);
}

TEST_F(JournalTest, LeavesTheStoreUncleanWhenItIsAbandoned) {
  Open();
  Append(1);
  RunUntil([&] { return journal_->durable() == 1; });
  journal_.reset();
  EXPECT_FALSE(log_.closed);
}

TEST_F(JournalTest, WritesACheckpointSliceAfterTheGroupsBeforeIt) {
  Open();
  log_.CloseGate();
  Append(1);
  log_.AwaitAppendUnderWay();
  Append(2);
  journal_->AppendCheckpoint({.records = {Promise(7)}, .begins = true});
  EXPECT_FALSE(journal_->takes_slice());
  log_.OpenGate();
  RunUntil([&] { return journal_->takes_slice(); });
  Append(3);
  journal_->AppendCheckpoint({.records = {Promise(8)}, .ends = 2});
  RunUntil([&] { return journal_->takes_slice(); });
  RunUntil([&] { return journal_->durable() == 3; });
  EXPECT_EQ(SlotsOf(log_.checkpoint), (std::vector<std::uint64_t>{7, 8}));
  EXPECT_EQ(log_.covered, 2u);
  EXPECT_GE(log_.groups_before_checkpoint, 2u);
  EXPECT_EQ(journal_->stats().checkpoints, 1u);
}

TEST_F(JournalTest, ReadsAWindowOfChunksForAPeer) {
  Open();
  const auto read = [this](std::uint64_t chunks, std::uint64_t first) {
    log_.chunks = chunks;
    journal_->ReadChunks({.to = ReplicaAt(1), .through = 9, .first = first});
    std::vector<Journal::ReadChunk> taken;
    RunUntil([&] { return !(taken = journal_->TakeChunks()).empty(); });
    std::vector<std::uint64_t> indices;
    for (const Journal::ReadChunk& each : taken) {
      EXPECT_EQ(each.chunk.chunks, chunks);
      EXPECT_EQ(each.chunk.entries, std::to_string(each.chunk.index));
      indices.push_back(each.chunk.index);
    }
    return indices;
  };
  using Indices = std::vector<std::uint64_t>;
  EXPECT_EQ(read(5, 0), (Indices{0, 1, 2, 3}));
  EXPECT_EQ(read(5, 4), (Indices{4}));
  // The one that the peer has begun to read had more of them.
  EXPECT_EQ(read(3, 3), (Indices{0, 1, 2}));
}

TEST_F(JournalTest, EndsWithoutWritingTheRestOfACheckpoint) {
  Open();
  log_.CloseGate();
  Append(1);
  log_.AwaitAppendUnderWay();
  journal_->AppendCheckpoint({.records = {Promise(7)}, .begins = true});
  bool done = false;
  journal_->Finish([&] { done = true; });
  log_.OpenGate();
  RunUntil([&] { return done; });
  EXPECT_EQ(log_.covered, 0u);
  EXPECT_TRUE(log_.closed);
}

TEST_F(JournalTest, CountsGroupsAndRecords) {
  Open();
  Append(1);
  RunUntil([&] { return journal_->stats().groups == 1; });
  const JournalStats stats = journal_->stats();
  EXPECT_EQ(stats.records, 1u);
  EXPECT_EQ(stats.bytes, log_.groups[0].size());
  EXPECT_EQ(stats.found_awake + stats.found_asleep, 2u);
}

}  // namespace
}  // namespace quorate
