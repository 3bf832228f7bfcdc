// Answers: how does a batch of commands look as columns, and when are columns a
// batch?
//
// The transposed form of a CommandBatch, as it travels and is stored: one array
// a field, and all keys and values in one piece. Columns are views of memory
// that somebody else owns and may hold anything; CheckColumns decides whether
// they are a batch, and only then is memory taken, once for each of a batch's
// three arrays. Hashes and the digest are computed here, never taken from
// outside. Pure; used by wire/codec.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/command.h"

namespace quorate {

struct CommandColumns {
  // One entry a command.
  std::span<const std::uint64_t> clients;
  std::span<const std::uint64_t> sequences;
  // sequence - acknowledged. Empty when some difference needs more bits:
  // `acknowledged` is there instead.
  std::span<const std::uint32_t> unacknowledged;
  std::span<const std::uint64_t> acknowledged;
  // Empty when every command has one operation.
  std::span<const std::uint16_t> operation_counts;

  // One entry an operation.
  std::span<const std::uint8_t> kinds;
  std::span<const std::uint32_t> key_lengths;
  // Empty when all are 0.
  std::span<const std::uint32_t> value_lengths;
  std::span<const std::uint32_t> expected_lengths;
  std::span<const std::int64_t> numbers;

  // key, value, expected of the first operation, then of the second, ...
  std::string_view bytes;
};

// OK when the columns are a batch of 1 to `max_commands` commands, every
// sequence is at least 1 and above what is acknowledged, every command has an
// operation, every kind is known and the lengths add up to the bytes. Otherwise
// InvalidArgument with what was found. Takes no memory.
absl::Status CheckColumns(const CommandColumns& columns,
                          std::size_t max_commands);

// The batch. The columns must have passed CheckColumns.
CommandBatchPtr BatchOfCheckedColumns(const CommandColumns& columns);

}  // namespace quorate
