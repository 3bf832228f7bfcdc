// Answers: how does a test write a message that no encoder would?
//
// Cap'n Proto's pointers as 64-bit words, by their definition
// (capnproto.org/encoding.html). Offsets count words from the end of the
// pointer to the target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quorate {

enum class RawElement : std::uint64_t {
  kVoid = 0,
  kByte = 2,
  kFourBytes = 4,
  kEightBytes = 5,
  kStruct = 7,
};

constexpr std::uint64_t RawOffset(int offset) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(offset)) << 2) &
         0xffff'fffcu;
}

constexpr std::uint64_t StructPointer(int offset, std::uint64_t data_words,
                                      std::uint64_t pointers) {
  return RawOffset(offset) | (data_words << 32) | (pointers << 48);
}

// `count`: elements, or words for a list of structs.
constexpr std::uint64_t ListPointer(int offset, RawElement element,
                                    std::uint64_t count) {
  return 1u | RawOffset(offset) | (static_cast<std::uint64_t>(element) << 32) |
         (count << 35);
}

// In front of the elements of a list of structs.
constexpr std::uint64_t ListTag(std::uint64_t count, std::uint64_t data_words,
                                std::uint64_t pointers) {
  return (count << 2) | (data_words << 32) | (pointers << 48);
}

constexpr std::uint64_t FarPointer(std::uint32_t offset,
                                   std::uint64_t segment) {
  return 2u | (std::uint64_t{offset} << 3) | (segment << 32);
}

inline std::span<const std::byte> BytesOf(
    const std::vector<std::uint64_t>& words) {
  return std::as_bytes(std::span(words));
}

}  // namespace quorate
