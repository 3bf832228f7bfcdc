// Answers: where do groups live when nothing has to outlive the process?
//
// The store of tests and of `durability = "memory"`: the contract of store.h
// without the disk. What was appended is replayed as long as the object lives;
// after that it is gone, which every result that was measured with it says.
#pragma once

#include <string>
#include <vector>

#include "storage/store.h"

namespace quorate {

class MemoryStore : public Store {
 public:
  explicit MemoryStore(StoreIdentity identity);

  const StoreIdentity& identity() const override { return identity_; }
  absl::Status Replay(
      const std::function<absl::Status(std::string_view)>& group) override;
  absl::Status Append(std::string_view group, RecordSequence last) override;
  StoreStats stats() const override { return stats_; }

 private:
  StoreIdentity identity_;
  std::vector<std::string> groups_;
  RecordSequence last_record_ = 0;
  StoreStats stats_;
};

}  // namespace quorate
