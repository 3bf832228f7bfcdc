#include "experiments/bench/text.h"

#include <cmath>
#include <cstdio>

namespace quorate::bench {

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

}  // namespace quorate::bench
