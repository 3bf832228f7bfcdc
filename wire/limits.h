// Answers: how large may anything from outside be?
//
// One home for every size limit. A refusal names the limit it rests on.
#pragma once

#include <cstddef>

namespace quorate {

inline constexpr std::size_t kMaxKeyBytes = 4 * 1024;
inline constexpr std::size_t kMaxValueBytes = 512 * 1024;
inline constexpr std::size_t kMaxOperationsPerCommand = 128;
inline constexpr std::size_t kMaxPeerFrameBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxClientFrameBytes = 1024 * 1024;
// Bytes of keys and values in one instance's batch. With the fixed columns of
// a batch it stays well below kMaxPeerFrameBytes.
inline constexpr std::size_t kMaxBatchBytes = 2 * 1024 * 1024;
inline constexpr std::size_t kMaxBatchCommands = 16 * 1024;
// Rows one scan returns at most, whatever limit it asks for.
inline constexpr std::size_t kMaxScanRows = 1000;
// Bytes of rows one scan returns at most, so that its reply fits a frame.
inline constexpr std::size_t kMaxScanBytes = 512 * 1024;
// Unanswered commands one client session may have.
inline constexpr std::size_t kMaxPipelinePerSession = 16 * 1024;

}  // namespace quorate
