#include "wire/result.h"

namespace quorate {

std::string_view Explain(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kNone: return "";
    case RefusalReason::kBusy:
      return "busy: the node's queue is full; try again later";
    case RefusalReason::kKeyTooLarge:
      return "key too large: the limit is 4096 bytes";
    case RefusalReason::kValueTooLarge:
      return "value too large: the limit is 524288 bytes a value and 2097152 "
             "bytes of keys and values a command";
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
  }
  return "unknown reason";
}

}  // namespace quorate
