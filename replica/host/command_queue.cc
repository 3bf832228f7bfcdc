#include "replica/host/command_queue.h"

#include "replica/host/rules.h"

#include <utility>

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
    const bool refused =
        !empty() &&
        waiting_commands() + batch->commands().size() > max_commands_;
    if (refused) RefuseAll(*batch, RefusalReason::kBusy, actions);
    if (rules::IsKept(refused)) batcher_.Add(batch);
  }
}

CommandBatchPtr CommandQueue::Take() {
  if (aside_.empty()) return batcher_.Take();
  CommandBatchPtr batch = std::move(aside_.front());
  aside_.pop_front();
  commands_aside_ -= batch->commands().size();
  return batch;
}

CommandBatchPtr CommandQueue::TakeOnly(const MayGo& may_go) {
  const CommandBatchPtr batch = batcher_.Take();
  CommandBatchBuilder going;
  CommandBatchBuilder staying;
  for (const Command& command : batch->commands()) {
    (may_go(*batch, command) ? going : staying).AddCopy(*batch, command);
  }
  if (staying.empty()) return batch;
  commands_aside_ += staying.command_count();
  aside_.push_back(staying.Finish());
  return going.empty() ? nullptr : going.Finish();
}

}  // namespace quorate
