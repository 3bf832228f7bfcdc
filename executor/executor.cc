#include "executor/executor.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "executor/mix.h"
#include "executor/rules.h"

namespace quorate {
namespace {

// How many operations ahead of the one that is applied its slot and then its
// entry are fetched: enough to hide a miss to memory behind the work on others.
constexpr std::size_t kFetchSlotAhead = 16;
constexpr std::size_t kFetchEntryAhead = 8;
// Results that are given out whatever there is already.
constexpr std::size_t kSmallBytes = 4096;

void Refuse(RefusalReason reason, ExecutedCommand& outcome) {
  outcome.status = ReplyStatus::kRefused;
  outcome.reason = reason;
}

}  // namespace

bool IsReadOnly(std::span<const Operation> operations) {
  for (const Operation& operation : operations) {
    if (!IsReadOnly(operation.kind)) return false;
  }
  return true;
}

Executor::Executor(int columns, ConflictMode mode, const ResultLimits& limits)
    : limits_(limits), order_(columns, mode), sessions_(limits) {}

void Executor::Commit(InstanceId instance, CommandBatchPtr batch,
                      const DependencySet& deps, Executed& executed) {
  ready_.Clear();
  order_.Commit(instance, std::move(batch), deps, ready_);
  CountComponents();
  for (const ExecutionOrder::Item& item : rules::ToExecute(ready_.items)) {
    executed.instances.push_back(item.instance);
    Apply(item.instance, *item.batch, executed);
  }
  // Batches are not kept alive until the next call.
  ready_.Clear();
}

void Executor::CountComponents() {
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ready_.ends) {
    const std::uint64_t size = end - begin;
    begin = end;
    const std::size_t place =
        static_cast<std::size_t>(std::bit_width(size)) - 1;
    ++stats_
          .component_sizes[std::min(place, stats_.component_sizes.size() - 1)];
    stats_.largest_component = std::max(stats_.largest_component, size);
  }
  stats_.components += ready_.ends.size();
  stats_.executed_instances += ready_.items.size();
  stats_.waiting_instances = order_.waiting();
}

void Executor::Apply(InstanceId instance, const CommandBatch& batch,
                     Executed& executed) {
  const std::span<const Operation> operations = batch.operations();
  std::size_t slots = 0;
  std::size_t entries = 0;
  for (const Command& command : batch.commands()) {
    const std::size_t end = command.first_operation + command.operation_count;
    const std::size_t slots_end =
        std::min(operations.size(), end + kFetchSlotAhead);
    for (; slots < slots_end; ++slots) state_.PrefetchSlot(operations[slots]);
    const std::size_t entries_end =
        std::min(operations.size(), end + kFetchEntryAhead);
    for (; entries < entries_end; ++entries) {
      state_.PrefetchEntry(operations[entries]);
    }
    ApplyCommand(instance, batch, command, executed);
  }
}

void Executor::ApplyCommand(InstanceId instance, const CommandBatch& batch,
                            const Command& command, Executed& executed) {
  if (const auto operations = batch.operations(command);
      operations.front().kind == OperationKind::kEndEra) {
    sessions_.EndEra(static_cast<std::uint64_t>(operations.front().number));
    return;
  }
  if (command.origin == 0 && !reported_.Contains(instance.replica)) {
    unasked_.results.clear();
    ApplyOnce(batch, command, /*asked=*/false, unasked_);
    return;
  }
  ExecutedCommand& outcome = executed.commands.emplace_back();
  outcome.instance = instance;
  outcome.id = command.id;
  outcome.origin = command.origin;
  if (executed.result_bytes >= kMaxResultBytesAStep &&
      IsReadOnly(batch.operations(command))) {
    // It may be read when there is room, as well as now.
    ApplyOnce(batch, command, /*asked=*/false, outcome);
    outcome.status = ReplyStatus::kUnknown;
    return;
  }
  ApplyOnce(batch, command, /*asked=*/true, outcome);
  Charge(executed, outcome);
}

void Executor::Read(const CommandBatch& batch, Executed& executed) {
  for (const Command& command : batch.commands()) {
    ExecutedCommand& outcome = executed.commands.emplace_back();
    outcome.id = command.id;
    outcome.origin = command.origin;
    if (executed.result_bytes >= kMaxResultBytesAStep) {
      outcome.status = ReplyStatus::kUnknown;
    } else if (!state_.Apply(batch.operations(command), outcome.results,
                             limits_.command_bytes)) {
      Refuse(RefusalReason::kResultTooLarge, outcome);
      ++stats_.too_large_results;
    }
    Charge(executed, outcome);
  }
}

