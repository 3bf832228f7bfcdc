// Answers: how does a replica's state become records, and records its state?
//
// The parts of checkpoint and restart that do not depend on the protocol. A
// CheckpointWriter holds what was taken at once and then draws keys, values and
// sessions out of the executor in slices. A StateReader gives the executor its
// records back and says when decisions may be applied. Pure, copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "executor/executor.h"
#include "wire/record.h"

namespace quorate {

class CheckpointWriter {
 public:
  // A picture of `executor` as of record `through`. `save_protocol(records)`
  // appends the protocol's part. Ends one that is not finished.
  template <typename SaveProtocol>
  void Begin(RecordSequence through, Executor& executor,
             const SaveProtocol& save_protocol) {
    std::vector<Record> records;
    records.emplace_back(CheckpointBegunRecord{.through = through});
    AppendExecuted(executor.BeginSave(), records);
    save_protocol(records);
    Hold(through, executor.state_hash(), std::move(records));
  }
  // As Replica::NextCheckpointRecords.
  bool Next(std::size_t bytes, Executor& executor,
            std::vector<Record>& records);
  // False when there is none to give up.
  bool Abandon(Executor& executor);

 private:
  // A checkpoint that has not been given to its end.
  struct Picture {
    RecordSequence through = 0;
    std::uint64_t state_hash = 0;
    // What was taken when it began.
    std::deque<Record> at_once;
  };

  static void AppendExecuted(ExecutedRecord all, std::vector<Record>& records);
  void Hold(RecordSequence through, std::uint64_t state_hash,
            std::vector<Record> records);

  std::optional<Picture> picture_;
};

class StateReader {
 public:
  // Gives the executor what is its own of a record.
  void Take(const Record& record, Executor& executor);
  // Between the ends of a checkpoint decisions gather: nothing may be applied
  // to half of a state.
  bool is_inside() const { return is_inside_; }

 private:
  bool is_inside_ = false;
};

}  // namespace quorate
