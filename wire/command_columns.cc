#include "wire/command_columns.h"

#include <memory>

#include "absl/strings/str_cat.h"

namespace quorate {
namespace {

// The value a column has at `i`, or what leaving the column out means.
template <typename T>
T At(std::span<const T> column, std::size_t i, T left_out) {
  return column.empty() ? left_out : column[i];
}

absl::Status CheckSize(const char* column, std::size_t size,
                       std::size_t expected, bool may_be_left_out) {
  if (size == expected || (may_be_left_out && size == 0)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "batch column ", column, " has ", size, " entries, expected ", expected));
}

absl::Status CheckSizes(const CommandColumns& columns) {
  const std::size_t commands = columns.clients.size();
  const std::size_t operations = columns.kinds.size();
  const bool wide = columns.unacknowledged.empty();
  for (const absl::Status& status :
       {CheckSize("sequences", columns.sequences.size(), commands, false),
        CheckSize("unacknowledged", columns.unacknowledged.size(), commands,
                  wide),
        CheckSize("acknowledged", columns.acknowledged.size(),
                  wide ? commands : 0, false),
        CheckSize("operationCounts", columns.operation_counts.size(), commands,
                  true),
        CheckSize("keyLengths", columns.key_lengths.size(), operations, false),
        CheckSize("valueLengths", columns.value_lengths.size(), operations,
                  true),
        CheckSize("expectedLengths", columns.expected_lengths.size(),
                  operations, true),
        CheckSize("numbers", columns.numbers.size(), operations, true)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckCommands(const CommandColumns& columns) {
  std::uint64_t operations = 0;
  bool well_formed = true;
  for (std::size_t i = 0; i < columns.clients.size(); ++i) {
    const std::uint64_t sequence = columns.sequences[i];
    // With d = unacknowledged, 1 <= d <= sequence says both that the sequence
    // is at least 1 and that acknowledged = sequence - d is below it.
    const std::uint64_t unacknowledged =
        columns.acknowledged.empty() ? columns.unacknowledged[i]
                                     : sequence - columns.acknowledged[i];
    const std::uint16_t count =
        At<std::uint16_t>(columns.operation_counts, i, 1);
    well_formed &= unacknowledged - 1 < sequence && count != 0;
    operations += count;
  }
  if (!well_formed) {
    return absl::InvalidArgumentError(
        "a batch has a command without operations, with sequence 0, or with "
        "acknowledged not below its sequence");
  }
  if (operations != columns.kinds.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the commands of a batch count ", operations,
                     " operations, it holds ", columns.kinds.size()));
  }
  return absl::OkStatus();
}

absl::Status CheckOperations(const CommandColumns& columns) {
  bool known = true;
  for (const std::uint8_t kind : columns.kinds)
    known &= kind < kAllOperationKinds;
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("a batch has an operation of a kind above ",
                     kAllOperationKinds - 1, ", the last one known"));
  }
  // 64 bits: no count of 32-bit lengths that fits a frame wraps around.
  std::uint64_t bytes = 0;
  for (const auto& lengths :
       {columns.key_lengths, columns.value_lengths, columns.expected_lengths}) {
    for (const std::uint32_t length : lengths) bytes += length;
  }
  if (bytes != columns.bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the lengths of a batch add up to ", bytes,
                     " bytes, it holds ", columns.bytes.size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckColumns(const CommandColumns& columns,
                          std::size_t max_commands) {
  if (columns.clients.empty()) {
    return absl::InvalidArgumentError("a batch holds no command");
  }
  if (columns.clients.size() > max_commands) {
    return absl::InvalidArgumentError(
        absl::StrCat("a batch holds ", columns.clients.size(),
                     " commands, the limit is ", max_commands));
  }
  for (const auto check : {CheckSizes, CheckCommands, CheckOperations}) {
    if (absl::Status status = check(columns); !status.ok()) return status;
  }
  return absl::OkStatus();
}

CommandBatchPtr BatchOfCheckedColumns(const CommandColumns& columns) {
  std::shared_ptr<CommandBatch> batch(new CommandBatch);
  batch->arena_ = columns.bytes;

  batch->commands_.reserve(columns.clients.size());
  std::uint32_t first_operation = 0;
  for (std::size_t i = 0; i < columns.clients.size(); ++i) {
    const std::uint64_t sequence = columns.sequences[i];
    const auto count = At<std::uint16_t>(columns.operation_counts, i, 1);
    batch->commands_.push_back(
        Command{.id = {static_cast<ClientId>(columns.clients[i]), sequence},
                .acknowledged = columns.acknowledged.empty()
                                    ? sequence - columns.unacknowledged[i]
                                    : columns.acknowledged[i],
                .first_operation = first_operation,
                .operation_count = count});
    first_operation += count;
  }

  batch->operations_.reserve(columns.kinds.size());
  const char* at = batch->arena_.data();
  const auto take = [&at](std::uint32_t length) {
    const std::string_view view(at, length);
    at += length;
    return view;
  };
  for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
    const std::string_view key = take(columns.key_lengths[i]);
    const std::string_view value =
        take(At<std::uint32_t>(columns.value_lengths, i, 0));
    const std::string_view expected =
        take(At<std::uint32_t>(columns.expected_lengths, i, 0));
    batch->operations_.push_back(
        Operation{.kind = static_cast<OperationKind>(columns.kinds[i]),
                  .key = key,
                  .value = value,
                  .expected = expected,
                  .number = At<std::int64_t>(columns.numbers, i, 0),
                  .key_hash = HashKey(key)});
  }
  batch->digest_ = batch->ComputeDigest();
  return batch;
}

}  // namespace quorate
