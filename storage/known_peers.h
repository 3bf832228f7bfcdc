// Answers: is this the replica that we met before, with all that it had then?
//
// Of every replica that this node has ever met: its directory's incarnation,
// the last life and process, and the newest record that it said was on its
// disk. The file `peers` of the node's directory has it before a meeting
// counts: a node that restarts must not take a wiped replica, or an older copy
// of one, for the one it knew, or the two would make a quorum that remembers
// nothing (BM16). Records that are heard of later go to the mark `heard`, which
// costs no sync. Used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mark_file.h"
#include "wire/ids.h"

namespace quorate {

struct KnownPeer {
  std::uint64_t incarnation = 0;
  std::uint64_t life = 0;
  std::uint64_t process = 0;
  RecordSequence record = 0;
  friend bool operator==(const KnownPeer&, const KnownPeer&) = default;
};

class KnownPeers {
 public:
  // Of this process only: for nodes that keep nothing on disk.
  KnownPeers() = default;
  // What `directory` says; nobody when it has no such file. DataLoss when the
  // files make no sense.
  static absl::StatusOr<KnownPeers> Load(const std::string& directory);

  const std::optional<KnownPeer>& Find(ReplicaId peer) const {
    return peers_[static_cast<std::size_t>(Index(peer))];
  }
  // Durable when it returns OK; nothing has changed when it does not.
  absl::Status Remember(ReplicaId peer, const KnownPeer& known);
  // Its records up to this one are on its disk. Kept through SIGKILL, once it
  // is written down, and through a power loss sooner or later.
  void Hear(ReplicaId peer, RecordSequence record);
  absl::Status WriteHeard();

 private:
  absl::Status ReadPeers();
  absl::Status ReadHeard(const std::string& path);
  std::string HeardBytes() const;

  std::string path_;  // Empty: kept in memory.
  std::array<std::optional<KnownPeer>, kMaxNodes> peers_;
  std::optional<MarkFile> heard_;
  bool heard_more_ = false;  // than is written down
};

}  // namespace quorate
