// Answers: how do tests write down operations, batches and dependencies?
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "wire/command.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

inline Operation Get(std::string_view key) {
  return {.kind = OperationKind::kGet, .key = key, .key_hash = HashKey(key)};
}
inline Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut,
          .key = key,
          .value = value,
          .key_hash = HashKey(key)};
}
inline Operation Delete(std::string_view key) {
  return {.kind = OperationKind::kDelete, .key = key, .key_hash = HashKey(key)};
}
inline Operation Cas(std::string_view key, std::string_view expected,
                     std::string_view value) {
  return {.kind = OperationKind::kCompareAndSet,
          .key = key,
          .value = value,
          .expected = expected,
          .key_hash = HashKey(key)};
}
inline Operation Add(std::string_view key, std::int64_t number) {
  return {.kind = OperationKind::kAdd,
          .key = key,
          .number = number,
          .key_hash = HashKey(key)};
}
inline Operation Append(std::string_view key, std::string_view suffix) {
  return {.kind = OperationKind::kAppend,
          .key = key,
          .value = suffix,
          .key_hash = HashKey(key)};
}
inline Operation Scan(std::string_view first, std::string_view end,
                      std::int64_t limit = 0) {
  return {.kind = OperationKind::kScan,
          .key = first,
          .value = end,
          .number = limit,
          .key_hash = HashKey(first)};
}

inline Operation Max(std::string_view key, std::int64_t number) {
  return {.kind = OperationKind::kMax,
          .key = key,
          .number = number,
          .key_hash = HashKey(key)};
}

inline Operation Withdraw(std::string_view key, std::uint64_t sequence) {
  return {.kind = OperationKind::kWithdraw,
          .key = key,
          .number = static_cast<std::int64_t>(sequence),
          .key_hash = HashKey(key)};
}

inline constexpr ClientId kClient{77};

// One command of one client with these operations.
inline CommandBatchPtr Batch(std::uint64_t sequence,
                             const std::vector<Operation>& operations,
                             std::uint32_t origin = 0,
                             std::uint64_t acknowledged = 0,
                             ClientId client = kClient) {
  CommandBatchBuilder builder;
  builder.AddCommand({client, sequence}, acknowledged, origin);
  for (const Operation& operation : operations) builder.AddOperation(operation);
  return builder.Finish();
}

// Id(1, 17) is r1.17: replicas are counted from 1, as people see them.
inline InstanceId Id(int replica, std::uint64_t slot) {
  return {ReplicaAt(replica - 1), slot};
}

// Watermarks of r1, r2, ...
inline DependencySet Deps(std::initializer_list<std::uint64_t> watermarks) {
  DependencySet deps(static_cast<int>(watermarks.size()));
  int column = 0;
  for (const std::uint64_t watermark : watermarks) {
    deps.Set(ReplicaAt(column++), watermark);
  }
  return deps;
}

}  // namespace quorate
