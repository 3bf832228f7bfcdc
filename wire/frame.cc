#include "wire/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "wire/check.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace {

static_assert(std::endian::native == std::endian::little,
              "frames are written as they lie in memory");

constexpr std::size_t kFirstBytes = 16 * 1024;
constexpr std::size_t kBusyBytes = 128 * 1024;
constexpr std::size_t kLeastRoom = 4 * 1024;
constexpr std::size_t kBusyRoom = 64 * 1024;
// A buffer above kBusyBytes is given back after so many reads without need.
constexpr int kPatience = 256;

struct Header {
  std::uint32_t magic;
  std::uint16_t type;
  std::uint16_t reserved;
  std::uint32_t body_bytes;
  std::uint32_t check;
  std::uint64_t body_checksum;
};
static_assert(sizeof(Header) == kFrameHeaderBytes);

// Over every other field, so that a flipped bit in the length is found before
// anybody waits for that many bytes.
std::uint32_t HeaderCheck(Header header) {
  header.check = 0;
  return static_cast<std::uint32_t>(XXH3_64bits(&header, sizeof(header)));
}

std::size_t RoundUp(std::size_t bytes) {
  return (bytes + kLeastRoom - 1) / kLeastRoom * kLeastRoom;
}

}  // namespace

void AppendFrame(FrameType type, std::span<const std::byte> body,
                 std::string& out) {
  QUORATE_CHECK(body.size() % 8 == 0 && body.size() <= UINT32_MAX,
                "a frame's body is whole words, their count fits the header");
  Header header{.magic = kFrameMagic,
                .type = static_cast<std::uint16_t>(type),
                .reserved = 0,
                .body_bytes = static_cast<std::uint32_t>(body.size()),
                .check = 0,
                .body_checksum = XXH3_64bits(body.data(), body.size())};
  header.check = HeaderCheck(header);
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(reinterpret_cast<const char*>(body.data()), body.size());
}

FrameReader::FrameReader(std::size_t max_body_bytes)
    : max_body_bytes_(max_body_bytes) {}

void FrameReader::MoveTo(std::size_t capacity) {
  const std::size_t live = live_bytes();
  if (capacity == capacity_) {
    if (begin_ != 0) std::memmove(data(), data() + begin_, live);
  } else {
    // Not make_unique: the words need no zeros, and pages that no byte arrives
    // for are never touched.
    std::unique_ptr<std::uint64_t[]> words(new std::uint64_t[capacity / 8]);
    if (live != 0) std::memcpy(words.get(), data() + begin_, live);
    words_ = std::move(words);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = live;
}

std::span<char> FrameReader::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  const std::size_t live = live_bytes();
  const std::size_t room = busy_ ? kBusyRoom : kLeastRoom;
  // The announced frame in full, but no more than the sender has paid for.
  const std::size_t frame = std::min(frame_bytes_, 4 * live);

  std::size_t wanted = capacity_;
  const std::size_t needed = RoundUp(std::max(frame, live + room));
  if (needed > capacity_) {
    wanted = std::max(needed, busy_ ? kBusyBytes : kFirstBytes);
  } else if (capacity_ > kBusyBytes && needed <= kBusyBytes) {
    if (++turns_without_need_ > kPatience) wanted = kBusyBytes;
  }
  if (needed > kBusyBytes) turns_without_need_ = 0;
  // Bytes are moved only when the tail is too short for them to stay.
  const bool fits = capacity_ - end_ >= room && begin_ + frame <= capacity_;
  if (wanted != capacity_ || !fits) {
    if (wanted != capacity_) turns_without_need_ = 0;
    MoveTo(wanted);
  }
  last_space_ = capacity_ - end_;
  return {data() + end_, last_space_};
}

void FrameReader::Filled(std::size_t bytes) {
  QUORATE_CHECK(bytes <= last_space_, "no more was read than Space() gave");
  if (bytes == last_space_) busy_ = true;
  end_ += bytes;
  last_space_ -= bytes;
}

absl::Status FrameReader::ReadHeader() {
  Header header;
  std::memcpy(&header, data() + begin_, sizeof(header));
  if (header.magic != kFrameMagic) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame starts with 0x", absl::Hex(header.magic, absl::kZeroPad8),
        ", expected 0x", absl::Hex(kFrameMagic, absl::kZeroPad8),
        ": the other side does not speak quorate's protocol"));
  }
  if (header.check != HeaderCheck(header)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame header check is 0x", absl::Hex(header.check), ", expected 0x",
        absl::Hex(HeaderCheck(header)), ": the header was damaged on its way"));
  }
  if (header.body_bytes % 8 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame body of ", header.body_bytes,
                     " bytes, expected a multiple of 8"));
  }
  if (header.body_bytes > max_body_bytes_) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame body of ", header.body_bytes,
                     " bytes, the limit is ", max_body_bytes_));
  }
  frame_bytes_ = kFrameHeaderBytes + header.body_bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> FrameReader::Next() {
  if (frame_bytes_ == 0) {
    if (live_bytes() < kFrameHeaderBytes) return std::nullopt;
    if (absl::Status status = ReadHeader(); !status.ok()) return status;
  }
  if (live_bytes() < frame_bytes_) return std::nullopt;

  Header header;
  std::memcpy(&header, data() + begin_, sizeof(header));
  const std::span<const std::byte> body(
      reinterpret_cast<const std::byte*>(data() + begin_ + kFrameHeaderBytes),
      header.body_bytes);
  const std::uint64_t checksum = XXH3_64bits(body.data(), body.size());
  if (checksum != header.body_checksum) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame body checksum is 0x", absl::Hex(checksum),
                     ", the header says 0x", absl::Hex(header.body_checksum),
                     ": the body was damaged on its way"));
  }
  begin_ += frame_bytes_;
  frame_bytes_ = 0;
  return Frame{.type = static_cast<FrameType>(header.type), .body = body};
}

}  // namespace quorate
