// Answers: how do tests drive Sessions by hand?
//
// Without a socket and a clock: what a node would answer, and the time, are
// said by the test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replica/client/session.h"

namespace quorate {

inline constexpr RetryPolicy kPolicy{.retry_timeout_ms = 100,
                                     .give_up_timeout_ms = 1000,
                                     .first_backoff_ms = 5,
                                     .largest_backoff_ms = 40};

inline Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

inline ClientReply Reply(const Command& command, ReplyStatus status,
                         RefusalReason reason = RefusalReason::kNone) {
  return {.id = command.id, .status = status, .reason = reason};
}

class SessionsTest : public testing::Test {
 protected:
  std::uint64_t Submit(std::uint64_t tag, std::int64_t now_ms = 0) {
    const std::string key = "key" + std::to_string(tag);
    const Operation put = Put(key, "value");
    return sessions_.Submit(session_, {&put, 1}, tag, now_ms);
  }

  // Submits one command and sends it, as the only one of its batch.
  Command SubmitAndSend(std::uint64_t tag, std::int64_t now_ms = 0) {
    Submit(tag, now_ms);
    return SendOne(now_ms);
  }

  Command SendOne(std::int64_t now_ms) {
    const CommandBatchPtr batch = sessions_.NextBatch(now_ms);
    if (batch == nullptr || batch->commands().size() != 1) {
      ADD_FAILURE() << "expected a batch of one command";
      return {};
    }
    return batch->commands()[0];
  }

  void Answer(const Command& command, ReplyStatus status,
              RefusalReason reason = RefusalReason::kNone,
              std::int64_t now_ms = 0) {
    std::vector<ClientReply> replies{Reply(command, status, reason)};
    sessions_.HandleReplies(replies, now_ms, completed_);
  }

  void AnswerNotLeader(const Command& command, ReplicaId leader,
                       std::int64_t now_ms) {
    std::vector<ClientReply> replies{
        Reply(command, ReplyStatus::kRefused, RefusalReason::kNotLeader)};
    replies[0].instance = {leader, 0};
    sessions_.HandleReplies(replies, now_ms, completed_);
  }

  std::vector<std::uint64_t> CompletedTags() const {
    std::vector<std::uint64_t> tags;
    for (const Completion& completion : completed_) {
      tags.push_back(completion.tag);
    }
    return tags;
  }

  Sessions sessions_{42, kPolicy};
  std::size_t session_ = sessions_.Open();
  std::vector<Completion> completed_;
};

}  // namespace quorate
