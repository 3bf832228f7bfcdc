#include "wire/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/wire/random_values.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr std::size_t kLimit = 1024 * 1024;

std::string FrameOf(FrameType type, const std::string& body) {
  std::string out;
  AppendFrame(type, std::as_bytes(std::span(body)), out);
  return out;
}

std::string Body(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.body.data()), frame.body.size()};
}

// Copies into the reader as one read of at most `bytes.size()` would; gives
// how many bytes it had room for.
std::size_t Feed(FrameReader& reader, std::string_view bytes) {
  const std::span<char> space = reader.Space();
  const std::size_t count = std::min(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), count);
  reader.Filled(count);
  return count;
}

// Everything the reader makes of a stream that arrives in reads of the sizes
// that `next_size` gives.
template <typename NextSize>
std::vector<std::string> ReadAll(FrameReader& reader, std::string_view stream,
                                 const NextSize& next_size) {
  std::vector<std::string> bodies;
  while (!stream.empty()) {
    const std::size_t size =
        std::min(static_cast<std::size_t>(next_size()), stream.size());
    stream.remove_prefix(Feed(reader, stream.substr(0, size)));
    for (;;) {
      const auto frame = reader.Next();
      if (!frame.ok()) {
        bodies.push_back(std::string(frame.status().message()));
        return bodies;
      }
      if (!frame->has_value()) break;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*frame)->body.data()) % 8,
                0u);
      bodies.push_back(Body(**frame));
    }
  }
  return bodies;
}

absl::Status ErrorOf(const std::string& stream, std::size_t limit = kLimit) {
  FrameReader reader(limit);
  Feed(reader, stream);
  return reader.Next().status();
}

struct Stream {
  std::string bytes;
  std::vector<std::string> bodies;
};

Stream RandomStream(std::uint64_t seed, std::size_t largest_body) {
  Random random(seed);
  Stream stream;
  for (int i = 0; i < 100; ++i) {
    std::string body = random.Bytes(i % 10 == 0 ? largest_body : 100);
    body.resize(body.size() / 8 * 8);
    stream.bytes += FrameOf(FrameType::kPeerMessage, body);
    stream.bodies.push_back(body);
  }
  return stream;
}

TEST(FrameTest, HeaderLiesOnTheWireAsDocumented) {
  const std::string frame = FrameOf(FrameType::kPeerMessage, "01234567");
  EXPECT_EQ(frame.size(), kFrameHeaderBytes + 8);
  EXPECT_EQ(frame.substr(0, 4), "QRT1");
  EXPECT_EQ(frame.substr(4, 8),
            std::string("\x03\x00\x00\x00\x08\x00\x00\x00", 8));
  EXPECT_EQ(frame.substr(kFrameHeaderBytes), "01234567");
}

TEST(FrameTest, ReadsFramesThatArriveByteByByte) {
  const Stream stream = RandomStream(1, 400);
  FrameReader reader(kLimit);
  EXPECT_EQ(ReadAll(reader, stream.bytes, [] { return 1; }), stream.bodies);
}

TEST(FrameTest, ReadsFramesThatArriveInPiecesOfAnySize) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Stream stream = RandomStream(seed, 300'000);
    Random sizes(seed);
    FrameReader reader(kLimit);
    EXPECT_EQ(ReadAll(reader, stream.bytes,
                      [&] { return 1 + sizes.Number() % 200'000; }),
              stream.bodies)
        << "seed " << seed;
  }
}

TEST(FrameTest, ReadsAFrameOfExactlyTheLimit) {
  const std::string body(kLimit, 'x');
  FrameReader reader(kLimit);
  const auto bodies =
      ReadAll(reader, FrameOf(FrameType::kHello, body), [] { return kLimit; });
  ASSERT_EQ(bodies.size(), 1u);
  EXPECT_EQ(bodies[0], body);
}

TEST(FrameTest, ReadsAnEmptyBody) {
  FrameReader reader(kLimit);
  Feed(reader, FrameOf(FrameType::kStatusRequest, ""));
  const auto frame = reader.Next();
  ASSERT_TRUE(frame.ok() && frame->has_value());
  EXPECT_TRUE((*frame)->body.empty());
}

TEST(FrameTest, KeepsBodiesOfOneReadValidTogether) {
  FrameReader reader(kLimit);
  Feed(reader, FrameOf(FrameType::kHello, "11111111") +
                   FrameOf(FrameType::kReject, "22222222"));
  const auto first = reader.Next();
  const auto second = reader.Next();
  ASSERT_TRUE(first.ok() && first->has_value());
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_EQ(Body(**first), "11111111");
  EXPECT_EQ(Body(**second), "22222222");
}

TEST(FrameTest, HandsOnATypeItDoesNotKnow) {
  FrameReader reader(kLimit);
  Feed(reader, FrameOf(static_cast<FrameType>(4711), "newer...") +
                   FrameOf(FrameType::kHello, "known..."));
  const auto unknown = reader.Next();
  ASSERT_TRUE(unknown.ok() && unknown->has_value());
  EXPECT_EQ(static_cast<int>((*unknown)->type), 4711);
  const auto known = reader.Next();
  ASSERT_TRUE(known.ok() && known->has_value());
  EXPECT_EQ((*known)->type, FrameType::kHello);
}

TEST(FrameTest, WaitsForTheRestOfAFrame) {
  const std::string frame = FrameOf(FrameType::kHello, "12345678");
  for (std::size_t cut = 0; cut < frame.size(); ++cut) {
    FrameReader reader(kLimit);
    Feed(reader, frame.substr(0, cut));
    const auto next = reader.Next();
    ASSERT_TRUE(next.ok()) << "cut at " << cut;
    EXPECT_FALSE(next->has_value()) << "cut at " << cut;
  }
}

TEST(FrameTest, RefusesEveryDamagedByteOfAFrame) {
  const std::string frame = FrameOf(FrameType::kHello, "12345678abcdefgh");
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = frame;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const absl::Status status = ErrorOf(damaged);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
          << "byte " << at << " bit " << bit;
    }
  }
}

