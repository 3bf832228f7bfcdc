// Answers: which shards of the dependency service are asked about a command?
//
// Keys are divided among shards by their hash, the same on every machine and in
// every life of a cluster. A command asks the shard of each key that it
// touches, and all of them if it may touch any key (a scan). So two commands
// that conflict have a shard in common, which is all that visibility needs: of
// two quorums of that shard one node has seen both (replica/bpaxos/README.md).
// Each shard is told only of what concerns it. Pure.
#pragma once

#include <cstdint>

#include "wire/command.h"

namespace quorate {

// One bit a shard.
using ShardSet = std::uint8_t;
inline constexpr int kMaxShards = 8;

int ShardOfKey(std::uint64_t key_hash, int shards);

// Those that are to be asked about the batch: never none.
ShardSet ShardsOf(const CommandBatch& batch, int shards);

// The operations of the batch that `shard` is asked about, without values: no
// node may take it for the payload. Where one shard is asked about all of it,
// the batch is sent as it is instead, and serves as the payload as well.
CommandBatchPtr PartOf(const CommandBatch& batch, int shard, int shards);

}  // namespace quorate
