// Answers: is this the replica that we met before, with all that it had then?
//
// Of every replica that this node has ever met: its directory's incarnation,
// the last life and process, and the newest record that it said was on its
// disk. The file `peers` of the node's directory has it before a meeting
// counts: a node that restarts must not take a wiped replica, or an older copy
// of one, for the one it knew, or the two would make a quorum that remembers
// nothing (BM16). Records that are heard of later go to the mark `heard`, which
// costs no sync. Both are there from the first start on and say whose they are:
// a node whose files are damaged, gone or older than each other must stop
// itself, or it would tell healthy peers that they have lost something, or take
// everybody for new. Used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  // What the files in `directory`, whose incarnation this is, say. DataLoss
  // when one of them is gone or damaged, FailedPrecondition when it belongs to
  // another directory.
  static absl::StatusOr<KnownPeers> Load(const std::string& directory,
                                         std::uint64_t incarnation);
  // Makes the files of a new directory; nobody has been met. Durable but for
  // their names, like what TakeOver makes.
  static absl::Status Create(const std::string& directory,
                             std::uint64_t incarnation);
  // The files of an earlier release, which had no checksum and were not there
  // before somebody had been met, in the form of this one.
  static absl::Status TakeOver(const std::string& directory,
                               std::uint64_t incarnation);

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
  using Peers = std::array<std::optional<KnownPeer>, kMaxNodes>;
  // What the mark `heard` holds.
  struct Heard {
    std::uint64_t incarnation = 0;  // of this node's directory
    std::uint64_t meetings = 0;     // that `peers` had told of by then
    std::array<RecordSequence, kMaxNodes> records{};
  };

  KnownPeers(const std::string& directory, std::uint64_t incarnation);
  std::string PeersPath() const;
  std::string HeardPath() const;
  absl::StatusOr<std::optional<std::string>> ReadPeersFile() const;
  absl::Status ParsePeers(const std::string& bytes);
  absl::Status ParsePeerLines(std::string_view text);
  absl::Status ReadHeard();
  absl::Status ReadFormerHeard();
  void Raise(const std::array<RecordSequence, kMaxNodes>& records);
  std::string PeersBytes(const Peers& peers, std::uint64_t meetings) const;
  Heard WhatIsHeard() const;
  absl::Status CreateHeard();

  std::string directory_;  // Empty: kept in memory.
  std::uint64_t incarnation_ = 0;
  std::uint64_t meetings_ = 0;  // counts what Remember has written
  Peers peers_;
  std::optional<MarkFile> heard_;
  bool heard_more_ = false;  // than is written down
};

}  // namespace quorate
