// Every kind of message, as large as legal content makes it, fits a frame: one
// that does not is refused by its receiver, sent again and refused for ever.
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "wire/client_message.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"
#include "wire/limits.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate {
namespace {

constexpr InstanceId kInstance{ReplicaAt(kMaxReplicas - 1), kMaxSlot};
const Ballot kBallot = Ballot::Of(kMaxSlot, ReplicaAt(kMaxReplicas - 1));

DependencySet FullDeps() {
  DependencySet deps(kMaxReplicas);
  for (int i = 0; i < kMaxReplicas; ++i) deps.Set(ReplicaAt(i), kMaxSlot);
  return deps;
}

// As many bytes as a batch may have, and beside them as many columns as the
// Batcher lets gather (tests/replica/batcher_test.cc).
CommandBatchPtr LargestBatch() {
  CommandBatchBuilder builder;
  std::size_t columns = 0;
  std::size_t bytes = 0;
  const std::string value(kMaxValueBytes, 'v');
  for (std::uint64_t i = 1; columns < kMaxBatchBytes; ++i) {
    builder.AddCommand({ClientId{i}, UINT64_MAX}, 0);
    columns += kCommandBytes;
    for (std::size_t o = 0; o < kMaxOperationsPerCommand; ++o) {
      const std::size_t more = std::min(kMaxValueBytes, kMaxBatchBytes - bytes);
      builder.AddOperation({.kind = OperationKind::kCompareAndSet,
                            .key = "",
                            .value = std::string_view(value).substr(0, more),
                            .expected = "",
                            .number = 1});
      bytes += more;
      columns += kOperationBytes;
    }
  }
  EXPECT_EQ(builder.byte_size(), kMaxBatchBytes);
  return builder.Finish();
}

Value LargestValue() { return Value::Commands(LargestBatch()); }

// Gets as large as they come, so many that a command may just have them; what
// shares a message with it is of the size at which messages are split.
ClientReply LargestReply() {
  ClientReply reply{.id = {ClientId{7}, UINT64_MAX},
                    .instance = kInstance,
                    .commit_latency_us = 1};
  std::size_t left = ResultLimits::kMost;
  const std::size_t beside = BytesOf(OperationResult{});
  while (left > beside) {
    const std::size_t bytes = std::min(kMaxValueBytes, left - beside);
    reply.results.push_back({.value = std::string(bytes, 'x')});
    left -= bytes + beside;
  }
  return reply;
}

// Of rows, which have the most beside their bytes.
ClientReply ManyRows(std::size_t bytes) {
  ClientReply reply{.id = {ClientId{7}, 1}, .instance = kInstance};
  OperationResult scan{.value = "next"};
  while (BytesOf(scan) < bytes) scan.rows.emplace_back("", "");
  reply.results.push_back(std::move(scan));
  return reply;
}

std::vector<ClientReply> LargestReplies() {
  return {ManyRows(kPieceBytes), LargestReply()};
}

std::string Encoded(const Record& record) {
  std::string bytes;
  EncodeRecord(record, bytes);
  return bytes;
}

// A chunk of a checkpoint is closed by the slice that fills it; a slice by the
// record that does.
std::string LargestChunk() {
  SessionsRecord sessions;
  sessions.sessions.push_back({.client = ClientId{7}, .executed = {{1, 9}}});
  sessions.results = LargestReplies();
  EntriesRecord entries{
      .key_sizes = {kMaxKeyBytes},
      .value_sizes = {static_cast<std::uint32_t>(kMaxValueBytes)},
      .bytes = std::string(kMaxKeyBytes + kMaxValueBytes, 'x')};
  ExecutedRecord executed{
      .executed = FullDeps(),
      .above = std::vector<InstanceId>(ExecutedRecord::kMostAbove, kInstance)};
  const InstanceRecord instance{.instance = kInstance,
                                .value = LargestValue(),
                                .deps = FullDeps(),
                                .initial_batch = LargestBatch(),
                                .initial_deps = FullDeps()};
  std::string largest;
  for (const Record& record : {Record(sessions), Record(entries),
                               Record(executed), Record(instance)}) {
    std::string bytes = Encoded(record);
    if (bytes.size() > largest.size()) largest = std::move(bytes);
  }
  return std::string(2 * kPieceBytes, '\0') + largest;
}

// One for each type; a new one does not compile until its largest is said.
template <typename M>
Message Largest() {
  if constexpr (std::is_same_v<M, PreAccept>) {
    return PreAccept{kInstance, LargestBatch(), FullDeps(),
                     ReplicaSet::FirstN(kMaxReplicas)};
  } else if constexpr (std::is_same_v<M, Accept>) {
    return Accept{kInstance, kBallot, LargestValue(), FullDeps(), kMaxSlot};
  } else if constexpr (std::is_same_v<M, Commit>) {
    return Commit{kInstance, LargestValue(), FullDeps()};
  } else if constexpr (std::is_same_v<M, Recover>) {
    return Recover{kInstance, kBallot, LargestBatch()};
  } else if constexpr (std::is_same_v<M, RecoverReply>) {
    return RecoverReply{.instance = kInstance,
                        .ballot = kBallot,
                        .value = LargestValue(),
                        .deps = FullDeps()};
  } else if constexpr (std::is_same_v<M, Validate>) {
    return Validate{kInstance, kBallot, LargestBatch(), FullDeps()};
  } else if constexpr (std::is_same_v<M, ValidateReply>) {
    return ValidateReply{
        kInstance, kBallot,
        std::vector<ValidateReply::Conflict>(kMaxConflicts, {kInstance, true})};
  } else if constexpr (std::is_same_v<M, SnapshotChunk>) {
    return SnapshotChunk{kMaxSlot, 1, 2, LargestChunk()};
  } else if constexpr (std::is_same_v<M, DependencyRequest>) {
    return DependencyRequest{kInstance, LargestBatch()};
  } else if constexpr (std::is_same_v<M, InstanceReplies>) {
    return InstanceReplies{kInstance, LargestReplies()};
  } else if constexpr (std::is_same_v<M, Promise>) {
    // Closed by the vote that takes it past a megabyte.
    Promise promise{.ballot = kBallot};
    for (std::uint64_t slot = 1; slot <= 16 * 1024; ++slot) {
      promise.votes.push_back(
          {.slot = slot,
           .ballot = kBallot,
           .value = Value::Commands(MakeBatch(
               {ClientId{slot}, 1}, {.kind = OperationKind::kDelete}))});
    }
    promise.votes.push_back(
        {.slot = kMaxSlot, .ballot = kBallot, .value = LargestValue()});
    return promise;
  } else if constexpr (std::is_same_v<M, PreAcceptReply> ||
                       std::is_same_v<M, DependencyReply>) {
    return M{kInstance, FullDeps()};
  } else if constexpr (std::is_same_v<M, Frontier>) {
    return Frontier{FullDeps(), FullDeps(), FullDeps(), kMaxSlot, kMaxEra};
  } else if constexpr (std::is_same_v<M, Truncated>) {
    return Truncated{kInstance, FullDeps()};
  } else {
    static_assert(std::is_trivially_copyable_v<M>,
                  "how large can it be? who bounds it?");
    return M{};
  }
}

template <typename M>
void ExpectToFit() {
  const Message message = Largest<M>();
  std::string frame;
  EncodeMessage(message, frame);
  EXPECT_LE(frame.size(), kMaxPeerFrameBytes) << Name(message);
}

template <typename... M>
void ExpectAllToFit(const std::variant<M...>*) {
  (ExpectToFit<M>(), ...);
}

TEST(MessageSizesTest, EveryMessageBetweenNodesFitsAFrame) {
  ExpectAllToFit(static_cast<const Message*>(nullptr));
}

TEST(MessageSizesTest, RepliesToAClientFitAFrame) {
  std::string frame;
  EncodeClientMessage(ClientReplies{.replies = LargestReplies()}, frame);
  EXPECT_LE(frame.size(), kMaxPeerFrameBytes);
}

// It goes to those whose Hello has just been refused.
TEST(MessageSizesTest, ARejectFitsTheFirstFrameOfAConnection) {
  std::string frame;
  EncodeClientMessage(Reject{.reason = std::string(100'000, 'x')}, frame);
  EXPECT_LE(frame.size(), kMaxHandshakeFrameBytes);
  EXPECT_GT(frame.size(), 1000u);
}

}  // namespace
}  // namespace quorate
