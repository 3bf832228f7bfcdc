#include "depsvc/shards.h"

#include "wire/check.h"

namespace quorate {
namespace {

bool Concerns(const Operation& operation, int shard, int shards) {
  // A range may begin in one shard and end in another.
  return IsRange(operation.kind) ||
         ShardOfKey(operation.key_hash, shards) == shard;
}

}  // namespace

// By bits that the conflict index does not go by: it takes the highest ones for
// its table and the lowest for the place in it.
int ShardOfKey(std::uint64_t key_hash, int shards) {
  const std::uint64_t middle = key_hash >> 26 & 0xffff'ffffu;
  return static_cast<int>(middle * static_cast<std::uint64_t>(shards) >> 32);
}

ShardSet ShardsOf(const CommandBatch& batch, int shards) {
  QUORATE_CHECK(shards >= 1 && shards <= kMaxShards, "1 to kMaxShards shards");
  const auto all = static_cast<ShardSet>((1u << shards) - 1u);
  unsigned touched = shards == 1 ? all : 0u;
  for (const Operation& operation : batch.operations()) {
    if (touched == all) break;
    touched |= IsRange(operation.kind)
                   ? all
                   : 1u << ShardOfKey(operation.key_hash, shards);
  }
  // What touches nothing is asked about all the same: it needs an answer.
  return static_cast<ShardSet>(touched == 0 ? 1u : touched);
}

CommandBatchPtr PartOf(const CommandBatch& batch, int shard, int shards) {
  CommandBatchBuilder part;
  const auto share = [shards](std::size_t whole) {
    return whole / static_cast<std::size_t>(shards);
  };
  part.Reserve(share(batch.commands().size()), share(batch.operations().size()),
               share(batch.byte_size()));
  for (const Command& command : batch.commands()) {
    bool has_command = false;
    for (const Operation& operation : batch.operations(command)) {
      if (!Concerns(operation, shard, shards)) continue;
      if (!has_command) part.AddCommand(command.id, command.acknowledged);
      has_command = true;
      // What a withdrawal withdraws is no value: without it nobody takes it in.
      const bool withdraws = operation.kind == OperationKind::kWithdraw;
      part.AddOperation({.kind = operation.kind,
                         .key = operation.key,
                         // Where a range ends.
                         .value = IsRange(operation.kind) ? operation.value
                                                          : std::string_view(),
                         .number = withdraws ? operation.number : 0,
                         .key_hash = operation.key_hash});
    }
  }
  return part.Finish();
}

}  // namespace quorate
