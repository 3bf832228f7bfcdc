// Answers: what does a client hear back?
//
// A reply is three-valued (done, definitely not done, unknown): a command that
// was refused is never seen later, and one whose fate is not known is never
// called failed. Pure values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/operations.h"

namespace quorate {

// What one operation gave. `value`: the value read (get), or the value found
// (cas that did not match). `rows`: a scan's rows in key order; where its range
// holds more of them, `value` is the key of the next one, at which another scan
// goes on. No key comes after another and is empty.
struct OperationResult {
  OperationStatus status = OperationStatus::kOk;
  std::string value;
  std::vector<std::pair<std::string, std::string>> rows;
  friend bool operator==(const OperationResult&,
                         const OperationResult&) = default;
};

// One result an operation, in the command's order. Nearly every command has
// one operation.
using CommandResult = absl::InlinedVector<OperationResult, 1>;

// No less than they take in memory or in a frame.
std::size_t BytesOf(const OperationResult& result);
std::size_t BytesOf(const CommandResult& results);

enum class ReplyStatus : std::uint8_t {
  kDone,        // executed; results follow
  kRefused,     // definitely not done and never will be under this sequence
  kUnknown,     // may or may not be done; a retry in the same session is safe
  kResultGone,  // executed, once; what it gave is no longer kept
};

// Why a command was not done.
enum class RefusalReason : std::uint8_t {
  kNone,
  kBusy,               // a queue is full; try again later
  kKeyTooLarge,        // kMaxKeyBytes
  kValueTooLarge,      // kMaxValueBytes, or kMaxBatchBytes in one command
  kTooManyOperations,  // kMaxOperationsPerCommand
  kPipelineFull,       // kMaxPipelinePerSession
  kStaleSequence,      // executed and acknowledged earlier; its result is gone
  kShuttingDown,
  kMalformed,
  kNotLeader,       // ask the node that ClientReply::instance.replica names
  kNoLeader,        // nobody leads, as far as the node knows; try again later
  kSessionExpired,  // the session has been idle for long; open another one
  kResultTooLarge,  // ResultLimits::command_bytes; none of it took effect
};
// "busy: the node's queue is full; try again later", ...: names limit and
// remedy. Empty for kNone.
std::string_view Explain(RefusalReason reason);

struct ClientReply {
  CommandId id;
  // Connection number at the replying node (Command::origin).
  std::uint32_t origin = 0;
  ReplyStatus status = ReplyStatus::kDone;
  RefusalReason reason = RefusalReason::kNone;
  // The instance that carried the command; slot 0 when none did. With
  // kNotLeader, its replica is the leader.
  InstanceId instance;
  CommandResult results;
  // From the command leader's receipt to the decision. The shell's clock
  // fills it in; 0 below the shell.
  std::uint32_t commit_latency_us = 0;
};

}  // namespace quorate
