#include "replica/command_queue.h"

namespace quorate {

void RefuseAll(const CommandBatch& batch, RefusalReason reason,
               Actions& actions) {
  for (const Command& command : batch.commands()) {
    actions.replies.push_back({.reply = {.id = command.id,
                                         .origin = command.origin,
                                         .status = ReplyStatus::kRefused,
                                         .reason = reason}});
  }
}

void CommandQueue::Add(const ClientCommands& event, Actions& actions) {
  for (const CommandBatchPtr& batch : event.batches) {
    if (batcher_.empty() ||
        batcher_.waiting_commands() + batch->commands().size() <=
            max_commands_) {
      batcher_.Add(batch);
    } else {
      RefuseAll(*batch, RefusalReason::kBusy, actions);
    }
  }
}

}  // namespace quorate
