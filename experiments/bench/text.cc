#include "experiments/bench/text.h"

#include <cmath>
#include <cstdio>
#include <optional>

namespace quorate::bench {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

// The first character of `text`, which is not empty; nullopt if it is no UTF-8.
std::optional<Character> Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return Character{first, 1};
  if (first < 0xc2 || first > 0xf4) return std::nullopt;
  const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < bytes) return std::nullopt;
  char32_t code = first & (0x7f >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = (code << 6) | (byte(i) & 0x3f);
  }
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < kLeast[bytes] || code > 0x10ffff || surrogate) return std::nullopt;
  return Character{code, bytes};
}

bool OnlyShows(char32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool turns = code == 0x200e || code == 0x200f ||
                     (code >= 0x2028 && code <= 0x202e) ||
                     (code >= 0x2066 && code <= 0x2069);
  // U+FFFE and U+FFFF: no characters, and not allowed in XML.
  return !control && !turns && code != 0xfffe && code != 0xffff;
}

}  // namespace

std::string FormatCount(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) {
    digits.insert(at - 3, 1, ',');
  }
  return digits;
}

std::string FormatSignificant(double value) {
  if (value < 0) return "-" + FormatSignificant(-value);
  if (!std::isfinite(value)) return "n/a";
  if (value >= 999.5) {
    return FormatCount(static_cast<std::uint64_t>(std::llround(value)));
  }
  int decimals = 2;
  if (value >= 9.995) decimals = 1;
  if (value >= 99.95) decimals = 0;
  if (value < 0.0995) decimals = 3;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string FormatTrimmed(double value) {
  std::string text = FormatSignificant(value);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string FormatPercent(double percent) {
  char text[32];
  const bool whole = std::abs(percent - std::round(percent)) < 0.005;
  std::snprintf(text, sizeof text, whole ? "%.0f %%" : "%.2f %%", percent);
  return text;
}

std::string Printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::optional<Character> next = Decode(text);
    const std::size_t bytes = next ? next->bytes : 1;
    if (!next) {
      shown += "\xef\xbf\xbd";
    } else if (OnlyShows(next->code)) {
      shown += text.substr(0, bytes);
    } else {
      shown += ' ';
    }
    text.remove_prefix(bytes);
  }
  return shown;
}

}  // namespace quorate::bench
