#include "replica/client/key_values.h"

#include "wire/text.h"

namespace quorate {
namespace {

bool IsTooLarge(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kKeyTooLarge:
    case RefusalReason::kValueTooLarge:
    case RefusalReason::kTooManyOperations:
    case RefusalReason::kMalformed:
    case RefusalReason::kResultTooLarge: return true;
    default: return false;
  }
}

absl::Status Refused(RefusalReason reason, std::string_view connection) {
  if (reason == RefusalReason::kNone) {
    return absl::UnavailableError(
        Concat("not done: no node could be reached: ", connection));
  }
  const std::string text = Concat("not done: ", Explain(reason));
  return IsTooLarge(reason) ? absl::InvalidArgumentError(text)
                            : absl::UnavailableError(text);
}

// OK for what a caller tells by its answer.
absl::Status StatusOf(const OperationResult& result) {
  switch (result.status) {
    case OperationStatus::kNotANumber:
      return absl::FailedPreconditionError(
          "not done: the value there is no 64-bit number");
    case OperationStatus::kTooLarge:
      return absl::FailedPreconditionError(
          Concat("not done: the value would pass ", kMaxValueBytes, " bytes"));
    default: return absl::OkStatus();
  }
}

}  // namespace

KeyValues::KeyValues(ClientOptions options)
    : client_(std::make_unique<SyncClient>(std::move(options))) {}

absl::StatusOr<KeyValues> KeyValues::Open(const std::string& cluster_toml) {
  absl::StatusOr<ClientOptions> options = LoadClientOptions(cluster_toml);
  if (!options.ok()) return options.status();
  return KeyValues(*std::move(options));
}

absl::StatusOr<CommandResult> KeyValues::Execute(
    std::span<const Operation> operations) {
  Completion completion = client_->Execute(operations);
  const std::string connection(client_->connection_status().message());
  switch (completion.status) {
    case ReplyStatus::kDone: return std::move(completion.results);
    case ReplyStatus::kRefused: return Refused(completion.reason, connection);
    case ReplyStatus::kResultGone:
      return absl::DataLossError(
          "done, once, but what it gave is no longer kept");
    case ReplyStatus::kUnknown: break;
  }
  return absl::DeadlineExceededError(
      Concat("nobody said in time whether it was done; it may be",
             connection.empty() ? "" : ": ", connection));
}

absl::StatusOr<OperationResult> KeyValues::ExecuteOne(
    const Operation& operation) {
  absl::StatusOr<CommandResult> results =
      Execute(std::span<const Operation>(&operation, 1));
  if (!results.ok()) return results.status();
  OperationResult result = std::move(results->front());
  if (absl::Status status = StatusOf(result); !status.ok()) return status;
  return result;
}

absl::StatusOr<std::optional<std::string>> KeyValues::Get(
    std::string_view key) {
  absl::StatusOr<OperationResult> result =
      ExecuteOne({.kind = OperationKind::kGet, .key = key});
  if (!result.ok()) return result.status();
  if (result->status == OperationStatus::kNotFound) {
    return std::optional<std::string>();
  }
  return std::optional<std::string>(std::move(result->value));
}

absl::Status KeyValues::Put(std::string_view key, std::string_view value) {
  return ExecuteOne({.kind = OperationKind::kPut, .key = key, .value = value})
      .status();
}

absl::Status KeyValues::Add(std::string_view key, std::int64_t number) {
  return ExecuteOne({.kind = OperationKind::kAdd, .key = key, .number = number})
      .status();
}

absl::Status KeyValues::Append(std::string_view key, std::string_view suffix) {
  return ExecuteOne(
             {.kind = OperationKind::kAppend, .key = key, .value = suffix})
      .status();
}

absl::StatusOr<bool> KeyValues::Delete(std::string_view key) {
  const absl::StatusOr<OperationResult> result =
      ExecuteOne({.kind = OperationKind::kDelete, .key = key});
  if (!result.ok()) return result.status();
  return result->status == OperationStatus::kOk;
}

absl::StatusOr<bool> KeyValues::CompareAndSet(std::string_view key,
                                              std::string_view expected,
                                              std::string_view value) {
  const absl::StatusOr<OperationResult> result =
      ExecuteOne({.kind = OperationKind::kCompareAndSet,
                  .key = key,
                  .value = value,
                  .expected = expected});
  if (!result.ok()) return result.status();
  return result->status == OperationStatus::kOk;
}

absl::StatusOr<Page> KeyValues::Scan(std::string_view first,
                                     std::string_view end,
                                     std::int64_t most_rows) {
  absl::StatusOr<OperationResult> result =
      ExecuteOne({.kind = OperationKind::kScan,
                  .key = first,
                  .value = end,
                  .number = most_rows});
  if (!result.ok()) return result.status();
  Page page{.rows = std::move(result->rows)};
  if (!result->value.empty()) page.next = std::move(result->value);
  return page;
}

}  // namespace quorate
