#include "replica/host/checkpointing.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "wire/check.h"
#include "wire/overloaded.h"
#include "wire/payloads.h"

namespace quorate {
namespace {

std::size_t RoughBytes(const Record& record) {
  if (const auto* executed = std::get_if<ExecutedRecord>(&record)) {
    return executed->above.size() * sizeof(InstanceId);
  }
  std::size_t bytes = sizeof(Record);
  VisitPayloads(record, [&bytes](const CommandBatchPtr& batch) {
    if (batch != nullptr) bytes += batch->memory_size();
  });
  return bytes;
}

}  // namespace

// In pieces that a message can carry.
void CheckpointWriter::AppendExecuted(ExecutedRecord all,
                                      std::vector<Record>& records) {
  const std::vector<InstanceId> above = std::exchange(all.above, {});
  std::size_t next = 0;
  do {
    const std::size_t end =
        std::min(above.size(), next + ExecutedRecord::kMostAbove);
    all.above.assign(above.begin() + static_cast<std::ptrdiff_t>(next),
                     above.begin() + static_cast<std::ptrdiff_t>(end));
    records.emplace_back(all);
    next = end;
  } while (next < above.size());
}

void CheckpointWriter::Hold(RecordSequence through, std::uint64_t state_hash,
                            std::vector<Record> records) {
  picture_ =
      Picture{.through = through,
              .state_hash = state_hash,
              .at_once = std::deque<Record>(std::move_iterator(records.begin()),
                                            std::move_iterator(records.end()))};
}

bool CheckpointWriter::Next(std::size_t bytes, Executor& executor,
                            std::vector<Record>& records) {
  if (!picture_) return false;
  std::deque<Record>& at_once = picture_->at_once;
  if (!at_once.empty()) {
    for (std::size_t size = 0; size < bytes && !at_once.empty();) {
      size += RoughBytes(at_once.front());
      records.push_back(std::move(at_once.front()));
      at_once.pop_front();
    }
  } else if (!executor.SaveNext(bytes, records)) {
    records.emplace_back(CheckpointEndedRecord{
        .through = picture_->through, .state_hash = picture_->state_hash});
    picture_.reset();
  }
  return true;
}

bool CheckpointWriter::Abandon(Executor& executor) {
  if (!picture_) return false;
  picture_.reset();
  executor.EndSave();
  return true;
}

void StateReader::Take(const Record& record, Executor& executor) {
  std::visit(
      Overloaded{
          [&](const CheckpointBegunRecord&) { is_inside_ = true; },
          [&](const ExecutedRecord& r) { executor.Restore(r); },
          [&](const EntriesRecord& r) { executor.Restore(r); },
          [&](const SessionsRecord& r) { executor.Restore(r); },
          [&](const CheckpointEndedRecord& r) {
            is_inside_ = false;
            QUORATE_CHECK(
                executor.state_hash() == r.state_hash,
                "EX4: a checkpoint gives back the state it was taken of");
          },
          [](const auto&) {}},
      record);
}

}  // namespace quorate
