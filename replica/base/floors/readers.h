// Answers: who reads the checkpoint here, and what is kept for them?
//
// A member that was passed asks for chunks of the last checkpoint here, at its
// own pace (replica/host/state_transfer.h). One is of use if nothing above it
// has been forgotten here, and if it has what the asker itself has forgotten;
// otherwise a new one is to begin. While somebody reads, what follows the
// checkpoint is kept and resent from here: others may have forgotten it. A
// reader that is silent for long is none. Pure, copyable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "wire/dependency_set.h"
#include "wire/machine.h"
#include "wire/message.h"

namespace quorate {

// Bytes kept of what follows a checkpoint while somebody reads it, where
// `retained` are kept otherwise: with less, a reader could be passed again and
// again.
inline constexpr std::size_t KeptForReaders(std::size_t retained) {
  constexpr std::size_t kShare = 8;
  constexpr std::size_t kLeast = 1024 * 1024;
  return std::max(kShare * retained, kLeast);
}

class Readers {
 public:
  // `members`: up to the last of them.
  Readers(int columns, ReplicaSet members);

  // `forgotten`: what this member has, or is about to.
  void HandleRequest(ReplicaId from, const SnapshotRequest& m,
                     const DependencySet& forgotten, Actions& actions);
  // It has caught up when it has committed `enough`.
  void HandleFrontier(ReplicaId from, const DependencySet& committed,
                      const DependencySet& enough);
  void HandleTick();
  // A checkpoint that stands for `through` begins; 0: it was given up.
  void NoteCheckpoint(RecordSequence through, const DependencySet& executed);

  bool Contains(ReplicaId member) const {
    return readers_[static_cast<std::size_t>(Index(member))].patience_ticks > 0;
  }
  bool empty() const;
  bool wants_checkpoint() const { return wants_checkpoint_; }
  // What the last checkpoint has executed.
  const DependencySet& cut() const { return cut_; }

  // Everybody has `everybody`; `most` may go. What is forgotten of that now, if
  // about `bytes` may be kept for those that lack it: all, or what everybody
  // has, and as long as somebody reads nothing that follows the checkpoint,
  // within limits. `retains(bytes, from, to)`: is what lies between more?
  template <typename Retains>
  DependencySet Limit(const DependencySet& everybody, DependencySet most,
                      std::size_t bytes, const Retains& retains) const {
    most.UnionWith(everybody);
    if (everybody.Covers(most) || !retains(bytes, everybody, most)) {
      return everybody;
    }
    if (!empty() && !retains(KeptForReaders(bytes), everybody, most)) {
      most.IntersectWith(cut_);
      most.UnionWith(everybody);
    }
    return most;
  }

 private:
  struct Reader {
    int patience_ticks = 0;  // 0: does not read
    DependencySet committed;
  };

  std::vector<Reader> readers_;     // by index, up to the last member
  RecordSequence cut_through_ = 0;  // 0: there is none
  DependencySet cut_;
  bool wants_checkpoint_ = false;
};

}  // namespace quorate
