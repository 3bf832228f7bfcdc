#include "wire/codec/body.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace quorate::codec {
namespace {

// 256 KiB a thread covers every message but those with large values.
constexpr std::size_t kScratchWords = 32 * 1024;

}  // namespace

kj::ArrayPtr<capnp::word> ScratchSegment(std::size_t words) {
  if (words > kScratchWords) return nullptr;
  thread_local std::vector<std::uint64_t> scratch(kScratchWords);
  return {reinterpret_cast<capnp::word*>(scratch.data()), scratch.size()};
}

absl::StatusOr<kj::ArrayPtr<const capnp::word>> BodyWords(
    std::span<const std::byte> body, std::vector<std::uint64_t>& copy) {
  if (body.size() % sizeof(capnp::word) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a body of ", body.size(), " bytes, expected whole words of 8"));
  }
  const void* start = body.data();
  if (reinterpret_cast<std::uintptr_t>(start) % alignof(std::uint64_t) != 0) {
    copy.resize(body.size() / sizeof(std::uint64_t));
    std::memcpy(copy.data(), body.data(), body.size());
    start = copy.data();
  }
  return kj::ArrayPtr<const capnp::word>(static_cast<const capnp::word*>(start),
                                         body.size() / sizeof(capnp::word));
}

absl::Status Unreadable(const char* what, const kj::Exception& exception) {
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is no readable message: ", exception.getDescription().cStr()));
}

}  // namespace quorate::codec
