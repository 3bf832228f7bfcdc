// Answers: what must be ordered with these commands, as one node of the
// dependency service sees it?
//
// Simple BPaxos' dependency node (protocol.md 3.2): the first request about an
// instance is answered with every conflicting instance indexed so far, and
// indexes it; every later one gets the stored answer. There is no ballot and no
// refusal: of any two conflicting instances, each of which f+1 of 2f+1 nodes
// have answered, one node has answered both, and its later answer has the
// earlier instance. Two things must hold for that: an answer is durable before
// it is said (the caller's part), and no column is clamped, not even the
// instance's own (protocol.md 2.2). Pure, copyable.
#pragma once

#include <cstdint>
#include <vector>

#include "depsvc/conflict_index.h"
#include "depsvc/slot_log.h"
#include "wire/command.h"
#include "wire/commutation.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/record.h"

namespace quorate {

class DependencyNode {
 public:
  struct Answer {
    CommandBatchPtr batch;  // Null: not asked about yet.
    DependencySet deps;
    RecordSequence record = 0;
  };

  DependencyNode(int columns, ConflictMode mode);

  // The answer given before, or null.
  const Answer* Find(InstanceId id) const;
  // It lies at or below the floor, or is beyond belief: not to be answered.
  bool Refuses(InstanceId id);
  // Answers a first request. The caller makes DependencyRecord{id, batch, deps}
  // durable, sets `record`, and says nothing before.
  Answer& AnswerFirst(InstanceId id, CommandBatchPtr batch);

  // Everything up to `floor` has been executed by f+1 executors. The answers
  // go, and so do the index entries that lie below it in every column; from now
  // on every answer covers it. Any superset is a valid answer, so each node may
  // do this whenever it likes.
  void RaiseFloor(const DependencySet& floor);

  void Restore(const DependencyRecord& record, RecordSequence sequence);
  // Appends the answers above the floor: the index follows from them.
  void Save(std::vector<Record>& records) const;

  std::size_t answers() const { return answers_.size(); }
  const ConflictIndex& index() const { return index_; }
  std::uint64_t Fingerprint() const;

 private:
  SlotLog<Answer> answers_;
  ConflictIndex index_;
  int columns_;
};

}  // namespace quorate
