// Answers: in which order do committed instances take effect, and what do they
// give?
//
// Gathers committed instances into the dependency graph, takes its strongly
// connected components in topological order (inside one by instance id),
// drops repeated commands by session and applies the rest to the key-value
// state machine. The order is a pure function of the committed graph: any
// arrival order gives the same (protocol.md 4). Event driven: Commit does all
// the work it enables and nothing is ever scanned again. Pure, copyable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "executor/kv_state_machine.h"
#include "executor/order/graph_executor.h"
#include "executor/session_table.h"
#include "wire/command.h"
#include "wire/commutation.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/limits.h"
#include "wire/record.h"
#include "wire/result.h"

namespace quorate {

// Does the command change nothing?
bool IsReadOnly(std::span<const Operation> operations);

// One executed command of a batch that asked for its reply.
struct ExecutedCommand {
  InstanceId instance;
  CommandId id;
  std::uint32_t origin = 0;
  ReplyStatus status = ReplyStatus::kDone;
  RefusalReason reason = RefusalReason::kNone;
  CommandResult results;
};

struct Executed {
  // In execution order, noops left out.
  std::vector<InstanceId> instances;
  // Commands whose `origin` is not 0 (or ReportAll), in execution order, those
  // of an instance side by side and in its order. A repeated command gets its
  // first result again, kResultGone where that is no longer kept, or
  // kStaleSequence when its client has had it; one whose
  // session is forgotten is refused with kSessionExpired. Beyond
  // kMaxResultBytesAStep results are left out and their status is kUnknown.
  std::vector<ExecutedCommand> commands;
  // Of their results.
  std::size_t result_bytes = 0;
  void Clear() {
    instances.clear();
    commands.clear();
    result_bytes = 0;
  }
};

struct ExecutorStats {
  std::uint64_t executed_instances = 0;  // noops left out
  std::uint64_t executed_commands = 0;   // repeated ones left out
  std::uint64_t repeated_commands = 0;
  // By their clients, before they were done.
  std::uint64_t withdrawn_commands = 0;
  std::uint64_t expired_commands = 0;
  std::uint64_t too_large_results = 0;  // commands refused for them
  std::uint64_t waiting_instances = 0;  // committed, not executed
  std::uint64_t largest_component = 0;
  std::uint64_t components = 0;
  // Components by size: [i] counts sizes in [2^i, 2^(i+1)), the last one also
  // everything above.
  std::array<std::uint64_t, 24> component_sizes{};
};

class Executor {
 public:
  Executor(int columns, ConflictMode mode, const ResultLimits& limits = {});

  // Commands of these columns' instances are reported whether or not their
  // `origin` is set: their leaders do not execute, and are told from here.
  void ReportAll(ReplicaSet columns) { reported_ = columns; }

  // `batch` is null for a noop. Each instance is committed once; a repeated
  // call is ignored. Appends what this enables to `executed`. Memory is kept
  // for every slot from the executed frontier up to the highest one named, in
  // `instance` or `deps`: the caller vouches that they have been allocated.
  void Commit(InstanceId instance, CommandBatchPtr batch,
              const DependencySet& deps, Executed& executed);

  // Answers commands that only read from what has been executed so far, outside
  // the order of instances: whoever calls vouches that this is late enough.
  void Read(const CommandBatch& batch, Executed& executed);

  // Every instance up to here is committed (executed) here.
  const DependencySet& committed_frontier() const {
    return order_.committed_frontier();
  }
  const DependencySet& executed_frontier() const {
    return order_.executed_frontier();
  }

  bool IsExecuted(InstanceId id) const { return order_.IsExecuted(id); }

  // The uncommitted instance that the oldest waiting instance (the smallest by
  // id) waits for: what recovery should look at first. Nullopt when nothing
  // waits. Depends on what was committed, not on its order.
  using Blocked = GraphExecutor::Blocked;
  std::optional<Blocked> OldestBlocked() const {
    return order_.OldestBlocked();
  }

  // The result of a command that has been executed and is still cached. Null
  // for read-only commands, which may just be executed again. Valid until the
  // next Commit.
  const CommandResult* FindResult(CommandId id) const {
    return sessions_.FindResult(id);
  }
  // Was it executed, whether or not its result is still kept? Says nothing
  // against executing a read-only command again.
  bool WasExecuted(CommandId id) const { return sessions_.WasExecuted(id); }

  // A cut of what has been executed, keys, values and sessions: SaveNext gives
  // them as they are now, about `bytes` a call, whatever is committed in
  // between; what is about to change is copied first. False when all is given.
  // Instances that are committed and wait are not in it.
  ExecutedRecord BeginSave();
  bool SaveNext(std::size_t bytes, std::vector<Record>& records);
  void EndSave();
  // The way back, for an executor that is new: the ExecutedRecord, everything
  // else in any order, then the first Commit.
  void Restore(const ExecutedRecord& record);
  void Restore(const EntriesRecord& record) { state_.Restore(record); }
  void Restore(const SessionsRecord& record) { sessions_.Restore(record); }

  // Equal on replicas that have executed the same instances, however far their
  // executions interleaved: of the keys and values and of which requests have
  // taken effect. Costs nothing.
  std::uint64_t state_hash() const;
  // Covers all that future results depend on: also what waits and which results
  // are cached. Linear in sessions and in what is in flight.
  std::uint64_t Fingerprint() const;
  const ExecutorStats& stats() const { return stats_; }
  const KvStateMachine& state_machine() const { return state_; }
  const SessionTable& sessions() const { return sessions_; }

 private:
  void CountComponents();
  void Apply(InstanceId instance, const CommandBatch& batch,
             Executed& executed);
  void ApplyCommand(InstanceId instance, const CommandBatch& batch,
                    const Command& command, Executed& executed);
  // `asked`: somebody waits for what it gives.
  void ApplyOnce(const CommandBatch& batch, const Command& command, bool asked,
                 ExecutedCommand& outcome);
  void ApplyNew(const Command& command, std::span<const Operation> operations,
                ExecutedCommand& outcome);
  void ApplyWithdrawal(const Command& command, const Operation& withdrawal,
                       CommandResult& results);
  // Counts what the command gives, unless there is too much already.
  static void Charge(Executed& executed, ExecutedCommand& outcome);

  ResultLimits limits_;
  GraphExecutor order_;
  KvStateMachine state_;
  SessionTable sessions_;
  ReplicaSet reported_;
  ExecutorStats stats_;
  // Scratch, kept for its memory.
  ExecutionOrder ready_;
  ExecutedCommand unasked_;
};

}  // namespace quorate
