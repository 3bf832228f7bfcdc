// Answers: who hears of an executed command?
//
// Its client, from the replica that took the command in and no other: a batch
// that is shared in memory, as in the simulator, shows its origin to every
// replica. Pure.
#pragma once

#include <utility>

#include "executor/executor.h"
#include "wire/machine.h"

namespace quorate {

// Others may have executed these, or may yet; whoever waits for them may ask
// again, under the same numbers.
inline void AnswerUnknown(const CommandBatch& batch, Actions& actions) {
  for (const Command& command : batch.commands()) {
    if (command.origin == 0) continue;  // Not taken in here.
    actions.replies.push_back({.reply = {.id = command.id,
                                         .origin = command.origin,
                                         .status = ReplyStatus::kUnknown}});
  }
}

// Turns what was executed into replies and empties it.
// `answers_here(instance)`: has this replica taken its commands in?
template <typename AnswersHere>
void AnswerExecuted(const AnswersHere& answers_here, Executed& executed,
                    Actions& actions) {
  for (ExecutedCommand& command : executed.commands) {
    if (!answers_here(command.instance)) continue;
    actions.replies.push_back(
        {.reply = {.id = command.id,
                   .origin = command.origin,
                   .status = command.status,
                   .reason = command.reason,
                   .instance = command.instance,
                   .results = std::move(command.results)}});
  }
  actions.result_bytes += executed.result_bytes;
  actions.executed.insert(actions.executed.end(), executed.instances.begin(),
                          executed.instances.end());
  executed.Clear();
}

}  // namespace quorate
