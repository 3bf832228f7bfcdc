#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/wire/random_values.h"
#include "tests/wire/raw_words.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr int kColumns = 5;

std::string Encode(const Message& message) {
  std::string out;
  EncodeMessage(message, out);
  return out;
}

std::span<const std::byte> BodyOf(const std::string& frame) {
  return std::as_bytes(std::span(frame)).subspan(kFrameHeaderBytes);
}

absl::StatusOr<Message> RoundTrip(const Message& message,
                                  int columns = kColumns) {
  const std::string frame = Encode(message);
  return DecodeMessage(BodyOf(frame), columns);
}

Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

TEST(MessageCodecTest, EveryMessageComesBackAsItWas) {
  Random random(1);
  for (std::size_t type = 0; type < std::variant_size_v<Message::variant>; ++type) {
    for (int i = 0; i < 300; ++i) {
      const int columns = 1 + static_cast<int>(random.Below(kMaxReplicas));
      const Message message = RandomMessage(random, type, columns);
      ASSERT_EQ(message.index(), type);
      const auto decoded = RoundTrip(message, columns);
      ASSERT_TRUE(decoded.ok()) << Name(message) << decoded.status();
      EXPECT_TRUE(Same(message, *decoded)) << Name(message) << " " << i;
    }
  }
}

TEST(MessageCodecTest, AFrameIsCutOutAndDecodedFromAStream) {
  FrameReader reader(kMaxPeerFrameBytes);
  const std::string frame = Encode(Inquire{{ReplicaAt(2), 7}});
  const auto space = reader.Space();
  std::copy(frame.begin(), frame.end(), space.begin());
  reader.Filled(frame.size());
  const auto next = reader.Next();
  ASSERT_TRUE(next.ok() && next->has_value());
  EXPECT_EQ((*next)->type, FrameType::kPeerMessage);
  const auto decoded = DecodeMessage((*next)->body, kColumns);
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(Same(*decoded, Inquire{{ReplicaAt(2), 7}}));
}

TEST(MessageCodecTest, AppendsToWhatIsThere) {
  std::string out = "before";
  EncodeMessage(Inquire{{ReplicaAt(0), 1}}, out);
  EXPECT_EQ(out, "before" + Encode(Inquire{{ReplicaAt(0), 1}}));
}

TEST(MessageCodecTest, ABatchKeepsDigestAndKeyHashes) {
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    const CommandBatchPtr batch = RandomBatch(random);
    const auto decoded = RoundTrip(
        PreAccept{{ReplicaAt(0), 1}, batch, DependencySet(kColumns), {}});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    const CommandBatch& back = *std::get<PreAccept>(*decoded).batch;
    EXPECT_EQ(back.digest(), batch->digest());
    EXPECT_TRUE(SameContents(back, *batch));
    for (const Operation& operation : back.operations()) {
      EXPECT_EQ(operation.key_hash, HashKey(operation.key));
    }
  }
}

TEST(MessageCodecTest, OriginIsNotSent) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0, /*origin=*/77);
  builder.AddOperation(Put("k", "v"));
  const auto decoded =
      RoundTrip(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()});
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<Recover>(*decoded).batch->commands()[0].origin, 0u);
}

TEST(MessageCodecTest, AcknowledgedFarBehindTheSequenceSurvives) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, UINT64_MAX}, 3);
  builder.AddOperation(Put("k", "v"));
  builder.AddCommand({ClientId{2}, 5}, 4);
  builder.AddOperation(Put("k", "v"));
  const auto decoded =
      RoundTrip(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const auto commands = std::get<Recover>(*decoded).batch->commands();
  EXPECT_EQ(commands[0].acknowledged, 3u);
  EXPECT_EQ(commands[1].acknowledged, 4u);
}

TEST(MessageCodecTest, AValueWithoutPayloadCarriesItsDigestOnly) {
  const CommandBatchPtr batch = MakeBatch({ClientId{1}, 1}, Put("k", "v"));
  const Value value = Value::Commands(batch).WithoutPayload();
  const auto decoded =
      RoundTrip(Commit{{ReplicaAt(0), 1}, value, DependencySet(kColumns)});
  ASSERT_TRUE(decoded.ok());
  const Value& back = std::get<Commit>(*decoded).value;
  EXPECT_TRUE(back.payload_missing());
  EXPECT_EQ(back.digest, batch->digest());
}

