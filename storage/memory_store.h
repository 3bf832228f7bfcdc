// Answers: where do groups live when nothing has to outlive the process?
//
// The store of tests and of `durability = "memory"`: the contract of store.h
// without the disk. What was appended is replayed as long as the object lives;
// after that it is gone, which every result that was measured with it says.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "storage/store.h"

namespace quorate {

class MemoryStore : public Store {
 public:
  explicit MemoryStore(StoreIdentity identity);

  const StoreIdentity& identity() const override { return identity_; }
  absl::Status Replay(const Reader& reader) override;
  absl::Status Append(std::string_view group, RecordSequence last) override;
  absl::Status BeginCheckpoint() override;
  absl::Status AppendCheckpoint(std::string_view chunk) override;
  absl::Status FinishCheckpoint(RecordSequence last) override;
  absl::StatusOr<std::string> ReadChunk(std::uint64_t index) override;
  StoreStats stats() const override { return stats_; }

 private:
  StoreIdentity identity_;
  struct Group {
    std::string bytes;
    RecordSequence first = 0;
    RecordSequence last = 0;
  };
  std::deque<Group> groups_;
  std::vector<std::string> checkpoint_;
  std::vector<std::string> written_;
  RecordSequence last_record_ = 0;
  StoreStats stats_;
};

}  // namespace quorate
