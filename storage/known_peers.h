// Answers: is this the replica that we met before, or one that lost its disk?
//
// The incarnation of every replica that this node has ever met, in the file
// `peers` of its directory. It is on disk before the meeting counts: a node
// that restarts must not take a wiped replica for the one it knew, or the two
// would make a quorum that remembers nothing (M16). Used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/ids.h"

namespace quorate {

class KnownPeers {
 public:
  // Of this process only: for nodes that keep nothing on disk.
  KnownPeers() = default;
  // What `directory` says; nobody when it has no such file. DataLoss when the
  // file makes no sense.
  static absl::StatusOr<KnownPeers> Load(const std::string& directory);

  std::optional<std::uint64_t> Find(ReplicaId peer) const {
    return incarnations_[static_cast<std::size_t>(Index(peer))];
  }
  // Durable when it returns OK; nothing has changed when it does not.
  absl::Status Remember(ReplicaId peer, std::uint64_t incarnation);

 private:
  std::string path_;  // Empty: kept in memory.
  std::array<std::optional<std::uint64_t>, kMaxNodes> incarnations_;
};

}  // namespace quorate
