// Answers: what has been executed here for good?
//
// What is executed counts for others once the decisions that it rests on are
// durable, and all of them are among the records so far (truncation.md B.1, 3).
// A machine asks on its tick, and hears of what became durable. Plain value.
#pragma once

#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

class StableExecution {
 public:
  explicit StableExecution(int columns) : stable_(columns), next_(columns) {}

  // `executed` is so now; `last`: the newest record, `durable`: the last that
  // is on disk.
  void Note(const DependencySet& executed, RecordSequence last,
            RecordSequence durable) {
    if (record_ != 0) return;
    next_ = executed;
    record_ = last;
    HandleDurable(durable);
  }
  void HandleDurable(RecordSequence through) {
    if (record_ > through) return;
    stable_.UnionWith(next_);
    record_ = 0;
  }

  const DependencySet& executed() const { return stable_; }

 private:
  DependencySet stable_;
  DependencySet next_;         // becomes stable with this record:
  RecordSequence record_ = 0;  // 0: none is waited for
};

}  // namespace quorate
