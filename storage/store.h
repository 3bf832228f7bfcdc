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
  std::uint64_t journal_bytes = 0;
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

  // Makes one group durable. `last` is the sequence of the newest record in it.
  virtual absl::Status Append(std::string_view group, RecordSequence last) = 0;

  virtual StoreStats stats() const = 0;
};

}  // namespace quorate