TEST(FrameTest, NamesWhatItFoundInsteadOfTheMagic) {
  const absl::Status status =
      ErrorOf("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
  EXPECT_EQ(status.message(),
            "frame starts with 0x20544547, expected 0x31545251: the other side "
            "does not speak quorate's protocol");
}

TEST(FrameTest, NamesTheLimitABodyPasses) {
  const absl::Status status =
      ErrorOf(FrameOf(FrameType::kHello, std::string(72, 'x')), 64);
  EXPECT_EQ(status.message(), "frame body of 72 bytes, the limit is 64");
}

TEST(FrameTest, GivesTheSameErrorAgain) {
  FrameReader reader(64);
  Feed(reader, FrameOf(FrameType::kHello, std::string(72, 'x')) +
                   FrameOf(FrameType::kHello, ""));
  const auto first = reader.Next();
  EXPECT_FALSE(first.ok());
  EXPECT_EQ(reader.Next().status(), first.status());
}

TEST(FrameTest, AHeaderAnnouncing64MebibytesAllocatesNothing) {
  // Of our own making, correct but for its size, and Cap'n Proto's own.
  const std::string ours =
      FrameOf(FrameType::kHello, std::string(64 * 1024 * 1024, '\0'))
          .substr(0, kFrameHeaderBytes);
  const std::string capnp("\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\0\0", 16);
  for (const std::string& header : {ours, capnp + capnp}) {
    FrameReader reader(kMaxPeerFrameBytes);
    Feed(reader, header);
    EXPECT_FALSE(reader.Next().ok());
    EXPECT_LE(reader.allocated_bytes(), 16u * 1024);
  }
}

TEST(FrameTest, MemoryGrowsWithWhatArrivesNotWithWhatIsAnnounced) {
  const std::string frame =
      FrameOf(FrameType::kHello, std::string(kMaxPeerFrameBytes, 'x'));
  FrameReader reader(kMaxPeerFrameBytes);
  std::size_t sent = 0;
  while (sent < frame.size()) {
    sent += Feed(reader, std::string_view(frame).substr(sent, 8 * 1024));
    ASSERT_TRUE(reader.Next().ok());
    ASSERT_LE(reader.allocated_bytes(), 4 * sent + 256 * 1024);
  }
  EXPECT_LE(reader.allocated_bytes(), frame.size() + 256 * 1024);
}

TEST(FrameTest, StaysSmallUntilTheOtherSideHasIdentifiedItself) {
  FrameReader reader(kMaxHandshakeFrameBytes);
  const std::string hello = FrameOf(FrameType::kHello, std::string(4096, 'x'));
  for (std::size_t at = 0; at < hello.size(); ++at) {
    Feed(reader, hello.substr(at, 1));
    ASSERT_TRUE(reader.Next().ok());
    ASSERT_LE(reader.allocated_bytes(), 64u * 1024);
  }
}

TEST(FrameTest, TakesLargerFramesOnceTheLimitIsRaised) {
  const std::string large =
      FrameOf(FrameType::kClientRequest, std::string(100'000, 'x'));
  FrameReader reader(kMaxHandshakeFrameBytes);
  Feed(reader, FrameOf(FrameType::kHello, "12345678"));
  ASSERT_TRUE(reader.Next().ok());
  reader.set_max_body_bytes(kMaxClientFrameBytes);
  EXPECT_EQ(ReadAll(reader, large, [] { return 10'000; }).size(), 1u);
}

TEST(FrameTest, GivesBackTheRoomOfOneLargeFrame) {
  FrameReader reader(kMaxPeerFrameBytes);
  ReadAll(reader, FrameOf(FrameType::kPeerMessage, std::string(3'000'000, 'x')),
          [] { return 64 * 1024; });
  const std::size_t after_large = reader.allocated_bytes();
  const std::string small = FrameOf(FrameType::kPeerMessage, "12345678");
  for (int i = 0; i < 1000; ++i) ReadAll(reader, small, [] { return 100; });
  EXPECT_GT(after_large, 3'000'000u);
  EXPECT_LE(reader.allocated_bytes(), 128u * 1024);
}

}  // namespace
}  // namespace quorate
