// Answers: who fetches this executor's checkpoint, and what is kept for them?
//
// An executor that was passed asks for chunks of the last checkpoint here, at
// its own pace (replica/state_transfer.h). One is of use if nothing above it
// has been forgotten here, and if it has what the asker itself has forgotten;
// otherwise a new one is to begin. While somebody reads, what follows the
// checkpoint is kept and resent from here: others may have forgotten it. A
// reader that is silent for long is none. Pure, copyable.
#pragma once

#include <array>

#include "replica/bpaxos/effects.h"
#include "wire/dependency_set.h"
#include "wire/message.h"

namespace quorate::bpaxos {

class Readers {
 public:
  explicit Readers(int columns);

  // `forgotten`: what this executor has, or is about to.
  void HandleRequest(ReplicaId from, const SnapshotRequest& m,
                     const DependencySet& forgotten, Effects& effects);
  // Of an executor. It has caught up when it knows what f+1 have executed.
  void HandleFrontier(ReplicaId from, const Frontier& m,
                      const DependencySet& base);
  void HandleTick();
  // A checkpoint that stands for `through` begins; 0: it was given up.
  void NoteCheckpoint(RecordSequence through, const DependencySet& executed);

  bool Contains(ReplicaId node) const { return At(node).patience_ticks > 0; }
  bool empty() const;
  bool wants_checkpoint() const { return wants_checkpoint_; }
  // What the last checkpoint has executed.
  const DependencySet& cut() const { return cut_; }

 private:
  struct Reader {
    int patience_ticks = 0;  // 0: does not read
    DependencySet committed;
    DependencySet forgotten;
  };

  const Reader& At(ReplicaId node) const {
    return readers_[static_cast<std::size_t>(Index(node))];
  }
  Reader& At(ReplicaId node) {
    return readers_[static_cast<std::size_t>(Index(node))];
  }

  std::array<Reader, kMaxNodes> readers_;
  RecordSequence cut_through_ = 0;  // 0: there is none
  DependencySet cut_;
  bool wants_checkpoint_ = false;
};

}  // namespace quorate::bpaxos