// Nearly every result is small; a session keeps what is left out here.
void Executor::Charge(Executed& executed, ExecutedCommand& outcome) {
  const std::size_t bytes = BytesOf(outcome.results);
  if (executed.result_bytes < kMaxResultBytesAStep || bytes <= kSmallBytes) {
    executed.result_bytes += bytes;
    return;
  }
  outcome.results.clear();
  outcome.status = ReplyStatus::kUnknown;
}

void Executor::ApplyOnce(const CommandBatch& batch, const Command& command,
                         bool asked, ExecutedCommand& outcome) {
  const std::span<const Operation> operations = batch.operations(command);
  if (IsReadOnly(operations)) {
    ++stats_.executed_commands;
    sessions_.RecordRead(command);
    // Nobody asks here for what a read gives.
    if (asked &&
        !state_.Apply(operations, outcome.results, limits_.command_bytes)) {
      Refuse(RefusalReason::kResultTooLarge, outcome);
      ++stats_.too_large_results;
    }
    return;
  }
  switch (sessions_.Begin(command)) {
    case SessionTable::Outcome::kNew:
      ApplyNew(command, operations, outcome);
      return;
    case SessionTable::Outcome::kRepeated:
      ++stats_.repeated_commands;
      rules::Repeat(operations, state_);
      if (asked) {
        outcome.results = *sessions_.FindResult(command.id);
      }
      return;
    case SessionTable::Outcome::kRefused:
      ++stats_.repeated_commands;
      Refuse(RefusalReason::kResultTooLarge, outcome);
      return;
    case SessionTable::Outcome::kResultGone:
      ++stats_.repeated_commands;
      outcome.status = ReplyStatus::kResultGone;
      return;
    case SessionTable::Outcome::kStale:
      ++stats_.repeated_commands;
      Refuse(RefusalReason::kStaleSequence, outcome);
      return;
    case SessionTable::Outcome::kExpired:
      ++stats_.expired_commands;
      Refuse(RefusalReason::kSessionExpired, outcome);
      return;
  }
}

// A refusal is an outcome as well: it is remembered, and the same command does
// not take effect later under this sequence.
void Executor::ApplyNew(const Command& command,
                        std::span<const Operation> operations,
                        ExecutedCommand& outcome) {
  if (operations.front().kind == OperationKind::kWithdraw) {
    ApplyWithdrawal(command, operations.front(), outcome.results);
  } else if (!state_.Apply(operations, outcome.results,
                           limits_.command_bytes)) {
    ++stats_.too_large_results;
    sessions_.RememberRefusal(command.id);
    Refuse(RefusalReason::kResultTooLarge, outcome);
    return;
  }
  ++stats_.executed_commands;
  sessions_.Remember(command.id, outcome.results);
}

void Executor::ApplyWithdrawal(const Command& command,
                               const Operation& withdrawal,
                               CommandResult& results) {
  const bool withdrawn =
      MayWithdraw(command, withdrawal) &&
      rules::Withdraw(
          {command.id.client, static_cast<std::uint64_t>(withdrawal.number)},
          sessions_);
  if (withdrawn) ++stats_.withdrawn_commands;
  results.push_back({.status = withdrawn ? OperationStatus::kOk
                                         : OperationStatus::kMismatch});
}

ExecutedRecord Executor::BeginSave() {
  state_.BeginSave();
  sessions_.BeginSave();
  ExecutedRecord record{.era = sessions_.era()};
  order_.Save(record);
  return record;
}

bool Executor::SaveNext(std::size_t bytes, std::vector<Record>& records) {
  EntriesRecord entries;
  if (state_.NextEntries(bytes, entries)) {
    // A slice of empty slots has none.
    if (!entries.key_sizes.empty()) records.emplace_back(std::move(entries));
    return true;
  }
  SessionsRecord sessions;
  if (sessions_.NextSessions(bytes, sessions)) {
    records.emplace_back(std::move(sessions));
    return true;
  }
  return false;
}

void Executor::EndSave() {
  state_.EndSave();
  sessions_.EndSave();
}

void Executor::Restore(const ExecutedRecord& record) {
  order_.Restore(record);
  sessions_.RestoreEra(record.era);
}

std::uint64_t Executor::state_hash() const {
  return state_.state_hash() + Chain(sessions_.set_hash(), sessions_.era());
}

std::uint64_t Executor::Fingerprint() const {
  return Chain(Chain(order_.Fingerprint(), state_.state_hash()),
               sessions_.Fingerprint());
}

}  // namespace quorate
