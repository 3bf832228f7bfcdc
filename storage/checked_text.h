// Answers: is this small file what was written?
//
// Files of text that people may read end in a line with a checksum of all that
// stands before it. Pure.
#pragma once

#include <xxhash.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace quorate {

inline std::string ChecksumLine(std::string_view text) {
  return absl::StrCat(
      "checksum ",
      absl::Hex(XXH3_64bits(text.data(), text.size()), absl::kZeroPad16), "\n");
}

inline std::string WithChecksum(std::string text) {
  return absl::StrCat(text, ChecksumLine(text));
}

// What stands before the checksum; nullopt where that is missing or wrong.
inline std::optional<std::string_view> WithoutChecksum(std::string_view bytes) {
  const std::size_t line = ChecksumLine({}).size();
  if (bytes.size() < line) return std::nullopt;
  const std::string_view text = bytes.substr(0, bytes.size() - line);
  if (bytes.substr(text.size()) != ChecksumLine(text)) return std::nullopt;
  return text;
}

}  // namespace quorate
