// Answers: what does a client ask for, and how do commands travel together?
//
// A command is one client's numbered request: one or more operations on keys,
// applied atomically. Commands that reach a node in one turn of its event loop
// share an instance as a CommandBatch. A batch is immutable once built and
// shared by pointer: it is never copied per peer. Keys and values are views
// into the batch's own arena. Pure values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/ids.h"
#include "wire/operations.h"

namespace quorate {

struct Operation {
  OperationKind kind{};
  std::string_view key;
  std::string_view value;
  std::string_view expected;
  std::int64_t number = 0;
  // HashKey(key), filled by CommandBatchBuilder so that no table below hashes
  // the key's bytes again.
  std::uint64_t key_hash = 0;

  // Compares contents, not addresses.
  friend bool operator==(const Operation&, const Operation&) = default;
};

// The member that an argument is about, if it is a text: all but kNumber are.
inline std::string_view& TextOf(Operation& operation, Argument::Member member) {
  switch (member) {
    case Argument::Member::kKey: return operation.key;
    case Argument::Member::kExpected: return operation.expected;
    case Argument::Member::kNumber:
    case Argument::Member::kValue: break;
  }
  return operation.value;
}
inline std::string_view TextOf(const Operation& operation,
                               Argument::Member member) {
  Operation copy = operation;
  return TextOf(copy, member);
}

// XXH3 of the key: the same on every machine and in every process.
std::uint64_t HashKey(std::string_view key);

// The identity of one request. A client counts its requests up, the first one
// of a session being FirstSequence of the era that a node has last told it; a
// retry carries the number of the original.
struct CommandId {
  ClientId client{};
  std::uint64_t sequence = 0;
  friend auto operator<=>(const CommandId&, const CommandId&) = default;
};

// Eras divide the life of a cluster; the replicas end one by a command
// (OperationKind::kEndEra). A sequence says in which era its session began, so
// that a session that was forgotten is told from one that is new.
inline constexpr int kEraShift = 40;
inline constexpr std::uint64_t kMaxEra =
    (std::uint64_t{1} << (64 - kEraShift)) - 2;
constexpr std::uint64_t EraOf(std::uint64_t sequence) {
  return sequence >> kEraShift;
}
constexpr std::uint64_t FirstSequence(std::uint64_t era) {
  return (era << kEraShift) + 1;
}

struct Command;
// Is it alone in its command, and about an earlier one of the same session?
bool MayWithdraw(const Command& command, const Operation& operation);

// One command inside a batch; `first_operation` and `operation_count` index the
// batch's operations.
struct Command {
  CommandId id;
  // Every sequence up to this one has been answered to the client; its cached
  // results may go. Always < id.sequence.
  std::uint64_t acknowledged = 0;
  std::uint32_t first_operation = 0;
  std::uint16_t operation_count = 0;
  // Where the reply goes at the node that received the command: a connection's
  // number there, 0 elsewhere. Local to one process, never sent or stored.
  std::uint32_t origin = 0;
};

class CommandBatch;
struct CommandColumns;  // wire/command_columns.h
using CommandBatchPtr = std::shared_ptr<const CommandBatch>;

class CommandBatch {
 public:
  CommandBatch(const CommandBatch&) = delete;
  CommandBatch& operator=(const CommandBatch&) = delete;

  std::span<const Command> commands() const { return commands_; }
  // Every operation of every command, in order.
  std::span<const Operation> operations() const { return operations_; }
  std::span<const Operation> operations(const Command& command) const {
    return std::span<const Operation>(operations_)
        .subspan(command.first_operation, command.operation_count);
  }
  // Every key, value and expected value, in the order of the operations.
  std::string_view bytes() const { return arena_; }
  std::size_t byte_size() const { return arena_.size(); }
  // What it takes in memory: with small values several times its bytes.
  std::size_t memory_size() const {
    return sizeof(CommandBatch) + arena_.size() +
           commands_.size() * sizeof(Command) +
           operations_.size() * sizeof(Operation);
  }
  // XXH3 over everything that travels (not `origin`): equal batches have equal
  // digests on every machine. Names a payload where the payload is left out.
  std::uint64_t digest() const { return digest_; }

 private:
  friend class CommandBatchBuilder;
  friend CommandBatchPtr BatchOfCheckedColumns(const CommandColumns& columns);
  friend void SetOrigin(const CommandBatchPtr& batch, std::uint32_t origin);
  CommandBatch() = default;
  // From everything else; the last step of building.
  std::uint64_t ComputeDigest() const;

  std::string arena_;
  std::vector<Command> commands_;
  std::vector<Operation> operations_;
  std::uint64_t digest_ = 0;
};

// Makes `origin` the origin of every command. Only for the node that has just
// decoded the batch and holds the only pointer to it: nothing may change once
// it is shared.
void SetOrigin(const CommandBatchPtr& batch, std::uint32_t origin);

// Equal in everything that travels.
bool SameContents(const CommandBatch& a, const CommandBatch& b);

// Builds one batch. Usage: for each command AddCommand, then its AddOperation
// calls; Finish at the end leaves the builder empty. Copies keys and values
// once, into the arena.
class CommandBatchBuilder {
 public:
  // Room for what is known to come; optional.
  void Reserve(std::size_t commands, std::size_t operations, std::size_t bytes);
  void AddCommand(CommandId id, std::uint64_t acknowledged,
                  std::uint32_t origin = 0);
  // Adds to the last command. Ignores operation.key_hash unless it is non-zero,
  // in which case it is taken over as HashKey(key).
  void AddOperation(const Operation& operation);
  // Adds a copy of another batch's command with its operations.
  void AddCopy(const CommandBatch& from, const Command& command);

  std::size_t command_count() const { return commands_.size(); }
  std::size_t byte_size() const { return bytes_; }
  bool empty() const { return commands_.empty(); }

  CommandBatchPtr Finish();

 private:
  struct Lengths {
    std::uint32_t key, value, expected;
  };
  std::string arena_;
  std::vector<Command> commands_;
  // Views are set in Finish, when the arena no longer moves.
  std::vector<Operation> operations_;
  std::vector<Lengths> lengths_;
  std::size_t bytes_ = 0;
};

// One command with one operation, for tests and simple callers.
CommandBatchPtr MakeBatch(CommandId id, const Operation& operation,
                          std::uint32_t origin = 0);

}  // namespace quorate
