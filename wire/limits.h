// Answers: how large may anything from outside be?
//
// One home for every size limit. A refusal names the limit it rests on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quorate {

inline constexpr std::size_t kMaxKeyBytes = 4 * 1024;
inline constexpr std::size_t kMaxValueBytes = 512 * 1024;
inline constexpr std::size_t kMaxOperationsPerCommand = 128;
// What nodes send, to each other and to clients: a message with one command's
// results as large as they may be set, and as much again of what is smaller.
inline constexpr std::size_t kMaxPeerFrameBytes = 20 * 1024 * 1024;
inline constexpr std::size_t kMaxClientFrameBytes = 1024 * 1024;
// What a connection may send before its Hello has said who it is.
inline constexpr std::size_t kMaxHandshakeFrameBytes = 4 * 1024;
// Bytes of keys and values in one instance's batch. With the fixed columns of
// a batch it stays well below kMaxPeerFrameBytes.
inline constexpr std::size_t kMaxBatchBytes = 2 * 1024 * 1024;
inline constexpr std::size_t kMaxBatchCommands = 16 * 1024;
// Operations of all commands of one client request.
inline constexpr std::size_t kMaxRequestOperations = 64 * 1024;
// Rows one scan returns at most, whatever limit it asks for.
inline constexpr std::size_t kMaxScanRows = 1000;
// Bytes of rows one scan returns at most.
inline constexpr std::size_t kMaxScanBytes = 512 * 1024;
// What an operation and its bytes, or a command beside its operations, takes in
// a batch, rounded up.
inline constexpr std::size_t kOperationBytes = 24;
inline constexpr std::size_t kCommandBytes = 28;
// Messages that carry many results, or many parts of anything, are split into
// pieces of about this size; what cannot be split follows whole.
inline constexpr std::size_t kPieceBytes = 256 * 1024;
// Conflicts that one answer to a Validate may name.
inline constexpr std::size_t kMaxConflicts = 64 * 1024;
// Results that one step of a machine gives out: beyond it who asks is told to
// ask again.
inline constexpr std::size_t kMaxResultBytesAStep = 32 * 1024 * 1024;

// How large results may be, counted as BytesOf (wire/result.h) does. They
// decide outcomes at execution: the same at all nodes of a cluster.
struct ResultLimits {
  // What one command may give; with more it is refused. From kLeast to kMost.
  static constexpr std::size_t kLeast = 1024 * 1024;
  static constexpr std::size_t kMost = 16 * 1024 * 1024;
  std::size_t command_bytes = 4 * 1024 * 1024;
  // What is remembered for retries, of all sessions; of one it is
  // command_bytes.
  std::size_t kept_bytes = 64 * 1024 * 1024;
  friend bool operator==(const ResultLimits&, const ResultLimits&) = default;
};
// Unanswered commands one client session may have.
inline constexpr std::size_t kMaxPipelinePerSession = 16 * 1024;

// The largest slot and watermark. No cluster lives to see it, and the next few
// numbers above it do not wrap around.
inline constexpr std::uint64_t kMaxSlot = (std::uint64_t{1} << 56) - 1;

}  // namespace quorate
