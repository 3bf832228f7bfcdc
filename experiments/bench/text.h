// Answers: how are numbers and foreign texts written for people?
//
// "358,412", "12.4 k", "0.84 ms", "95 %": three significant digits, units that
// keep numbers short, one home so that every report reads alike. Texts that
// came with a file are made harmless here before they reach a terminal. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quorate::bench {

// 1234567 -> "1,234,567".
std::string FormatCount(std::uint64_t count);
// 0.0123 -> "0.012", 12.345 -> "12.3", 1234.5 -> "1,235".
std::string FormatSignificant(double value);
// The same without trailing zeros: 5.0 -> "5", 0.50 -> "0.5".
std::string FormatTrimmed(double value);
// 12.5 -> "12.50 %", 50 -> "50 %".
std::string FormatPercent(double percent);

// `text` as UTF-8 that only shows: control characters (a terminal obeys them)
// and marks that change the direction of writing become spaces, bytes that are
// no UTF-8 become U+FFFD.
std::string Printable(std::string_view text);

}  // namespace quorate::bench
