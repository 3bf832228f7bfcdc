// Answers: where does one message end and the next begin on a byte stream?
//
// A frame is a 24-byte little-endian header {magic u32, type u16, reserved u16,
// body length u32, header check u32, body checksum u64} and a body: one
// single-segment Cap'n Proto message, 8-byte aligned and padded. Length and
// header check are verified before a byte is allocated for the body, so that
// garbage never causes an allocation (reliability.md F6). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate {

inline constexpr std::size_t kFrameHeaderBytes = 24;

// What a body holds. Numbers are part of the protocol and never reused.
enum class FrameType : std::uint16_t {
  kHello = 1,
  kReject = 2,
  kPeerMessage = 3,
  kClientRequest = 4,
  kClientReplies = 5,
  kStatusRequest = 6,
  kStatusReply = 7,
};

struct Frame {
  // May be a number this version does not know: skip and count it.
  FrameType type{};
  // Aligned to 8 bytes; valid until the reader's next call.
  std::span<const std::byte> body;
};

// Writes the header for `body` (header included in the returned bytes' front).
// `body.size()` must be a multiple of 8.
void AppendFrame(FrameType type, std::span<const std::byte> body,
                 std::string& out);

// Cuts a byte stream into frames. Usage: read from the socket into Space(),
// say how much came with Filled(), then call Next() until it gives nullopt.
// After an error the stream cannot be trusted: close the connection.
class FrameReader {
 public:
  // Refuses bodies larger than `max_body_bytes`.
  explicit FrameReader(std::size_t max_body_bytes);

  // Room to read into, at least one byte, normally 64 KiB. Grows to a frame's
  // announced size only after its header has been checked.
  std::span<char> Space();
  void Filled(std::size_t bytes);

  // The next whole frame, nullopt when more bytes are needed, or an error
  // (InvalidArgument) that says what was found and expected.
  absl::StatusOr<std::optional<Frame>> Next();

  std::size_t allocated_bytes() const { return buffer_.size() * 8; }

 private:
  std::size_t max_body_bytes_;
  std::vector<std::uint64_t> buffer_;  // words, for alignment
  std::size_t begin_ = 0;              // bytes
  std::size_t end_ = 0;
};

}  // namespace quorate
