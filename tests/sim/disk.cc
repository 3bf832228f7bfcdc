#include "tests/sim/disk.h"

#include "wire/check.h"

namespace quorate::sim {

void SimulatedDisk::BeginSync() {
  QUORATE_CHECK(!syncing(), "one sync at a time");
  syncing_through_ = last();
}

std::span<const Record> SimulatedDisk::EndSync() {
  const RecordSequence before = durable_;
  durable_ = syncing_through_;
  TakeOverCheckpoint();
  return Since(before);
}

std::span<const Record> SimulatedDisk::Crash(Random& random) {
  const RecordSequence before = durable_;
  const RecordSequence unsynced = last() - durable_;
  // Nothing, everything, or any prefix of what was not synced.
  const int kept = random.Pick(3);
  if (kept == 1) durable_ = last();
  if (kept == 2) durable_ += random.Below(unsynced + 1);
  journal_.resize(durable_);
  syncing_through_ = durable_;
  written_ = {};
  installed_ = false;  // The next life finds it.
  return Since(before);
}

void SimulatedDisk::AppendCheckpoint(std::vector<Record> records) {
  for (Record& record : records) {
    written_.records.push_back(std::move(record));
  }
}

void SimulatedDisk::FinishCheckpoint(RecordSequence through, bool is_snapshot) {
  written_.through = through;
  written_.whole = true;
  written_.is_snapshot = is_snapshot;
  TakeOverCheckpoint();
}

void SimulatedDisk::TakeOverCheckpoint() {
  if (!written_.whole || durable_ < written_.through) return;
  checkpoint_ = std::exchange(written_, {});
  if (!checkpoint_.is_snapshot) return;
  snapshot_ = checkpoint_;
  installed_ = true;
}

}  // namespace quorate::sim
