#include "tests/sim/disk.h"

#include <algorithm>

#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

constexpr std::size_t kChunkRecords = 5;  // of a checkpoint without a store

}  // namespace

void SimulatedDisk::BeginSync() {
  QUORATE_CHECK(!syncing(), "one sync at a time");
  syncing_through_ = last();
}

std::span<const Record> SimulatedDisk::EndSync() {
  const RecordSequence before = durable_;
  durable_ = syncing_through_;
  if (store_ != nullptr) store_->Append(Since(before), durable_);
  FinishInStore();
  TakeOverCheckpoint();
  return Since(before);
}

std::span<const Record> SimulatedDisk::Crash(Random& random, bool power) {
  const RecordSequence unsynced = last() - durable_;
  if (unsynced > 0) marks_.Note(Mark::kCrashUnsynced);
  if (sync_fails_) marks_.Note(Mark::kSyncFailed);
  const std::span<const Record> kept =
      store_ != nullptr ? CrashStore(random, power) : CrashInMemory(random);
  if (kept.size() < unsynced) marks_.Note(Mark::kCrashLost);
  if (!kept.empty()) marks_.Note(Mark::kCrashKept);
  syncing_through_ = durable_;
  written_ = {};
  installed_ = false;  // The next life finds it.
  sync_fails_ = false;
  return kept;
}

std::span<const Record> SimulatedDisk::CrashInMemory(Random& random) {
  const RecordSequence before = durable_;
  // Nothing, everything, or any prefix of what was not synced.
  const int kept = random.Pick(3);
  if (kept == 1) durable_ = last();
  if (kept == 2) durable_ += random.Below(last() - durable_ + 1);
  LoseUnsynced();
  return Since(before);
}

void SimulatedDisk::NoteLost(std::span<const Record> records) {
  const Overloaded note{
      [this](const ReservedRecord&) { marks_.Note(Mark::kLostReservation); },
      [this](const DependencyRecord&) { marks_.Note(Mark::kLostAnswer); },
      [this](const AcceptedRecord&) { marks_.Note(Mark::kLostVote); },
      [this](const PromisedRecord&) { marks_.Note(Mark::kLostPromise); },
      [this](const CommittedRecord&) { marks_.Note(Mark::kLostDecision); },
      [this](const DecidedRecord&) { marks_.Note(Mark::kLostDecision); },
      [](const auto&) {}};
  for (const Record& record : records) std::visit(note, record);
}

void SimulatedDisk::LoseUnsynced() {
  NoteLost(journal().subspan(durable_));
  journal_.resize(durable_);
}

// The group under way is there or not, and so is a checkpoint that is whole;
// nothing else can have changed.
std::span<const Record> SimulatedDisk::CrashStore(Random& random, bool power) {
  const RecordSequence before = durable_;
  StoreDisk::Unfinished unfinished{.sync_fails = sync_fails_};
  if (syncing()) {
    unfinished.group = std::span<const Record>(journal_).subspan(
        durable_, syncing_through_ - durable_);
    unfinished.last = syncing_through_;
  }
  if (written_.whole && written_.through <= syncing_through_) {
    unfinished.checkpoint = written_.through;
  }
  StoreDisk::Found found = store_->Crash(unfinished, random, power);
  const bool finished = unfinished.checkpoint.has_value() &&
                        found.checkpoint == *unfinished.checkpoint;
  found_is_possible_ =
      (found.durable == before || found.durable == syncing_through_) &&
      (finished || found.checkpoint == checkpoint_.through) &&
      found.checkpoint <= found.durable;
  if (found_is_possible_) durable_ = found.durable;
  LoseUnsynced();
  if (finished) TakeOverCheckpoint();
  found_ = std::move(found.records);
  return Since(before);
}

void SimulatedDisk::BeginCheckpoint() {
  written_ = {};
  if (store_ != nullptr) store_->BeginCheckpoint();
}

void SimulatedDisk::AppendCheckpoint(std::vector<Record> records) {
  if (store_ != nullptr) store_->AppendCheckpoint(records);
  for (Record& record : records) {
    written_.records.push_back(std::move(record));
  }
}

void SimulatedDisk::FinishCheckpoint(RecordSequence through, bool is_snapshot) {
  written_.through = through;
  written_.whole = true;
  written_.is_snapshot = is_snapshot;
  FinishInStore();
  TakeOverCheckpoint();
}

void SimulatedDisk::FinishInStore() {
  if (store_ == nullptr || !written_.whole || durable_ < written_.through) {
    return;
  }
  store_->FinishCheckpoint(written_.through);
}

void SimulatedDisk::TakeOverCheckpoint() {
  if (!written_.whole || durable_ < written_.through) return;
  if (written_.through > checkpoint_.through) {
    marks_.Note(Mark::kJournalTruncated);
  }
  checkpoint_ = std::exchange(written_, {});
  if (!checkpoint_.is_snapshot) return;
  snapshot_ = checkpoint_;
  installed_ = true;
}

std::uint64_t SimulatedDisk::chunks() const {
  return store_ != nullptr
             ? store_->chunks()
             : (checkpoint().size() + kChunkRecords - 1) / kChunkRecords;
}

std::optional<SimulatedDisk::Chunk> SimulatedDisk::ReadChunk(
    std::uint64_t index) {
  if (store_ != nullptr) {
    std::optional<std::string> entries = store_->ReadChunk(index);
    if (!entries.has_value()) return std::nullopt;
    return Chunk{.entries = *std::move(entries), .of = chunks()};
  }
  const std::span<const Record> records = checkpoint();
  const std::size_t first = index * kChunkRecords;
  if (first >= records.size()) return std::nullopt;
  Chunk chunk{.of = chunks()};
  const std::size_t count = std::min(kChunkRecords, records.size() - first);
  for (const Record& record : records.subspan(first, count)) {
    EncodeRecord(record, chunk.entries);
  }
  return chunk;
}

Marks SimulatedDisk::marks() const {
  Marks all = marks_;
  if (store_ != nullptr) all.Add(store_->marks());
  return all;
}

}  // namespace quorate::sim