TEST(MessageCodecTest, TheEmptySetIsLeftOutAndComesBackWithEveryColumn) {
  const auto decoded =
      RoundTrip(PreAcceptReply{{ReplicaAt(0), 1}, DependencySet()});
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<PreAcceptReply>(*decoded).deps, DependencySet(kColumns));
}

TEST(MessageCodecTest, APutOf16ByteKeyAndValueTakesAbout60Bytes) {
  CommandBatchBuilder builder;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    builder.AddCommand({ClientId{i}, 5}, 4);
    builder.AddOperation(Put("0123456789abcdef", "0123456789abcdef"));
  }
  const std::string frame = Encode(PreAccept{
      {ReplicaAt(0), 1}, builder.Finish(), DependencySet(kColumns), {}});
  EXPECT_LT(frame.size(), 1024u * 62);
}

TEST(MessageCodecTest, TheLargestBatchOfSmallCommandsFitsAFrame) {
  CommandBatchBuilder builder;
  const std::string value(kMaxBatchBytes / kMaxBatchCommands - 16, 'v');
  for (std::uint64_t i = 0; i < kMaxBatchCommands; ++i) {
    builder.AddCommand({ClientId{i}, UINT64_MAX}, 0);
    builder.AddOperation({.kind = OperationKind::kCompareAndSet,
                          .key = "0123456789",
                          .value = value,
                          .expected = "expect",
                          .number = 1});
  }
  ASSERT_EQ(builder.byte_size(), kMaxBatchBytes);
  const Message message = PreAccept{
      {ReplicaAt(0), 1}, builder.Finish(), DependencySet(kColumns), {}};
  EXPECT_LE(Encode(message).size(), kMaxPeerFrameBytes);
  const auto decoded = RoundTrip(message);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(Same(message, *decoded));
}

TEST(MessageCodecDeathTest, APreAcceptHasAPayload) {
  EXPECT_DEATH(Encode(PreAccept{{ReplicaAt(0), 1}, nullptr, {}, {}}),
               "only a Value's payload may be left out");
}

// ---- what is refused ------------------------------------------------------

void ExpectRefused(const Message& message, const std::string& fault,
                   int columns = kColumns) {
  const auto decoded = RoundTrip(message, columns);
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(decoded.status().message(), fault);
}

TEST(MessageCodecTest, RefusesSlotZero) {
  ExpectRefused(Inquire{{ReplicaAt(0), 0}},
                "slot 0, expected 1 to 72057594037927935");
}

TEST(MessageCodecTest, RefusesASlotThatNoClusterReaches) {
  ExpectRefused(Inquire{{ReplicaAt(0), UINT64_MAX}},
                "slot 18446744073709551615, expected 1 to 72057594037927935");
}

TEST(MessageCodecTest, RefusesAReplicaOutsideTheCluster) {
  ExpectRefused(Inquire{{ReplicaAt(3), 1}}, "replica index 3 in a cluster of 3",
                3);
}

TEST(MessageCodecTest, RefusesABallotOfAReplicaOutsideTheCluster) {
  ExpectRefused(Nack{{ReplicaAt(0), 1}, Ballot::Of(4, ReplicaAt(200))},
                "replica index 200 in a cluster of 5");
}

TEST(MessageCodecTest, RefusesAFastQuorumOutsideTheCluster) {
  ExpectRefused(PreAccept{{ReplicaAt(0), 1},
                          MakeBatch({ClientId{1}, 1}, Put("k", "v")),
                          DependencySet(kColumns),
                          ReplicaSet::FromBits(0x21)},
                "replica set 0x21 in a cluster of 5");
}

TEST(MessageCodecTest, RefusesADependencySetOfAnotherCluster) {
  DependencySet deps(4);
  deps.Set(ReplicaAt(1), 9);
  ExpectRefused(PreAcceptReply{{ReplicaAt(0), 1}, deps},
                "dependency set of 4 columns in a cluster of 5");
}

TEST(MessageCodecTest, RefusesAWatermarkThatNoClusterReaches) {
  DependencySet deps(kColumns);
  deps.Set(ReplicaAt(1), kMaxSlot + 1);
  ExpectRefused(PreAcceptReply{{ReplicaAt(0), 1}, deps},
                "watermark 72057594037927936, expected at most "
                "72057594037927935");
}

