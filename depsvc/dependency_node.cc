#include "depsvc/dependency_node.h"

#include <utility>

#include "depsvc/rules.h"
#include "wire/check.h"
#include "wire/fingerprint.h"

namespace quorate {

DependencyNode::DependencyNode(int columns, ConflictMode mode)
    : answers_(columns), index_(columns, mode), columns_(columns) {}

const DependencyNode::Answer* DependencyNode::Find(InstanceId id) const {
  const Answer* answer = answers_.Find(id);
  return answer == nullptr || answer->batch == nullptr ? nullptr : answer;
}

bool DependencyNode::Refuses(InstanceId id) {
  return answers_.FindOrCreate(id) == nullptr;
}

DependencyNode::Answer& DependencyNode::AnswerFirst(InstanceId id,
                                                    CommandBatchPtr batch) {
  Answer* answer = answers_.FindOrCreate(id);
  QUORATE_CHECK(answer != nullptr && answer->batch == nullptr,
                "DS1: a dependency node answers an instance once");
  answer->deps = DependencySet(columns_);
  rules::CollectAnswer(id, *batch, index_, answer->deps);
  answer->batch = std::move(batch);
  return *answer;
}

void DependencyNode::RaiseFloor(const DependencySet& floor) {
  answers_.DropThrough(floor);
  index_.RaiseFloor(floor);
}

void DependencyNode::Restore(const DependencyRecord& record,
                             RecordSequence sequence) {
  if (!rules::IsAnswerTakenBack(record)) return;
  Answer* answer = answers_.FindOrCreate(record.instance);
  if (answer == nullptr) return;  // Forgotten in the earlier life.
  index_.Add(record.instance, *record.batch);
  *answer = {.batch = record.batch, .deps = record.deps, .record = sequence};
}

void DependencyNode::Save(std::vector<Record>& records) const {
  answers_.ForEach([&](InstanceId id, const Answer& answer) {
    if (answer.batch == nullptr) return;
    records.emplace_back(DependencyRecord{
        .instance = id, .batch = answer.batch, .deps = answer.deps});
  });
}

std::uint64_t DependencyNode::Fingerprint() const {
  quorate::Fingerprint print;
  answers_.ForEach([&](InstanceId id, const Answer& answer) {
    if (answer.batch == nullptr) return;
    print.Mix(id.slot * kMaxReplicas +
              static_cast<std::uint64_t>(Index(id.replica)));
    print.Mix(answer.batch->digest());
    for (const std::uint64_t watermark : answer.deps.watermarks()) {
      print.Mix(watermark);
    }
  });
  return print.value();
}

}  // namespace quorate
