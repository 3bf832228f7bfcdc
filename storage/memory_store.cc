#include "storage/memory_store.h"

#include <utility>

#include "wire/check.h"

namespace quorate {

MemoryStore::MemoryStore(StoreIdentity identity)
    : identity_(std::move(identity)) {}

absl::Status MemoryStore::Replay(const Reader& reader) {
  for (const std::string& chunk : checkpoint_) {
    if (absl::Status status = reader.chunk(chunk); !status.ok()) return status;
  }
  for (const Group& group : groups_) {
    absl::Status status = reader.group(group.bytes, group.first);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::Append(std::string_view group, RecordSequence last) {
  QUORATE_CHECK(last > last_record_,
                "ST1: groups are appended in the order of their records");
  groups_.push_back(
      {.bytes = std::string(group), .first = last_record_ + 1, .last = last});
  last_record_ = last;
  ++stats_.journal_groups;
  stats_.journal_bytes += group.size();
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryStore::ReadChunk(std::uint64_t index) {
  if (index < checkpoint_.size()) return checkpoint_[index];
  return absl::NotFoundError("the checkpoint has no such chunk");
}

absl::Status MemoryStore::BeginCheckpoint() {
  written_.clear();
  stats_.unfinished_bytes = 0;
  return absl::OkStatus();
}

absl::Status MemoryStore::AppendCheckpoint(std::string_view chunk) {
  written_.emplace_back(chunk);
  stats_.unfinished_bytes += chunk.size();
  return absl::OkStatus();
}

absl::Status MemoryStore::FinishCheckpoint(RecordSequence last) {
  QUORATE_CHECK(last <= last_record_,
                "ST6: a checkpoint stands for records that were appended");
  checkpoint_ = std::exchange(written_, {});
  stats_.checkpoint_last = last;
  stats_.checkpoint_chunks = checkpoint_.size();
  stats_.checkpoint_bytes = std::exchange(stats_.unfinished_bytes, 0);
  while (!groups_.empty() && groups_.front().last <= last) {
    --stats_.journal_groups;
    stats_.journal_bytes -= groups_.front().bytes.size();
    groups_.pop_front();
  }
  return absl::OkStatus();
}

}  // namespace quorate
