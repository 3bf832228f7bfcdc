// Answers: what does a node find on its disk after a crash?
//
// A journal in memory that behaves like a disk: appended records are not
// durable until a sync that began after them has ended, records that arrive
// during a sync join the next one (group commit), and a crash keeps the durable
// records and a prefix, of any length, of the others. A checkpoint takes the
// place of the records it stands for once it is whole and they are durable; a
// crash before that leaves nothing of it. The whole journal is kept all the
// same, for checkers. Time is the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/sim/random.h"
#include "wire/ids.h"
#include "wire/record.h"

namespace quorate::sim {

class SimulatedDisk {
 public:
  void Append(Record record) { journal_.push_back(std::move(record)); }

  // The newest record appended, and the newest that would survive now.
  RecordSequence last() const { return journal_.size(); }
  RecordSequence durable() const { return durable_; }
  bool syncing() const { return syncing_through_ > durable_; }
  bool has_unsynced() const { return last() > durable_; }

  // A sync of everything appended so far begins. None may be under way.
  void BeginSync();
  // It ends well: returns the records that became durable.
  std::span<const Record> EndSync();
  // It ends with the node (crash or failed sync): each record after the durable
  // ones survives only if all before it do. Returns the survivors that were not
  // durable before.
  std::span<const Record> Crash(Random& random);

  // Every record there ever was.
  std::span<const Record> journal() const { return journal_; }

  // A checkpoint as of record `through`, written piece by piece.
  void BeginCheckpoint(RecordSequence through) {
    written_ = {.through = through};
  }
  void AppendCheckpoint(std::vector<Record> records);
  void FinishCheckpoint();
  // What a restart finds: a checkpoint, or none, and the records after it.
  std::span<const Record> checkpoint() const { return checkpoint_.records; }
  std::span<const Record> tail() const {
    return journal().subspan(checkpoint_.through);
  }

 private:
  struct Checkpoint {
    RecordSequence through = 0;
    std::vector<Record> records;
    bool whole = false;
  };

  void TakeOverCheckpoint();
  std::span<const Record> Since(RecordSequence through) const {
    return std::span<const Record>(journal_).subspan(through,
                                                     durable_ - through);
  }

  std::vector<Record> journal_;  // record i has sequence i + 1
  RecordSequence durable_ = 0;
  RecordSequence syncing_through_ = 0;
  Checkpoint checkpoint_;
  Checkpoint written_;
};

}  // namespace quorate::sim
