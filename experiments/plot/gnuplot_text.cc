#include "experiments/plot/gnuplot_text.h"

#include "experiments/bench/text.h"
#include "fmt/format.h"

namespace quorate::bench {
namespace {

// Means itself wherever it stands in a string.
bool IsPlain(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  constexpr std::string_view kOthers = "0123456789 .,:;/%()+-=";
  return letter || kOthers.find(c) != kOthers.npos;
}

}  // namespace

std::string QuoteForGnuplot(std::string_view text) {
  std::string quoted = "\"";
  bool escaped = false;
  for (const char c : Printable(text)) {
    // Gnuplot's octal escapes have no end of their own: a digit behind one
    // would be part of it.
    const bool digit = c >= '0' && c <= '9';
    escaped = !IsPlain(c) || (digit && escaped);
    if (escaped) {
      quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace quorate::bench
