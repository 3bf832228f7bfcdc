// Answers: which client commands are taken in, and which wait?
//
// The commands of this node's clients between their receipt and their proposal:
// a bounded queue in front of the Batcher. What does not fit is refused as busy
// at once. Used by every protocol's replica. Pure, copyable.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "replica/base/settings.h"
#include "replica/host/batcher.h"
#include "wire/machine.h"

namespace quorate {

// Answers every command of the batch in the same way, for good.
void RefuseAll(const CommandBatch& batch, RefusalReason reason,
               Actions& actions);

class CommandQueue {
 public:
  explicit CommandQueue(const Settings& settings)
      : max_commands_(settings.max_queued_commands),
        batcher_(settings.batch_commands, settings.batch_bytes) {}

  // One request always fits into an empty queue.
  void Add(const ClientCommands& event, Actions& actions);
  // A batch that was taken before; it is never refused.
  void AddAgain(CommandBatchPtr batch) { batcher_.Add(std::move(batch)); }
  // What the next instance carries. Must not be empty.
  CommandBatchPtr Take();

  // May this command be proposed now?
  using MayGo =
      std::function<bool(const CommandBatch& batch, const Command& command)>;
  // As Take, but commands that may not go are put aside until the next Take;
  // each is asked about once. Null when nothing may go. There must be commands
  // that have not been asked about.
  CommandBatchPtr TakeOnly(const MayGo& may_go);
  bool has_unasked() const { return !batcher_.empty(); }

  bool empty() const { return batcher_.empty() && aside_.empty(); }
  std::size_t waiting_commands() const {
    return batcher_.waiting_commands() + commands_aside_;
  }

 private:
  std::size_t max_commands_;
  Batcher batcher_;
  // Taken from the batcher, and not allowed to go yet.
  std::deque<CommandBatchPtr> aside_;
  std::size_t commands_aside_ = 0;
};

}  // namespace quorate
