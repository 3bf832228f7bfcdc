// Answers: how are numbers written for people?
//
// "358,412", "12.4 k", "0.84 ms", "95 %": three significant digits, units that
// keep numbers short, one home so that every report reads alike. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace quorate::bench {

// 1234567 -> "1,234,567".
std::string FormatCount(std::uint64_t count);
// 0.0123 -> "0.012", 12.345 -> "12.3", 1234.5 -> "1,235".
std::string FormatSignificant(double value);
// The same without trailing zeros: 5.0 -> "5", 0.50 -> "0.5".
std::string FormatTrimmed(double value);
// 12.5 -> "12.50 %", 50 -> "50 %".
std::string FormatPercent(double percent);

}  // namespace quorate::bench
