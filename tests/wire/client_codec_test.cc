#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <variant>

#include "tests/wire/random_values.h"
#include "tests/wire/raw_words.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"
#include "wire/limits.h"

namespace quorate {
namespace {

std::string Encode(const ClientMessage& message) {
  std::string out;
  EncodeClientMessage(message, out);
  return out;
}

// By way of the stream, so that the frame's type is the encoder's.
absl::StatusOr<ClientMessage> RoundTrip(const ClientMessage& message) {
  const std::string stream = Encode(message);
  FrameReader reader(8 * kMaxPeerFrameBytes);
  for (std::size_t at = 0; at < stream.size();) {
    const auto space = reader.Space();
    const std::size_t count = std::min(space.size(), stream.size() - at);
    std::memcpy(space.data(), stream.data() + at, count);
    reader.Filled(count);
    at += count;
    const auto frame = reader.Next();
    if (!frame.ok()) return frame.status();
    if (frame->has_value()) {
      return DecodeClientMessage((*frame)->type, (*frame)->body);
    }
  }
  return absl::InternalError("no frame came out");
}

Operation Put(std::string_view key, std::string_view value) {
  return {.kind = OperationKind::kPut, .key = key, .value = value};
}

TEST(ClientCodecTest, EveryMessageComesBackAsItWas) {
  Random random(3);
  for (std::size_t type = 0; type < std::variant_size_v<ClientMessage::variant>;
       ++type) {
    for (int i = 0; i < 300; ++i) {
      const ClientMessage message = RandomClientMessage(random, type);
      ASSERT_EQ(message.index(), type);
      const auto decoded = RoundTrip(message);
      ASSERT_TRUE(decoded.ok()) << "type " << type << decoded.status();
      EXPECT_TRUE(Same(message, *decoded)) << "type " << type << " " << i;
    }
  }
}

TEST(ClientCodecTest, LargeTextsComeBackAsTheyWere) {
  Random random(4);
  for (const std::size_t size :
       {std::size_t{300'000}, std::size_t{2'000'000}}) {
    const std::string text = random.Bytes(size) + std::string(size, 'x');
    EXPECT_TRUE(Same(*RoundTrip(StatusReply{text}), StatusReply{text}));
  }
}

TEST(ClientCodecTest, AMessageThatOutgrowsItsScratchLeavesNoTraces) {
  const std::string before = Encode(Reject{"small"});
  Encode(StatusReply{std::string(1'000'000, 'x')});
  EXPECT_EQ(Encode(Reject{"small"}), before);
}

TEST(ClientCodecTest, AScanWithItsMostRowsComesBackAsItWas) {
  ClientReplies replies;
  replies.replies.push_back({.id = {ClientId{1}, 1}});
  OperationResult scan;
  for (std::size_t i = 0; i < kMaxScanRows; ++i) {
    scan.rows.push_back({std::to_string(i), std::string(500, 'v')});
  }
  replies.replies[0].results = {scan, OperationResult{}, scan};
  EXPECT_TRUE(Same(*RoundTrip(replies), replies));
}

TEST(ClientCodecTest, AHelloOfAnotherMajorVersionStillSaysWhichOne) {
  const auto decoded =
      RoundTrip(Hello{.major = 9, .minor = 9, .node = ReplicaAt(200)});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<Hello>(*decoded).major, 9);
  EXPECT_EQ(std::get<Hello>(*decoded).minor, 9);
}

TEST(ClientCodecTest, RefusesAHelloFromANodeThatCannotBe) {
  const auto decoded = RoundTrip(Hello{.node = ReplicaAt(kMaxNodes)});
  EXPECT_EQ(decoded.status().message(),
            "hello with node index 16, the largest is 15");
}

TEST(ClientCodecTest, AFrameTypeOfANewerVersionIsUnimplemented) {
  const auto decoded = DecodeClientMessage(static_cast<FrameType>(99), {});
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kUnimplemented);
}

TEST(ClientCodecTest, RefusesAPeerMessageFromAClient) {
  EXPECT_EQ(DecodeClientMessage(FrameType::kPeerMessage, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ClientCodecTest, RefusesARequestOfTooManyOperations) {
  CommandBatchBuilder builder;
  for (std::uint64_t i = 0; i < 5; ++i) {
    builder.AddCommand({ClientId{i}, 1}, 0);
    for (std::size_t j = 0; j < 16 * 1024; ++j) {
      builder.AddOperation({.kind = OperationKind::kGet});
    }
  }
  EXPECT_EQ(RoundTrip(ClientRequest{builder.Finish()}).status().message(),
            "a request of 81920 operations, the limit is 65536");
}

// ---- limits of one command ------------------------------------------------

// The second of three commands is the given one; the others are fine.
RefusalReason RefusalAmongGoodOnes(const std::vector<Operation>& operations) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation(Put("good", "value"));
  builder.AddCommand({ClientId{1}, 2}, 0);
  for (const Operation& operation : operations) builder.AddOperation(operation);
  builder.AddCommand({ClientId{1}, 3}, 0);
  builder.AddOperation(Put("good", "value"));

  const auto decoded = RoundTrip(ClientRequest{builder.Finish()});
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  const CommandBatch& batch = *std::get<ClientRequest>(*decoded).batch;
  EXPECT_EQ(CheckLimits(batch, batch.commands()[0]), RefusalReason::kNone);
  EXPECT_EQ(CheckLimits(batch, batch.commands()[2]), RefusalReason::kNone);
  return CheckLimits(batch, batch.commands()[1]);
}

TEST(ClientCodecTest, NoClientMayEndAnEra) {
  EXPECT_EQ(RefusalAmongGoodOnes({{.kind = OperationKind::kEndEra}}),
            RefusalReason::kMalformed);
}

TEST(ClientCodecTest, AClientMayWithdrawAnEarlierCommandAloneInItsOwn) {
  const auto withdraw = [](std::int64_t sequence) {
    return Operation{
        .kind = OperationKind::kWithdraw, .key = "k", .number = sequence};
  };
  EXPECT_EQ(RefusalAmongGoodOnes({withdraw(1)}), RefusalReason::kNone);
  for (const std::int64_t wrong : {-1, 0, 2, 3}) {
    EXPECT_EQ(RefusalAmongGoodOnes({withdraw(wrong)}),
              RefusalReason::kMalformed);
  }
  EXPECT_EQ(RefusalAmongGoodOnes({withdraw(1), Put("k", "v")}),
            RefusalReason::kMalformed);
}

TEST(ClientCodecTest, RefusesOnlyTheCommandWithAnOversizedKey) {
  const std::string key(kMaxKeyBytes + 1, 'k');
  EXPECT_EQ(RefusalAmongGoodOnes({Put(key, "v")}), RefusalReason::kKeyTooLarge);
  EXPECT_EQ(RefusalAmongGoodOnes({Put(key.substr(1), "v")}),
            RefusalReason::kNone);
}

TEST(ClientCodecTest, RefusesOnlyTheCommandWithAnOversizedValue) {
  const std::string value(kMaxValueBytes + 1, 'v');
  EXPECT_EQ(RefusalAmongGoodOnes({Put("k", value)}),
            RefusalReason::kValueTooLarge);
  EXPECT_EQ(RefusalAmongGoodOnes({Put("k", value.substr(1))}),
            RefusalReason::kNone);
}

TEST(ClientCodecTest, RefusesOnlyTheCommandWithAnOversizedExpectedValue) {
  const std::string expected(kMaxValueBytes + 1, 'v');
  EXPECT_EQ(RefusalAmongGoodOnes({{.kind = OperationKind::kCompareAndSet,
                                   .key = "k",
                                   .value = "new",
                                   .expected = expected}}),
            RefusalReason::kValueTooLarge);
}

TEST(ClientCodecTest, HoldsTheEndOfAScansRangeToTheLimitOfKeys) {
  const std::string end(kMaxKeyBytes + 1, 'k');
  EXPECT_EQ(RefusalAmongGoodOnes(
                {{.kind = OperationKind::kScan, .key = "a", .value = end}}),
            RefusalReason::kKeyTooLarge);
}

TEST(ClientCodecTest, RefusesOnlyTheCommandWithTooManyOperations) {
  std::vector<Operation> operations(kMaxOperationsPerCommand, Put("k", "v"));
  EXPECT_EQ(RefusalAmongGoodOnes(operations), RefusalReason::kNone);
  operations.push_back(Put("k", "v"));
  EXPECT_EQ(RefusalAmongGoodOnes(operations),
            RefusalReason::kTooManyOperations);
}

TEST(ClientCodecTest, RefusesOnlyTheCommandThatNoInstanceCouldCarry) {
  const std::string value(kMaxValueBytes, 'v');
  EXPECT_EQ(RefusalAmongGoodOnes({5, Put("k", value)}),
            RefusalReason::kValueTooLarge);
}

// ---- replies that no encoder would write ----------------------------------

TEST(ClientCodecTest, RefusesRepliesWhoseResultsNoColumnMentions) {
  // ClientReplies has 14 pointers: clients, sequences and resultCounts of one
  // reply with 65,535 results, everything else left to defaults.
  std::vector<std::uint64_t> body(1 + 14, 0);
  const auto add_list = [&body](std::size_t field, RawElement element,
                                std::uint64_t word) {
    body[1 + field] =
        ListPointer(static_cast<int>(body.size() - field) - 2, element, 1);
    body.push_back(word);
  };
  body[0] = StructPointer(0, 0, 14);
  add_list(0, RawElement::kEightBytes, 1);
  add_list(1, RawElement::kEightBytes, 1);
  body[1 + 7] = ListPointer(static_cast<int>(body.size()) - 7 - 2,
                            static_cast<RawElement>(3), 1);
  body.push_back(0xffff);
  const auto decoded =
      DecodeClientMessage(FrameType::kClientReplies, BytesOf(body));
  EXPECT_EQ(decoded.status().message(),
            "the columns of 1 replies with 65535 results do not agree in size");
}

}  // namespace
}  // namespace quorate