TEST(MessageCodecTest, RefusesAConflictInSlotZero) {
  ExpectRefused(
      ValidateReply{{ReplicaAt(0), 1}, {}, {{{ReplicaAt(1), 0}, true}}},
      "slot 0, expected 1 to 72057594037927935");
}

TEST(MessageCodecTest, RefusesMoreVotesThanReplicas) {
  ExpectRefused(Waiting{{ReplicaAt(0), 1}, 6}, "6 votes in a cluster of 5");
}

TEST(MessageCodecTest, RefusesASequenceOfZero) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 0}, 0);
  builder.AddOperation(Put("k", "v"));
  ExpectRefused(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()},
                "a batch has a command without operations, with sequence 0, or "
                "with acknowledged not below its sequence");
}

TEST(MessageCodecTest, RefusesACommandAcknowledgedBeforeItWasAnswered) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 7}, 7);
  builder.AddOperation(Put("k", "v"));
  EXPECT_FALSE(
      RoundTrip(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()}).ok());
}

TEST(MessageCodecTest, RefusesACommandWithoutOperations) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation(Put("k", "v"));
  builder.AddCommand({ClientId{1}, 2}, 0);
  EXPECT_FALSE(
      RoundTrip(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()}).ok());
}

TEST(MessageCodecTest, RefusesABatchWithoutCommands) {
  ExpectRefused(Recover{{ReplicaAt(0), 1}, {}, CommandBatchBuilder().Finish()},
                "a batch holds no command");
}

TEST(MessageCodecTest, RefusesMoreCommandsThanABatchMayHold) {
  CommandBatchBuilder builder;
  for (std::uint64_t i = 0; i <= kMaxBatchCommands; ++i) {
    builder.AddCommand({ClientId{i}, 1}, 0);
    builder.AddOperation({.kind = OperationKind::kGet, .key = "k"});
  }
  ExpectRefused(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()},
                "a batch holds 16385 commands, the limit is 16384");
}

TEST(MessageCodecTest, RefusesAnOversizedKeyBetweenReplicas) {
  const std::string key(kMaxKeyBytes + 1, 'k');
  ExpectRefused(
      Recover{
          {ReplicaAt(0), 1}, {}, MakeBatch({ClientId{1}, 1}, Put(key, "v"))},
      "a batch between replicas has a command that should have been "
      "refused: key too large: the limit is 4096 bytes");
}

// ---- other versions -------------------------------------------------------

TEST(MessageCodecTest, AMessageTypeOfANewerVersionIsUnimplemented) {
  // PeerMessage with union member 200.
  const std::vector<std::uint64_t> body = {StructPointer(0, 1, 1), 200, 0};
  const auto decoded = DecodeMessage(BytesOf(body), kColumns);
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(decoded.status().message(),
            "peer message of type 200: the sender runs a newer version");
}

TEST(MessageCodecTest, FieldsOfANewerVersionAreSkipped) {
  // Inquire (member 11) with a third data word and a pointer to a new list.
  const std::vector<std::uint64_t> body = {StructPointer(0, 1, 1),
                                           11,
                                           StructPointer(0, 3, 1),
                                           /*slot=*/17,
                                           /*replica=*/2,
                                           0xabcd,
                                           ListPointer(0, RawElement::kByte, 8),
                                           0x1234};
  const auto decoded = DecodeMessage(BytesOf(body), kColumns);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(Same(*decoded, Inquire{{ReplicaAt(2), 17}}));
}

TEST(MessageCodecTest, BytesOfAMessageDoNotChange) {
  // A change here is a change of protocol: kProtocolMajor goes up.
  const std::vector<std::uint64_t> expected = {
      StructPointer(0, 1, 1), 3,
      StructPointer(0, 3, 0), /*slot=*/17,
      /*replica=*/2,          /*ballot=*/0x501};
  const std::string frame =
      Encode(AcceptReply{{ReplicaAt(2), 17}, Ballot::Of(5, ReplicaAt(1))});
  const auto body = BodyOf(frame);
  EXPECT_TRUE(std::ranges::equal(body, BytesOf(expected)));
}

}  // namespace
}  // namespace quorate
