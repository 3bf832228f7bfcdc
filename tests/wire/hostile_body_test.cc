// What decoders make of bodies that no encoder would write. Nothing here may
// crash, read out of bounds (run under ASan) or take more memory than a small
// multiple of the body; what a body is decoded to, if at all, must survive
// being encoded and decoded again.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/wire/random_values.h"
#include "tests/wire/raw_words.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"

namespace quorate {
namespace {

constexpr int kColumns = 3;

std::string BodyOf(const Message& message) {
  std::string out;
  EncodeMessage(message, out);
  return out.substr(kFrameHeaderBytes);
}

std::string BodyOf(const ClientMessage& message) {
  std::string out;
  EncodeClientMessage(message, out);
  return out.substr(kFrameHeaderBytes);
}

std::span<const std::byte> Bytes(const std::string& body) {
  return std::as_bytes(std::span(body));
}

// True if the body is a message, which then survives a round trip.
bool IsMessage(std::span<const std::byte> body) {
  const auto message = DecodeMessage(body, kColumns);
  if (!message.ok()) return false;
  const std::string again = BodyOf(*message);
  const auto decoded = DecodeMessage(Bytes(again), kColumns);
  EXPECT_TRUE(decoded.ok() && Same(*message, *decoded)) << Name(*message);
  return true;
}

bool IsClientMessage(FrameType type, std::span<const std::byte> body) {
  const auto message = DecodeClientMessage(type, body);
  if (!message.ok()) return false;
  const std::string again = BodyOf(*message);
  const auto decoded = DecodeClientMessage(type, Bytes(again));
  EXPECT_TRUE(decoded.ok() && Same(*message, *decoded));
  return true;
}

absl::Status ErrorOf(const std::vector<std::uint64_t>& body) {
  return DecodeMessage(BytesOf(body), kColumns).status();
}

// One message of each type.
std::vector<Message> OneOfEach(std::uint64_t seed) {
  Random random(seed);
  std::vector<Message> messages;
  for (std::size_t type = 0; type < std::variant_size_v<Message::variant>; ++type) {
    messages.push_back(RandomMessage(random, type, kColumns));
  }
  return messages;
}

TEST(HostileBodyTest, EveryBytePutToEveryKindOfWrongValueIsHarmless) {
  int accepted = 0;
  int refused = 0;
  for (const Message& message : OneOfEach(11)) {
    const std::string body = BodyOf(message);
    for (std::size_t at = 0; at < std::min<std::size_t>(body.size(), 400);
         ++at) {
      for (const int change : {0x01, 0x02, 0x04, 0x10, 0x80, 0xff}) {
        std::string mutated = body;
        mutated[at] = static_cast<char>(mutated[at] ^ change);
        ++(IsMessage(Bytes(mutated)) ? accepted : refused);
      }
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

TEST(HostileBodyTest, EveryByteOfARequestAndItsRepliesMayBeWrong) {
  Random random(12);
  int refused = 0;
  for (const std::size_t type : {0u, 2u, 3u}) {
    const ClientMessage message = RandomClientMessage(random, type);
    const auto frame_type = type == 0   ? FrameType::kHello
                            : type == 2 ? FrameType::kClientRequest
                                        : FrameType::kClientReplies;
    const std::string body = BodyOf(message);
    for (std::size_t at = 0; at < std::min<std::size_t>(body.size(), 400);
         ++at) {
      for (int value = 0; value < 256; value += 5) {
        std::string mutated = body;
        mutated[at] = static_cast<char>(value);
        if (!IsClientMessage(frame_type, Bytes(mutated))) ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(HostileBodyTest, ManyRandomMutationsAreHarmless) {
  Random random(13);
  int refused = 0;
  for (int round = 0; round < 20; ++round) {
    for (const Message& message : OneOfEach(random.Next())) {
      const std::string body = BodyOf(message);
      for (int i = 0; i < 20; ++i) {
        std::string mutated = body;
        for (std::uint64_t j = 1 + random.Below(6); j > 0; --j) {
          // Mostly near the front, where the pointers are.
          const std::size_t at = random.Number() % mutated.size();
          mutated[at] = static_cast<char>(random.Next());
        }
        if (!IsMessage(Bytes(mutated))) ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(HostileBodyTest, EveryTruncationIsRefusedOrHarmless) {
  for (const Message& message : OneOfEach(14)) {
    const std::string body = BodyOf(message);
    for (std::size_t cut = 0; cut < std::min<std::size_t>(body.size(), 1000);
         ++cut) {
      const bool accepted = IsMessage(Bytes(body.substr(0, cut)));
      if (cut % 8 != 0) {
        EXPECT_FALSE(accepted) << Name(message) << cut;
      }
    }
  }
}

TEST(HostileBodyTest, ABodyMayLieAtAnyAddress) {
  for (const Message& message : OneOfEach(15)) {
    const std::string shifted = "x" + BodyOf(message);
    EXPECT_TRUE(IsMessage(Bytes(shifted).subspan(1))) << Name(message);
  }
}

TEST(HostileBodyTest, AnEmptyBodyIsRefused) {
  EXPECT_EQ(DecodeMessage({}, kColumns).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HostileBodyTest, RandomWordsAreHarmless) {
  Random random(16);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::uint64_t> body(1 + random.Below(20));
    for (std::uint64_t& word : body) word = random.Number();
    body[0] = StructPointer(0, 1, 1);
    if (!IsMessage(BytesOf(body))) ++refused;
  }
  EXPECT_GT(refused, 0);
}

// A PreAccept whose batch has 11 columns that all point at one list of `words`
// words: few bytes that a careless reader would visit eleven times.
std::vector<std::uint64_t> ColumnsSharingOneList(std::uint64_t words) {
  std::vector<std::uint64_t> body = {StructPointer(0, 1, 1),
                                     /*PreAccept=*/0,
                                     StructPointer(0, 2, 2),
                                     /*slot=*/1,
                                     /*replica=*/0,
                                     StructPointer(1, 0, 11),
                                     /*initialDeps=*/0};
  constexpr RawElement kElements[] = {
      RawElement::kEightBytes,    RawElement::kEightBytes,
      RawElement::kFourBytes,     RawElement::kEightBytes,
      static_cast<RawElement>(3), RawElement::kByte,
      RawElement::kFourBytes,     RawElement::kFourBytes,
      RawElement::kFourBytes,     RawElement::kEightBytes,
      RawElement::kByte};
  constexpr std::uint64_t kPerWord[] = {1, 1, 2, 1, 4, 8, 2, 2, 2, 1, 8};
  for (int i = 0; i < 11; ++i) {
    body.push_back(ListPointer(10 - i, kElements[i], words * kPerWord[i]));
  }
  body.resize(body.size() + words, 0x0101'0101'0101'0101);
  return body;
}

TEST(HostileBodyTest, ABombOfPointersToOneListIsRefused) {
  const absl::Status status = ErrorOf(ColumnsSharingOneList(100'000));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("limit"), std::string::npos)
      << status.message();
}

TEST(HostileBodyTest, AListOfEmptyStructsIsNotCounted) {
  // ValidateReply whose conflicts are 2^29 - 1 structs of no size.
  constexpr std::uint64_t kMany = (1u << 29) - 1;
  const absl::Status status = ErrorOf(
      {StructPointer(0, 1, 1), /*ValidateReply=*/9, StructPointer(0, 3, 1),
       /*slot=*/1, 0, 0, ListPointer(0, RawElement::kStruct, 0),
       ListTag(kMany, 0, 0)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(HostileBodyTest, AListWithElementsOfAnotherSizeIsRefused) {
  // Lists of structs may stand for lists of numbers in Cap'n Proto: the batch's
  // clients are one struct of two words.
  std::vector<std::uint64_t> body = {StructPointer(0, 1, 1),
                                     /*PreAccept=*/0,
                                     StructPointer(0, 2, 2),
                                     /*slot=*/1,
                                     /*replica=*/0,
                                     StructPointer(1, 0, 1),
                                     /*initialDeps=*/0,
                                     ListPointer(0, RawElement::kStruct, 2),
                                     ListTag(1, 2, 0),
                                     7,
                                     8};
  const absl::Status status = ErrorOf(body);
  EXPECT_EQ(status.message(), "a column's elements have another size");
}

TEST(HostileBodyTest, AFarPointerIntoAnotherSegmentIsRefused) {
  for (const std::uint64_t segment : {1u, 2u, 0xffff'ffffu}) {
    EXPECT_EQ(ErrorOf({FarPointer(0, segment), 0, 0}).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(
        ErrorOf({StructPointer(0, 1, 1), 0, FarPointer(1, segment)}).code(),
        absl::StatusCode::kInvalidArgument);
  }
}

TEST(HostileBodyTest, AFarPointerToItselfIsRefused) {
  EXPECT_EQ(ErrorOf({FarPointer(0, 0)}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HostileBodyTest, AStructInsideItselfIsRefused) {
  // The PreAccept's batch is the PreAccept.
  EXPECT_EQ(
      ErrorOf({StructPointer(0, 1, 1), 0, StructPointer(-1, 2, 2)}).code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(HostileBodyTest, LengthsThatOnlyAddUpBeyond64BitsAreRefused) {
  // Two operations whose key lengths wrap around in 32 bits to the bytes there
  // are.
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation({.kind = OperationKind::kGet, .key = "aaaaaaaa"});
  builder.AddOperation({.kind = OperationKind::kGet, .key = "bbbbbbbb"});
  const std::string body =
      BodyOf(Message(Recover{{ReplicaAt(0), 1}, {}, builder.Finish()}));
  const std::string lengths("\x08\0\0\0\x08\0\0\0", 8);
  const std::size_t at = body.find(lengths);
  ASSERT_NE(at, std::string::npos);
  std::string mutated = body;
  mutated.replace(at, 8, std::string("\xff\xff\xff\xff\x11\0\0\0", 8));
  const auto decoded = DecodeMessage(Bytes(mutated), kColumns);
  EXPECT_EQ(decoded.status().message(),
            "the lengths of a batch add up to 4294967312 bytes, it holds 16");
}

}  // namespace
}  // namespace quorate
