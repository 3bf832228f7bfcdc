#include "wire/result.h"

#include <cstddef>

namespace quorate {
namespace {

// Of a result, or a row, beside its text.
constexpr std::size_t kEntryBytes = 64;

}  // namespace

std::size_t BytesOf(const OperationResult& result) {
  std::size_t bytes = kEntryBytes + result.value.size();
  for (const auto& [key, value] : result.rows) {
    bytes += kEntryBytes + key.size() + value.size();
  }
  return bytes;
}

std::size_t BytesOf(const CommandResult& results) {
  std::size_t bytes = 0;
  for (const OperationResult& result : results) bytes += BytesOf(result);
  return bytes;
}

std::string_view Explain(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kNone: return "";
    case RefusalReason::kBusy:
      return "busy: the node's queue is full; try again later";
    case RefusalReason::kKeyTooLarge:
      return "key too large: the limit is 4096 bytes";
    case RefusalReason::kValueTooLarge:
      return "too large: the limit is 524288 bytes a value, and 1048576 bytes "
             "for all of one command; write less at once";
    case RefusalReason::kTooManyOperations:
      return "too many operations: one command takes 1 to 128";
    case RefusalReason::kPipelineFull:
      return "pipeline full: a session may have 16384 unanswered commands; "
             "wait for replies";
    case RefusalReason::kStaleSequence:
      return "stale sequence: executed and acknowledged earlier, its result is "
             "no longer kept";
    case RefusalReason::kShuttingDown:
      return "shutting down: send the command to another node";
    case RefusalReason::kMalformed: return "malformed command";
    case RefusalReason::kNotLeader:
      return "not the leader: send the command to the node that leads";
    case RefusalReason::kNoLeader:
      return "no leader: one is about to be elected; try again later";
    case RefusalReason::kSessionExpired:
      return "session expired: it has been idle for long; open another one";
    case RefusalReason::kResultTooLarge:
      return "result too large: beyond [results] command_bytes, 4194304 bytes "
             "unless set otherwise; ask for less in one command";
  }
  return "unknown reason";
}

}  // namespace quorate
