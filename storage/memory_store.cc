#include "storage/memory_store.h"

#include <utility>

#include "wire/check.h"

namespace quorate {

MemoryStore::MemoryStore(StoreIdentity identity)
    : identity_(std::move(identity)) {}

absl::Status MemoryStore::Replay(
    const std::function<absl::Status(std::string_view)>& group) {
  for (const std::string& bytes : groups_) {
    if (absl::Status status = group(bytes); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::Append(std::string_view group, RecordSequence last) {
  QUORATE_CHECK(last > last_record_,
                "S1: groups are appended in the order of their records");
  last_record_ = last;
  groups_.emplace_back(group);
  ++stats_.journal_groups;
  stats_.journal_bytes += group.size();
  return absl::OkStatus();
}

}  // namespace quorate
