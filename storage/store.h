// Answers: where do a node's durable facts live?
//
// A store keeps the journal: groups of encoded records, appended in order. One
// Append is one group commit: when it returns OK the group survives SIGKILL
// and power loss; when it returns an error the node must stop, because what
// reached the disk is not known (reliability.md F3). A store is used by one
// thread at a time and knows nothing about the meaning of records: bytes in,
// bytes out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/ids.h"

namespace quorate {

// Facts about the directory, fixed when it was created.
struct StoreIdentity {
  std::string cluster_id;
  // Index of the node in the cluster.
  ReplicaId node{};
  // Drawn at random when the directory was created: tells a disk that came
  // back from a disk that was replaced.
  std::uint64_t incarnation = 0;
};

struct StoreStats {
  std::uint64_t journal_groups = 0;
  // Bytes of the groups replayed and appended in this life.
  std::uint64_t journal_bytes = 0;
  // Of the files on disk; 0 in memory.
  std::uint64_t file_bytes = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual const StoreIdentity& identity() const = 0;

  // Calls `group(bytes)` for every group in order; stops at the first error it
  // returns. DataLoss when a group's checksum is wrong: names file and row.
  virtual absl::Status Replay(
      const std::function<absl::Status(std::string_view)>& group) = 0;

  // Makes one group durable. `last` is the sequence of the newest record in it
  // and grows from group to group. After an error every later call gives the
  // same error: nothing is ever tried again.
  virtual absl::Status Append(std::string_view group, RecordSequence last) = 0;

  // Upkeep that nobody waits for. Worth a call after each Append, once the
  // news of it has been passed on: what is not done here is done inside a later
  // Append. An error means the same as one of Append.
  virtual absl::Status Maintain() { return absl::OkStatus(); }

  // The clean end: marks the directory as properly closed. Only the destructor
  // may follow. Without it the next start treats the stop as a crash, which
  // costs time and nothing else.
  virtual absl::Status Close() { return absl::OkStatus(); }

  virtual StoreStats stats() const = 0;
};

}  // namespace quorate
