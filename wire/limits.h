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
inline constexpr std::size_t kMaxPeerFrameBytes = 4 * 1024 * 1024;
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
// Bytes of rows one scan returns at most, so that its reply fits a frame.
inline constexpr std::size_t kMaxScanBytes = 512 * 1024;
// Unanswered commands one client session may have.
inline constexpr std::size_t kMaxPipelinePerSession = 16 * 1024;

// The largest slot and watermark. No cluster lives to see it, and the next few
// numbers above it do not wrap around.
inline constexpr std::uint64_t kMaxSlot = (std::uint64_t{1} << 56) - 1;

}  // namespace quorate
