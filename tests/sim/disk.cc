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
  return Since(before);
}

}  // namespace quorate::sim
