#include "wire/codec/batch_codec.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/command_columns.h"
#include "wire/limits.h"

namespace quorate::codec {
namespace {

void SetCommands(const CommandBatch& batch,
                 schema::CommandBatch::Builder builder) {
  const auto commands = batch.commands();
  const auto count = static_cast<unsigned>(commands.size());
  std::uint64_t largest_difference = 0;
  bool one_operation_each = true;
  for (const Command& command : commands) {
    largest_difference = std::max(largest_difference,
                                  command.id.sequence - command.acknowledged);
    one_operation_each &= command.operation_count == 1;
  }
  FillColumn(builder.initClients(count), [&](unsigned i) {
    return static_cast<std::uint64_t>(commands[i].id.client);
  });
  FillColumn(builder.initSequences(count),
             [&](unsigned i) { return commands[i].id.sequence; });
  if (largest_difference <= UINT32_MAX) {
    FillColumn(builder.initUnacknowledged(count), [&](unsigned i) {
      return static_cast<std::uint32_t>(commands[i].id.sequence -
                                        commands[i].acknowledged);
    });
  } else {
    FillColumn(builder.initAcknowledged(count),
               [&](unsigned i) { return commands[i].acknowledged; });
  }
  if (!one_operation_each) {
    FillColumn(builder.initOperationCounts(count),
               [&](unsigned i) { return commands[i].operation_count; });
  }
}

void SetOperations(const CommandBatch& batch,
                   schema::CommandBatch::Builder builder) {
  const auto operations = batch.operations();
  const auto count = static_cast<unsigned>(operations.size());
  std::size_t values = 0;
  std::size_t expected = 0;
  bool numbers = false;
  for (const Operation& operation : operations) {
    values |= operation.value.size();
    expected |= operation.expected.size();
    numbers |= operation.number != 0;
  }
  FillColumn(builder.initKinds(count), [&](unsigned i) {
    return static_cast<std::uint8_t>(operations[i].kind);
  });
  FillColumn(builder.initKeyLengths(count), [&](unsigned i) {
    return static_cast<std::uint32_t>(operations[i].key.size());
  });
  if (values != 0) {
    FillColumn(builder.initValueLengths(count), [&](unsigned i) {
      return static_cast<std::uint32_t>(operations[i].value.size());
    });
  }
  if (expected != 0) {
    FillColumn(builder.initExpectedLengths(count), [&](unsigned i) {
      return static_cast<std::uint32_t>(operations[i].expected.size());
    });
  }
  if (numbers) {
    FillColumn(builder.initNumbers(count),
               [&](unsigned i) { return operations[i].number; });
  }
}

// What replicas ask for on their own account, alone in its command.
bool IsOfReplicas(std::span<const Operation> operations) {
  return operations.size() == 1 &&
         operations.front() ==
             Operation{.kind = OperationKind::kEndEra,
                       .number = operations.front().number,
                       .key_hash = operations.front().key_hash};
}

absl::Status CheckEveryCommand(const CommandBatch& batch) {
  for (const Command& command : batch.commands()) {
    if (IsOfReplicas(batch.operations(command))) continue;
    const RefusalReason reason = CheckLimits(batch, command);
    if (reason != RefusalReason::kNone) {
      return absl::InvalidArgumentError(
          absl::StrCat("a batch between replicas has a command that should "
                       "have been refused: ",
                       std::string(Explain(reason))));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ColumnReader::status() const {
  if (readable_) return absl::OkStatus();
  return absl::InvalidArgumentError("a column's elements have another size");
}

std::size_t BatchWords(const CommandBatchPtr& batch) {
  if (batch == nullptr) return 0;
  // Every column there is, each rounded up to words, and their pointers.
  const std::size_t bytes = batch->commands().size() * 26 +
                            batch->operations().size() * 21 +
                            batch->byte_size();
  return 32 + bytes / sizeof(capnp::word);
}

void SetBatch(const CommandBatchPtr& batch,
              schema::CommandBatch::Builder builder) {
  QUORATE_CHECK(batch != nullptr, "only a Value's payload may be left out");
  SetCommands(*batch, builder);
  SetOperations(*batch, builder);
  const std::string_view bytes = batch->bytes();
  if (!bytes.empty()) {
    auto target = builder.initBytes(static_cast<unsigned>(bytes.size()));
    std::memcpy(target.begin(), bytes.data(), bytes.size());
  }
}

absl::StatusOr<CommandBatchPtr> ReadBatch(
    const schema::CommandBatch::Reader& reader, BatchLimits limits) {
  ColumnReader lists;
  const CommandColumns columns{
      .clients = lists.Column<std::uint64_t>(reader.getClients()),
      .sequences = lists.Column<std::uint64_t>(reader.getSequences()),
      .unacknowledged = lists.Column<std::uint32_t>(reader.getUnacknowledged()),
      .acknowledged = lists.Column<std::uint64_t>(reader.getAcknowledged()),
      .operation_counts =
          lists.Column<std::uint16_t>(reader.getOperationCounts()),
      .kinds = lists.Column<std::uint8_t>(reader.getKinds()),
      .key_lengths = lists.Column<std::uint32_t>(reader.getKeyLengths()),
      .value_lengths = lists.Column<std::uint32_t>(reader.getValueLengths()),
      .expected_lengths =
          lists.Column<std::uint32_t>(reader.getExpectedLengths()),
      .numbers = lists.Column<std::int64_t>(reader.getNumbers()),
      .bytes = BytesOf(reader.getBytes())};
  absl::Status status = lists.status();
  if (!status.ok()) return status;
  status = CheckColumns(columns, kMaxBatchCommands);
  if (!status.ok()) return status;
  CommandBatchPtr batch = BatchOfCheckedColumns(columns);
  if (limits == BatchLimits::kEnforced) {
    status = CheckEveryCommand(*batch);
    if (!status.ok()) return status;
  }
  return batch;
}

}  // namespace quorate::codec
