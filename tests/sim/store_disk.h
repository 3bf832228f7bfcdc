// Answers: what does a node find when its disk is the real store?
//
// The real SqliteStore and the real SQLite on a disk in memory
// (tests/power/disk.h), for a few seeds in a hundred. A sync of the simulated
// disk is one Append; a node that dies does so at any system call of the store,
// alone or with the power, and its next life reads back what the store then
// replays. The books stay with SimulatedDisk, which compares. Everything,
// tears included, follows from the seed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/sqlite_store.h"
#include "tests/power/disk.h"
#include "tests/sim/marks.h"
#include "tests/sim/random.h"
#include "tests/sim/verdict.h"
#include "wire/record.h"

namespace quorate::sim {

class StoreDisk {
 public:
  // `columns`: the cluster's size.
  StoreDisk(int index, int columns, Verdict& verdict);
  ~StoreDisk();
  StoreDisk(const StoreDisk&) = delete;
  StoreDisk& operator=(const StoreDisk&) = delete;

  // One group commit and the upkeep after it; nothing goes wrong.
  void Append(std::span<const Record> group, RecordSequence last);
  void BeginCheckpoint();
  void AppendCheckpoint(std::span<const Record> records);
  void FinishCheckpoint(RecordSequence through);

  // What is under way when the node dies.
  struct Unfinished {
    std::span<const Record> group;  // empty: none
    RecordSequence last = 0;
    std::optional<RecordSequence> checkpoint;  // whole, not finished
    bool sync_fails = false;
  };
  // What the next life reads.
  struct Found {
    RecordSequence durable = 0;
    RecordSequence checkpoint = 0;  // 0: none
    // Of the checkpoint, and behind it.
    std::vector<Record> records;
  };
  // `power`: the power is gone for certain, not only the process.
  Found Crash(const Unfinished& unfinished, Random& random, bool power);
  // The last crash was a power cut.
  bool power_was_cut() const { return power_was_cut_; }

  // Of the last whole checkpoint; nullopt when it has no such chunk.
  std::optional<std::string> ReadChunk(std::uint64_t index);
  std::uint64_t chunks() const { return store_->stats().checkpoint_chunks; }

  const Marks& marks() const { return marks_; }

 private:
  absl::Status Open();
  void OpenAfterCrash(Random& random);
  void WriteUnfinished(const Unfinished& unfinished);
  absl::Status AppendGroup(std::span<const Record> group, RecordSequence last);
  Found Replay();
  // The environment is healthy: an error is the store's.
  void MustBe(const absl::Status& status, const char* what);

  std::string directory_;
  int index_;
  int columns_;
  Verdict& verdict_;
  power::Disk disk_;
  std::unique_ptr<SqliteStore> store_;
  bool power_was_cut_ = false;
  Marks marks_;
};

}  // namespace quorate::sim
