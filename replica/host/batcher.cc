#include "replica/host/batcher.h"

#include <utility>

#include "wire/check.h"
#include "wire/limits.h"

namespace quorate {

void Batcher::Add(CommandBatchPtr commands) {
  if (commands->commands().empty()) return;
  waiting_ += commands->commands().size();
  queue_.push_back(std::move(commands));
}

bool Batcher::FrontGoesAlone() const {
  const CommandBatch& front = *queue_.front();
  if (taken_of_front_ != 0 || front.commands().size() > max_commands_ ||
      front.byte_size() > max_bytes_) {
    return false;
  }
  return queue_.size() == 1 ||
         front.commands().size() + queue_[1]->commands().size() > max_commands_;
}

CommandBatchPtr Batcher::Take() {
  QUORATE_CHECK(waiting_ > 0, "a batch is taken only when commands wait");
  if (FrontGoesAlone()) {
    CommandBatchPtr front = std::move(queue_.front());
    queue_.pop_front();
    waiting_ -= front->commands().size();
    return front;
  }
  CommandBatchBuilder builder;
  // Beside keys and values: many operations without any are large as well.
  std::size_t columns = 0;
  while (waiting_ > 0 && builder.command_count() < max_commands_) {
    const CommandBatch& front = *queue_.front();
    const Command& command = front.commands()[taken_of_front_];
    std::size_t bytes = 0;
    for (const Operation& operation : front.operations(command)) {
      bytes += operation.key.size() + operation.value.size() +
               operation.expected.size();
    }
    if (!builder.empty() && builder.byte_size() + bytes > max_bytes_) break;
    columns += kCommandBytes + command.operation_count * kOperationBytes;
    if (!builder.empty() && columns > kMaxBatchBytes) break;
    builder.AddCopy(front, command);
    --waiting_;
    if (++taken_of_front_ == front.commands().size()) {
      queue_.pop_front();
      taken_of_front_ = 0;
    }
  }
  return builder.Finish();
}

}  // namespace quorate
