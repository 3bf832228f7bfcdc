// Answers: where does one message end and the next begin on a byte stream?
//
// A frame is a 24-byte little-endian header {magic u32, type u16, reserved u16,
// body length u32, header check u32, body checksum u64} and a body: one
// single-segment Cap'n Proto message, 8-byte aligned and padded. Magic, length
// and header check are verified before a byte is allocated for the body, so
// that garbage never causes an allocation (reliability.md ENV6); memory then
// grows with what has arrived, not with what was announced. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate {

inline constexpr std::size_t kFrameHeaderBytes = 24;
// The bytes "QRT1" on the wire.
inline constexpr std::uint32_t kFrameMagic = 0x31545251;

// What a body holds. Numbers are part of the protocol and never reused.
enum class FrameType : std::uint16_t {
  kHello = 1,
  kReject = 2,
  kPeerMessage = 3,
  kClientRequest = 4,
  kClientReplies = 5,
  kStatusRequest = 6,
  kStatusReply = 7,
  kProgress = 8,
};

struct Frame {
  // May be a number this version does not know: skip and count it.
  FrameType type{};
  // Aligned to 8 bytes; valid until the reader's next call of Space.
  std::span<const std::byte> body;
};

// Appends header and body to `out`. `body.size()` must be a multiple of 8.
void AppendFrame(FrameType type, std::span<const std::byte> body,
                 std::string& out);

// Cuts a byte stream into frames. Usage: read from the socket into Space(),
// say how much came with Filled(), then call Next() until it gives nullopt.
// After an error the stream cannot be trusted: close the connection.
class FrameReader {
 public:
  // Refuses bodies larger than `max_body_bytes`.
  explicit FrameReader(std::size_t max_body_bytes);

  // Another limit from the next frame on. A connection starts with
  // kMaxHandshakeFrameBytes, until its Hello says what it may send.
  void set_max_body_bytes(std::size_t bytes) { max_body_bytes_ = bytes; }

  // Room to read into, at least 4 KiB: 16 KiB at first, 64 KiB and more once a
  // read has filled what there was. Ends the life of every body handed out.
  std::span<char> Space();
  void Filled(std::size_t bytes);

  // The next whole frame, nullopt when more bytes are needed, or an error
  // (InvalidArgument) that says what was found and expected. Does not move or
  // free bodies: several frames may be in use at once.
  absl::StatusOr<std::optional<Frame>> Next();

  // At most 64 KiB before the first frame as long as max_body_bytes is small,
  // and never more than four times the bytes of the frame under way.
  std::size_t allocated_bytes() const { return capacity_; }

 private:
  char* data() const { return reinterpret_cast<char*>(words_.get()); }
  std::size_t live_bytes() const { return end_ - begin_; }
  // Moves the live bytes to the front of a buffer of `capacity` bytes.
  void MoveTo(std::size_t capacity);
  absl::Status ReadHeader();

  std::size_t max_body_bytes_;
  std::unique_ptr<std::uint64_t[]> words_;  // words, for alignment
  std::size_t capacity_ = 0;                // bytes
  // Live bytes are [begin_, end_). begin_ only moves by whole frames and is
  // therefore always a multiple of 8: that keeps every body aligned.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  // Header and body of the frame at begin_; 0 until its header is verified.
  std::size_t frame_bytes_ = 0;
  std::size_t last_space_ = 0;
  bool busy_ = false;           // a read has filled all the room it had
  int turns_without_need_ = 0;  // for a buffer that one large frame left
};

}  // namespace quorate
